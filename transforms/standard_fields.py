"""Fields of the standards side by side."""

from __future__ import annotations

from transforms.declare import Field, Kind, fields_of

STANDARD_FIELDS: list[Field] = [
    *fields_of(
        Kind.DAYS,
        ("dpd_from", "Fewest days past due", "最少逾期天数"),
        ("dpd_to", "Most days past due; empty: no end", "最多逾期天数，为空表示无上限"),
    ),
    *fields_of(
        Kind.CODE,
        ("metro2_status", "Account status in Metro 2, by days", "Metro 2 账户状态（按天数）"),
        ("metro2_history", "Payment history code in Metro 2, by days", "Metro 2 还款历史码（按天数）"),
    ),
]
