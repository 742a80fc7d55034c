"""Slices: by lender, by product, by region, one at a time, and ALL; sums fan out over cells, never over loans."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from transforms.charge_offs import is_charged_off
from transforms.tables import ALL

SLICES = ("lender_id", "product_code", "region_code")
CELL = ("currency", *SLICES)
UNKNOWN = "unknown"
"""Region of accounts whose feed names none."""
LOAN = ("source", "loan_id")


def of_accounts(accounts: pl.LazyFrame) -> pl.LazyFrame:
    """One row per account: source, account_id, currency and its slices."""
    return accounts.select(
        "source", "account_id", "currency", "lender_id", "product_code", pl.col("region_code").fill_null(UNKNOWN)
    )


def sliced(rows: pl.LazyFrame, accounts: pl.LazyFrame) -> pl.LazyFrame:
    """The rows (of loans) with the currency and slices of their account."""
    return rows.drop(*CELL, strict=False).join(of_accounts(accounts), on=["source", "account_id"])


def in_book(loan_status: pl.LazyFrame) -> pl.LazyFrame:
    """Loans in the book: not charged off, with something remaining or an unsettled item."""
    return loan_status.filter(~is_charged_off() & ((pl.col("remaining_cents") != 0) | ~pl.col("is_settled")))


def one_at_a_time(cells: pl.LazyFrame, by: Iterable[str], sums: Iterable[str]) -> pl.LazyFrame:
    """The sums of the cells per slice: one dimension kept and the others ALL, and all of them ALL.

    Args:
        cells: one row per CELL and `by`.
        by: further columns of the grain.
        sums: columns that add up.
    """
    key = [*CELL, *by]
    added = list(sums)
    parts = []
    for kept in (None, *SLICES):
        blanked = cells.with_columns(pl.lit(ALL).alias(name) for name in SLICES if name != kept)
        parts.append(blanked.group_by(key).agg(pl.col(added).sum()))
    return pl.concat(parts, how="diagonal").select(*key, *added)


def rate(part: str, whole: str) -> pl.Expr:
    """Part / whole; null where the whole is 0."""
    return pl.when(pl.col(whole) != 0).then(pl.col(part) / pl.col(whole))
