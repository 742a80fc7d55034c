"""Rows renewed where they lie: the table is what deleting and inserting would make of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from flows.stores.tables import Writer, create, read
from transforms.tables import TABLES

TABLE = "status.customer_status"
PERSON, CUSTOMER = ("ALL", "p1", None), ("north", None, "c1")
"""Two keys of it, each with a part that is null."""


def row(key: tuple[str, str | None, str | None], currency: str, dpd: int) -> dict[str, object]:
    return {"source": key[0], "person_id": key[1], "customer_id": key[2], "currency": currency, "dpd": dpd}


@pytest.fixture
def writer() -> Iterator[Writer]:
    """A table with two rows of the person, one of the customer and one of somebody else."""
    with duckdb.connect() as connection:
        create(connection)
        made = Writer(connection)
        said = [
            row(PERSON, "CNY", 1),
            row(PERSON, "USD", 2),
            row(CUSTOMER, "CNY", 3),
            row(("ALL", "p2", None), "CNY", 4),
        ]
        made.append_frame(TABLE, pl.DataFrame(said, schema=TABLES[TABLE].schema))
        yield made


def renewed(writer: Writer, folder: Path, rows: list[dict[str, object]]) -> list[tuple[object, ...]]:
    """What the table holds once the rows of person and customer have given way to these."""
    path = folder / "rows.parquet"
    pl.DataFrame(rows, schema=TABLES[TABLE].schema).write_parquet(path)
    key = ["source", "person_id", "customer_id"]
    worked = pl.DataFrame([PERSON, CUSTOMER], schema=dict.fromkeys(key, pl.String), orient="row")
    writer.connection.register("worked", worked.to_arrow())
    writer.renew(TABLE, "worked", key, [path])
    found = read(writer.connection, TABLE).select(*key, "currency", "dpd").sort(pl.all(), nulls_last=True)
    return found.rows()


def test_rows_are_updated_deleted_and_inserted(writer: Writer, tmp_path: Path) -> None:
    new = [row(PERSON, "CNY", 31), row(CUSTOMER, "CNY", 3), row(CUSTOMER, "EUR", 5)]
    assert renewed(writer, tmp_path, new) == [
        ("ALL", "p1", None, "CNY", 31),
        ("ALL", "p2", None, "CNY", 4),
        ("north", None, "c1", "CNY", 3),
        ("north", None, "c1", "EUR", 5),
    ]


def test_rows_that_share_a_key_all_come_in(writer: Writer, tmp_path: Path) -> None:
    new = [row(PERSON, "CNY", 31), row(PERSON, "CNY", 32)]
    assert renewed(writer, tmp_path, new) == [
        ("ALL", "p1", None, "CNY", 31),
        ("ALL", "p1", None, "CNY", 32),
        ("ALL", "p2", None, "CNY", 4),
    ]
