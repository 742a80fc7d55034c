"""How fields are declared: what they hold, inside and outside, and what they mean in two languages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import polars as pl

UTC_MICROSECONDS = pl.Datetime("us", "UTC")


class Kind(StrEnum):
    """What a field holds; decides its type inside (polars) and outside (DuckDB)."""

    ID = "id"
    CODE = "code"
    TEXT = "text"
    DATE = "date"
    AMOUNT = "amount"
    DAYS = "days"
    INTEGER = "integer"
    COUNT = "count"
    RATE = "rate"
    FLAG = "flag"
    MOMENT = "moment"
    TEXTS = "texts"


_POLARS: dict[Kind, pl.DataType] = {
    Kind.ID: pl.String(),
    Kind.CODE: pl.String(),
    Kind.TEXT: pl.String(),
    Kind.DATE: pl.Date(),
    Kind.AMOUNT: pl.Int64(),
    Kind.DAYS: pl.Int32(),
    Kind.INTEGER: pl.Int32(),
    Kind.COUNT: pl.Int64(),
    Kind.RATE: pl.Float64(),
    Kind.FLAG: pl.Boolean(),
    Kind.MOMENT: UTC_MICROSECONDS,
    Kind.TEXTS: pl.List(pl.String()),
}
_DUCKDB: dict[Kind, str] = {
    Kind.ID: "VARCHAR",
    Kind.CODE: "VARCHAR",
    Kind.TEXT: "VARCHAR",
    Kind.DATE: "DATE",
    Kind.AMOUNT: "DECIMAL(18,2)",
    Kind.DAYS: "INTEGER",
    Kind.INTEGER: "INTEGER",
    Kind.COUNT: "BIGINT",
    Kind.RATE: "DOUBLE",
    Kind.FLAG: "BOOLEAN",
    Kind.MOMENT: "TIMESTAMPTZ",
    Kind.TEXTS: "VARCHAR[]",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One quantity with one name everywhere; amounts are `*_amount` outside and int64 `*_cents` inside."""

    name: str
    kind: Kind
    en: str
    zh: str

    @property
    def inside(self) -> str:
        """Name of the column in polars frames and lake files."""
        return cents(self.name) if self.kind is Kind.AMOUNT else self.name

    @property
    def polars_type(self) -> pl.DataType:
        """Type of the column in polars frames and lake files."""
        return _POLARS[self.kind]

    @property
    def duckdb_type(self) -> str:
        """Type of the column in the warehouse."""
        return _DUCKDB[self.kind]


def cents(name: str) -> str:
    """Name inside of an amount: `due_amount` -> `due_cents`, `amount` -> `amount_cents`."""
    return name.removesuffix("_amount") + "_cents"


def fields_of(kind: Kind, *rows: tuple[str, str, str]) -> list[Field]:
    """Fields of one kind: name, meaning in English, meaning in Chinese."""
    return [Field(name, kind, en, zh) for name, en, zh in rows]
