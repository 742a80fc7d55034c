"""Checks counted by plain SQL, without Great Expectations, whose cost is nearly the same for the smallest of books.

For nights that are about something else; `tests/flows/test_counting.py` holds both ways against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from expectations.checks import SQL_EXPECTATION, Check, CheckResult, Severity, Suite

BREAKING = {"ExpectColumnValuesToBeNull": "IS NOT NULL", "ExpectColumnValuesToNotBeNull": "IS NULL"}
"""What rows break the stock expectations that the suites use."""


def count_suites(
    connection: duckdb.DuckDBPyConnection,
    suites: Sequence[Suite],
    *,
    run_name: str,  # noqa: ARG001 - the signature of `expectations.engine.run_suites`
    docs: Path | None,  # noqa: ARG001
) -> list[CheckResult]:
    """One result per check, as `run_suites` gives them."""
    return [result for suite in suites for result in _counted_suite(connection, suite)]


def _counted_suite(connection: duckdb.DuckDBPyConnection, suite: Suite) -> list[CheckResult]:
    """The stock expectations by one query, each of the others by its own."""
    stock = iter(_stock(connection, suite))
    return [
        _result(
            suite, check, *(_own(connection, suite, check) if check.expectation == SQL_EXPECTATION else next(stock))
        )
        for check in suite.checks
    ]


def _stock(connection: duckdb.DuckDBPyConnection, suite: Suite) -> list[tuple[int | None, str]]:
    """Rows that break each stock expectation of a suite, and what is observed; None: a neighbour of it raised."""
    checks = [check for check in suite.checks if check.expectation != SQL_EXPECTATION]
    counts = (f'count(*) FILTER (WHERE "{check.column}" {BREAKING[check.expectation]})' for check in checks)
    try:
        rows, *broken = _row(connection, f"SELECT {', '.join(['count(*)', *counts])} FROM {suite.table}")
    except duckdb.Error as error:
        return [(None, _first_line(error))] * len(checks)
    return [(number, f"{number} of {rows} rows") for number in broken]


def _own(connection: duckdb.DuckDBPyConnection, suite: Suite, check: Check) -> tuple[int | None, str]:
    """Rows that the query of a check finds, and what is observed; None: it raised."""
    query = str(check.kwargs["unexpected_rows_query"]).format(batch=suite.table)
    try:
        (broken,) = _row(connection, f"SELECT count(*) FROM ({query})")
    except duckdb.Error as error:
        return None, _first_line(error)
    return broken, str(broken)


def _row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    found = connection.execute(query).fetchone()
    assert found is not None
    return tuple(int(each) for each in found)


def _first_line(error: duckdb.Error) -> str:
    return str(error).split("\n", 1)[0]


def _result(suite: Suite, check: Check, broken: int | None, observed: str) -> CheckResult:
    severity: Severity = "critical" if broken is None else check.severity
    return CheckResult(
        suite=suite.name,
        feed=suite.feed,
        expectation=check.expectation,
        column_name=check.column,
        severity=severity,
        success=broken == 0,
        observed=observed,
        unexpected_count=broken or 0,
        why=check.why,
    )
