"""Text rows: how records look, whatever they were read from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from flows.stores.records import limits
from flows.stores.records.model import Unreadable
from transforms.conform import RECORD_COLUMNS
from transforms.refusals import Refusal

_ONE = pl.lit(1)
FRAME = {"line_number": pl.Int64(), "line_span": pl.Int32(), "damage": pl.String()}


def checked_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names without surrounding space.

    Raises:
        Unreadable: a name is empty, twice there, or taken; or there are too many.
    """
    columns = tuple(name.strip() for name in names)
    if len(columns) > limits.MAX_COLUMNS:
        raise Unreadable(f"The file has {len(columns)} columns; at most {limits.MAX_COLUMNS} can be read.")
    seen: dict[str, int] = {}
    for place, name in enumerate(columns, 1):
        if not name:
            raise Unreadable(f"Column {place} has no name.")
        if name in seen:
            # by place and not by name: without a header, what stands there may be a person's
            raise Unreadable(f"Columns {seen[name]} and {place} have the same name.")
        seen[name] = place
        if name in RECORD_COLUMNS:
            raise Unreadable(f"A column has the name {name!r}, which is kept for the records themselves.")
    return columns


class Layout(Protocol):
    """How whole lines become records."""

    def take(self, block: bytes, first: int, *, is_last: bool) -> tuple[pl.DataFrame, bytes]:
        """Text rows of the block whose first line has that number, and the lines of a record that is still open."""


@dataclass(slots=True)
class Rows:
    """Records gathered one by one."""

    numbers: list[int] = field(default_factory=list)
    spans: list[int] = field(default_factory=list)
    damages: list[str | None] = field(default_factory=list)
    cells: list[Any] = field(default_factory=list)

    def add(self, number: int, span: int, damage: Refusal | None, cells: object) -> None:
        """Adds one record."""
        self.numbers.append(number)
        self.spans.append(span)
        self.damages.append(damage)
        self.cells.append(cells)

    def frame(self, columns: dict[str, Sequence[str | None]]) -> pl.DataFrame:
        """Text rows of the records, given their cells by column."""
        rows = {"line_number": self.numbers, "line_span": self.spans, "damage": self.damages, **columns}
        return pl.DataFrame(rows, schema=schema_of(columns)).with_columns(empty_is_null(columns))


def schema_of(columns: Iterable[str]) -> dict[str, pl.DataType]:
    """Types of text rows."""
    return {**FRAME, **dict.fromkeys(columns, pl.String())}


def good_cells(columns: Sequence[str], span: pl.Expr = _ONE) -> list[pl.Expr]:
    """Text rows of undamaged records, out of line_number and the cells."""
    return [
        pl.col("line_number").cast(pl.Int64),
        span.cast(pl.Int32).alias("line_span"),
        pl.lit(None, pl.String).alias("damage"),
        *(pl.col(name) for name in columns),
    ]


def damaged_rows(numbers: npt.NDArray[np.int64], damage: Refusal) -> pl.DataFrame:
    """Text rows, without cells, of records of one line with the same damage."""
    spans = np.ones(len(numbers), np.int32)
    return pl.DataFrame(
        {"line_number": numbers, "line_span": spans, "damage": [damage.value] * len(numbers)}, schema=FRAME
    )


def empty_is_null(columns: Iterable[str]) -> list[pl.Expr]:
    """The cells, those without text as null."""
    return [pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in columns]


def is_text(block: bytes) -> bool:
    """Whether the bytes are UTF-8."""
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def decoded(line: bytes) -> str:
    """The line as text; a lone surrogate stands for each byte that is none."""
    return line.decode("utf-8", "surrogateescape")
