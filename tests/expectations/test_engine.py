"""The engine on small ledgers: every style of check, what raises, what Data Docs shows, what stays untouched."""

from __future__ import annotations

import gc
import re
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import duckdb_engine
import pyarrow as pa
import pytest

from expectations import engine
from expectations.checks import (
    MAX_BITS,
    Check,
    CheckResult,
    Severity,
    Suite,
    bit_checks,
    mask_view,
    sql_check,
)
from expectations.engine import run_suites

CELL = "Wang-secret-4711"
"""Stands in cells and must stand nowhere else."""

Found = tuple[bool, str, int]
"""success, observed, unexpected_count"""


def check(expectation: str, column: str | None = None, severity: Severity = "critical", **kwargs: object) -> Check:
    return Check(
        expectation=expectation, column=column, severity=severity, kwargs=kwargs, why="A test must be able to fail."
    )


@pytest.fixture
def ledger() -> Iterator[duckdb.DuckDBPyConnection]:
    """Six repayments in a temporary table: an id and a kind are missing, an id stands twice, two amounts are odd."""
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            CREATE TEMP TABLE repayments AS
            SELECT * FROM (VALUES
                ('r1', 500, 'payment', '{CELL}'),
                ('r2',   0, 'payment', '{CELL}'),
                ('r3',  -5, 'refund',  '{CELL}'),
                ('r3', 100, 'refund',  NULL),
                ('r5', 100, 'cash',    NULL),
                (NULL, 100, NULL,      NULL)
            ) AS t(repayment_id, amount_cents, kind, note), (SELECT NULL::BIGINT AS nothing)
            """
        )
        yield connection


def run(connection: duckdb.DuckDBPyConnection, *checks: Check, docs: Path | None = None) -> list[CheckResult]:
    return run_suites(connection, [Suite("repayments", "repayments", "repayments", checks)], run_name="n", docs=docs)


STYLES: list[tuple[Check, Found]] = [
    (check("ExpectColumnValuesToNotBeNull", "repayment_id"), (False, "1 of 6 rows", 1)),
    (check("ExpectColumnValuesToNotBeNull", "amount_cents"), (True, "0 of 6 rows", 0)),
    (check("ExpectColumnValuesToBeInSet", "kind", value_set=["payment", "refund"]), (False, "1 of 6 rows", 1)),
    (check("ExpectColumnValuesToBeBetween", "amount_cents", min_value=0), (False, "1 of 6 rows", 1)),
    (check("ExpectColumnValuesToBeBetween", "amount_cents", min_value=0, mostly=0.8), (True, "1 of 6 rows", 1)),
    (check("ExpectColumnValuesToBeUnique", "repayment_id"), (False, "2 of 6 rows", 2)),
    (check("ExpectCompoundColumnsToBeUnique", column_list=["kind", "amount_cents"]), (True, "0 of 6 rows", 0)),
    (check("ExpectColumnValuesToMatchRegex", "repayment_id", regex="[1235]"), (True, "0 of 6 rows", 0)),
    (check("ExpectColumnValuesToMatchRegex", "repayment_id", regex="^r[12]$"), (False, "3 of 6 rows", 3)),
    (check("ExpectColumnValuesToNotMatchRegex", "kind", regex="<b>$kind"), (True, "0 of 6 rows", 0)),
    (check("ExpectColumnValuesToNotMatchRegex", "kind", regex="ay"), (False, "2 of 6 rows", 2)),
    (check("ExpectColumnValuesToMatchLikePattern", "note", like_pattern="Wang%"), (True, "0 of 6 rows", 0)),
    (check("ExpectColumnValuesToNotMatchLikePattern", "note", like_pattern="Wang%"), (False, "3 of 6 rows", 3)),
    (check("ExpectColumnSumToBeBetween", "amount_cents", min_value=795, max_value=795), (True, "795", 0)),
    (check("ExpectColumnSumToBeBetween", "nothing", min_value=0), (False, "", 0)),
    (check("ExpectTableRowCountToBeBetween", min_value=7), (False, "6", 0)),
    (check("ExpectColumnToExist", "channel_code"), (False, "", 0)),
    (sql_check("SELECT note FROM {batch} WHERE amount_cents > 0", why="A test."), (False, "4", 4)),
    (sql_check("SELECT note FROM {batch} WHERE amount_cents > 999", why="A test."), (True, "0", 0)),
    (
        sql_check("SELECT a.note FROM {batch} a JOIN repayments b USING (repayment_id, amount_cents)", why="A test."),
        (False, "5", 5),
    ),
    (sql_check("WITH t AS (SELECT note FROM {batch}) SELECT * FROM t WHERE note = 'x'", why="A test."), (True, "0", 0)),
]


def test_every_style_of_check_counts_right(ledger: duckdb.DuckDBPyConnection) -> None:
    results = run(ledger, *(declared for declared, _ in STYLES))
    found = [(r.expectation, r.column_name, (r.success, r.observed, r.unexpected_count)) for r in results]
    assert found == [(declared.expectation, declared.column, expected) for declared, expected in STYLES]


def test_results_carry_the_declaration_in_its_order(ledger: duckdb.DuckDBPyConnection) -> None:
    ledger.execute("CREATE SCHEMA core; CREATE TABLE core.loans AS SELECT 1 AS loan_id")
    suites = [
        Suite(
            "repayments",
            "repayments",
            "repayments",
            [
                check("ExpectColumnToExist", "kind", "warning"),
                check("ExpectTableRowCountToEqual", value=6),
                check("ExpectColumnToExist", "gone", "warning"),
            ],
        ),
        Suite("nothing asked", None, "core.loans", []),
        Suite("core.loans", None, "core.loans", [check("ExpectColumnValuesToBeUnique", "loan_id")]),
    ]
    assert run_suites(ledger, suites, run_name="n", docs=None) == [
        CheckResult(suite.name, suite.feed, c.expectation, c.column, c.severity, c.column != "gone", observed, 0, c.why)
        for suite, c, observed in [
            (suites[0], suites[0].checks[0], ""),
            (suites[0], suites[0].checks[1], "6"),
            (suites[0], suites[0].checks[2], ""),
            (suites[2], suites[2].checks[0], "0 of 1 rows"),
        ]
    ]


def test_no_suites_no_results() -> None:
    assert run_suites(duckdb.connect(), [], run_name="n", docs=None) == []


@pytest.mark.parametrize(
    ("raising", "observed"),
    [
        (check("ExpectColumnValuesToBeNull", "gone", "warning"), r'The column "gone" in BatchData does not exist'),
        (sql_check("SELECT * FROM {batch} WHERE gone", why="A test.", severity="warning"), r'Binder Error.*"gone"'),
        (
            sql_check("SELECT * FROM {batch} WHERE note::INT > 7", why="A test.", severity="warning"),
            r"Conversion Error: Could not convert string …",
        ),
        (
            sql_check("SELECT * FROM {batch} WHERE (amount_cents * 47)::TINYINT > 0", why="A test."),
            r"Conversion Error: .* INT32 with value …",
        ),
    ],
)
def test_an_expectation_that_raises_is_a_failed_critical_check(
    ledger: duckdb.DuckDBPyConnection, tmp_path: Path, raising: Check, observed: str
) -> None:
    good = check("ExpectTableRowCountToEqual", value=6)
    raised, counted = run(ledger, raising, good, docs=tmp_path)
    assert (raised.severity, raised.success, raised.unexpected_count) == ("critical", False, 0)
    assert re.search(observed, raised.observed)
    assert "\n" not in raised.observed
    assert not re.search(rf"{CELL}|{500 * 47}", raised.observed + text_below(tmp_path))
    assert counted.success
    assert ledger.execute("SELECT count(*) FROM repayments").fetchone() == (6,)


def test_a_table_that_is_not_there_fails_its_own_checks_alone(ledger: duckdb.DuckDBPyConnection) -> None:
    asked = [check("ExpectTableRowCountToEqual", value=6)]
    suites = [Suite(name, None, name, asked) for name in ("gone", "repayments")]
    gone, there = run_suites(ledger, suites, run_name="n", docs=None)
    assert "gone" in gone.observed
    assert (gone.success, there.success) == (False, True)


def test_a_neighbour_of_one_that_raises_is_never_passed_unseen(ledger: duckdb.DuckDBPyConnection) -> None:
    raised, bad = run(
        ledger,
        check("ExpectColumnValuesToBeBetween", "note", min_value=3),  # text against a number
        check("ExpectColumnValuesToNotBeNull", "repayment_id"),
    )
    assert not raised.success
    assert not bad.success


@pytest.fixture
def marked(ledger: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """The repayments with bits: 0 on one row, 2 on three of them, 62 on one, and 1 on none."""
    ledger.execute(
        "CREATE TEMP TABLE staged AS SELECT *, CASE amount_cents WHEN 100 THEN 4 WHEN -5 THEN 1 + (1::BIGINT << 62)"
        " ELSE 0 END AS reasons FROM repayments"
    )
    return ledger


MARKS = ["too_few_fields", "bad_date: paid_date", 'bad_amount: amount "net"']


def test_bits_are_counted_each(marked: duckdb.DuckDBPyConnection) -> None:
    names = [*MARKS, *(f"rule {bit}" for bit in range(len(MARKS), MAX_BITS))]
    mask_view(marked, "marked", "staged", names)
    suite = Suite("repayments", "repayments", "marked", bit_checks(dict.fromkeys(names, "A test.")))
    results = run_suites(marked, [suite], run_name="n", docs=None)
    assert {r.column_name: r.unexpected_count for r in results if not r.success} == {
        "too_few_fields": 1,
        'bad_amount: amount "net"': 3,
        "rule 62": 1,
    }
    assert [r.column_name for r in results] == names
    assert {r.severity for r in results} == {"warning"}


def test_a_mask_view_keeps_the_columns_and_can_be_replaced(marked: duckdb.DuckDBPyConnection) -> None:
    mask_view(marked, "marked", "staged", MARKS)
    mask_view(marked, "marked", "staged", MARKS[:1])
    assert [name for name, *_ in marked.execute("DESCRIBE marked").fetchall()] == [
        *("repayment_id", "amount_cents", "kind", "note", "nothing", "reasons", "too_few_fields")
    ]


def test_bits_of_an_empty_table_pass(marked: duckdb.DuckDBPyConnection) -> None:
    marked.execute("DELETE FROM staged")
    mask_view(marked, "marked", "staged", MARKS)
    suite = Suite("repayments", None, "marked", bit_checks(dict.fromkeys(MARKS, "A test.")))
    results = run_suites(marked, [suite], run_name="n", docs=None)
    assert [(r.success, r.observed, r.unexpected_count) for r in results] == [(True, "0 of 0 rows", 0)] * 3


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What GX has DuckDB execute."""
    noted: list[str] = []
    execute = duckdb_engine.CursorWrapper.execute

    def note(self: object, statement: str, *rest: object) -> None:
        noted.append(statement)
        execute(self, statement, *rest)

    monkeypatch.setattr(duckdb_engine.CursorWrapper, "execute", note)
    return noted


