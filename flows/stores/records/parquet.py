"""Parquet, compressed or not, as text rows."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from flows.stores.records.lines import compression_of, content_at_fault, expanded
from flows.stores.records.model import Records, Unreadable
from flows.stores.records.rows import FRAME, checked_names, empty_is_null, good_cells
from flows.stores.seal import Seal


def plain_parquet(path: Path, work: Path, seal: Seal | None) -> Path | bytes:
    """The file itself, or expanded: its copy in the work folder; what may name persons stays in memory."""
    if not compression_of(path):
        return path
    if seal:
        return b"".join(expanded(path))
    plain = work / "delivered.parquet"
    with plain.open("wb") as file:
        file.writelines(expanded(path))
    return plain


def read_parquet(file: Path | bytes) -> Records:
    """The rows as text; every page is read once, so that a damaged file shows here and not later."""
    if (len(file) if isinstance(file, bytes) else file.stat().st_size) == 0:
        return Records((), None, 0, pl.LazyFrame(schema=FRAME))
    with content_at_fault("The file is not Parquet that can be read"):
        line_count = _count_by_reading(file)
        delivered = pl.scan_parquet(
            file, row_index_name="line_number", row_index_offset=1, glob=False, hive_partitioning=False
        )
        schema = pl.read_parquet_schema(io.BytesIO(file) if isinstance(file, bytes) else file)
        columns = checked_names(schema)
        delivered.sink_batches(lambda _: None)
    texts = [_as_text(old, kind).alias(new) for (old, kind), new in zip(schema.items(), columns, strict=True)]
    rows = delivered.select("line_number", *texts).with_columns(empty_is_null(columns)).select(good_cells(columns))
    return Records(columns, None, line_count, rows)


def _count_by_reading(file: Path | bytes) -> int:
    """Rows of a Parquet file; pyarrow goes first, since polars ends the whole process on some damaged files."""
    with pq.ParquetFile(io.BytesIO(file) if isinstance(file, bytes) else file) as opened:
        return sum(batch.num_rows for batch in opened.iter_batches())


_FIRST_DAY, _LAST_DAY = -719_000, 2_932_000
"""Days since 1970 between which polars can write a date: the years 1 to 9997; any other stays a number."""
_PER_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def _as_text(name: str, kind: pl.DataType) -> pl.Expr:
    """The column's values as a text file would have them.

    Raises:
        Unreadable: they are nested or bytes.
    """
    column = pl.col(name)
    if kind.is_nested() or kind in (pl.Binary, pl.Duration, pl.Object):
        raise Unreadable(f"Column {name!r} holds {kind}, which is no plain value.")
    if not isinstance(kind, pl.Date | pl.Datetime):
        return column.cast(pl.String)
    number = column.to_physical().cast(pl.Int64)
    a_day = _PER_DAY[kind.time_unit] if isinstance(kind, pl.Datetime) else 1
    is_printable = (number // a_day).is_between(_FIRST_DAY, _LAST_DAY)
    text = pl.when(is_printable).then(column).dt.to_string("iso:strict")
    return pl.coalesce(text, number.cast(pl.String))


def raw_rows(records: Records, numbers: Sequence[int]) -> dict[int, str]:
    """Rows of Parquet as JSON, by row number."""
    rows = records.rows.filter(pl.col("line_number").is_in(list(numbers))).collect()
    cells = rows.select(records.columns).iter_rows(named=True)
    return {number: json.dumps(row, ensure_ascii=False) for number, row in zip(rows["line_number"], cells, strict=True)}
