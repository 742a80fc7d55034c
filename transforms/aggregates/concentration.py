"""Concentration: how outstanding principal is spread over persons, lenders, products and regions."""

from __future__ import annotations

import polars as pl

from transforms.aggregates.slices import CELL, SLICES, in_book
from transforms.tables import ALL

TOP = 10
_PRINCIPAL = "outstanding_principal_cents"


def owed_by_person(loans: pl.LazyFrame, customers: pl.LazyFrame) -> pl.LazyFrame:
    """One row per CELL and person: outstanding principal of loans in the book.

    Args:
        loans: `slices.started`.
        customers: core.customers; tells which customers are one person.
    """
    persons = customers.select("source", "customer_id", "person_id")
    own = pl.concat_str("source", "customer_id", separator="\x1f")
    return (
        in_book(loans)
        .filter(pl.col(_PRINCIPAL) > 0)
        .join(persons, on=["source", "customer_id"], how="left")
        .group_by(*CELL, customer=pl.coalesce(pl.lit("\x1e") + pl.col("person_id"), own))
        .agg(pl.col(_PRINCIPAL).sum())
    )


def concentration(owed: pl.LazyFrame) -> pl.LazyFrame:
    """One row per slice and dimension: risk.concentration but for as_of and policy_version.

    Args:
        owed: `owed_by_person`.
    """
    persons_in = [_spread(_only(owed, kept), "customer", "customer") for kept in (None, *SLICES)]
    others = [
        _spread(_only(owed.with_columns(entity=name), None), "entity", name.rpartition("_")[0]) for name in SLICES
    ]
    return pl.concat([*persons_in, *others])


def _only(owed: pl.LazyFrame, kept: str | None) -> pl.LazyFrame:
    return owed.with_columns(pl.lit(ALL).alias(name) for name in SLICES if name != kept)


def _spread(owed: pl.LazyFrame, entity: str, dimension: str) -> pl.LazyFrame:
    """Shares of the entities in each slice."""
    total = pl.col(_PRINCIPAL).sum()
    exact = pl.col(_PRINCIPAL).cast(pl.Int128)  # squares of cents are beyond 64 bits, and floats add up by chance
    return (
        owed.group_by(*CELL, entity)
        .agg(pl.col(_PRINCIPAL).sum())
        .group_by(CELL)
        .agg(
            dimension=pl.lit(dimension),
            entity_count=pl.len().cast(pl.Int64),
            hhi_rate=(exact * exact).sum().cast(pl.Float64) / total.cast(pl.Float64) ** 2,
            top10_rate=pl.col(_PRINCIPAL).top_k(TOP).sum() / total,
            largest_rate=pl.col(_PRINCIPAL).max() / total,
            total=total,
        )
        .rename({"total": _PRINCIPAL})
    )
