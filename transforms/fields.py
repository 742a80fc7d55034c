"""Every field, declared once: type inside and outside, meaning in English and Chinese.

Tables, feeds, DDL, comments and the data dictionary all derive from here.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from transforms.declare import UTC_MICROSECONDS, Field, Kind, cents, fields_of
from transforms.person_fields import PERSON_FIELDS
from transforms.risk_fields import RISK_FIELDS
from transforms.screening_fields import SCREENING_FIELDS
from transforms.sending_fields import SENDING_FIELDS
from transforms.share_fields import SHARE_FIELDS
from transforms.standard_fields import STANDARD_FIELDS
from transforms.status_fields import STATUS_FIELDS

__all__ = ["FIELDS", "UTC_MICROSECONDS", "Field", "Kind", "cents", "schema_of"]

_ALL_FIELDS: list[Field] = [
    *fields_of(
        Kind.ID,
        (
            "source",
            "Lender's feed the row came from; every key holds inside its source",
            "数据来源（报送机构）；所有主键仅在来源内唯一",
        ),
        ("account_id", "Credit line, by the lender's own number", "授信账户编号"),
        ("customer_id", "Customer, by the lender's own number", "客户编号"),
        (
            "person_id",
            "Keyed hash of identity type and number; the same person at every lender",
            "证件类型与号码的密钥散列，跨机构识别同一自然人",
        ),
        (
            "loan_id",
            "One obligation with its own plan: an order in instalments, or one bill",
            "借据编号：一笔分期订单或一期账单",
        ),
        ("repayment_id", "Repayment, by the lender's own number or by the row's hash", "还款流水编号"),
        ("refers_to", "Repayment that a reversal or chargeback names", "冲正或退票所指的原还款流水"),
        ("event_id", "Event, by the lender's own number", "事件编号"),
        ("order_id", "Purchase, by the lender's own number", "订单编号"),
        (
            "lender_id",
            "Institution that carries the risk; the source unless the feed says otherwise",
            "放款机构；缺省为数据来源",
        ),
        (
            "run_id",
            "Published night: as-of date, dot, number of the run of that date",
            "批次编号：业务日期.当日第几次发布",
        ),
        ("first_seen_run", "Run in which the account was first seen", "首次收到该账户的批次"),
        ("key", "Key of the row in its feed, parts joined with a slash", "该行在其数据源中的主键，以斜线相连"),
    ),
    *fields_of(
        Kind.CODE,
        ("product_code", "Product of the account", "产品代码"),
        ("currency", "ISO 4217 code; no total crosses currencies", "币种；任何合计都不跨币种"),
        ("region_code", "Region of the account", "地区代码"),
        ("channel_code", "Channel of the account or repayment", "渠道代码"),
        ("kind", "What the row is: kind of repayment, event or run", "类别：还款、事件或批次的种类"),
        ("category_code", "Category of what was bought", "商品类目代码"),
        ("id_type", "Type of identity document", "证件类型"),
        ("employment_code", "Employment status", "就业状况代码"),
        (
            "bucket",
            "M0 to M7 by days past due: 0, 1-30, 31-60, 61-90, 91-120, 121-150, 151-180, over 180",
            "逾期档 M0–M7",
        ),
        ("from_bucket", "Bucket before", "变更前逾期档"),
        ("to_bucket", "Bucket after", "变更后逾期档"),
        ("policy_version", "Version of the policy that decided the figures", "口径（策略）版本"),
        ("feed", "Canonical feed", "标准数据源名称"),
        ("suite", "Suite of expectations", "校验集"),
        ("expectation", "Name of the check", "校验项"),
        (
            "severity",
            "critical refuses the file or stops publishing; warning reports",
            "严重程度：critical 拒收或停止发布，warning 仅提示",
        ),
        ("outcome", "How it ended", "结果"),
        (
            "history_24m",
            "24 month-end buckets as digits, oldest first; - before the loan started, 0 once settled",
            "最近24个月末逾期档，左旧右新；未开始为 -，结清后为 0",
        ),
    ),
    *fields_of(
        Kind.TEXT,
        ("note", "Free text of the lender", "备注"),
        ("path", "File below the landing folder", "文件路径（相对接收目录）"),
        ("sha256", "SHA-256 of the file's bytes as delivered", "文件原始字节的 SHA-256"),
        ("reason", "Why, in one sentence", "原因（一句话）"),
        ("raw", "The line as delivered; withheld for customers", "原始行；客户信息不保留原文"),
        ("column_name", "Column the check looks at; empty when it looks at whole rows", "校验的字段"),
        ("observed", "What the check saw", "校验观察值"),
        ("why", "Why the check exists", "校验目的"),
        ("manifest", "Manifest in the lake that the run is made of", "该批次对应的湖仓清单文件"),
        ("policy_hash", "SHA-256 of the policy in force", "所用策略的 SHA-256"),
        ("cause", "Fact (file and line) or policy that changed the figure", "引起变更的事实（文件与行号）或策略"),
        ("header", "First line of the delivered file; lets a mended row be replayed", "原文件首行，用于重放修正行"),
        ("replay_of", "File whose refused rows this delivery mends", "该重放文件所修正的原文件"),
        (
            "fingerprint",
            "SHA-256 over data, control file, mapping and policy; a refused file is tried again when it differs",
            "数据、控制文件、映射与策略的指纹；变化后重新尝试",
        ),
    ),
    *fields_of(
        Kind.DATE,
        ("opened_date", "Day the account was opened", "开户日期"),
        ("closed_date", "Day the account was closed", "销户日期"),
        ("valid_from", "First day on which this version of the row holds", "该版本生效日"),
        ("due_date", "Day the item falls due; late from the day after", "应还日；次日起逾期"),
        ("order_date", "Day of the purchase", "下单日期"),
        ("plan_date", "First day of the plan; empty for the original plan", "还款计划生效日；原计划为空"),
        (
            "replaced_on",
            "Day a restructured plan took the item's place; empty while the plan is in force",
            "被重组计划替代之日；现行计划为空",
        ),
        ("paid_date", "Day the money counts from", "入账日期"),
        ("event_date", "Day of the event", "事件日期"),
        ("until_date", "Last day of the deferral, included", "延期截止日（含）"),
        ("birth_date", "Day of birth", "出生日期"),
        ("income_date", "Day the income was stated", "收入申报日期"),
        (
            "origination_date",
            "Day the loan starts: order date, else the first due date",
            "放款日：下单日，缺失时为首个应还日",
        ),
        (
            "settled_date",
            "First day of the spell, unbroken up to the as-of date, in which nothing beyond the tolerance is uncovered",
            "结清日：此日起至统计日，未偿部分不超过容差",
        ),
        ("oldest_due_date", "Due date of the oldest late item", "最早逾期应还日"),
        (
            "last_paid_date",
            "Latest payment or recovery of the loan (of the account, where its loans share one pot)",
            "最近一次还款日",
        ),
        (
            "negative_since",
            "First day of the present unbroken spell in credit, over limit or past due",
            "本轮“为负数”状态的起始日",
        ),
        ("as_of", "Day the figures describe", "统计日期"),
        ("month_end", "Last day of the month", "月末日"),
        ("known_from", "As-of date of the run that first said so", "首次得知日（发布批次的统计日期）"),
        ("known_to", "As-of date of the run that said otherwise", "被替代日"),
        ("business_date", "Date in the file's name", "文件业务日期"),
        ("first_refused_on", "As-of date of the run that first refused the row", "首次拒收日"),
        ("released_on", "As-of date of the run that let the waiting row in", "放行日"),
    ),
    *fields_of(
        Kind.AMOUNT,
        ("credit_limit_amount", "Credit limit", "授信额度"),
        ("principal_amount", "Principal", "本金"),
        ("interest_amount", "Interest", "利息"),
        ("fee_amount", "Fees", "费用"),
        ("due_amount", "Principal, interest and fee owed", "应还金额（本息费合计）"),
        ("paid_amount", "What credits cover of the item as of the night", "已还金额"),
        ("amount", "Amount of the row, in major units", "金额"),
        ("income_monthly_amount", "Monthly income as stated", "月收入"),
        ("past_due_amount", "Uncovered part of the late items", "逾期金额"),
        ("outstanding_principal_amount", "Principal of the items less the principal paid", "本金余额"),
        (
            "remaining_amount",
            "Uncovered part of all items, less the surplus where the pot is the loan's; negative: in credit",
            "剩余应还；负数表示溢缴",
        ),
        ("surplus_amount", "Credits left over after the last item", "溢缴款"),
        (
            "available_credit_amount",
            "Limit less outstanding principal and past-due interest and fees; negative: over limit",
            "可用额度；负数表示超限",
        ),
        ("from_past_due_amount", "Past due before", "变更前逾期金额"),
        ("to_past_due_amount", "Past due after", "变更后逾期金额"),
        ("amount_received", "Sum of the amounts received", "接收金额"),
        ("amount_accepted", "Sum of the amounts accepted, corrections included", "接受金额（含更正）"),
        ("amount_refused", "Sum of the amounts refused, waiting rows included", "拒收金额（含待匹配）"),
        ("amount_duplicate", "Sum of the amounts of rows equal to the version held", "重复金额"),
        ("amount_released", "Sum of the amounts of waiting rows let in by this run", "本批次放行金额"),
    ),
    *fields_of(
        Kind.DAYS,
        (
            "dpd",
            "Days past due: from the oldest late item, less deferred days, 0 within grace",
            "逾期天数（扣除延期与宽限）",
        ),
        ("contractual_dpd", "Days past due without grace and deferral", "合同逾期天数（不计宽限与延期）"),
    ),
    *fields_of(
        Kind.INTEGER,
        ("installment_no", "Number of the instalment in its plan", "期数"),
        ("seq", "Sequence number in the file's name; 0 when absent", "文件序号；缺省 0"),
        ("attempt", "Number of the attempt at the run, from 1", "第几次尝试"),
    ),
    *fields_of(
        Kind.COUNT,
        ("installment_count", "Instalments of the original plan", "期数合计"),
        ("loan_count", "Loans", "借据数"),
        ("account_count", "Accounts", "账户数"),
        ("in_credit_count", "Accounts with a credit balance", "溢缴账户数"),
        ("over_limit_count", "Accounts over their limit", "超限账户数"),
        (
            "line_number",
            "Physical line on which the record begins; the header is line 1",
            "记录起始物理行号（表头为第 1 行）",
        ),
        ("line_count", "Physical records in the file, without the header", "文件物理记录数"),
        ("rows_received", "Canonical rows received, after unfolding", "接收行数"),
        ("rows_accepted", "Rows accepted, corrections included", "接受行数（含更正）"),
        ("rows_refused", "Rows refused, waiting rows included", "拒收行数（含待匹配）"),
        ("rows_duplicate", "Rows equal to the version held", "重复行数"),
        ("rows_released", "Waiting rows let in by this run", "本批次放行行数"),
        ("rows_reclaimed", "Accepted rows whose reference a later fact took away", "因引用消失而重新待匹配的行数"),
        ("amount_unreadable_count", "Amounts that could not be read; they count 0", "无法读取的金额数（按 0 计）"),
        ("unexpected_count", "Rows that failed the check", "未通过行数"),
        ("schema_version", "Version of the warehouse's layout", "仓库结构版本"),
    ),
    *fields_of(
        Kind.RATE,
        (
            "par1_rate",
            "Outstanding principal with any day past due over all outstanding principal",
            "逾期率（1天以上）",
        ),
        (
            "par30_rate",
            "Outstanding principal more than 30 days past due over all outstanding principal",
            "30天以上逾期率",
        ),
        (
            "par60_rate",
            "Outstanding principal more than 60 days past due over all outstanding principal",
            "60天以上逾期率",
        ),
        (
            "par90_rate",
            "Outstanding principal more than 90 days past due over all outstanding principal",
            "90天以上逾期率",
        ),
    ),
    *fields_of(
        Kind.FLAG,
        ("is_void", "Voided by a reversal, from the beginning", "是否被冲正"),
        ("is_payout", "A credit balance paid out, not a bounced payment", "是否为溢缴款退付"),
        ("is_in_credit", "Remaining is negative: overpaid or refunded", "是否溢缴"),
        ("is_over_limit", "Available credit is negative", "是否超限"),
        ("is_past_due", "Something is past due", "是否逾期"),
        ("success", "The check held", "是否通过"),
        ("is_waiting", "Tried again by itself each night until its reference arrives", "是否等待引用到达"),
        ("is_deleted", "Removes the key's fact from the beginning", "是否删除该主键的事实"),
    ),
    *fields_of(
        Kind.MOMENT,
        ("started_at", "Start of the run", "开始时间"),
        ("finished_at", "End of the run", "结束时间"),
    ),
    *fields_of(
        Kind.TEXTS,
        ("reasons", "Every reason that applies, from the closed vocabulary", "全部拒收原因代码"),
        ("details", "One sentence a reason, naming the column", "逐条原因说明"),
        ("held", "SHA-256 of the deliveries left out by hand", "人工搁置的文件"),
    ),
    *STATUS_FIELDS,
    *RISK_FIELDS,
    *SHARE_FIELDS,
    *SENDING_FIELDS,
    *STANDARD_FIELDS,
    *SCREENING_FIELDS,
    *PERSON_FIELDS,
]
FIELDS: dict[str, Field] = {field.name: field for field in _ALL_FIELDS}
if len(FIELDS) != len(_ALL_FIELDS):
    raise RuntimeError("A field is declared twice in transforms/fields.py.")


def schema_of(names: Iterable[str]) -> dict[str, pl.DataType]:
    """Names and types inside of the fields named."""
    return {FIELDS[name].inside: FIELDS[name].polars_type for name in names}
