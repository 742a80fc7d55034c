"""Fields of status beyond days past due: default, class, stage, forbearance, charge-off, strings."""

from __future__ import annotations

from transforms.declare import Field, Kind, fields_of

STATUS_FIELDS: list[Field] = [
    *fields_of(
        Kind.CODE,
        (
            "credit_status",
            "First that applies: charged_off, in_default, probation, forborne, past_due, in_credit, over_limit, …",
            "信用状态：依次取首个成立者（核销、违约、观察、宽限重组、逾期、溢缴、超限、结清、关闭、正常、未开始）",
        ),
        ("from_credit_status", "Credit status before", "变更前信用状态"),
        ("to_credit_status", "Credit status after", "变更后信用状态"),
        (
            "pboc_code",
            "Monthly performance in the second-generation credit report's codes",
            "二代征信当月还款表现代码",
        ),
        (
            "pboc_24m",
            "Monthly performance of the last 24 months, oldest first, ending with the closing month",
            "二代征信24个月还款表现，左旧右新，至关闭月止",
        ),
        (
            "pboc_60m",
            "Monthly performance of the last 60 months, oldest first, ending with the closing month",
            "二代征信60个月还款表现，左旧右新，至关闭月止",
        ),
        (
            "metro2_24m",
            "Metro 2 payment history profile: 24 months, most recent first, the first being the month before",
            "Metro 2 还款历史：24个月，由近及远，首位为上月",
        ),
        ("default_cause", "What began the default: days, charge_off, settled_in_kind, guarantor_paid", "违约起因"),
    ),
    *fields_of(
        Kind.DATE,
        ("default_since", "First day of the default", "违约起始日"),
        (
            "probation_since",
            "First day of the probation: in default, with nothing past due since",
            "违约观察期起始日",
        ),
        (
            "default_ends_on",
            "Day on which the default is over, or will be if nothing falls late; empty while something is past due",
            "违约（预计）终止日；仍有逾期时为空",
        ),
        (
            "delinquent_since",
            "Date of first delinquency: first day of the present spell of 30 and more days past due",
            "本轮首次严重逾期（≥30天）日",
        ),
        ("charged_off_on", "Day of the first charge-off", "首次核销日"),
        ("first_over_30_on", "First day ever of more than 30 days past due", "首次逾期超过30天之日"),
        ("first_over_60_on", "First day ever of more than 60 days past due", "首次逾期超过60天之日"),
        ("first_over_90_on", "First day ever of more than 90 days past due", "首次逾期超过90天之日"),
        (
            "first_due_date",
            "Due date of the first instalment after the origination date",
            "首期应还日（放款日之后）",
        ),
        ("first_late_7_on", "Day on which the first instalment became more than 7 days late", "首期逾期超过7天之日"),
        ("first_late_30_on", "Day on which the first instalment became more than 30 days late", "首期逾期超过30天之日"),
        ("last_due_date", "Last due date of the plan in force and of chargebacks", "最后应还日"),
    ),
    *fields_of(
        Kind.AMOUNT,
        ("past_due_charges_amount", "Interest and fees in the past due amount", "逾期金额中的息费"),
        ("charged_off_amount", "Amount written off; the claim goes on", "核销金额（债权继续）"),
        ("recovered_amount", "Payments and recoveries since the charge-off", "核销后收回金额"),
    ),
    *fields_of(
        Kind.INTEGER,
        ("five_tier", "Five-tier class, 1 normal to 5 loss", "五级分类（1正常…5损失）"),
        ("five_tier_floor", "Class below which the rules hold the loan, whatever its days", "五级分类下限"),
        ("ifrs9_stage", "IFRS 9 stage, 1 to 3", "IFRS 9 阶段"),
    ),
    *fields_of(Kind.COUNT, ("lender_count", "Lenders", "机构数")),
    *fields_of(
        Kind.FLAG,
        ("is_forborne", "A deferral runs, or the loan is observed after a restructure", "是否宽限（延期或重组观察）"),
        ("is_observed", "Observed after a restructure", "是否处于重组观察期"),
        ("is_disputed", "A dispute is open", "是否有未结异议"),
        (
            "is_obligor_default",
            "In default by another loan of the account or person, where the policy says so",
            "是否因同一债务人其他借据违约而视同违约",
        ),
        ("is_over", "The default is over", "违约是否已终止"),
        ("is_settled", "No item has more than the tolerance uncovered", "是否全部结清"),
        ("is_charged_off", "Charged off, and not settled since", "是否已核销且未结清"),
    ),
]
