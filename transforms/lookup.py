"""Looking up: columns of another frame beside narrow rows, so that wide ones need not be joined."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def looked_up(rows: pl.DataFrame, others: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
    """One row per row, in order: what the others, one per key at most, say beside the key; null where there is none."""
    return rows.select(on).join(others, on=on, how="left", nulls_equal=False, maintain_order="left").drop(on)
