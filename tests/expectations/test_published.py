"""Every check of the published tables: a small consistent warehouse passes it, and one statement breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations import published
from expectations.checks import SQL_EXPECTATION, CheckResult, Suite
from expectations.engine import run_suites
from tests.expectations.books_breaks import BOOKS_BREAKS
from tests.expectations.published_ledger import LEDGER, warehouse
from tests.expectations.risk_breaks import RISK_BREAKS
from tests.expectations.share_breaks import SHARE_BREAKS
from tests.slow.deliveries import Delivery, pack
from tests.slow.ledgers import POLICY
from tests.slow.strategies import histories, policies
from transforms.policy import Policy
from transforms.refusals import WAITING, Refusal
from transforms.tables import TABLES

AS_OF = date(2026, 6, 15)
SUITES = {suite.name: suite for suite in published.suites(POLICY)}


@pytest.fixture(scope="module")
def consistent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a warehouse in which everything holds."""
    path = tmp_path_factory.mktemp("warehouse") / "tally.duckdb"
    with duckdb.connect(path) as connection:
        warehouse(connection, POLICY, pack(LEDGER), AS_OF)
    return path


@pytest.fixture
def tally(consistent: Path, tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy of it, to be broken."""
    path = tmp_path / "tally.duckdb"
    path.write_bytes(consistent.read_bytes())
    with duckdb.connect(path) as connection:
        yield connection


def failed(connection: duckdb.DuckDBPyConnection, *suites: Suite) -> dict[str, CheckResult]:
    """The results of the checks that fail, by their why."""
    results = run_suites(connection, suites, run_name="test", docs=None)
    assert len(results) == sum(len(suite.checks) for suite in suites)
    return {result.why: result for result in results if not result.success}


BREAKS = {**BOOKS_BREAKS, **RISK_BREAKS, **SHARE_BREAKS}
"""For each check that a table declares for itself: statements each of which breaks it, and no other of its suite."""


def breaks_of_grain(suite: Suite) -> dict[str, str]:
    """For each check of the key: a statement that breaks it; it may break others, for it makes a row of nobody."""
    key = TABLES[suite.name].key
    breaks = {}
    for check in suite.checks:
        if check.expectation != SQL_EXPECTATION:
            one = f"rowid = (SELECT min(rowid) FROM {suite.table})"
            breaks[check.why] = f"UPDATE {suite.table} SET {check.column} = NULL WHERE {one}"
        elif check.column == ", ".join(key):
            breaks[check.why] = f"INSERT INTO {suite.table} FROM {suite.table} LIMIT 1"
    return breaks


GRAIN = [(name, why, statement) for name, suite in SUITES.items() for why, statement in breaks_of_grain(suite).items()]
OWN = [(name, why, statement) for (name, why), statements in BREAKS.items() for statement in statements]


def test_every_check_is_told_by_suite_and_why_and_can_be_broken() -> None:
    declared = [(suite.name, check.why) for suite in SUITES.values() for check in suite.checks]
    assert len(set(declared)) == len(declared)
    assert sorted(declared) == sorted([*BREAKS, *((name, why) for name, why, _ in GRAIN)])
    assert all(BREAKS.values())


def test_every_state_table_has_its_suite() -> None:
    assert set(SUITES) == {"ops.files", *(name for name, table in TABLES.items() if table.scope == "state")}
    assert {check.severity for suite in SUITES.values() for check in suite.checks} == {"critical"}


def test_a_consistent_warehouse_passes_every_check(tally: duckdb.DuckDBPyConnection) -> None:
    for suite in SUITES.values():
        assert tally.sql(f"FROM {suite.table}").fetchall(), f"{suite.table} is empty: nothing can fail in it"
    assert failed(tally, *SUITES.values()) == {}


@pytest.mark.parametrize(("name", "why", "statement"), OWN)
def test_a_statement_breaks_one_check(tally: duckdb.DuckDBPyConnection, name: str, why: str, statement: str) -> None:
    tally.execute(statement)
    result = failed(tally, SUITES[name])
    assert list(result) == [why]
    assert result[why].unexpected_count > 0


@pytest.mark.parametrize(("name", "why", "statement"), GRAIN)
def test_a_key_is_there_and_unique(tally: duckdb.DuckDBPyConnection, name: str, why: str, statement: str) -> None:
    tally.execute(statement)
    assert failed(tally, SUITES[name])[why].unexpected_count == 1


@pytest.mark.parametrize("name", ["core.installments", "core.repayments", "status.loan_history"])
def test_of_a_part_keys_of_accounts_worked_on_are_looked_for_everywhere(
    tally: duckdb.DuckDBPyConnection, name: str
) -> None:
    suite = next(each for each in published.suites(POLICY, is_part=True) if each.name == name)

    def is_twice() -> bool:
        return any(why.endswith(published.NO_KEY_TWICE) for why in failed(tally, suite))

    theirs = f"{name} SEMI JOIN {published.WORKED_ON} USING (source, account_id)"
    tally.execute(f"CREATE TABLE {published.WORKED_ON} AS SELECT source, account_id FROM {name} LIMIT 1")
    assert not is_twice()
    tally.execute(f"INSERT INTO {name} SELECT * REPLACE ('another' AS account_id) FROM {theirs} LIMIT 1")
    assert is_twice()
    tally.execute(f"DELETE FROM {published.WORKED_ON}")
    assert not is_twice()


def test_instalments_of_the_original_plan_are_told_apart_by_number(tally: duckdb.DuckDBPyConnection) -> None:
    tally.execute("UPDATE core.installments SET installment_no = 1 WHERE loan_id = 'l'")
    assert [result.column_name for result in failed(tally, SUITES["core.installments"]).values()] == [
        "source, loan_id, plan_date, installment_no"
    ]


EDGES = {0: "M0", 1: "M1", 30: "M1", 31: "M2", 60: "M2", 61: "M3", 90: "M3", 91: "M4", 120: "M4", 121: "M5"}
EDGES |= {150: "M5", 151: "M6", 180: "M6", 181: "M7", 2000: "M7"}


def test_the_bucket_is_right_at_every_edge(tally: duckdb.DuckDBPyConnection) -> None:
    tally.execute("CREATE TABLE edges (dpd INTEGER, bucket VARCHAR)")
    tally.executemany("INSERT INTO edges VALUES (?, ?)", list(EDGES.items()))
    (check,) = [check for check in SUITES["status.loan_history"].checks if check.column == "bucket"]
    edges = Suite("edges", None, "edges", [check])
    assert failed(tally, edges) == {}
    tally.execute("UPDATE edges SET bucket = 'M' || (bucket[2]::INT + 1) % 8")
    assert failed(tally, edges)[check.why].unexpected_count == len(EDGES)


def test_rows_that_wait_are_reported_by_their_reason() -> None:
    schema = TABLES["ops.refused_rows"].schema
    rows = [
        {"is_waiting": True, "reasons": [Refusal.ORPHAN.value]},
        {"is_waiting": True, "reasons": [Refusal.NO_LOAN.value, Refusal.ORPHAN.value]},
        {"is_waiting": True, "reasons": [Refusal.BAD_REFERENCE.value]},
        {"is_waiting": False, "reasons": [Refusal.BAD_DATE.value]},
    ]
    suite = published.references()
    with duckdb.connect() as connection:
        connection.register(published.REFUSED, pl.DataFrame(rows, schema=schema).to_arrow())
        results = run_suites(connection, [suite], run_name="test", docs=None)
        connection.register(published.REFUSED, pl.DataFrame(rows[3:], schema=schema).to_arrow())
        assert failed(connection, suite) == {}
    assert {(result.column_name, result.unexpected_count) for result in results} == {
        ("orphan", 2),
        ("no_loan", 1),
        ("bad_reference", 1),
    }
    assert {result.severity for result in results} == {"warning"}
    assert [check.column for check in suite.checks] == list(WAITING)


@pytest.mark.slow
@settings(max_examples=200)
@given(policies(), histories(), st.data())
def test_no_check_fails_on_what_the_transforms_make(
    policy: Policy, deliveries: list[Delivery], data: st.DataObject
) -> None:
    """A critical check stops publishing, so it may never fail by mistake, whatever lenders send."""
    as_of = data.draw(st.sampled_from(sorted({delivery.business_date for delivery in deliveries})))
    with duckdb.connect() as connection:
        warehouse(connection, policy, [each for each in deliveries if each.business_date <= as_of], as_of)
        for suite in published.suites(policy):
            for check in suite.checks:
                absent = f"SELECT 1 FROM {{batch}} WHERE {check.column} IS NULL"
                query = str(check.kwargs.get("unexpected_rows_query", absent)).format(batch=suite.table)
                assert not connection.sql(query).fetchall(), (suite.name, check.why)
