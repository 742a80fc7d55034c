"""Records of fixed positions, packed and taken apart as their fields are declared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import polars as pl


class Type(StrEnum):
    """What a field holds, and how it is filled up to its length."""

    TEXT = "text"
    """Left, blanks behind; null is blank."""
    DIGITS = "digits"
    """An identifier of digits, zeros before; null is all zeros, the empty text all blanks."""
    NUMBER = "number"
    """Whole units, zeros before, a minus sign first; null is all blanks."""
    DATE = "date"
    """MMDDYYYY; null is all zeros."""


_POLARS: dict[Type, pl.DataType] = {
    Type.TEXT: pl.String(),
    Type.DIGITS: pl.String(),
    Type.NUMBER: pl.Int64(),
    Type.DATE: pl.Date(),
}


class TooLong(ValueError):
    """A value that does not fit its field; names the field, never the value."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: first position from 1, length, name, what it holds, whence we take it, and by which rule."""

    start: int
    length: int
    name: str
    type: Type
    source: str = ""
    """Column or setting that the field is made of; empty: it is left blank in what we write."""
    rule: str = ""

    @property
    def end(self) -> int:
        """Last position."""
        return self.start + self.length - 1

    @property
    def polars_type(self) -> pl.DataType:
        """Type of the column."""
        return _POLARS[self.type]

    @property
    def raw(self) -> pl.Expr:
        """The field's characters in the column `text`."""
        return pl.col("text").str.slice(self.start - 1, self.length)

    @property
    def value(self) -> pl.Expr:
        """What the characters in the column `text` say; null also where they can't be read."""
        text = self.raw.str.strip_chars_end(" ")
        said: pl.Expr
        match self.type:
            case Type.TEXT:
                said = pl.when(text != "").then(text)
            case Type.DIGITS:
                said = pl.when(self.raw.str.contains("[^0]")).then(text)
            case Type.NUMBER:
                said = text.cast(pl.Int64, strict=False)
            case Type.DATE:
                said = text.str.to_date("%m%d%Y", strict=False)
        return said.alias(self.name)

    @property
    def is_unreadable(self) -> pl.Expr:
        """Whether the characters in the column `text` are neither a value nor blank."""
        if self.type in (Type.TEXT, Type.DIGITS):
            return pl.lit(value=False)
        says_something = self.raw.str.contains("[^ ]" if self.type is Type.NUMBER else "[^0 ]")
        return says_something & self.value.is_null()

    @property
    def packed(self) -> pl.Expr:
        """The characters of the column of the field's name."""
        column = pl.col(self.name)
        blank, zero = " " * self.length, "0" * self.length
        match self.type:
            case Type.TEXT:
                return column.str.pad_end(self.length).fill_null(blank)
            case Type.DIGITS:
                return (
                    pl.when(column == "").then(pl.lit(blank)).otherwise(column.str.zfill(self.length).fill_null(zero))
                )
            case Type.NUMBER:
                return column.cast(pl.String).str.zfill(self.length).fill_null(blank)
            case Type.DATE:
                return column.dt.strftime("%m%d%Y").fill_null(zero)


@dataclass(frozen=True, slots=True)
class Segment:
    """One kind of record or part of a record: its fields from the first position to the last, without gaps."""

    name: str
    title: str
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        """Refuses a table with gaps, overlaps or a name twice."""
        following = 1
        for field in self.fields:
            if field.start != following:
                raise ValueError(f"{self.name}.{field.name} begins at {field.start}, not at {following}")
            following = field.end + 1
        if len(set(self.names)) != len(self.fields):
            raise ValueError(f"A field of {self.name} is declared twice")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fields, in order."""
        return tuple(field.name for field in self.fields)

    @property
    def length(self) -> int:
        """Positions."""
        return self.fields[-1].end

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Names and types of the columns."""
        return {field.name: field.polars_type for field in self.fields}

    def completed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with every field as a column of its type: what they do not have is null; other columns stay."""
        missing = [pl.lit(None, kind).alias(name) for name, kind in self.schema.items() if name not in rows.columns]
        return rows.with_columns(missing).cast(self.schema)  # type: ignore[arg-type]

    def pack(self, rows: pl.DataFrame) -> pl.Series:
        """One text per row, `length` characters each.

        Raises:
            TooLong: a value does not fit its field.
        """
        whole = self.completed(rows)
        packed = whole.select(field.packed.alias(field.name) for field in self.fields)
        widths = packed.select(pl.col(field.name).str.len_chars().max().fill_null(0) for field in self.fields)
        for field, width in zip(self.fields, widths.row(0) if rows.height else (), strict=False):
            if width > field.length:
                raise TooLong(f"{self.name}.{field.name} takes {field.length} characters; a value has {width}")
        return packed.select(text=pl.concat_str(pl.all())).to_series()

    def unpack(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with `text` taken apart: one column per field in its place."""
        return rows.with_columns(field.value for field in self.fields).drop("text")

    def complaint(self) -> pl.Expr:
        """The first field of the column `text` that can't be read, in a sentence; null when all can."""
        return pl.coalesce(
            pl.lit(None, pl.String),
            *(
                pl.when(field.is_unreadable).then(pl.lit(_unreadable(self, field)))
                for field in self.fields
                if field.type in (Type.NUMBER, Type.DATE)
            ),
        )


def _unreadable(segment: Segment, field: Field) -> str:
    what = "date (MMDDYYYY)" if field.type is Type.DATE else "whole number"
    return f"{segment.name}.{field.name} (positions {field.start}-{field.end}) is no {what}."


def fields(rows: Iterable[tuple[int, int, str, Type] | tuple[int, int, str, Type, str, str]]) -> tuple[Field, ...]:
    """Fields from rows: first position, length, name, type, and perhaps source and rule."""
    return tuple(Field(*row) for row in rows)