def test_a_check_by_sql_runs_its_query_once(ledger: duckdb.DuckDBPyConnection, statements: list[str]) -> None:
    run(ledger, *(sql_check(f"SELECT note FROM {{batch}} WHERE {n} > 0", why="A test.") for n in (7, 8)))
    assert [sum(f"WHERE {n} > 0" in statement for statement in statements) for n in (7, 8)] == [1, 1]


def test_the_connection_is_free_after_a_run(ledger: duckdb.DuckDBPyConnection) -> None:
    """A result that GX left half read would make DuckDB refuse to register a relation."""
    run(ledger, sql_check("SELECT note FROM {batch}", why="A test."))
    ledger.register("more", pa.table({"note": ["x"]}))


def test_all_bits_cost_one_scan(marked: duckdb.DuckDBPyConnection, statements: list[str]) -> None:
    mask_view(marked, "marked", "staged", MARKS)
    suite = Suite("repayments", None, "marked", bit_checks(dict.fromkeys(MARKS, "A test.")))
    run_suites(marked, [suite], run_name="n", docs=None)
    assert [statement.count("sum(") for statement in statements if "sum(" in statement] == [3]


def test_more_rules_than_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="63 bits"):
        mask_view(duckdb.connect(), "marked", "staged", [str(bit) for bit in range(MAX_BITS + 1)])


