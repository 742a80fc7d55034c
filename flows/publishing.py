"""Write, audit, publish: the next warehouse is built aside, checked, and put in the place of the last one."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import duckdb
import polars as pl

from expectations import published
from expectations.checks import CheckResult
from expectations.engine import run_suites
from flows.accounting import Accounts
from flows.changes import Changes
from flows.errors import CheckFailed
from flows.intake import Intake
from flows.run import Run, unpublished_runs
from flows.stores.lake import Lake, dataset_of, manifest_name
from flows.stores.tables import Writer, count
from flows.stores.warehouse import quoted
from transforms.layout import SCHEMA_VERSION
from transforms.sending_tables import SENDING_TABLES
from transforms.tables import TABLES

TABLES_AT_ONCE = 2
"""Tables that are written at once where all accounts are; each takes memory for what it has not compressed yet."""
FEW = 10
"""Fewer accounts than one in so many: their keys are looked for, instead of all keys counted."""
_RUN_SUMS = ("rows_received", "rows_accepted", "rows_refused", "rows_duplicate")
_RUN_AMOUNTS = ("amount_received", "amount_accepted", "amount_refused", "amount_duplicate")


def write_next(run: Run, changes: Changes) -> None:
    """Builds the next warehouse file: the last one, or an empty one, with the night's changes; nobody sees it yet."""
    run.warehouse.begin(run.run_id, fresh=run.published is None)
    apply(run, changes)


def apply(run: Run, changes: Changes) -> None:
    """Brings the night's changes into the next warehouse file.

    Where they are whole tables, two at a time: one alone kept 1.4 of two processors busy. Where they are some rows, one
    after the other takes no longer, and half the memory.
    """
    at_once = TABLES_AT_ONCE if run.tells_all else 1
    tables = {*changes.replaced, *changes.stamped, *changes.whole, *changes.dated, *changes.added}
    with run.open_next() as connection, ThreadPoolExecutor(at_once) as pool:
        # the largest first, so that none of them is left alone at the end
        for _ in pool.map(partial(_apply, run, changes, connection), sorted(tables, key=changes.size, reverse=True)):
            pass


