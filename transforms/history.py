"""Month-ends: where a loan stood at the end of each month."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.month_grid import MonthGrid, last_month_no
from transforms.months import month_number
from transforms.policy import Policy
from transforms.settle import Settlement
from transforms.standing import standing

_FIGURES = ("dpd", "bucket_no", "past_due_cents", "outstanding_principal_cents", "remaining_cents")


def grid(settlement: Settlement, now: pl.DataFrame, last_day: date) -> MonthGrid:
    """Loans and the month-ends that may have a row: from the month of the start to the last month-end.

    After its last change a closed loan has none.

    Args:
        settlement: the settled ledger.
        now: standing on the last day of every unit that has started: unit_no, open_count, remaining_cents.
        last_day: the as-of date.
    """
    last_change = settlement.change_days(last_day).group_by("scope_no").agg(last_change=pl.col("day").max())
    is_closed = (pl.col("open_count") == 0) & (pl.col("remaining_cents") >= 0)
    last_no = pl.lit(last_month_no(last_day))
    spans = (
        settlement.ledger.units.filter(pl.col("loan_id").is_not_null())
        .join(now.select("unit_no", "open_count", "remaining_cents"), on="unit_no")
        .join(last_change, on="scope_no")
        .select(
            "unit_no",
            first_no=month_number(pl.col("start")),
            last_no=pl.min_horizontal(pl.when(is_closed).then(month_number(pl.col("last_change"))), last_no),
        )
    )
    return MonthGrid.of(spans, settlement.ledger.units.height)


def history(settlement: Settlement, cells: MonthGrid, deferred: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """One row per cell of the grid, in its order.

    Args:
        settlement: the settled ledger.
        cells: loans and months.
        deferred: stretches of deferred days by unit.
        policy: gives the edges of the buckets.

    Returns:
        unit_no, month_end, month_no, dpd, bucket_no, past_due_cents, outstanding_principal_cents, remaining_cents,
        is_settled, is_closing (settled, and not at the month-end before), is_kept: false where the loan was settled
        before the month began and still is at its end, unless it is in credit; such months have no row in the books.
    """
    was_settled = pl.col("is_settled").shift(1, fill_value=False) & (pl.col("unit_no") == pl.col("unit_no").shift(1))
    return (
        standing(settlement, deferred, cells.frame(), policy)
        .with_columns(is_settled=pl.col("open_count") == 0)
        .with_columns(is_closing=pl.col("is_settled") & ~was_settled.fill_null(value=False))
        .select(
            "unit_no",
            pl.col("day").alias("month_end"),
            pl.Series("month_no", cells.month_no, dtype=pl.Int32),
            *_FIGURES,
            "is_settled",
            "is_closing",
            is_kept=~pl.col("is_settled") | pl.col("is_closing") | (pl.col("remaining_cents") < 0),
        )
    )
