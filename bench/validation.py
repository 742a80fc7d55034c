"""Great Expectations alone: the stock expectation of every row rule that has one, each on the raw column in DuckDB.

What a naive night would do; it counts the bad rows and names none of them, and has no quarantine.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb

from expectations.checks import Check, Suite
from expectations.engine import run_suites
from expectations.feeds import RULES
from transforms.feeds import CREDIT_FEEDS, FEEDS
from transforms.fields import Kind

_CASTS = {Kind.DATE: "DATE", Kind.INTEGER: "INTEGER", Kind.FLAG: "BOOLEAN"}


def suites(connection: duckdb.DuckDBPyConnection, landing: Path) -> list[Suite]:
    """One suite per feed that is there, over a view of its file with typed columns beside the text."""
    found = []
    for feed in CREDIT_FEEDS:
        paths = sorted(landing.glob(f"{feed}_*.csv"))
        if not paths:
            continue
        rows = f"read_csv('{paths[0]}', all_varchar = true, header = true)"
        delivered = {row[0] for row in connection.execute(f"DESCRIBE FROM {rows}").fetchall()}
        columns = [column for column in FEEDS[feed].columns if column.name in delivered]
        typed = [_typed(column.name, column.inside, column.kind) for column in columns]
        connection.execute(f"CREATE TABLE raw_{feed} AS SELECT {', '.join(typed)} FROM {rows}")
        known = {column.name for column in columns} | {column.inside for column in columns}
        checks = [
            Check(expectation=rule.stock[0], why=f"{rule.name}: {rule.why}", kwargs=rule.stock[1])
            for rule in RULES[feed]
            if rule.stock is not None and _asks_of(rule.stock[1]) <= known
        ]
        found.append(Suite(feed, feed, f"raw_{feed}", checks))
    return found


def _typed(name: str, inside: str, kind: Kind) -> str:
    if kind is Kind.AMOUNT:
        return f"{name}, CAST(CAST({name} AS DECIMAL(18,2)) * 100 AS BIGINT) AS {inside}" if name != inside else name
    return f"CAST({name} AS {_CASTS[kind]}) AS {name}" if kind in _CASTS else name


def _asks_of(kwargs: dict[str, object]) -> set[str]:
    return {str(value) for name, value in kwargs.items() if name.startswith("column")}


def main() -> None:
    """`python -m bench.validation LANDING`: seconds of loading and of the checkpoint, as JSON."""
    with duckdb.connect() as connection:
        clock = time.perf_counter()
        told = suites(connection, Path(sys.argv[1]))
        loaded = time.perf_counter()
        results = run_suites(connection, told, run_name="stock", docs=None)
        done = time.perf_counter()
    print(json.dumps({"checks": len(results), "load": loaded - clock, "checkpoint": done - loaded}))


if __name__ == "__main__":
    main()
