"""Great Expectations on DuckDB: runs suites by one Checkpoint on our own connection and builds Data Docs.

Great Expectations (GX) 1.24.1 reaches DuckDB through SQLAlchemy and duckdb-engine, which give it PostgreSQL's dialect
with DuckDB's types. Two things do not fit; both are mended on the objects of a run, and nothing of GX is changed.

1. GX reads a result after it gave the connection back to SQLAlchemy's pool. The pool rolls back, which on DuckDB drops
   the result, so every expectation fails. (GX spares the dialects in its `_PERSISTED_CONNECTION_DIALECTS` that; DuckDB
   is not among them.) The pool would also close a connection that is not its own, and open transactions, which in
   DuckDB one failed statement spoils for all that follow. `_lend` takes these powers away.
2. GX looks up the SQL for regular expressions and LIKE by the dialect's module and knows none for DuckDB. `_checkpoint`
   names PostgreSQL's: its `~`, `!~` and LIKE do the same in DuckDB.

Relied on beyond what GX documents:
- `SQLDatasource.get_execution_engine` gives the same engine each time, and its attribute `dialect_module` decides 2;
- `validation_results_store` of a context holds what a run stored under the keys of its result, can be written to, and
  Data Docs are built from what is in it;
- a page of Data Docs lies where `to_tuple` of its result's key says;
- the outline of `exception_info`, and the keys `element_count`, `unexpected_count` and `observed_value` of a result;
- `set_context(None)` drops the context that `get_context` made current for the process;
- `metric_dependencies` names what an expectation has computed, here the metric `unexpected_rows_query.row_count`;
- a checkpoint and its validation definitions run from memory, without a copy in a store, when `is_fresh` says that they
  are as stored (stores made, written and compared cost as much as the counting), and a context may be kept from writing
  its project down after each asset.
"""

from __future__ import annotations

import functools
import gc
import html
import re
import shutil
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import duckdb

from expectations.checks import SQL_EXPECTATION, Check, CheckResult, Suite

if TYPE_CHECKING:
    from duckdb_engine import ConnectionWrapper
    from great_expectations import Checkpoint, ValidationDefinition
    from great_expectations.checkpoint.checkpoint import CheckpointResult
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.data_context import EphemeralDataContext
    from great_expectations.data_context.types.base import DataContextConfig
    from great_expectations.expectations.expectation import Expectation

_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0, "exclude_unexpected_values": True}
"""Result format that fetches counts and no value."""

_ONE_AT_A_TIME = threading.Lock()
"""GX has one current context, and Python one list of warning filters, for the whole process."""


def run_suites(
    connection: duckdb.DuckDBPyConnection, suites: Sequence[Suite], *, run_name: str, docs: Path | None
) -> list[CheckResult]:
    """One result per check, in the order of the declarations.

    The expectations run on the connection itself: temporary tables and views are seen, and it stays open. An
    expectation that raises is a failed critical check, whatever its severity; GX counts the rules of a table in one
    statement, so one that raises may take its neighbours with it.

    Args:
        connection: open, and outside a transaction, which a statement that fails would spoil.
        suites: their names differ.
        run_name: stands on the pages of Data Docs.
        docs: folder for Data Docs, a new one for each run, or None. `index.html` opens without a network, and no page
            holds the value of a cell.

    Raises:
        AttributeError: GX has no expectation of the name declared.
        pydantic's ValidationError: a check's arguments do not fit its expectation.
    """
    suites = [suite for suite in suites if suite.checks]
    if not suites:
        return []
    with _ONE_AT_A_TIME, _collector_at_rest():
        return _run(connection, suites, run_name, docs)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Keeps the garbage collector from going through GX's objects, which live to the end, again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def load() -> None:
    """Loads Great Expectations, which takes seconds: before the first judgement at the latest."""
    with warnings.catch_warnings():
        # The import warns of its own habits and sets filters for the whole process.
        warnings.simplefilter("ignore", DeprecationWarning)
        import duckdb_engine  # noqa: F401, PLC0415
        import great_expectations  # noqa: F401, PLC0415


def _run(
    connection: duckdb.DuckDBPyConnection, suites: Sequence[Suite], run_name: str, docs: Path | None
) -> list[CheckResult]:
    load()
    import great_expectations as gx  # noqa: PLC0415
    from great_expectations.data_context import set_context  # noqa: PLC0415

    context = gx.get_context(mode="ephemeral", project_config=_project(docs))
    try:
        outcome = _checkpoint(context, connection, suites).run(run_id=gx.RunIdentifier(run_name=run_name))
        results = _results(suites, outcome)
        if docs is not None:
            _build_docs(context, outcome, results, docs)
    finally:
        set_context(None)
        connection.complete()  # GX leaves its last count half read, and DuckDB's connection busy with it
    return results


def _project(docs: Path | None) -> DataContextConfig:
    """A project in memory, with Data Docs of validation results below the folder; no analytics, no progress bars."""
    from great_expectations.data_context.types.base import (  # noqa: PLC0415
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)},
        "site_section_builders": {"expectations": "None", "profiling": "None"},
    }
    return DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        data_docs_sites={"site": site} if docs else {},
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )


