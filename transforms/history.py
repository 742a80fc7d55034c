"""Month-ends: where a loan stood at the end of each month."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.months import month_ends
from transforms.policy import Policy
from transforms.settle import Settlement
from transforms.standing import standing

_FIGURES = ("dpd", "bucket_no", "past_due_cents", "outstanding_principal_cents", "remaining_cents")


def history(
    settlement: Settlement, now: pl.DataFrame, deferred: pl.DataFrame, policy: Policy, last_day: date
) -> pl.DataFrame:
    """One row per loan and month-end, from the month of the loan's start to the last month-end not after the last day.

    No row where the loan was settled before the month began and still is at its end, unless it is in credit.

    Args:
        settlement: the settled ledger.
        now: standing on the last day of every unit that has started: unit_no, open_count, remaining_cents.
        deferred: stretches of deferred days by unit.
        policy: gives the edges of the buckets.
        last_day: the as-of date.

    Returns:
        unit_no, month_end, dpd, bucket_no, past_due_cents, outstanding_principal_cents, remaining_cents, is_settled,
        is_closing (settled, and not at the month-end before).
    """
    grid = _grid(settlement, now, last_day)
    rows = standing(settlement, deferred, grid, policy)
    was_settled = pl.col("is_settled").shift(1).over("unit_no").fill_null(value=False)
    return (
        rows.sort("unit_no", "day")
        .with_columns(is_settled=pl.col("open_count") == 0)
        .with_columns(is_closing=pl.col("is_settled") & ~was_settled)
        .filter(~pl.col("is_settled") | pl.col("is_closing") | (pl.col("remaining_cents") < 0))
        .select("unit_no", pl.col("day").alias("month_end"), *_FIGURES, "is_settled", "is_closing")
    )


def _grid(settlement: Settlement, now: pl.DataFrame, last_day: date) -> pl.DataFrame:
    """Loans and the month-ends that may have a row; after its last change a closed loan has none."""
    last_change = settlement.change_days(last_day).group_by("scope_no").agg(last_change=pl.col("day").max())
    is_closed = (pl.col("open_count") == 0) & (pl.col("remaining_cents") >= 0)
    loans = (
        settlement.ledger.units.filter(pl.col("loan_id").is_not_null())
        .join(now.select("unit_no", "open_count", "remaining_cents"), on="unit_no")
        .join(last_change, on="scope_no")
        .with_columns(
            first_month=pl.col("start").dt.month_end(),
            last_month=pl.when(is_closed).then(pl.col("last_change").dt.month_end()).otherwise(pl.lit(last_day)),
        )
    )
    first = loans["first_month"].min()
    ends = month_ends(first, last_day) if isinstance(first, date) else []
    return (
        loans.join(pl.DataFrame({"day": ends}, schema={"day": pl.Date}), how="cross")
        .filter(pl.col("day").is_between("first_month", "last_month"))
        .select("unit_no", "day")
    )
