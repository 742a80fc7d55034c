"""From a delivered file to judged rows: staged as typed Parquet, marked by one DuckDB pass, gated by the suites."""

from __future__ import annotations

import hashlib
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
from flows.refusing import no_refused_rows, refused_rows, withheld
from flows.run import Run
from flows.stores import records
from flows.stores.landing import (
    BadControl,
    Control,
    Delivery,
    control_mismatches,
    control_path,
    read_control,
    still,
)
from transforms.conform import DeliveryContext, conform, identities, missing_columns, unknown_columns
from transforms.feeds import CLEAR_FIELDS, FEEDS, IDENTITIES
from transforms.mapping import FileMapping
from transforms.refusals import FileRefusal

IDENTITY_ROWS: dict[str, pl.DataType] = {
    "line_number": pl.Int64(),
    **{name: kind for name, kind in IDENTITIES.facts.items() if name != "source"},
}
"""Clear values of a delivery's customers: scratch, sealed until the accepted ones are known."""
MOST_ROWS = 1 << 40
"""More rows than any delivery has: the numbers of the next one's rows begin behind them."""
EARLIER_DELIVERIES = 10
"""How many earlier deliveries of a feed say what is usual."""


@dataclass(frozen=True, slots=True)
class Staged:
    """One delivery, read: typed rows by feed, and what is wrong with the file as a whole."""

    file_no: int
    delivery: Delivery
    fingerprint: str
    line_count: int
    header: str | None
    rows: dict[str, Path]
    """Per feed: Parquet of conformed rows with file_no and row_no, which tells all rows of the night apart."""
    identities: Path | None
    """Sealed IDENTITY_ROWS of its customers."""
    faults: tuple[tuple[FileRefusal, str], ...]
    remark: str | None
    """What is worth a sentence although the file may be taken."""
    names_persons: bool
    """A line may name a person: identity numbers or names are taken from this file."""
    replay_of: str | None


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