def _lend(connection: duckdb.DuckDBPyConnection) -> ConnectionWrapper:
    """The connection as SQLAlchemy knows it, without the power to close it or to begin and end transactions."""
    import duckdb_engine  # noqa: PLC0415 - brings SQLAlchemy

    lent = duckdb_engine.ConnectionWrapper(connection)
    for power in ("close", "begin", "commit", "rollback"):
        setattr(lent, power, lambda: None)
    return lent


def _checkpoint(
    context: EphemeralDataContext, connection: duckdb.DuckDBPyConnection, suites: Sequence[Suite]
) -> Checkpoint:
    """One validation definition per suite, each over the whole table."""
    import great_expectations as gx  # noqa: PLC0415
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415

    checkpoint_class, definition_class = _unstored()
    source = context.data_sources.add_sql(
        "duckdb",
        connection_string="duckdb:///:memory:",  # names the dialect; the creator makes the connection
        kwargs={"creator": lambda: _lend(connection)},
        create_temp_table=False,
    )
    source.get_execution_engine().dialect_module = postgresql
    context._save_project_config = lambda: None  # noqa: SLF001 - nobody reads the project of a context in memory
    definitions = []
    for suite in suites:
        # A query asset, unlike a table asset, takes any schema and spares the slow reflection of the catalogue.
        asset = source.add_query_asset(suite.name, query=f"SELECT * FROM {suite.table}")
        expectations = [_expectation(check, place) for place, check in enumerate(suite.checks)]
        declared = gx.ExpectationSuite(suite.name, expectations=expectations)
        data = asset.add_batch_definition("whole")
        definitions.append(definition_class(name=suite.name, data=data, suite=declared))
    return checkpoint_class(name="checks", validation_definitions=definitions, result_format=_COUNTS_ONLY)


@functools.cache
def _unstored() -> tuple[type[Checkpoint], type[ValidationDefinition]]:
    """GX's checkpoint and validation definition, run as they are in memory and not compared with a stored copy."""
    import great_expectations as gx  # noqa: PLC0415
    from great_expectations.core.freshness_diagnostics import (  # noqa: PLC0415
        CheckpointFreshnessDiagnostics,
        ValidationDefinitionFreshnessDiagnostics,
    )

    class UnstoredDefinition(gx.ValidationDefinition):  # type: ignore[misc]
        def is_fresh(self) -> ValidationDefinitionFreshnessDiagnostics:
            return ValidationDefinitionFreshnessDiagnostics(errors=[])

    class UnstoredCheckpoint(gx.Checkpoint):  # type: ignore[misc]
        def is_fresh(self) -> CheckpointFreshnessDiagnostics:
            return CheckpointFreshnessDiagnostics(errors=[])

    return UnstoredCheckpoint, UnstoredDefinition


def _expectation(check: Check, place: int) -> Expectation:
    """The expectation declared, with its place in the suite: GX returns results in an order of its own."""
    from great_expectations import expectations  # noqa: PLC0415

    kwargs = dict(check.kwargs)
    names_columns = any(name.startswith("column") for name in kwargs)
    if check.column is not None and not names_columns and check.expectation != SQL_EXPECTATION:
        kwargs["column"] = check.column
    arguments = "".join(f", {name} = {' '.join(str(value).split())}" for name, value in check.kwargs.items())
    shown = f"{check.why} ({check.severity}: {check.expectation}{arguments})"
    expectation: type[Expectation] = (
        _counting_rows() if check.expectation == SQL_EXPECTATION else getattr(expectations, check.expectation)
    )
    return expectation(
        **kwargs,
        severity=check.severity,
        description=html.escape(shown, quote=False),  # Data Docs shows it as it is
        meta={"why": check.why, "place": place},
    )


@functools.cache
def _counting_rows() -> type[Expectation]:
    """GX's expectation on a query, which runs it once, to count, where GX's own runs it again to fetch rows."""
    from great_expectations.expectations import UnexpectedRowsExpectation  # noqa: PLC0415

    class CountedRowsExpectation(UnexpectedRowsExpectation):  # type: ignore[misc]
        metric_dependencies = ("unexpected_rows_query.row_count",)

        def _validate(self, metrics: Mapping[str, int], **_: object) -> dict[str, object]:
            count = metrics["unexpected_rows_query.row_count"]
            return {"success": count == 0, "result": {"observed_value": count}}

    return CountedRowsExpectation


def _results(suites: Sequence[Suite], outcome: CheckpointResult) -> list[CheckResult]:
    found = {
        (validated.suite_name, result.expectation_config.meta["place"]): result
        for validated in outcome.run_results.values()
        for result in validated.results
    }
    return [
        _result(suite, check, found[suite.name, place]) for suite in suites for place, check in enumerate(suite.checks)
    ]


