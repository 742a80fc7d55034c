"""Records in the second-generation style as flat rows, for CSV and Parquet."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
from jsonschema import Draft202012Validator

from transforms.bureau.pboc_fields import COLUMNS, SPECIAL
from transforms.bureau.pboc_schema import PbocError, json_schema
from transforms.declare import Kind
from transforms.units import units


def flat(records: pl.DataFrame) -> pl.DataFrame:
    """One row per record with outside names: amounts as decimals, special transactions as one text.

    A transaction is `type:day:amount:months`, empty where nothing is told; several are parted by semicolons.

    Raises:
        PbocError: a row is not valid by the published JSON Schema.
    """
    rows = records.select(
        *(
            units(pl.col(column.field.inside)).alias(column.name)
            if column.field.kind is Kind.AMOUNT
            else pl.col(column.field.inside)
            for column in COLUMNS
        ),
        _transactions(),
    )
    _judge(rows)
    return rows


def _transactions() -> pl.Expr:
    field = pl.element().struct.field
    one = pl.concat_str(
        field("transaction_type"),
        field("transaction_date").cast(pl.String),
        units(field("transaction_cents")).cast(pl.String).fill_null(""),
        field("term_change_months").cast(pl.String).fill_null(""),
        separator=":",
    )
    return pl.when(pl.col(SPECIAL).list.len() > 0).then(pl.col(SPECIAL).list.eval(one).list.join(";")).alias(SPECIAL)


def _judge(rows: pl.DataFrame) -> None:
    validator = Draft202012Validator(json.loads(json_schema()))
    for number, row in enumerate(rows.iter_rows(named=True), 1):
        # the message of a mistake repeats what stood there: only its place is told
        for mistake in validator.iter_errors(_plain(row)):
            place = ".".join(str(part) for part in mistake.absolute_path) or "row"
            raise PbocError(
                f"Row {number} does not fit the published JSON Schema: {place} breaks `{mistake.validator}`."
            )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """The row as JSON has it: numbers of days and classes stay, all else is text; what is empty is left out."""
    return {name: value if isinstance(value, int) else str(value) for name, value in row.items() if value is not None}