def test_rules_with_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="one name"):
        mask_view(duckdb.connect(), "marked", "staged", ["missing: kind", "missing: Kind"])


def test_checks_that_would_show_values_are_refused() -> None:
    with pytest.raises(ValueError, match="shows cell values"):
        check("ExpectColumnMaxToBeBetween", "amount_cents", max_value=1)


def test_sql_must_read_from_the_batch() -> None:
    with pytest.raises(ValueError, match=r"must read from \{batch\}"):
        sql_check("SELECT 1 FROM repayments", why="A test.")


def text_below(folder: Path) -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in folder.rglob("*") if file.is_file())


def test_data_docs_open_offline_and_hold_no_cell(ledger: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    asked = [declared for declared, _ in STYLES]
    suites = [Suite(f"staged.{name}", None, "repayments", asked) for name in ("one", "two")]
    run_suites(ledger, suites, run_name="2026-03-05.1", docs=tmp_path)
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'href="([^"]*)"', index)
    rows = re.findall(r">(staged\.\w+)</a></td><td>(\d+)</td><td>(\d+)</td><td>(\d+)</td>", index)
    failed = sum(not expected[0] for _, expected in STYLES)
    assert rows == [(suite.name, str(len(STYLES)), str(failed), "0") for suite in suites]
    for link in links:
        page = (tmp_path / link).read_text(encoding="utf-8")
        assert "A test must be able to fail. (critical: ExpectColumnValuesToMatchRegex, regex = ^r[12]$)" in page
        assert "regex = &lt;b&gt;$kind)" in page
        assert "2026-03-05.1" in page
    assert len(links) == 2
    text = text_below(tmp_path)
    assert CELL not in text
    assert not re.search(r"<script|<link|<img|src=|@import|url\(", text)


