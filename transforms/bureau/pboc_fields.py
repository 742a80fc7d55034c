"""Every field of an account record in the second-generation style (二代征信), declared once.

XSD, JSON Schema, the columns of CSV and Parquet, the XML and its reader all derive from here. The official interface
text is not public: the layout is our own, made of public facts.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from transforms.declare import Field, Kind, fields_of
from transforms.fields import FIELDS

LAYOUT = "tallystick-pboc-1"
NOTE = (
    "Our own layout of public facts about the second-generation credit report; not the official interface."
    " 依据公开资料自定的二代征信风格版式，并非官方接口规范。"
)
ACTIONS = ("report", "correction", "deletion")
ACCOUNT_TYPES = ("D1", "R1", "R4")
ACCOUNT_STATUS = {
    "D1": {"1": "normal", "2": "overdue", "3": "settled", "4": "bad debt"},
    "R1": {"1": "normal", "2": "overdue", "3": "settled", "4": "bad debt", "5": "stopped by the bank"},
    "R4": {"1": "normal", "2": "overdue", "3": "settled", "4": "bad debt"},
}
"""Of the codes by type, those that facts can tell: nothing is delivered of transfers, collateral or courts."""
TRANSACTIONS = {
    "1": "extension",
    "2": "paid by guarantor",
    "3": "in kind",
    "4": "prepayment",
    "5": "early settlement",
    "9": "other: a restructured plan",
    "11": "debt relief",
}
"""Special transactions that facts can tell."""
PERFORMANCE = "N*#1234567MDZBCGA/"
BANDS = {"31_60": (31, 60), "61_90": (61, 90), "91_180": (91, 180), "over_180": (181, None)}
"""First and last day past due of the bands of overdue principal."""
KEY = ("source", "account_id", "loan_id")
SPECIAL = "special_transactions"


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a record and what may stand in it."""

    field: Field
    in_report: bool = False
    """Must stand in every record that reports or corrects."""
    in_deletion: bool = False
    """Must stand in a deletion; what must not, may not stand there but for the key."""
    codes: tuple[str, ...] = ()
    longest: int = 64
    pattern: str = ""
    least: int | None = None
    most: int | None = None

    @property
    def name(self) -> str:
        """Name in XML, JSON, CSV and Parquet."""
        return self.field.name


def _new(kind: Kind, name: str, en: str, zh: str) -> Field:
    return fields_of(kind, (name, en, zh))[0]


def _string_of(months: int) -> str:
    return f"[{PERFORMANCE}]{{{months}}}"


