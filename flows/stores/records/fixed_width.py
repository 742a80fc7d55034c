"""Fields at fixed places."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from flows.stores.records.rows import decoded, empty_is_null, is_text
from transforms.mapping import Position
from transforms.refusals import Refusal


@dataclass(frozen=True, slots=True)
class FixedWidth:
    """Fields at fixed places, counted in characters."""

    columns: tuple[str, ...]
    positions: tuple[Position, ...]

    def take(self, block: bytes, first: int, *, is_last: bool) -> tuple[pl.DataFrame, bytes]:  # noqa: ARG002
        """A line is too short when it ends before its last column begins: space at its end may have been cut off."""
        texts = [decoded(line) if is_text(line) else None for line in block.split(b"\n")[:-1]]
        text = pl.col("text")
        is_short = text.str.len_chars() < max(position.start for position in self.positions)
        damage = (
            pl.when(text.is_null())
            .then(pl.lit(Refusal.BAD_ENCODING.value))
            .when(is_short)
            .then(pl.lit(Refusal.TOO_FEW_FIELDS.value))
        )
        cells = [
            pl.when(~is_short).then(text.str.slice(position.start - 1, position.length)).alias(name)
            for name, position in zip(self.columns, self.positions, strict=True)
        ]
        rows = (
            pl.DataFrame({"text": texts}, schema={"text": pl.String()})
            .with_row_index("line_number", offset=first)
            .with_columns(text.str.strip_suffix("\r"))
            .filter(text.is_null() | (text != ""))
            .select(
                pl.col("line_number").cast(pl.Int64),
                pl.lit(1, pl.Int32).alias("line_span"),
                damage.alias("damage"),
                *cells,
            )
        )
        return rows.with_columns(empty_is_null(self.columns)), b""