def _apply(run: Run, changes: Changes, connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Brings the night's changes of one table into the next warehouse file."""
    with connection.cursor() as cursor:
        writer = Writer(cursor)
        if table in changes.replaced:
            _replace(run, changes, writer, table)
        if table in changes.stamped:
            writer.stamp(table, run.as_of, run.policy.version)
        if table in changes.whole:
            writer.clear(table)
            writer.append_files(table, changes.whole[table])
        if table in changes.dated:
            cursor.execute(f"DELETE FROM {table} WHERE as_of = ?", [run.as_of])
            writer.append_files(table, changes.dated[table])
        writer.append_files(table, changes.added.get(table, []))


def _replace(run: Run, changes: Changes, writer: Writer, table: str) -> None:
    """The rows of what was worked on in the place of those before."""
    paths = changes.replaced[table]
    if run.published is not None:
        worked_on = changes.worked_on(table)
        writer.connection.register("worked_on", worked_on.to_arrow())
        if table in changes.stamped:
            writer.renew(table, "worked_on", worked_on.columns, paths)
            return
        writer.delete(table, "worked_on", worked_on.columns)
    writer.append_files(table, paths)


def audit(run: Run, changes: Changes, accounts: Accounts, lake: Lake) -> list[CheckResult]:
    """Runs the suites of the published tables and of the night's accounts.

    Raises:
        CheckFailed: a critical check failed; names it and the deliveries of the night.
    """
    with run.open_next() as connection:
        products = run.policy.product_frame(
            row[0] for row in connection.execute("SELECT DISTINCT product_code FROM core.accounts").fetchall()
        )
        connection.register(published.ALLOCATION, products.select("product_code", "allocation").to_arrow())
        connection.register(published.LOST_LOANS, _lost_loans(run, connection, changes, lake).to_arrow())
        connection.register(published.FILES, accounts.files.to_arrow())
        connection.register(published.REFUSED, accounts.refused.to_arrow())
        connection.register(published.WORKED_ON, changes.accounts.select("source", "account_id").to_arrow())
        is_part = run.published is not None and changes.accounts.height * FEW < count(connection, "core.accounts")
        suites = [*published.suites(run.policy, is_part=is_part), published.references()]
        results = run_suites(connection, suites, run_name=run.run_id, docs=run.docs / "published")
    failed = [result for result in results if result.severity == "critical" and not result.success]
    if failed:
        raise CheckFailed(_failure(run, failed, accounts.files))
    return results


_NAMED = 10
"""So many deliveries are named in a sentence; a reader can take in no more."""


def _failure(run: Run, failed: list[CheckResult], files: pl.DataFrame) -> str:
    """What failed, what came in, and what to do next."""
    what = "; ".join(f"{result.suite}: {result.why} ({result.observed})" for result in failed)
    came = files.filter(pl.col("outcome") == "accepted").select("path", "sha256").unique(maintain_order=True).rows()
    names = ", ".join(f"{path} ({sha256[:12]})" for path, sha256 in came[:_NAMED]) or "none"
    if len(came) > _NAMED:
        names += f" and {len(came) - _NAMED} more"
    return (
        f"The night of {run.as_of} was not published, because {len(failed)} critical check(s) failed: {what}. "
        f"Deliveries of this night: {names}. Have them mended, or leave one out with `tally nightly --hold SHA256`; "
        f"{run.docs / 'published' / 'index.html'} shows every check."
    )


def _lost_loans(run: Run, connection: duckdb.DuckDBPyConnection, changes: Changes, lake: Lake) -> pl.DataFrame:
    """source, loan_id of loans published before and not now, without a deletion or a lost reference to say why."""
    key: dict[str, pl.DataType] = {"source": pl.String(), "loan_id": pl.String()}
    if run.published is None:
        return pl.DataFrame(schema=key)
    connection.execute(f"ATTACH '{quoted(str(run.previous))}' AS before (READ_ONLY)")
    lost = connection.execute(
        "SELECT source, loan_id FROM before.core.loans ANTI JOIN core.loans USING (source, loan_id)"
    ).fetchall()
    connection.execute("DETACH before")
    deleted = lake.scan("facts/installments").filter("is_deleted").select(*key).collect()
    waiting = changes.waiting.filter(pl.col("feed") == "installments").select(
        "source", loan_id=pl.col("row").str.json_path_match("$.loan_id")
    )
    return pl.DataFrame(lost, schema=key, orient="row").join(pl.concat([deleted, waiting]), on=list(key), how="anti")


def commit(run: Run, intake: Intake, accounts: Accounts, checks: Sequence[CheckResult]) -> Lake:
    """Records the run in the lake and writes its manifest; it counts once a warehouse that names it is published."""
    writer = intake.writer
    row = _run_row(run, accounts)
    runs = pl.DataFrame([*_folded(run), row], schema=TABLES["ops.runs"].schema)
    tables = {
        "files": accounts.files,
        "refused_rows": accounts.refused,
        "checks": _checks(run, checks),
        "runs": runs,
    }
    for name, rows in tables.items():
        writer.add(f"ops/{name}", rows)
    writer.add("released", accounts.released)
    known = {"run_id": run.run_id, "attempt": run.attempt, "kind": run.kind, "as_of": run.as_of}
    writer.add("runs", pl.DataFrame([{**known, "policy": run.policy.model_dump_json()}]))
    return writer.commit(run.as_of, run.policy.hash)


def _run_row(run: Run, accounts: Accounts) -> dict[str, Any]:
    """The run as ops.runs keeps it, amounts in cents."""
    files = accounts.files
    return {
        "run_id": run.run_id,
        "attempt": run.attempt,
        "as_of": run.as_of,
        "kind": run.kind,
        "started_at": run.started_at,
        "finished_at": datetime.now(UTC),
        "outcome": "published",
        "reason": None,
        "policy_version": run.policy.version,
        "manifest": manifest_name(run.run_id),
        **{name: files[name].sum() for name in _RUN_SUMS},
        **{f"{name}_cents": files[f"{name}_cents"].sum() for name in _RUN_AMOUNTS},
        "rows_released": accounts.released.height,
        "amount_released_cents": accounts.released["amount_cents"].sum(),
        "rows_reclaimed": accounts.rows_reclaimed,
        "held": list(run.held),
    }


def _folded(run: Run) -> list[dict[str, Any]]:
    """Rows of ops.runs for the runs that did not publish since the last one that did."""
    known: set[tuple[str, int]] = set()
    if run.published is not None:
        with run.reader() as connection:
            known = set(connection.execute("SELECT run_id, attempt FROM ops.runs").fetchall())
    copied = ("run_id", "attempt", "kind", "outcome", "reason", "policy_version", "held")
    return [
        {
            **{name: record[name] for name in copied},
            "as_of": date.fromisoformat(record["as_of"]),
            "started_at": datetime.fromisoformat(record["started_at"]),
            "finished_at": datetime.fromisoformat(record["finished_at"]),
        }
        for record in unpublished_runs(run.settings)
        if (record["run_id"], record["attempt"]) not in known
    ]


def _checks(run: Run, results: Sequence[CheckResult]) -> pl.DataFrame:
    """ops.checks of the results."""
    schema = TABLES["ops.checks"].schema
    rows = [
        {"run_id": run.run_id, **{name: getattr(result, name) for name in schema if name != "run_id"}}
        for result in results
    ]
    return pl.DataFrame(rows, schema=schema)


def publish(run: Run, lake: Lake) -> None:
    """Brings what the lake recorded of the run into the next file, closes it, and renames it."""
    with run.open_next() as connection:
        writer = Writer(connection)
        record(run, writer, lake)
        counts = writer.finish()
    run.warehouse.publish(run.run_id, counts)
    run.vault.sweep(lake.manifest.vault if lake.manifest else ())
    for path in (run.settings.warehouse / "runs").glob("*.json"):
        path.unlink()


def record(run: Run, writer: Writer, lake: Lake) -> None:
    """The night's own tables, as the lake recorded them."""
    of_this_run = pl.col("run_no") == run.run_no
    ops = (f"ops.{name}" for name in ("files", "refused_rows", "checks", "runs"))
    for name in (*ops, *(table.name for table in SENDING_TABLES)):
        writer.append_frame(name, lake.scan(dataset_of(name)).filter(of_this_run).collect())
    released = lake.scan("released").filter(of_this_run).collect()
    writer.connection.register("released_rows", released.to_arrow())
    writer.connection.execute(
        """
UPDATE ops.refused_rows r SET released_on = ? FROM released_rows n
WHERE r.is_waiting AND r.released_on IS NULL AND r.path = n.path AND r.sha256 = n.sha256
    AND r.feed = n.feed AND r.line_number = n.line_number AND r.key = n.key
""",
        [run.as_of],
    )
    writer.clear("ops.meta")
    meta = {
        "schema_version": SCHEMA_VERSION,
        "policy_version": run.policy.version,
        "policy_hash": run.policy.hash,
        "manifest": manifest_name(run.run_id),
    }
    writer.append_frame("ops.meta", pl.DataFrame([meta], schema=TABLES["ops.meta"].schema))
