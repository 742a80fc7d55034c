"""Portfolio at risk and buckets: what is outstanding and how much of it is late.

Loans in the book count (`slices.in_book`). Nothing crosses currencies.
"""

from __future__ import annotations

import polars as pl

from transforms.aggregates.slices import CELL, SLICES, in_book, of_accounts
from transforms.five_tier import NON_PERFORMING
from transforms.tables import ALL

_PAR_DAYS = {"par1": 0, "par30": 30, "par60": 60, "par90": 90}


def portfolio(loan_status: pl.LazyFrame, account_status: pl.LazyFrame) -> pl.LazyFrame:
    """One row per currency, lender, product and region, and for ALL of each; rates are null without principal.

    Args:
        loan_status: status.loan_status.
        account_status: status.account_status.
    """
    principal = pl.col("outstanding_principal_cents")
    cell = list(CELL)
    slices = of_accounts(account_status)
    loans = (
        in_book(loan_status)
        .drop("currency", "lender_id", "product_code")
        .join(slices, on=["source", "account_id"])
        .group_by(cell)
        .agg(
            loan_count=pl.len().cast(pl.Int64),
            account_count=pl.struct("source", "account_id").n_unique().cast(pl.Int64),
            outstanding_principal_cents=principal.sum(),
            past_due_cents=pl.col("past_due_cents").sum(),
            **{name: principal.filter(pl.col("dpd") > days).sum() for name, days in _PAR_DAYS.items()},
            npl=principal.filter(pl.col("five_tier") >= NON_PERFORMING).sum(),
        )
    )
    flagged = account_status.select("source", "account_id", "is_in_credit", "is_over_limit")
    flags = (
        slices.join(flagged, on=["source", "account_id"])
        .group_by(cell)
        .agg(
            in_credit_count=pl.col("is_in_credit").sum().cast(pl.Int64),
            over_limit_count=pl.col("is_over_limit").sum().cast(pl.Int64),
        )
    )
    sums = [name for name in (*loans.collect_schema(), *flags.collect_schema()) if name not in cell]
    parts = (*_PAR_DAYS, "npl")
    rates = {f"{name}_rate": pl.col(name) / pl.col("outstanding_principal_cents") for name in parts}
    return (
        _with_all(flags.join(loans, on=cell, how="left").with_columns(pl.col(sums).fill_null(0)), SLICES)
        .group_by(cell)
        .agg(pl.col(sums).sum())
        .with_columns(
            pl.when(pl.col("outstanding_principal_cents") > 0).then(rate).alias(name) for name, rate in rates.items()
        )
        .drop(parts)
        .sort(cell)
    )


def buckets(loan_status: pl.LazyFrame) -> pl.LazyFrame:
    """One row per currency, product (and ALL) and bucket that has loans."""
    cell = ["currency", "product_code", "bucket"]
    sums = ("loan_count", "outstanding_principal_cents", "past_due_cents")
    return (
        _with_all(
            in_book(loan_status)
            .group_by(cell)
            .agg(
                loan_count=pl.len().cast(pl.Int64),
                outstanding_principal_cents=pl.col("outstanding_principal_cents").sum(),
                past_due_cents=pl.col("past_due_cents").sum(),
            ),
            ("product_code",),
        )
        .group_by(cell)
        .agg(pl.col(sums).sum())
        .sort(cell)
    )


def _with_all(cells: pl.LazyFrame, dimensions: tuple[str, ...]) -> pl.LazyFrame:
    """Each cell once as itself and once as ALL of each dimension."""
    for dimension in dimensions:
        both = pl.concat_list(pl.col(dimension), pl.lit(ALL))
        cells = cells.with_columns(both.alias(dimension)).explode(dimension)
    return cells
