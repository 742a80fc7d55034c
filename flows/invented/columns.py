"""Columns of invented rows, from numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from flows.invented.draws import Flags, Ints


def ids_of(letter: str, numbers: Ints, digits: int) -> pl.Series:
    """Ids of a letter and the number, filled up with zeros."""
    return letter + pl.Series(numbers).cast(pl.String).str.zfill(digits)


def dates_of(days: Ints, is_known: Flags | None = None) -> pl.Series:
    """Days from 1970-01-01 as dates; null where not known."""
    dates = pl.Series(days.astype(np.int32)).cast(pl.Date)
    return dates if is_known is None else only_where(dates, is_known)


def only_where(values: pl.Series, is_known: Flags) -> pl.Series:
    """The values where known, else null."""
    return values.set(pl.Series(~is_known), None)


def pick(words: Sequence[str], places: Ints) -> pl.Series:
    """The word at each place."""
    return pl.Series(words, dtype=pl.String).gather(places)
