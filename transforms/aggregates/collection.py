"""Collection: what fell due and came in, defaults cured and come back, charge-offs recovered, month by month."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.aggregates.kept import shaped
from transforms.aggregates.slices import CELL, LOAN, one_at_a_time, rate
from transforms.feeds import CASH_KINDS
from transforms.months import last_month_end, month_end, month_number

_DEFAULT = ("default_since", "default_ends_on", "is_over")
_STOCKS = ("charged_off_cents", "recovered_cents")


def recoveries(repayments: pl.LazyFrame, loans: pl.LazyFrame) -> pl.LazyFrame:
    """One row per cash credit that names a loan charged off by then: CELL, origination_date, paid_date, amount_cents.

    Args:
        repayments: core.repayments.
        loans: `slices.started`.
    """
    charged_off = loans.drop_nulls("charged_off_on").select(*LOAN, *CELL, "origination_date", "charged_off_on", "as_of")
    return (
        repayments.select(*LOAN, "kind", "is_void", "paid_date", "amount_cents")
        .filter(pl.col("kind").is_in(CASH_KINDS) & ~pl.col("is_void"))
        .join(charged_off, on=LOAN)
        .filter((pl.col("paid_date") >= pl.col("charged_off_on")) & (pl.col("paid_date") <= pl.col("as_of")))
        .select(*CELL, "origination_date", "paid_date", "amount_cents")
    )


def collection_cells(
    loans: pl.LazyFrame,
    installments: pl.LazyFrame,
    defaults: pl.LazyFrame,
    came_back: pl.LazyFrame,
    last_day: date,
) -> pl.LazyFrame:
    """One row per CELL and month that is over and has anything to tell: the sums of that month.

    Args:
        loans: `slices.started`.
        installments: core.installments.
        defaults: status.loan_defaults.
        came_back: `recoveries`.
        last_day: the as-of date.
    """
    cells = loans.select(*LOAN, *CELL)
    written_off = loans.drop_nulls("charged_off_on").select(
        *CELL, "charged_off_cents", month_no=month_number(pl.col("charged_off_on"))
    )
    recovered = came_back.select(*CELL, recovered_cents="amount_cents", month_no=month_number(pl.col("paid_date")))
    running = _running(defaults.select(*LOAN, *_DEFAULT).join(cells, on=LOAN), last_day)
    # the number of entries tells a month of which nothing is told from one whose amounts are 0
    entries = [part.with_columns(entry_count=pl.lit(1, pl.Int64)) for part in (running, written_off, recovered)]
    last = _last_month(last_day)
    parts = [_due(installments, cells), *entries]
    return shaped("collection", [part.filter(pl.col("month_no") <= last) for part in parts])


def collection(cells: pl.LazyFrame, last_day: date) -> pl.LazyFrame:
    """One row per slice and month-end, from its first on: risk.collection but for as_of and policy_version.

    Args:
        cells: `collection_cells`.
        last_day: the as-of date.
    """
    last = _last_month(last_day)
    grid = (
        cells.group_by(CELL)
        .agg(month_no=pl.int_ranges(pl.col("month_no").min(), last + 1, dtype=pl.Int32).first())
        .explode("month_no")
    )
    months = (
        grid.join(cells.drop("entry_count"), on=[*CELL, "month_no"], how="left")
        .with_columns(pl.exclude(*CELL, "month_no").fill_null(0))
        .sort("month_no")
        .with_columns(pl.col(_STOCKS).cum_sum().over(CELL))
        .with_columns(month_end=month_end(pl.col("month_no")))
        .drop("month_no")
    )
    return one_at_a_time(months, ["month_end"]).with_columns(
        collection_rate=rate("collected_cents", "due_cents"),
        cure_rate=rate("cured_count", "default_count"),
        redefault_rate=rate("redefault_count", "cured_count"),
        recovery_rate=rate("recovered_cents", "charged_off_cents"),
    )


def _last_month(last_day: date) -> int:
    """Number of the last month that is over."""
    last = last_month_end(last_day)
    return last.year * 12 + last.month


def _due(installments: pl.LazyFrame, cells: pl.LazyFrame) -> pl.LazyFrame:
    """Instalments of plans in force at the end of the month they fall due in, added up."""
    # by numbers of months, which are cheaper to tell than the ends of months
    due, plan, replaced, settled = (
        month_number(pl.col(name)) for name in ("due_date", "plan_date", "replaced_on", "settled_date")
    )
    in_force = (plan <= due).fill_null(value=True) & (replaced > due).fill_null(value=True)
    is_collected = (settled <= due).fill_null(value=False)
    return (
        installments.filter(in_force)
        .select(*LOAN, "due_cents", month_no=due, collected_cents=pl.when(is_collected).then("due_cents").otherwise(0))
        .join(cells, on=LOAN)
        .group_by(*CELL, "month_no")
        .agg(pl.col("due_cents", "collected_cents").sum(), entry_count=pl.len().cast(pl.Int64))
    )


def _running(defaults: pl.LazyFrame, last_day: date) -> pl.LazyFrame:
    """Each default in the months behind the month-ends on which it ran: default_count, cured_count, redefault_count."""
    first = month_number(pl.col("default_since")) + 1
    # of a default that is over, the last month is that of its end; one that ends on the first day of a month ran before
    last = month_number(pl.when("is_over").then("default_ends_on").otherwise(pl.lit(last_day)))
    comes_back = pl.col("default_since").shift(-1).over(LOAN).is_not_null()
    is_cured = pl.col("is_over") & (pl.col("month_no") == pl.col("last_no"))
    return (
        defaults.sort(*LOAN, "default_since")
        .with_columns(comes_back=comes_back, last_no=last)
        .with_columns(month_no=pl.int_ranges(first, pl.col("last_no") + 1, dtype=pl.Int32))
        .explode("month_no")
        .drop_nulls("month_no")
        .select(
            *CELL,
            "month_no",
            default_count=pl.lit(1, pl.Int64),
            cured_count=is_cured.cast(pl.Int64),
            redefault_count=(is_cured & pl.col("comes_back")).cast(pl.Int64),
        )
    )
