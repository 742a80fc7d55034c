"""Vintages: how the loans of one month of origination have turned out, month by month."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.aggregates.kept import OVER, shaped
from transforms.aggregates.slices import CELL, LOAN, one_at_a_time, rate
from transforms.months import last_month_end, month_number

AGE = ("origination_month", "months_on_book")
_MONTH = pl.col("origination_date").dt.truncate("1mo")
_COHORT = (*CELL, "origination_month")


def vintage_cells(loans: pl.LazyFrame, history: pl.LazyFrame, recoveries: pl.LazyFrame) -> pl.LazyFrame:
    """One row per CELL, month of origination and month in which anything is told of its loans: the sums of that month.

    Loans and their principal stand in their own month; loans are over an edge for the first time in one month, and over
    it at the end of each.

    Args:
        loans: `slices.started`.
        history: status.loan_history.
        recoveries: see `collection.recoveries`.
    """
    loans = loans.with_columns(origination_month=_MONTH)
    parts = [_started(loans), *_turned(loans), _now(loans, history), _recovered(recoveries)]
    return shaped("vintage", parts)


def vintage(cells: pl.LazyFrame, last_day: date) -> pl.LazyFrame:
    """One row per slice, month of origination and months on book: risk.vintage but for as_of and policy_version.

    Args:
        cells: `vintage_cells`.
        last_day: the as-of date.
    """
    rates = {f"ever_{days}_rate": rate(f"ever_{days}_count", "loan_count") for days in OVER}
    now = [f"now_{days}_{unit}" for days in OVER for unit in ("count", "cents")]
    key = [*_COHORT, "month_no"]
    return one_at_a_time(
        _grid(cells, last_month_end(last_day))
        .join(cells, on=key, how="left")
        .with_columns(pl.exclude(*key, "months_on_book").fill_null(0))
        .sort("month_no")
        .with_columns(pl.exclude(*key, "months_on_book", *now).cum_sum().over(_COHORT))
        .drop("month_no"),
        AGE,
    ).with_columns(**rates)


def _grid(cells: pl.LazyFrame, last_end: date) -> pl.LazyFrame:
    """One row per cohort and month-end from its own on."""
    last = last_end.year * 12 + last_end.month
    first = month_number(pl.col("origination_month"))
    return (
        cells.filter(pl.col("loan_count") > 0)
        .select(_COHORT)
        .unique()
        .with_columns(month_no=pl.int_ranges(first, last + 1, dtype=pl.Int32))
        .explode("month_no")
        .drop_nulls("month_no")
        .with_columns(months_on_book=pl.col("month_no") - first)
    )


def _started(loans: pl.LazyFrame) -> pl.LazyFrame:
    """The cohort's loans and principal, in its own month."""
    return loans.group_by(*_COHORT, month_no=month_number(pl.col("origination_month"))).agg(
        loan_count=pl.len().cast(pl.Int64), principal_cents=pl.col("principal_cents").sum()
    )


def _turned(loans: pl.LazyFrame) -> list[pl.LazyFrame]:
    """Loans by the month in which they first were over each edge, and in which they were charged off."""
    parts = []
    for days in OVER:
        first = pl.min_horizontal(f"first_over_{days}_on", "charged_off_on")
        parts.append(
            loans.with_columns(first=first)
            .drop_nulls("first")
            .group_by(*_COHORT, month_no=month_number(pl.col("first")))
            .agg(
                pl.len().cast(pl.Int64).alias(f"ever_{days}_count"),
                pl.col("principal_cents").sum().alias(f"ever_{days}_cents"),
            )
        )
    charged_off = (
        loans.drop_nulls("charged_off_on")
        .group_by(*_COHORT, month_no=month_number(pl.col("charged_off_on")))
        .agg(pl.col("charged_off_cents").sum())
    )
    return [*parts, charged_off]


def _now(loans: pl.LazyFrame, history: pl.LazyFrame) -> pl.LazyFrame:
    """Loans over each edge at month-ends."""
    late = history.filter((pl.col("dpd") > min(OVER)) & ~pl.col("is_charged_off"))
    rows = late.select(*LOAN, "month_end", "dpd", "outstanding_principal_cents").join(
        loans.select(*LOAN, *_COHORT), on=LOAN
    )
    counts = {f"now_{days}_count": (pl.col("dpd") > days).sum().cast(pl.Int64) for days in OVER}
    amounts = {
        f"now_{days}_cents": pl.col("outstanding_principal_cents").filter(pl.col("dpd") > days).sum() for days in OVER
    }
    return rows.group_by(*_COHORT, month_no=month_number(pl.col("month_end"))).agg(**counts, **amounts)


def _recovered(recoveries: pl.LazyFrame) -> pl.LazyFrame:
    """What came in after charge-offs, by month."""
    return (
        recoveries.with_columns(origination_month=_MONTH)
        .group_by(*_COHORT, month_no=month_number(pl.col("paid_date")))
        .agg(recovered_cents=pl.col("amount_cents").sum())
    )
