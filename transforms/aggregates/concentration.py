"""Concentration: how outstanding principal is spread over persons, lenders, products and regions."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from transforms.aggregates.slices import CELL, SLICES, in_book
from transforms.tables import ALL

TOP = 10
_PRINCIPAL = "outstanding_principal_cents"


def spread_over_persons(loans: pl.LazyFrame, customers: pl.LazyFrame) -> pl.LazyFrame:
    """One row per slice: how the outstanding principal of loans in the book is spread over the persons that owe it.

    Columns: CELL, entity_count, outstanding_principal_cents, squares (of cents, summed) and largest (a list of the TOP
    amounts). Those of different persons can be put together (`spread_together`); all loans of a person must be here.

    Args:
        loans: `slices.started`.
        customers: core.customers; tells which customers are one person.
    """
    persons = customers.select("source", "customer_id", "person_id")
    own = pl.concat_str("source", "customer_id", separator="\x1f")
    owed = (
        in_book(loans)
        .filter(pl.col(_PRINCIPAL) > 0)
        .join(persons, on=["source", "customer_id"], how="left")
        .group_by(*CELL, entity=pl.coalesce(pl.lit("\x1e") + pl.col("person_id"), own))
        .agg(pl.col(_PRINCIPAL).sum())
    )
    return pl.concat(_spread(_only(owed, kept)) for kept in (None, *SLICES))


def spread_together(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The spreads over the persons of all parts as one; no person stands in two of them."""
    return (
        pl.concat(parts)
        .group_by(CELL)
        .agg(
            pl.col("entity_count", _PRINCIPAL, "squares").sum(),
            pl.col("largest").explode(keep_nulls=False, empty_as_null=False).top_k(TOP),
        )
    )


def concentration(persons: pl.LazyFrame, portfolio: pl.LazyFrame) -> pl.LazyFrame:
    """One row per slice and dimension: risk.concentration but for as_of and policy_version.

    Args:
        persons: `spread_over_persons`, of all.
        portfolio: `portfolio.portfolio_cells`.
    """
    cells = portfolio.select(*CELL, _PRINCIPAL).filter(pl.col(_PRINCIPAL) > 0)
    others = [_told(_spread(_only(cells.with_columns(entity=name), None)), name.rpartition("_")[0]) for name in SLICES]
    return pl.concat([_told(persons, "customer"), *others])


def _only(owed: pl.LazyFrame, kept: str | None) -> pl.LazyFrame:
    return owed.with_columns(pl.lit(ALL).alias(name) for name in SLICES if name != kept)


def _spread(owed: pl.LazyFrame) -> pl.LazyFrame:
    """How the sums of entities are spread in each slice."""
    exact = pl.col(_PRINCIPAL).cast(pl.Int128)  # squares of cents are beyond 64 bits, and floats add up by chance
    return (
        owed.group_by(*CELL, "entity")
        .agg(pl.col(_PRINCIPAL).sum())
        .group_by(CELL)
        .agg(
            pl.col(_PRINCIPAL).sum(),
            entity_count=pl.len().cast(pl.Int64),
            squares=(exact * exact).sum(),
            largest=pl.col(_PRINCIPAL).top_k(TOP),
        )
        .cast(dict.fromkeys(CELL, pl.String()))
    )


def _told(spread: pl.LazyFrame, dimension: str) -> pl.LazyFrame:
    """Shares of the entities in each slice."""
    total = pl.col(_PRINCIPAL)
    return spread.select(
        *CELL,
        _PRINCIPAL,
        "entity_count",
        dimension=pl.lit(dimension),
        hhi_rate=pl.col("squares").cast(pl.Float64) / total.cast(pl.Float64) ** 2,
        top10_rate=pl.col("largest").list.sum() / total,
        largest_rate=pl.col("largest").list.max() / total,
    )