def test_no_cell_leaves_the_database(ledger: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[object] = []

    class Cursor(duckdb_engine.CursorWrapper):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> object:
            found = super().__getattribute__(name)
            if not name.startswith("fetch"):
                return found

            def fetch(*size: int) -> object:
                fetched.append(found(*size))
                return fetched[-1]

            return fetch

    monkeypatch.setattr(duckdb_engine, "CursorWrapper", Cursor)
    run(ledger, *(declared for declared, _ in STYLES))
    assert fetched
    assert not re.search(f"{CELL}|refund|r5", str(fetched))


def test_a_page_that_cannot_be_written_is_no_secret(ledger: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "validations").touch()
    with pytest.raises(OSError, match="validations"):
        run(ledger, check("ExpectColumnToExist", "kind"), docs=tmp_path)


def test_runs_leave_nothing_behind(
    ledger: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    from great_expectations.data_context import project_manager
    from great_expectations.exceptions import DataContextError

    def refuse(*_: object) -> None:
        raise AssertionError("No check needs a network.")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    filters = list(warnings.filters)
    asked = [check("ExpectColumnToExist", "kind"), check("ExpectColumnValuesToBeUnique", "gone")]
    first = run(ledger, *asked, docs=tmp_path / "first")
    second = run(ledger, *asked, docs=tmp_path / "second")
    assert first == second
    gc.collect()  # GX closes what it believes to be its own when it is collected
    assert ledger.execute("SELECT count(*) FROM repayments").fetchone() == (6,)
    assert warnings.filters == filters
    assert (*capfd.readouterr(), caplog.text) == ("", "", "")
    with pytest.raises(DataContextError):
        project_manager.get_current_project()


def test_runs_in_threads_do_not_meet() -> None:
    def count(rows: int) -> str:
        with duckdb.connect() as connection:
            connection.execute(f"CREATE TEMP TABLE repayments AS SELECT * FROM range({rows})")
            return run(connection, check("ExpectTableRowCountToEqual", value=rows))[0].observed

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(count, range(8))) == [str(rows) for rows in range(8)]


def test_importing_the_engine_does_not_import_great_expectations() -> None:
    code = (
        "import sys, expectations.engine; sys.exit('great_expectations' in sys.modules or 'sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_great_expectations_still_needs_the_connection_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails once GX keeps DuckDB's connection by itself: then `_lend` has only to keep it from being closed."""
    from great_expectations.execution_engine import sqlalchemy_execution_engine as gx

    assert "duckdb" not in [dialect.value for dialect in gx._PERSISTED_CONNECTION_DIALECTS]  # noqa: SLF001
    monkeypatch.setattr(engine, "_lend", duckdb_engine.ConnectionWrapper)
    connection = duckdb.connect()
    connection.execute("CREATE TABLE repayments AS SELECT 1 AS repayment_id")
    (result,) = run(connection, check("ExpectTableRowCountToEqual", value=1))
    assert (result.success, result.severity) == (False, "critical")


def test_great_expectations_still_knows_no_regex_for_duckdb() -> None:
    """Fails once GX has one of its own: then the dialect's module need not be named."""
    import sqlalchemy
    from great_expectations.expectations.metrics.util import get_dialect_regex_expression

    column: object = sqlalchemy.column("kind")
    assert get_dialect_regex_expression(column, "ay", duckdb_engine.Dialect()) is None
