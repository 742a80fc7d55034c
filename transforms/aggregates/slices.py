"""Slices: by lender, by product, by region, one at a time, and ALL; sums fan out over cells, never over loans."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import polars as pl

from transforms.charge_offs import is_charged_off
from transforms.tables import ALL

SLICES = ("lender_id", "product_code", "region_code")
CELL = ("currency", *SLICES)
UNKNOWN = "unknown"
"""Region of accounts whose feed names none."""
LOAN = ("source", "loan_id")


def started(loan_status: pl.LazyFrame, account_status: pl.LazyFrame, loans: pl.LazyFrame) -> pl.DataFrame:
    """One row per started loan: its status, its account's CELL and customer, its origination_date and principal.

    Collected join by join: polars is free to put joins of one plan in another order, and once it took accounts and
    loans together by their source alone.

    Args:
        loan_status: status.loan_status.
        account_status: status.account_status.
        loans: core.loans.
    """
    account = ["source", "account_id"]
    accounts = placed(account_status).select(*account, "customer_id", *CELL)
    promised = loans.select(*LOAN, "origination_date", "principal_cents").collect()
    return (
        loan_status.drop(*CELL, strict=False)
        .collect()
        .join(promised, on=LOAN, validate="1:1")
        .join(accounts.collect(), on=account, validate="m:1")
    )


def placed(account_status: pl.LazyFrame) -> pl.LazyFrame:
    """The accounts, each with a region."""
    cells = account_status.with_columns(pl.col("region_code").fill_null(UNKNOWN))
    return cells.cast(dict.fromkeys(CELL, pl.Categorical()))


def in_book(loans: pl.LazyFrame) -> pl.LazyFrame:
    """Loans in the book: not charged off, with something remaining or an unsettled item."""
    return loans.filter(~is_charged_off() & ((pl.col("remaining_cents") != 0) | ~pl.col("is_settled")))


def one_at_a_time(cells: pl.LazyFrame, by: Iterable[str]) -> pl.LazyFrame:
    """The sums of the cells per slice: one dimension kept and the others ALL, and all of them ALL.

    Args:
        cells: one row per CELL and `by`; every other column is a sum.
        by: further columns of the grain.
    """
    key = [*CELL, *by]
    parts = []
    for kept in (None, *SLICES):
        blanked = cells.with_columns(pl.lit(ALL).alias(name) for name in SLICES if name != kept)
        parts.append(blanked.group_by(key).agg(pl.exclude(key).sum()))
    return pl.concat(parts)


def added(parts: Iterable[pl.DataFrame], key: Collection[str]) -> pl.DataFrame:
    """The rows of all parts together, one per key; every other column is a sum."""
    rows = pl.concat(parts, how="diagonal")  # a plan may give the same columns in another order
    return rows.group_by(*key).agg(pl.exclude(*key).sum())


def rate(part: str, whole: str) -> pl.Expr:
    """Part / whole; null where the whole is 0."""
    return pl.when(pl.col(whole) != 0).then(pl.col(part) / pl.col(whole))
