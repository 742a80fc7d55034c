"""Checks counted by plain SQL, without Great Expectations, whose cost is nearly the same for the smallest of books.

For nights that are about something else; `tests/flows/test_counting.py` holds both ways against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from expectations.checks import SQL_EXPECTATION, Check, CheckResult, Suite

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
    return [_counted(connection, suite, check) for suite in suites for check in suite.checks]


def _counted(connection: duckdb.DuckDBPyConnection, suite: Suite, check: Check) -> CheckResult:
    severity, broken, observed = check.severity, 0, ""
    try:
        if check.expectation == SQL_EXPECTATION:
            query = str(check.kwargs["unexpected_rows_query"]).format(batch=suite.table)
            broken = _number(connection, f"FROM ({query})")
            observed = str(broken)
        else:
            broken = _number(connection, f'FROM {suite.table} WHERE "{check.column}" {BREAKING[check.expectation]}')
            observed = f"{broken} of {_number(connection, f'FROM {suite.table}')} rows"
        success = broken == 0
    except duckdb.Error as error:
        severity, success, observed = "critical", False, str(error).split("\n", 1)[0]
    return CheckResult(
        suite=suite.name,
        feed=suite.feed,
        expectation=check.expectation,
        column_name=check.column,
        severity=severity,
        success=success,
        observed=observed,
        unexpected_count=broken,
        why=check.why,
    )


def _number(connection: duckdb.DuckDBPyConnection, rows: str) -> int:
    found = connection.execute(f"SELECT count(*) {rows}").fetchone()
    assert found is not None
    return int(found[0])
