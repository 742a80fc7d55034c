"""The standards side by side as a table, so that a reader can tell one code by another."""

from __future__ import annotations

from transforms.table import Table

STANDARD_TABLES: list[Table] = [
    Table(
        "share.standards",
        "state",
        "One row per range of days past due in which no standard changes: its code in every standard by days alone.",
        "每段逾期天数一行：仅按天数计的各标准代码对照。",
        ("dpd_from",),
        (
            "as_of",
            "dpd_from",
            "dpd_to",
            "bucket",
            "pboc_code",
            "metro2_status",
            "metro2_history",
            "five_tier",
            "ifrs9_stage",
            "credit_status",
            "policy_version",
        ),
    ),
]