def _result(suite: Suite, check: Check, found: ExpectationValidationResult) -> CheckResult:
    raised = _raised(found)
    counts: Mapping[str, object] = found.result
    count = counts.get("observed_value" if check.expectation == SQL_EXPECTATION else "unexpected_count")
    unexpected_count = count if isinstance(count, int) else 0  # an empty table has none
    return CheckResult(
        suite=suite.name,
        feed=suite.feed,
        expectation=check.expectation,
        column_name=check.column,
        severity=check.severity if raised is None else "critical",
        success=bool(found.success),
        observed=_observed(counts, unexpected_count) if raised is None else raised,
        unexpected_count=unexpected_count,
        why=check.why,
    )


def _observed(counts: Mapping[str, object], unexpected_count: int) -> str:
    """What GX saw: `3 of 10 rows` for a check of rows, its one figure for others, nothing when it gives none."""
    if "element_count" in counts:
        return f"{unexpected_count} of {counts['element_count']} rows"
    figure = counts.get("observed_value")
    return "" if figure is None else str(figure)


def _raised(found: ExpectationValidationResult) -> str | None:
    """First line of what the expectation raised, without the values of cells; None when it did not raise."""
    info: Mapping[str, object] = found.exception_info
    # Either one exception, or one per metric that raised, under the metric's name.
    for entry in (info, *info.values()):
        if isinstance(entry, Mapping) and entry.get("raised_exception"):
            line = str(entry["exception_message"]).strip().split("\n", 1)[0]
            return line if _ABOUT_NAMES.search(line) else _PERHAPS_VALUES.sub("…", line)
    return None


_ABOUT_NAMES = re.compile(r"^\(\w+\.(?:Binder|Catalog|Parser)Exception\)|^Error: The column ")
"""Exceptions that quote the query and the names in it; others may quote what stands in a cell."""
_PERHAPS_VALUES = re.compile(r"""'.*'|'.*|".*"|".*|\b\d+\b""")


def _build_docs(
    context: EphemeralDataContext, outcome: CheckpointResult, results: Sequence[CheckResult], docs: Path
) -> None:
    """Write index.html and one page per suite."""
    pages: dict[str, str] = {}
    for key, validated in outcome.run_results.items():
        for found in validated.results:
            raised = _raised(found)
            if raised is not None:  # the message and the traceback may quote a cell
                found.exception_info = {
                    "raised_exception": True,
                    "exception_message": raised,
                    "exception_traceback": raised,
                }
        if any(_raised(found) is not None for found in validated.results):  # else it is there as it is
            context.validation_results_store.set(key, validated)
        pages[validated.suite_name] = "/".join(("validations", *key.to_tuple())) + ".html"
    context.build_data_docs(build_index=False)
    shutil.rmtree(docs / "static")  # 4 MB of pictures and fonts, which the pages do without
    for page in pages.values():  # GX logs what goes wrong with a page and goes on; here a missing page raises
        file = docs / page
        file.write_text(_offline(file.read_text(encoding="utf-8")), encoding="utf-8")
    (docs / "index.html").write_text(_index(pages, results), encoding="utf-8")


_LOOKS = re.compile(r"<(script|style|footer)\b.*?</\1>|<(link|img)\b[^>]*>", re.DOTALL)
_SUITE_LINK = re.compile(r'<a href="[^"]*/expectations/[^"]*"\s*>(.*?)</a>', re.DOTALL)
_STYLE = """<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em; color: #222 }
table { border-collapse: collapse } th, td { border: 1px solid #ccc; padding: .3em .7em; text-align: left }
.badge { background: #eee; border-radius: 3px; padding: 0 .3em } .btn-group { display: none }
.text-danger { color: #b00020 } .text-success { color: #1b7f3b } .text-warning { color: #a66300 }
.fa-check-circle::before { content: "✔" } .fa-times::before { content: "✘" }
.fa-exclamation-triangle::before { content: "⚠" }
</style>"""


def _offline(page: str) -> str:
    """A page of Data Docs that asks nothing of other hosts: one small style instead of GX's styles and scripts."""
    page = _SUITE_LINK.sub(r"\1", _LOOKS.sub("", page))
    return page.replace("</head>", f"{_STYLE}\n</head>", 1)


def _index(pages: Mapping[str, str], results: Sequence[CheckResult]) -> str:
    """The first page: one row per suite. GX's own is drawn by scripts from other hosts."""
    rows = []
    for suite, page in pages.items():
        checks = [result for result in results if result.suite == suite]
        failed = [result.severity for result in checks if not result.success]
        cells = (len(checks), failed.count("critical"), failed.count("warning"))
        link = f'<a href="{quote(page)}">{html.escape(suite)}</a>'
        rows.append(f"<tr><td>{link}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    heading = "<tr><th>Suite</th><th>Checks</th><th>Failed, critical</th><th>Failed, warning</th></tr>"
    return (
        f'<!DOCTYPE html>\n<html>\n<head>\n<meta charset="UTF-8">\n<title>Checks</title>\n{_STYLE}\n</head>\n<body>\n'
        f"<h1>Checks</h1>\n<table>\n{heading}\n" + "\n".join(rows) + "\n</table>\n</body>\n</html>\n"
    )
