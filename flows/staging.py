"""From a delivered file to typed rows staged as Parquet, and what is wrong with the file as a whole."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from flows.refusing import withheld
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
