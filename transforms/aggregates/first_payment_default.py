"""First payment default: first instalments that were not paid, by month of origination."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.aggregates.slices import CELL, one_at_a_time, rate
from transforms.delinquency import FIRST_LATE_DAYS


def first_payment_cells(loans: pl.LazyFrame, last_day: date) -> pl.LazyFrame:
    """One row per CELL and month of origination: loans, those known and those late.

    Args:
        loans: `slices.started`.
        last_day: the as-of date.
    """
    counts: dict[str, pl.Expr] = {"loan_count": pl.len().cast(pl.Int64)}
    for days in FIRST_LATE_DAYS:
        is_known = pl.col("first_due_date") + pl.duration(days=days + 1) <= last_day
        counts[f"known{days}_count"] = is_known.sum().cast(pl.Int64)
        is_late = is_known & pl.col(f"first_late_{days}_on").is_not_null()
        counts[f"fpd{days}_count"] = is_late.sum().cast(pl.Int64)
    return loans.group_by(*CELL, origination_month=pl.col("origination_date").dt.truncate("1mo")).agg(**counts)


def first_payment_default(cells: pl.LazyFrame) -> pl.LazyFrame:
    """One row per slice and month of origination: risk.first_payment_default but for as_of and policy_version.

    Args:
        cells: `first_payment_cells`.
    """
    rates = {f"fpd{days}_rate": rate(f"fpd{days}_count", f"known{days}_count") for days in FIRST_LATE_DAYS}
    return one_at_a_time(cells, ["origination_month"]).with_columns(**rates)
