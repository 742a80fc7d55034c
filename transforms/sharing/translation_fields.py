"""What a translated row holds: every standard at the fewest and at the most days past due that a code can mean."""

from __future__ import annotations

import polars as pl

from transforms.declare import Field, Kind, fields_of
from transforms.fields import FIELDS

STANDARDS: dict[str, tuple[Kind, str, str]] = {
    "bucket": (Kind.CODE, "M bucket", "M 档"),
    "pboc_code": (Kind.CODE, "Monthly performance code of the second-generation credit report", "二代征信还款状态码"),
    "metro2_status": (Kind.CODE, "Account status in Metro 2", "Metro 2 账户状态"),
    "metro2_history": (Kind.CODE, "Payment history code in Metro 2", "Metro 2 还款历史码"),
    "five_tier": (Kind.INTEGER, "Five-tier class by the policy", "按规则的五级分类"),
    "ifrs9_stage": (
        Kind.INTEGER,
        "IFRS 9 stage by days, and by what the code says beside them",
        "IFRS 9 阶段（按天数与代码所述）",
    ),
    "credit_status": (Kind.CODE, "Credit status", "信用状态"),
}
"""Standards in the order of their columns: type and meaning."""


def _of_standard(name: str) -> list[Field]:
    kind, en, zh = STANDARDS[name]
    return [
        Field(f"{name}_lower", kind, f"{en}, at the fewest days past due", f"{zh}（最少逾期天数时）"),
        Field(f"{name}_upper", kind, f"{en}, at the most days past due", f"{zh}（最多逾期天数时）"),
        Field(f"is_{name}_exact", Kind.FLAG, "Both are the same", "两者是否相同"),
    ]


TRANSLATED: tuple[Field, ...] = (
    *fields_of(Kind.INTEGER, ("line_number", "Line on which the row begins", "行号")),
    *fields_of(
        Kind.ID,
        ("institution", "Institution whose codes these are", "代码所属机构"),
        ("key", "What the institution calls the row", "机构自有编号"),
    ),
    *fields_of(Kind.CODE, ("code", "The institution's own code", "机构自有代码")),
    FIELDS["currency"],
    *fields_of(Kind.AMOUNT, ("amount", "Amount as delivered, in the row's currency", "金额")),
    FIELDS["dpd_from"],
    FIELDS["dpd_to"],
    *fields_of(Kind.TEXTS, ("states", "What the code says beside days past due", "天数之外的状态")),
    *(field for name in STANDARDS for field in _of_standard(name)),
    FIELDS["policy_version"],
)
TRANSLATED_SCHEMA: dict[str, pl.DataType] = {field.inside: field.polars_type for field in TRANSLATED}
REFUSED_SCHEMA: dict[str, pl.DataType] = {
    "line_number": pl.Int64(),
    "column": pl.String(),
    "reason": pl.String(),
    "sentence": pl.String(),
}
"""One row per refused line and reason; column: the delivered one that it is about (null: the whole line)."""
