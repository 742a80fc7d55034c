"""Cents, which are whole numbers inside, as the units that stand outside."""

from __future__ import annotations

import polars as pl

UNITS = pl.Decimal(18, 2)


def units(cents: pl.Expr) -> pl.Expr:
    """The amounts as decimals with two places, exactly: whole cents times one hundredth."""
    return (cents.cast(pl.Decimal(20, 0)) * pl.lit("0.01").cast(pl.Decimal(3, 2))).cast(UNITS)
