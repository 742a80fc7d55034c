"""Portfolio at risk and buckets: what is outstanding and how much of it is late.

Loans in the book count (`slices.in_book`). Nothing crosses currencies.
"""

from __future__ import annotations

import polars as pl

from transforms.aggregates.slices import CELL, SLICES, in_book, placed, rate
from transforms.five_tier import NON_PERFORMING
from transforms.tables import ALL

_PAR_DAYS = {"par1": 0, "par30": 30, "par60": 60, "par90": 90}
BUCKET = ("currency", "product_code", "bucket")


def portfolio_cells(loans: pl.LazyFrame, account_status: pl.LazyFrame) -> pl.LazyFrame:
    """One row per CELL: what is counted and added up in it, late and non-performing principal among it.

    Args:
        loans: `slices.started`.
        account_status: status.account_status.
    """
    principal = pl.col("outstanding_principal_cents")
    of_loans = (
        in_book(loans)
        .group_by(CELL)
        .agg(
            loan_count=pl.len().cast(pl.Int64),
            account_count=pl.struct("source", "account_id").n_unique().cast(pl.Int64),
            outstanding_principal_cents=principal.sum(),
            past_due_cents=pl.col("past_due_cents").sum(),
            **{name: principal.filter(pl.col("dpd") > days).sum() for name, days in _PAR_DAYS.items()},
            npl=principal.filter(pl.col("five_tier") >= NON_PERFORMING).sum(),
        )
    )
    of_accounts = (
        placed(account_status)
        .group_by(CELL)
        .agg(
            in_credit_count=pl.col("is_in_credit").sum().cast(pl.Int64),
            over_limit_count=pl.col("is_over_limit").sum().cast(pl.Int64),
        )
    )
    return of_accounts.join(of_loans, on=CELL, how="left").with_columns(pl.exclude(CELL).fill_null(0))


def portfolio(cells: pl.LazyFrame) -> pl.LazyFrame:
    """One row per currency, lender, product and region, and for ALL of each; rates are null without principal.

    Args:
        cells: `portfolio_cells`.
    """
    parts = (*_PAR_DAYS, "npl")
    rates = {f"{name}_rate": rate(name, "outstanding_principal_cents") for name in parts}
    return (
        _with_all(cells, SLICES).group_by(CELL).agg(pl.exclude(CELL).sum()).with_columns(**rates).drop(parts).sort(CELL)
    )


def bucket_cells(loans: pl.LazyFrame) -> pl.LazyFrame:
    """One row per currency, product and bucket that has loans.

    Args:
        loans: `slices.started`.
    """
    return (
        in_book(loans)
        .group_by(BUCKET)
        .agg(
            loan_count=pl.len().cast(pl.Int64),
            outstanding_principal_cents=pl.col("outstanding_principal_cents").sum(),
            past_due_cents=pl.col("past_due_cents").sum(),
        )
    )


def buckets(cells: pl.LazyFrame) -> pl.LazyFrame:
    """One row per currency, product (and ALL) and bucket that has loans.

    Args:
        cells: `bucket_cells`.
    """
    return _with_all(cells, ("product_code",)).group_by(BUCKET).agg(pl.exclude(BUCKET).sum()).sort(BUCKET)


def _with_all(cells: pl.LazyFrame, dimensions: tuple[str, ...]) -> pl.LazyFrame:
    """Each cell once as itself and once as ALL of each dimension."""
    for dimension in dimensions:
        both = pl.concat_list(pl.col(dimension), pl.lit(ALL))
        cells = cells.with_columns(both.alias(dimension)).explode(dimension)
    return cells
