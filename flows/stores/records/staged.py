"""Text rows gathered into parts on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from flows.stores.records import limits
from flows.stores.records.header import Head
from flows.stores.records.model import Records, Unreadable
from flows.stores.records.rows import FRAME, Layout, schema_of
from flows.stores.seal import Seal


def text_frames(blocks: Iterable[bytes], layout: Layout, first: int) -> Iterator[pl.DataFrame]:
    """Text rows, in order; the lines of a record still open go on with the next block."""
    rest = b""
    for block in blocks:
        whole = rest + block
        rows, rest = layout.take(whole, first, is_last=False)
        first += whole.count(b"\n") - rest.count(b"\n")
        yield rows
    if rest:
        yield layout.take(rest, first, is_last=True)[0]


def stage(frames: Iterable[pl.DataFrame], head: Head, work: Path, seal: Seal | None) -> Records:
    """Writes the frames as Parquet, part by part, and scans them; a column that a part lacks is null there."""
    columns = dict.fromkeys(head.columns)
    parts: list[Path] = []
    line_count = 0
    for part in _parts(frames):
        columns |= dict.fromkeys(name for name in part.columns if name not in FRAME)
        if len(columns) > limits.MAX_COLUMNS:
            raise Unreadable(f"The file has more than {limits.MAX_COLUMNS} columns.")
        parts.append(work / f"part-{len(parts):06d}{'.sealed' if seal else '.parquet'}")
        if seal:
            seal.write(parts[-1], [part])
        else:
            part.write_parquet(parts[-1], compression="lz4", statistics=False)
        line_count += part.height
    schema = schema_of(columns)
    rows = pl.LazyFrame(schema=schema)
    if parts:
        rows = seal.scan(parts, schema) if seal else _scan(parts, schema)
    return Records(tuple(columns), head.header, line_count, rows)


def _scan(parts: list[Path], schema: dict[str, pl.DataType]) -> pl.LazyFrame:
    return pl.scan_parquet(parts, schema=schema, missing_columns="insert", glob=False).select(list(schema))


def _parts(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The frames gathered to parts of some size."""
    gathered: list[pl.DataFrame] = []
    size = 0
    for frame in frames:
        if frame.is_empty():
            continue
        gathered.append(frame)
        size += int(frame.estimated_size())
        if size > limits.PART_BYTES:
            yield pl.concat(gathered, how="diagonal")
            gathered, size = [], 0
    if gathered:
        yield pl.concat(gathered, how="diagonal")
