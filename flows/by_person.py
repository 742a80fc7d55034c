"""Rows of the next warehouse in parts, all accounts of a person in one: for what is told of persons, part by part."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import polars as pl

from flows.stores.tables import Spread, count

_PART = "hash(coalesce({customer}.person_id, {whose}.source || chr(10) || {whose}.customer_id)) % {parts}"
_ACCOUNTS = """
CREATE OR REPLACE TEMP TABLE accounts_by_person AS
SELECT a.source, a.account_id, {part} AS part
FROM status.account_status a LEFT JOIN core.customers c USING (source, customer_id)
"""
_SAME_ACCOUNT = "JOIN accounts_by_person p ON t.source = p.source AND t.account_id = p.account_id"


def by_person(
    connection: duckdb.DuckDBPyConnection, asked: Mapping[str, Sequence[str]], size: int, folder: Path
) -> Iterator[dict[str, pl.DataFrame]]:
    """Rows by table with inside names, of about so many accounts at a time; one part at least, which may be empty.

    Accounts of customers with the same person_id, or of the same customer where it is not known, stand in one part.
    Every table is read once: its rows go through Parquet files.

    Args:
        connection: to the warehouse.
        asked: the columns wanted by table, by their names outside: tables with an account, and core.customers.
        size: accounts of a part.
        folder: for the files; whatever lies there is deleted, at the beginning and in the end.
    """
    shutil.rmtree(folder, ignore_errors=True)  # a step that failed is tried again
    parts = -(-count(connection, "status.account_status") // size) or 1
    connection.execute(_ACCOUNTS.format(part=_PART.format(customer="c", whose="a", parts=parts)))
    spreads = {table: Spread(table, tuple(columns), folder / table) for table, columns in asked.items()}
    for table, spread in spreads.items():
        if table == "core.customers":
            spread.write(connection, _PART.format(customer="t", whose="t", parts=parts))
        else:
            spread.write(connection, "p.part", _SAME_ACCOUNT)
    connection.execute("DROP TABLE accounts_by_person")
    for part in range(parts):
        yield {table: spread.read(part) for table, spread in spreads.items()}
    shutil.rmtree(folder)
