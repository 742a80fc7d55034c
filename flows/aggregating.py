"""The risk tables of the night, told from the core and status tables of the next warehouse."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import polars as pl

from flows.run import Run
from flows.stores.tables import Writer, read
from transforms.aggregates.all_risk import COLUMNS, SERIES, SOURCES, Published, risk

PART_ACCOUNTS = 65_536
"""Accounts whose rows are held at once; bounds memory."""


def aggregate(run: Run) -> None:
    """Writes every risk table into the next warehouse; those that are series keep the rows of earlier nights."""
    with run.open_next() as connection:
        writer = Writer(connection)
        for table, rows in risk(_parts(connection), run.policy, run.as_of).items():
            if table in SERIES:
                connection.execute(f"DELETE FROM {table} WHERE as_of = ?", [run.as_of])
            else:
                writer.clear(table)
            writer.append_frame(table, rows)


def _parts(connection: duckdb.DuckDBPyConnection) -> Iterator[Published]:
    """What risk is told from, some accounts at a time."""
    customers = read(connection, SOURCES["customers"], columns=COLUMNS["customers"]).lazy()
    accounts = read(connection, SOURCES["account_status"], columns=("source", "account_id"))
    for first in range(0, max(accounts.height, 1), PART_ACCOUNTS):
        wanted = accounts.slice(first, PART_ACCOUNTS)
        rows: dict[str, pl.LazyFrame] = {
            part: read(connection, table, wanted, columns=COLUMNS[part]).lazy()
            for part, table in SOURCES.items()
            if part != "customers"
        }
        yield Published(**rows, customers=customers)
