"""Looking up: columns of another frame beside narrow rows, so that wide ones need not be joined."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

_FURTHEST = 8
"""Numbers are found by their place where they lie no further apart than so many times the rows: places cost memory."""


def looked_up(rows: pl.DataFrame, others: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
    """One row per row, in order: what the others, one per key at most, say beside the key; null where there is none."""
    if len(on) == 1 and others.height and others.schema[on[0]].is_integer():
        numbers = others[on[0]].cast(pl.Int64).to_numpy()
        least, most = int(numbers.min()), int(numbers.max())
        if most - least < _FURTHEST * (rows.height + others.height):
            return others.drop(on).select(pl.all().gather(_places(rows[on[0]], numbers, least, most)))
    return rows.select(on).join(others, on=on, how="left", nulls_equal=False, maintain_order="left").drop(on)


def _places(wanted: pl.Series, among: npt.NDArray[np.int64], least: int, most: int) -> pl.Series:
    """The place of each wanted number among distinct others from the least to the most; null where it is none."""
    nowhere = -1
    places = np.full(most - least + 2, nowhere, np.int32)
    places[among - least] = np.arange(len(among), dtype=np.int32)
    # what is null or lies outside finds the place behind the last, where nothing stands
    asked = wanted.cast(pl.Int64).fill_null(most + 1).clip(least - 1, most + 1).to_numpy() - least
    found = pl.Series(places[asked])
    return found.set(found == nowhere, None) if (found < 0).any() else found
