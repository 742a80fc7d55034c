"""Every rule for files on a table of one delivery: it passes at its edge, and a file that breaks it breaks it alone."""

from __future__ import annotations

from typing import Any

import duckdb
import polars as pl
import pytest

from expectations import deliveries
from expectations.checks import CheckResult
from expectations.engine import run_suites
from transforms.policy import Policy
from transforms.refusals import FileRefusal

POLICY = Policy(version="test", refused_rows_limit=20, refused_rows_share=0.05, volume_factor=3.0)
RULES = deliveries.rules(POLICY)

File = dict[str, Any]
GOOD: File = {
    "file_no": 1,
    "feed": "repayments",
    "faults": [],
    "rows_received": 1000,
    "rows_refused": 0,
    "usual_rows": 1000.0,
    "amount_received_cents": 30_350_000,
}
SCHEMA: dict[str, pl.DataType] = {
    "file_no": pl.Int32(),
    "feed": pl.String(),
    "faults": pl.List(pl.String()),
    "rows_received": pl.Int64(),
    "rows_refused": pl.Int64(),
    "usual_rows": pl.Float64(),
    "amount_received_cents": pl.Int64(),
}
PASSING: list[File] = [
    {},
    {"rows_refused": 50},
    {"rows_received": 21, "rows_refused": 20, "usual_rows": 21.0},
    {"usual_rows": None},
    {"amount_received_cents": 10**15},
    {"rows_received": 0, "usual_rows": None},
    {"rows_received": 300, "usual_rows": 900.0},
    {"rows_received": 300, "usual_rows": 100.0},
]
"""Files at the edges of what passes: share and limit of refused rows, nothing usual, a third of it and its triple."""
BREAKING: dict[FileRefusal | None, list[File]] = {
    FileRefusal.TOO_MANY_REFUSED: [
        {"rows_refused": 51},
        {"rows_received": 21, "rows_refused": 21, "usual_rows": 21.0},
    ],
    FileRefusal.TOTAL_TOO_LARGE: [{"amount_received_cents": 10**15 + 1}],
    None: [
        {"rows_received": 299, "usual_rows": 900.0},
        {"rows_received": 301, "usual_rows": 100.0},
        {"rows_received": 0, "usual_rows": 1.0},
    ],
}
"""Files that break a rule about counts; every other rule looks for its fault."""


def judged(*files: File, policy: Policy = POLICY) -> list[CheckResult]:
    """The results of the suite over these files."""
    frame = pl.DataFrame([{**GOOD, **file} for file in files], schema=SCHEMA)
    with duckdb.connect() as connection:
        connection.register(deliveries.TABLE, frame.to_arrow())
        return run_suites(connection, [deliveries.suite(policy)], run_name="test", docs=None)


def test_every_refusal_of_a_file_has_its_rule() -> None:
    assert {rule.refusal for rule in RULES} == {*FileRefusal, None}


def test_files_at_the_edges_pass_every_rule() -> None:
    assert [(result.success, result.observed) for result in judged(*PASSING)] == [(True, "0")] * len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.refusal or "volume")
def test_a_file_that_breaks_a_rule_breaks_it_alone(rule: deliveries.FileRule) -> None:
    """All other rules pass, whatever else is delivered; only an unusual volume is let pass with a warning."""
    breaking = BREAKING.get(rule.refusal) or [{"faults": [rule.refusal]}]
    results = judged(*PASSING, *breaking)
    expected = [(other.why, len(breaking) if other is rule else 0) for other in RULES]
    assert [(result.why, result.unexpected_count) for result in results] == expected
    (failed,) = [result for result in results if not result.success]
    assert failed.column_name == (rule.refusal or "volume")
    assert failed.severity == ("critical" if rule.refusal else "warning")


def test_a_file_with_several_faults_breaks_several_rules() -> None:
    faults = [FileRefusal.CONTROL_ROWS, FileRefusal.CONTROL_AMOUNT]
    results = judged({"faults": faults, "rows_refused": 900}, {"faults": faults[:1]})
    assert {result.column_name: result.unexpected_count for result in results if not result.success} == {
        FileRefusal.CONTROL_ROWS: 2,
        FileRefusal.CONTROL_AMOUNT: 1,
        FileRefusal.TOO_MANY_REFUSED: 1,
    }


def test_the_limits_are_the_policys() -> None:
    strict = POLICY.model_copy(update={"refused_rows_limit": 0, "refused_rows_share": 0.0, "volume_factor": 1.5})
    results = judged({"rows_refused": 1}, {"usual_rows": 501.0}, {"usual_rows": 1600.0}, policy=strict)
    assert {result.column_name: result.unexpected_count for result in results if not result.success} == {
        FileRefusal.TOO_MANY_REFUSED: 1,
        "volume": 2,
    }


def test_no_files_break_no_rule() -> None:
    assert all(result.success for result in judged())
