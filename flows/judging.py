"""From staged rows to a verdict: marked by one DuckDB pass, gated by the suites, parted into accepted and refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from expectations import deliveries as delivery_rules
from expectations.checks import CheckResult, Suite, bit_checks, mask_view
from expectations.engine import run_suites
from expectations.feeds import RULES
from expectations.rules import mask_sql
from flows.errors import CheckFailed
from flows.refusing import no_refused_rows, refused_rows
from flows.run import Run
from flows.staging import Staged, raw_of
from flows.stores.limited import limited
from transforms.refusals import FileRefusal

EARLIER_DELIVERIES = 10
"""How many earlier deliveries of a feed say what is usual."""


@dataclass(frozen=True, slots=True)
class Judged:
    """All deliveries of a night, with the verdict on each."""

    files: pl.DataFrame
    """One row per file and feed: columns of ops.files known so far, file_no, and those of the lake's deliveries."""
    accepted: dict[str, pl.LazyFrame]
    """Per feed: the staged rows that hold by themselves, of the files that are taken."""
    refused: pl.DataFrame
    """Rows refused on their own account: ops.refused_rows without run_id and dates, and file_no."""
    checks: list[CheckResult]
    staged: tuple[Staged, ...]

    @property
    def taken(self) -> pl.DataFrame:
        """One row per accepted delivery, as the lake registers it, with file_no."""
        columns = ("file_no", "source", "kind", "business_date", "seq", "file_name", "path", "sha256")
        return self.files.filter(pl.col("outcome") == "accepted").select(columns).unique(maintain_order=True)


def judge(run: Run, staged: Sequence[Staged]) -> Judged:
    """Marks every row with all its reasons, runs the suites, and parts what is taken from what is refused.

    Raises:
        CheckFailed: a check could not be carried out.
    """
    with limited(":memory:", run.memory, run.workplace("spill")) as connection:
        connection.register("files", _file_table(staged).to_arrow())
        masked = _mask(run, connection, staged)
        tallies = _tallies(run, connection, staged, masked)
        connection.register(delivery_rules.TABLE, tallies.to_arrow())
        suites = [_row_suite(connection, feed) for feed in masked]
        suites.append(delivery_rules.suite(run.policy))
        results = run_suites(connection, suites, run_name=run.run_id, docs=run.docs / "feeds")
        if broken := [result for result in results if result.severity == "critical" and _raised(result)]:
            raise CheckFailed(
                f"The night of {run.as_of} was not published: {len(broken)} check(s) could not be carried out: "
                + "; ".join(f"{result.suite} {result.column_name or ''}: {result.observed}" for result in broken)
            )
        files = _verdicts(run, connection, staged, tallies)
    bad = {feed: pl.scan_parquet(path).filter(pl.col("reasons") != 0).collect() for feed, path in masked.items()}
    return Judged(
        files=files,
        accepted={feed: _accepted(feed, staged, rows, files) for feed, rows in bad.items()},
        refused=_refused(run, staged, bad, files),
        checks=results,
        staged=tuple(staged),
    )


def _raised(result: CheckResult) -> bool:
    """The check is about no row or file, but broke itself."""
    return not result.success and result.unexpected_count == 0


def _file_table(staged: Sequence[Staged]) -> pl.DataFrame:
    rows = [(item.file_no, item.delivery.business_date) for item in staged]
    return pl.DataFrame(rows, schema={"file_no": pl.Int32, "business_date": pl.Date}, orient="row")


def _mask(run: Run, connection: duckdb.DuckDBPyConnection, staged: Sequence[Staged]) -> dict[str, Path]:
    """Per feed with rows: Parquet of _MASKED of every staged row, also as view masked_<feed>."""
    masked = {}
    for feed, rules in RULES.items():
        paths = _staged_paths(feed, staged)
        if not paths:
            continue
        source = f"read_parquet({[str(path) for path in paths]!r})"
        target = run.workplace("masked") / f"{feed}.parquet"
        query = f"SELECT {', '.join(_MASKED)} FROM ({mask_sql(feed, rules, run.policy, source, 'files')})"
        connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION lz4)")
        connection.execute(f"CREATE VIEW masked_{feed} AS SELECT * FROM '{target}'")
        masked[feed] = target
    return masked


