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
    stock = [check for check in suite.checks if check.expectation != SQL_EXPECTATION]
    counts = (f'count(*) FILTER (WHERE "{check.column}" {BREAKING[check.expectation]})' for check in stock)
    query = f"SELECT {', '.join(['count(*)', *counts])} FROM {suite.table}"
    try:
        rows, *broken = connection.execute(query).fetchone() or ()
        said = {id(check): (number, f"{number} of {rows} rows") for check, number in zip(stock, broken, strict=True)}
    except duckdb.Error as error:  # a neighbour may be at fault, as in Great Expectations
        said = {id(check): (None, str(error).split("\n", 1)[0]) for check in stock}
    return [_counted(connection, suite, check, said.get(id(check))) for check in suite.checks]


def _counted(
    connection: duckdb.DuckDBPyConnection, suite: Suite, check: Check, said: tuple[int | None, str] | None
) -> CheckResult:
    """The result of a check: what is said of it already, or what its own query counts."""
    if said is None:
        query = str(check.kwargs["unexpected_rows_query"]).format(batch=suite.table)
        try:
            row = connection.execute(f"SELECT count(*) FROM ({query})").fetchone()
            said = (int(row[0]), str(row[0])) if row else (None, "no answer")
        except duckdb.Error as error:
            said = (None, str(error).split("\n", 1)[0])
    broken, observed = said
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