COLUMNS: list[Column] = [
    Column(
        _new(Kind.CODE, "action", "What the record does: report, correction or deletion", "报送类型：报告、更正、删除"),
        in_report=True,
        in_deletion=True,
        codes=ACTIONS,
    ),
    Column(
        _new(Kind.TEXT, "reason", "Why it corrects or deletes; empty in a plain report", "更正或删除原因"),
        in_deletion=True,
        longest=1000,
    ),
    Column(FIELDS["source"], in_report=True, in_deletion=True),
    Column(FIELDS["account_id"], in_report=True, in_deletion=True, longest=200),
    Column(FIELDS["loan_id"], longest=200),
    Column(FIELDS["month_end"], in_report=True, in_deletion=True),
    Column(FIELDS["lender_id"], in_report=True, longest=200),
    Column(
        _new(
            Kind.CODE,
            "account_type",
            "D1 non-revolving, R1 revolving, R4 sub-account under a revolving line; by product policy",
            "账户类型：D1 非循环贷、R1 循环贷、R4 循环额度下分账户",
        ),
        in_report=True,
        codes=ACCOUNT_TYPES,
    ),
    Column(_new(Kind.TEXT, "name", "Name of the customer", "姓名"), in_report=True, longest=200),
    Column(FIELDS["id_type"], in_report=True),
    Column(_new(Kind.TEXT, "id_number", "Number of the identity document", "证件号码"), in_report=True),
    Column(FIELDS["currency"], in_report=True, pattern="[A-Z]{3}", longest=3),
    Column(
        _new(Kind.DATE, "opened_date", "Start of the loan, or day the account was opened", "开立日期"), in_report=True
    ),
    Column(_new(Kind.DATE, "expiry_date", "Last due date of the plan in force", "到期日期")),
    Column(
        _new(
            Kind.DATE,
            "closed_date",
            "Day the loan was settled, or the account closed with nothing owed",
            "关闭日期",
        )
    ),
    Column(
        _new(Kind.AMOUNT, "granted_amount", "Principal of the loan, or limit of the account", "借款金额或授信额度"),
        in_report=True,
        least=0,
    ),
    Column(
        _new(Kind.CODE, "account_status", "Status of the account, by its type", "账户状态（依账户类型）"),
        in_report=True,
        codes=("1", "2", "3", "4", "5"),
    ),
    Column(FIELDS["five_tier"], in_report=True, least=1, most=5),
    Column(
        _new(Kind.CODE, "performance", "Performance of the month", "当月还款状态"),
        in_report=True,
        codes=tuple(PERFORMANCE),
    ),
    Column(FIELDS["pboc_24m"], in_report=True, longest=24, pattern=_string_of(24)),
    Column(FIELDS["pboc_60m"], in_report=True, longest=60, pattern=_string_of(60)),
    Column(_new(Kind.AMOUNT, "balance_amount", "Outstanding principal", "余额（本金）"), in_report=True, least=0),
    Column(FIELDS["dpd"], in_report=True, least=0),
    Column(
        _new(Kind.AMOUNT, "past_due_amount", "Uncovered part of the late items", "当前逾期总额"),
        in_report=True,
        least=0,
    ),
    Column(
        _new(Kind.AMOUNT, "overdue_principal_amount", "Principal in the late items, of any age", "逾期本金"),
        in_report=True,
        least=0,
    ),
    *(
        Column(
            _new(
                Kind.AMOUNT,
                f"overdue_principal_{band}_amount",
                f"Principal in items {f'{first}-{last}' if last else f'over {first - 1}'} days past due",
                f"逾期{f'{first}–{last}' if last else f'{first - 1}天以上'}{'天' if last else ''}未还本金",
            ),
            in_report=True,
            least=0,
        )
        for band, (first, last) in BANDS.items()
    ),
    Column(
        _new(Kind.AMOUNT, "due_this_month_amount", "What fell due in the month", "本月应还款"), in_report=True, least=0
    ),
    Column(
        _new(
            Kind.AMOUNT,
            "paid_this_month_amount",
            "Cash received in the month, payments that bounced in it left out; empty where one pot serves many loans",
            "本月实还款；多笔共用还款时为空",
        ),
        least=0,
    ),
    Column(FIELDS["last_paid_date"]),
    Column(
        _new(Kind.CODE, "dispute", "1 while a dispute is open; empty otherwise", "异议标注：1 为异议处理中"),
        codes=("1",),
    ),
]
BY_NAME: dict[str, Column] = {column.name: column for column in COLUMNS}

TRANSACTION_COLUMNS: list[Column] = [
    Column(
        _new(Kind.CODE, "transaction_type", "Special transaction", "特殊交易类型"),
        in_report=True,
        codes=tuple(TRANSACTIONS),
    ),
    Column(_new(Kind.DATE, "transaction_date", "Day of the transaction", "交易日期"), in_report=True),
    Column(_new(Kind.AMOUNT, "transaction_amount", "Its amount; empty where none is told", "交易金额"), least=0),
    Column(
        _new(Kind.INTEGER, "term_change_months", "Months by which the term changes; negative: shorter", "到期月数变化")
    ),
]

TRANSACTION_TYPE = pl.Struct({column.field.inside: column.field.polars_type for column in TRANSACTION_COLUMNS})
SCHEMA: dict[str, pl.DataType] = {
    **{column.field.inside: column.field.polars_type for column in COLUMNS},
    SPECIAL: pl.List(TRANSACTION_TYPE),
}
"""Columns of a frame of records, inside."""