_MASKED = ("row_no", "file_no", "line_number", "line_span", "reasons", "row_amount_cents", "unreadable_count")
"""What is kept of a row with all its reasons; everything else stands in the staged row of that row_no."""


def _staged_paths(feed: str, staged: Sequence[Staged]) -> list[Path]:
    return [item.rows[feed] for item in staged if feed in item.rows]


def _row_suite(connection: duckdb.DuckDBPyConnection, feed: str) -> Suite:
    """One check per rule over its bit."""
    rules = RULES[feed]
    mask_view(connection, f"marked_{feed}", f"masked_{feed}", [rule.name for rule in rules])
    return Suite(feed, feed, f"marked_{feed}", bit_checks({rule.name: rule.why for rule in rules}))


def _total(predicate: str) -> str:
    """The amounts of the rows, cut at a hundred times what a file may come to: the sum of all files must still fit."""
    most = 100 * delivery_rules.LARGEST_TOTAL_CENTS
    total = f"coalesce(sum(row_amount_cents) FILTER ({predicate}), 0)"
    return f"greatest(least({total}, {most}), -{most})::BIGINT"


def _tallies(
    run: Run, connection: duckdb.DuckDBPyConnection, staged: Sequence[Staged], masked: dict[str, Path]
) -> pl.DataFrame:
    """The table that the file rules look at: one row per file and feed."""
    counted = [
        connection.sql(
            f"SELECT file_no, '{feed}' AS feed, count(*) AS rows_received, count(*) FILTER (reasons <> 0) AS"
            f" rows_refused, {_total('true')} AS amount_received_cents,"
            f" {_total('reasons <> 0')} AS amount_refused_cents,"
            f" coalesce(sum(unreadable_count), 0)::BIGINT AS amount_unreadable_count FROM masked_{feed} GROUP BY ALL"
        ).to_arrow_table()
        for feed in masked
    ]
    schema: dict[str, pl.DataType] = {
        "file_no": pl.Int32(),
        "feed": pl.String(),
        "rows_received": pl.Int64(),
        "rows_refused": pl.Int64(),
        "amount_received_cents": pl.Int64(),
        "amount_refused_cents": pl.Int64(),
        "amount_unreadable_count": pl.Int64(),
    }
    tallies = pl.concat([pl.DataFrame(schema=schema), *(pl.DataFrame(table).cast(schema) for table in counted)])  # type: ignore[arg-type]
    every = [
        (item.file_no, item.delivery.source, feed, [fault.value for fault, _ in item.faults])
        for item in staged
        for feed in run.settings.mapping(item.delivery.source).files[item.delivery.kind].feeds
    ]
    names: dict[str, pl.DataType] = {
        "file_no": pl.Int32(),
        "source": pl.String(),
        "feed": pl.String(),
        "faults": pl.List(pl.String()),
    }
    return (
        pl.DataFrame(every, schema=names, orient="row")
        .join(tallies, on=["file_no", "feed"], how="left")
        .with_columns(pl.col(list(schema)[2:]).fill_null(0))
        .join(_usual(run), on=["source", "feed"], how="left")
    )


def _usual(run: Run) -> pl.DataFrame:
    """Median rows of the last deliveries taken, by source and feed: usual_rows."""
    schema = {"source": pl.String, "feed": pl.String, "usual_rows": pl.Float64}
    if run.published is None:
        return pl.DataFrame(schema=schema)
    with run.reader() as connection:
        rows = connection.execute(
            "SELECT source, feed, median(rows_received) AS usual_rows FROM (SELECT *, row_number() OVER"
            " (PARTITION BY source, feed ORDER BY business_date DESC, seq DESC) AS nth FROM ops.files"
            " WHERE outcome = 'accepted') WHERE nth <= ? GROUP BY ALL",
            [EARLIER_DELIVERIES],
        ).fetchall()
    return pl.DataFrame(rows, schema=schema, orient="row")


