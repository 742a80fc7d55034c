"""What a record in the second-generation style must keep to before it leaves: each field, and fields together."""

from __future__ import annotations

import polars as pl

from transforms.bureau.pboc_fields import ACCOUNT_STATUS, BANDS, COLUMNS, KEY, Column
from transforms.declare import Kind

_UNWRITABLE = r"[\x00-\x1f\x{fffe}\x{ffff}]"
"""What XML cannot carry, and what would break a line."""
_DIGITS = [str(digit) for digit in range(1, 8)]


def violations(records: pl.DataFrame) -> pl.DataFrame:
    """One row per record and broken rule: source, account_id, loan_id, field, rule; never what stood there."""
    found = [
        records.filter(broken.fill_null(value=False)).select(*KEY, field=pl.lit(field), rule=pl.lit(rule))
        for field, rule, broken in [*_of_fields(), *_across_fields()]
    ]
    return pl.concat(found).sort(*KEY, "field", "rule", nulls_last=True)


Rule = tuple[str, str, pl.Expr]
"""Field, what it must keep to, and whether a record breaks it."""


def _of_fields() -> list[Rule]:
    rules: list[Rule] = []
    is_deletion = pl.col("action") == "deletion"
    for column in COLUMNS:
        value = pl.col(column.field.inside)
        if column.in_report:
            rules.append((column.name, "is required", value.is_null() & ~is_deletion))
        if column.codes:
            rules.append((column.name, f"is one of {', '.join(column.codes)}", ~value.is_in(list(column.codes))))
        if column.least is not None:
            rules.append((column.name, f"is {column.least} or more", value < column.least))
        if column.most is not None:
            rules.append((column.name, f"is {column.most} or less", value > column.most))
        if column.field.kind in (Kind.ID, Kind.CODE, Kind.TEXT) and not column.codes:
            rules += _of_text(column, value)
    return rules


def _of_text(column: Column, value: pl.Expr) -> list[Rule]:
    rules = [
        (column.name, "is not empty", value == ""),
        (column.name, f"has at most {column.longest} characters", value.str.len_chars() > column.longest),
        (column.name, "has no control characters", value.str.contains(_UNWRITABLE)),
    ]
    if column.pattern:
        rules.append((column.name, f"fits {column.pattern}", ~value.str.contains(f"^(?:{column.pattern})$")))
    return rules


def _across_fields() -> list[Rule]:
    status, performance = pl.col("account_status"), pl.col("performance")
    allowed = pl.any_horizontal(
        (pl.col("account_type") == kind) & status.is_in(list(codes)) for kind, codes in ACCOUNT_STATUS.items()
    )
    bands = pl.sum_horizontal(f"overdue_principal_{band}_cents" for band in BANDS)
    is_report = pl.col("action") == "report"
    return [
        ("reason", "stands in corrections and deletions", ~is_report & pl.col("reason").is_null()),
        ("reason", "stands in no plain report", is_report & pl.col("reason").is_not_null()),
        ("account_status", "is one of those of the account type", ~allowed),
        ("account_status", "3 has a day of closing", (status == "3") & pl.col("closed_date").is_null()),
        ("account_status", "2 has days past due", (status == "2") & (pl.col("dpd") == 0)),
        ("account_status", "1 and 5 have no days past due", status.is_in(["1", "5"]) & (pl.col("dpd") > 0)),
        ("performance", "1 to 7 have days past due", performance.is_in(_DIGITS) & (pl.col("dpd") == 0)),
        ("performance", "B is bad debt", (performance == "B") & (status != "4")),
        ("performance", "is the last of the 24 months", performance != pl.col("pboc_24m").str.tail(1)),
        ("pboc_24m", "is the end of the 60 months", pl.col("pboc_24m") != pl.col("pboc_60m").str.tail(24)),
        ("overdue_principal_amount", "holds the bands", bands > pl.col("overdue_principal_cents")),
        (
            "overdue_principal_amount",
            "is in the past due amount",
            pl.col("overdue_principal_cents") > pl.col("past_due_cents"),
        ),
        ("closed_date", "is not before the opening", pl.col("closed_date") < pl.col("opened_date")),
        ("closed_date", "is not after the month", pl.col("closed_date") > pl.col("month_end")),
        ("opened_date", "is not after the month", pl.col("opened_date") > pl.col("month_end")),
        ("last_paid_date", "is not after the month", pl.col("last_paid_date") > pl.col("month_end")),
    ]
