"""What a file is known as once it is looked at, and once it is taken apart."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


class Unreadable(ValueError):
    """A file that cannot be read as its format; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Regular:
    """A plain UTF-8 file in which each line is a record with all its fields: polars may read it as it is."""

    line_count: int
    """Records without the header."""
    has_quotes: bool
    blank_lines: tuple[int, ...]
    """Line numbers of empty lines, which are no records."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What one pass over the bytes tells."""

    sha256: str
    """Of the bytes as delivered."""
    size: int
    regular: Regular | None = None
    """None: only reading tells how many records there are."""

    @property
    def line_count(self) -> int | None:
        """Records without the header, as far as known."""
        return self.regular.line_count if self.regular else None


@dataclass(frozen=True, slots=True)
class Records:
    """A delivered file, taken apart.

    `rows` has one row per record: line_number (Int64; physical line on which the record begins, the header is line 1;
    for Parquet the row, from 1), line_span (Int32; physical lines), damage (null, or one of RECORD_REFUSALS), and one
    String column per delivered column: the cell as delivered, null where it is empty or the record damaged.
    """

    columns: tuple[str, ...]
    header: str | None
    line_count: int
    rows: pl.LazyFrame