def _verdicts(
    run: Run, connection: duckdb.DuckDBPyConnection, staged: Sequence[Staged], tallies: pl.DataFrame
) -> pl.DataFrame:
    """The files with outcome and reason: a file that breaks a critical rule in any feed is refused in all."""
    sentences: dict[int, list[str]] = {item.file_no: [sentence for _, sentence in item.faults] for item in staged}
    for rule in delivery_rules.rules(run.policy):
        if rule.severity != "critical" or rule.refusal is None:
            continue
        broken = connection.execute(
            f"SELECT file_no, feed, rows_refused, rows_received FROM {delivery_rules.TABLE} WHERE {rule.predicate}"
        ).fetchall()
        for file_no, feed, refused, received in broken:
            if rule.refusal is FileRefusal.TOO_MANY_REFUSED:
                sentences[file_no].append(f"{refused} of {received} rows of {feed} are refused. {rule.why}")
            elif rule.refusal is FileRefusal.TOTAL_TOO_LARGE:
                sentences[file_no].append(f"{rule.refusal.sentence} {rule.why}")
    known = [
        {
            "file_no": item.file_no,
            "kind": item.delivery.kind,
            "file_name": item.delivery.path.name,
            "path": item.delivery.relative,
            "sha256": item.delivery.sha256,
            "business_date": item.delivery.business_date,
            "seq": item.delivery.seq,
            "line_count": item.line_count,
            "header": item.header,
            "replay_of": item.replay_of,
            "fingerprint": item.fingerprint,
            "outcome": "refused" if sentences[item.file_no] else "accepted",
            "reason": " ".join(sentences[item.file_no]) or item.remark,
        }
        for item in staged
    ]
    is_refused = pl.col("outcome") == "refused"
    return (
        tallies.drop("faults", "usual_rows")
        .join(pl.DataFrame(known, schema=_KNOWN), on="file_no")
        .with_columns(
            rows_refused=pl.when(is_refused).then("rows_received").otherwise("rows_refused"),
            amount_refused_cents=pl.when(is_refused).then("amount_received_cents").otherwise("amount_refused_cents"),
        )
        .sort("file_no", "feed")
    )


_KNOWN: dict[str, pl.DataType] = {
    "file_no": pl.Int32(),
    "kind": pl.String(),
    "file_name": pl.String(),
    "path": pl.String(),
    "sha256": pl.String(),
    "business_date": pl.Date(),
    "seq": pl.Int32(),
    "line_count": pl.Int64(),
    "header": pl.String(),
    "replay_of": pl.String(),
    "fingerprint": pl.String(),
    "outcome": pl.String(),
    "reason": pl.String(),
}


def _accepted(feed: str, staged: Sequence[Staged], bad: pl.DataFrame, files: pl.DataFrame) -> pl.LazyFrame:
    """The rows without a reason, of the files that are taken."""
    taken = set(files.filter(pl.col("outcome") == "accepted")["file_no"])
    rows = pl.scan_parquet(_staged_paths(feed, staged))
    if any(item.file_no not in taken for item in staged if feed in item.rows):
        rows = rows.filter(pl.col("file_no").is_in(sorted(taken)))
    return rows.filter(~pl.col("row_no").is_in(bad["row_no"].implode())) if bad.height else rows


def _refused(run: Run, staged: Sequence[Staged], bad: dict[str, pl.DataFrame], files: pl.DataFrame) -> pl.DataFrame:
    """Every row with a reason of its own, with the line as delivered."""
    places = [rows.select("file_no", "line_number", "line_span") for rows in bad.values()]
    raw = raw_of(run, staged, pl.concat(places).unique()) if places else {}
    names = files.select("file_no", "source", "path", "sha256").unique()
    found = [no_refused_rows()]
    for feed, marked in bad.items():
        if marked.height:
            rows = pl.scan_parquet(_staged_paths(feed, staged)).drop("reasons")
            reasons = marked.lazy().select("row_no", "reasons")
            found.append(refused_rows(feed, rows.join(reasons, on="row_no"), names, raw))
    return pl.concat(found)
