"""Plain DuckDB SQL: the feeds read where they lie, the tables landed in a DuckDB file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from bench.peers.portable_sql import AMOUNTS, DATES, FEEDS, RESULTS, statements

_TYPES = {
    **dict.fromkeys(DATES, "DATE"),
    **dict.fromkeys(AMOUNTS, "DECIMAL(18,2)"),
    "installment_no": "INTEGER",
}
FILE = "peer.duckdb"


def connect(target: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """A connection that knows the two functions which the engines call by different names."""
    connection = duckdb.connect(target)
    connection.execute("CREATE TEMP MACRO date_add(day, days) AS CAST(day + to_days(CAST(days AS INTEGER)) AS DATE)")
    connection.execute("CREATE TEMP MACRO days_between(first, last) AS last - first")
    return connection


def view(connection: duckdb.DuckDBPyConnection, feed: str, folder: Path) -> None:
    """The delivered file of a feed, typed, as a view of its name."""
    path = next(folder.rglob(f"{feed}_*.*"))
    if path.suffix == ".parquet":
        read = f"read_parquet('{path}')"
    else:
        with path.open(encoding="utf-8") as lines:
            names = lines.readline().strip().split(",")
        kinds = {name: _TYPES.get(name, "VARCHAR") for name in names}
        read = f"read_csv('{path}', columns = {kinds!r}, header = true)"
    connection.execute(f"CREATE TEMP VIEW {feed} AS SELECT * FROM {read}")


def run(landing: Path, out: Path, as_of: date, first_start: date) -> None:
    """Writes the tables into a new DuckDB file.

    Args:
        landing: the landing folder, one file per feed.
        out: the folder of the file.
        as_of: the day to tell of.
        first_start: a day not after the start of any loan.
    """
    with connect(str(out / FILE)) as connection:
        for feed in FEEDS:
            view(connection, feed, landing)
        for name, query in statements(first_start, as_of, is_wide=True):
            kept = "TABLE" if name in RESULTS else "TEMP TABLE"
            connection.execute(f"CREATE {kept} {name} AS {query}")
