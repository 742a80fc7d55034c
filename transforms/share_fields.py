"""Fields of what is shared."""

from __future__ import annotations

from transforms.declare import Field, Kind, fields_of

_RATES = ("par1", "par30", "par60", "par90", "npl")

SHARE_FIELDS: list[Field] = [
    *fields_of(
        Kind.CODE,
        (
            "suppression",
            "Why the figures are not shown: small (too few people), complementary (a total would give another away)",
            "未展示原因：small 人数过少，complementary 防止由合计推算",
        ),
        ("lenders", "Lenders at which the person has loans, or ALL", "有借据的机构数（含 ALL）"),
        ("late_lenders", "Lenders at which the person is late, or ALL", "有逾期的机构数（含 ALL）"),
    ),
    *fields_of(Kind.COUNT, ("person_count", "People", "人数")),
    *fields_of(
        Kind.RATE,
        *((f"pool_{rate}_rate", f"{rate}_rate of all lenders together", f"全部机构合计 {rate}") for rate in _RATES),
    ),
]