def fingerprint(run: Run, delivery: Delivery) -> str:
    """SHA-256 over data, control file, mapping and policy: a refused file is tried again when it differs."""
    control = control_path(delivery.path)
    parts = (
        delivery.sha256,
        hashlib.sha256(control.read_bytes()).hexdigest() if control.exists() else "",
        run.settings.mapping(delivery.source).hash,
        run.policy.hash,
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def stage(run: Run, file_no: int, delivery: Delivery) -> Staged | None:
    """Reads one delivery into typed Parquet; None when the file changed meanwhile and is left for the next run."""
    mapping = run.settings.mapping(delivery.source).files[delivery.kind]
    mark = fingerprint(run, delivery)
    control, faults = _control(run, delivery)
    found: records.Records | None = None
    rows: dict[str, Path] = {}
    named: Path | None = None
    remark: str | None = None
    seal = run.seal if "customers" in mapping.feeds else None
    try:
        known = records.profile(delivery.path, mapping.format, delivery.sha256)
        found = records.read(delivery.path, mapping.format, run.workplace(f"records/{file_no}"), known, seal)
        faults += _column_faults(run, mapping, found.columns)
        remark = _kept_columns(run, mapping, found.columns)
        rows = _conformed(run, file_no, delivery, mapping, found)
        named = _identities(run, file_no, delivery, mapping, found)
    except records.Unreadable as error:
        faults.append((FileRefusal.UNREADABLE, str(error)))
    except pl.exceptions.PolarsError as error:
        faults.append((FileRefusal.UNREADABLE, _not_computed(error)))
    except Exception:
        if still(delivery):
            raise  # else, whatever went wrong, it is because the file changed
    if not still(delivery):
        return None
    if control is not None and found is not None and rows:
        faults += _control_faults(control, mapping, delivery, found.line_count, rows)
    names_persons = _may_name_persons(mapping, found, faults)
    header = found.header if found else None
    return Staged(
        file_no=file_no,
        delivery=delivery,
        fingerprint=mark,
        line_count=found.line_count if found else 0,
        header=withheld(header) if header is not None and names_persons and _is_strange(faults) else header,
        rows=rows,
        identities=named,
        faults=tuple(faults),
        remark=remark,
        names_persons=names_persons,
        replay_of=_replay_of(control),
    )


def _control(run: Run, delivery: Delivery) -> tuple[Control | None, list[tuple[FileRefusal, str]]]:
    """The control file, and what is wrong with it or its absence."""
    try:
        control = read_control(delivery.path)
    except BadControl as error:
        return None, [(FileRefusal.BAD_CONTROL, str(error))]
    if control is None and run.policy.require_control:
        return None, [(FileRefusal.MISSING_CONTROL, f"There is no {control_path(delivery.path).name}.")]
    return control, []


def _not_computed(error: pl.exceptions.PolarsError) -> str:
    """What an expression of the mapping met in the file, without the values it met."""
    what = str(error).splitlines()[0].split(": [")[0]
    return f"An expression of the mapping cannot be computed over this file: {what}; TRY_CAST reads what it can."


def _may_name_persons(
    mapping: FileMapping, found: records.Records | None, faults: Sequence[tuple[FileRefusal, str]]
) -> bool:
    """Whether a line may hold identity numbers or names: they are taken from it, or its columns are strange."""
    customers = mapping.feeds.get("customers")
    if customers is None:
        return False
    columns = set(found.columns) if found else set()
    return _is_strange(faults) or any(customers.value(name).reads() & columns for name in CLEAR_FIELDS)


def _is_strange(faults: Sequence[tuple[FileRefusal, str]]) -> bool:
    """Whether the columns are not those agreed: what looks like a header may be the first row."""
    return any(fault in (FileRefusal.MISSING_COLUMN, FileRefusal.UNKNOWN_COLUMN) for fault, _ in faults)


def _replay_of(control: Control | None) -> str | None:
    """The file and lines that a replayed delivery mends."""
    if control is None or not control.replays:
        return None
    lines: dict[str, list[int]] = {}
    for origin in control.replays:
        lines.setdefault(origin.path, []).append(origin.line_number)
    return "; ".join(f"{path} line {', '.join(map(str, numbers))}" for path, numbers in lines.items())


def _column_faults(run: Run, mapping: FileMapping, columns: Sequence[str]) -> list[tuple[FileRefusal, str]]:
    faults = []
    if lacking := missing_columns(mapping, columns):
        faults.append((FileRefusal.MISSING_COLUMN, f"The file lacks {'; '.join(lacking)}."))
    if run.policy.unknown_columns == "refuse" and (unknown := unknown_columns(mapping, columns)):
        faults.append((FileRefusal.UNKNOWN_COLUMN, f"The mapping does not know {_named(mapping, columns, unknown)}."))
    return faults


def _kept_columns(run: Run, mapping: FileMapping, columns: Sequence[str]) -> str | None:
    """The sentence about columns that the policy lets stand; their values, which may name persons, stay in the file."""
    if run.policy.unknown_columns != "keep" or not (unknown := unknown_columns(mapping, columns)):
        return None
    return f"Kept in the file but not read, since the mapping does not know {_named(mapping, columns, unknown)}."


def _named(mapping: FileMapping, columns: Sequence[str], unknown: Sequence[str]) -> str:
    """The columns by name, or counted: without its required columns a file of persons may begin with one of them."""
    if "customers" in mapping.feeds and missing_columns(mapping, columns):
        return f"{len(unknown)} of its columns"
    return ", ".join(unknown)


def _conformed(
    run: Run, file_no: int, delivery: Delivery, mapping: FileMapping, found: records.Records
) -> dict[str, Path]:
    """Typed rows of every feed that the file gives."""
    context = _context(run, delivery)
    paths = {}
    for feed, feed_mapping in mapping.feeds.items():
        path = run.workplace(f"staged/{feed}") / f"{file_no}.parquet"
        rows = conform(found.rows, feed, feed_mapping, mapping.reading, context).with_row_index("row_no")
        row_no = pl.col("row_no").cast(pl.Int64) + file_no * MOST_ROWS
        rows.with_columns(row_no=row_no, file_no=pl.lit(file_no, pl.Int32)).sink_parquet(path, compression="lz4")
        paths[feed] = path
    return paths


def _identities(
    run: Run, file_no: int, delivery: Delivery, mapping: FileMapping, found: records.Records
) -> Path | None:
    """Clear values of the customers that the file gives, sealed; None when it gives none."""
    feed = mapping.feeds.get("customers")
    if feed is None:
        return None
    path = run.workplace("identities") / f"{file_no}.sealed"
    rows = identities(found.rows, feed, mapping.reading, _context(run, delivery))
    run.seal.write(path, rows.select(*IDENTITY_ROWS).collect_batches())
    return path


def _context(run: Run, delivery: Delivery) -> DeliveryContext:
    """What the rows of a delivery take from around them."""
    return DeliveryContext(
        source=delivery.source,
        business_date=delivery.business_date,
        seq=delivery.seq,
        time_zone=run.policy.time_zone,
        currency=run.policy.currency,
        person_key=run.person_key,
    )


def _control_faults(
    control: Control, mapping: FileMapping, delivery: Delivery, line_count: int, rows: dict[str, Path]
) -> list[tuple[FileRefusal, str]]:
    """Where the file differs from what its control file announces."""
    feed = mapping.control_feed or next((name for name in mapping.feeds if FEEDS[name].amounts), "")
    amount = unreadable = 0
    if feed:
        sums = pl.scan_parquet(rows[feed]).select(pl.col("row_amount_cents", "unreadable_count").cast(pl.Int128).sum())
        amount, unreadable = sums.collect().row(0)
    return control_mismatches(
        control, rows=line_count, sha256=delivery.sha256, amount_cents=amount, unreadable_count=unreadable
    )


def judge(run: Run, staged: Sequence[Staged]) -> Judged:
    """Marks every row with all its reasons, runs the suites, and parts what is taken from what is refused.

    Raises:
        CheckFailed: a check could not be carried out.
    """
    with duckdb.connect(config={"memory_limit": run.settings.memory}) as connection:
        connection.execute(f"SET temp_directory = '{run.workplace('spill')}'")
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


def raw_of(run: Run, staged: Sequence[Staged], places: pl.DataFrame) -> dict[tuple[int, int], str]:
    """The lines as delivered, by file and line number; withheld where they may name a person.

    Args:
        run: the run.
        staged: the night's deliveries.
        places: distinct file_no, line_number, line_span.
    """
    raw: dict[tuple[int, int], str] = {}
    for item in staged:
        lines = places.filter(pl.col("file_no") == item.file_no).select("line_number", "line_span").rows()
        if lines:
            mapping = run.settings.mapping(item.delivery.source).files[item.delivery.kind]
            work = run.workplace(f"raw/{item.file_no}-{len(lines)}")
            seal = run.seal if "customers" in mapping.feeds else None
            texts = records.raw_lines(item.delivery.path, mapping.format, lines, work, seal)
            shown = withheld if item.names_persons else str
            raw |= {(item.file_no, line): shown(text) for line, text in texts.items()}
    return raw
