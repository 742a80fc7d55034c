"""Invented rows as the files of a delivery."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

import polars as pl

from flows.invented.book import Book
from flows.invented.rows import Frames
from transforms.feeds import FEEDS
from transforms.fields import Kind
from transforms.units import units


def deliver(landing: Path, book: Book, blocks: Iterable[Frames], day: date, seq: int = 0) -> list[Path]:
    """Write the blocks as one file per feed; feeds without rows get none. Returns the files, sorted."""
    folder = landing / book.source
    folder.mkdir(parents=True, exist_ok=True)
    ending = f"_{seq}" if seq else ""
    writers: dict[str, Callable[[pl.DataFrame], None]] = {}
    paths = []
    with ExitStack() as stack:
        for block in blocks:
            for feed, frame in block.items():
                if frame.is_empty():
                    continue
                if feed not in writers:
                    paths.append(folder / f"{feed}_{day:%Y%m%d}{ending}.{book.file_format}")
                    open_file = _csv if book.file_format == "csv" else _parquet
                    writers[feed] = stack.enter_context(open_file(paths[-1]))
                writers[feed](_as_delivered(feed, frame))
    return sorted(paths)


def _as_delivered(feed: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The feed's columns in order, but is_deleted; amounts as decimals with two places."""
    columns = [column for column in FEEDS[feed].columns if column.name != "is_deleted"]
    cells = []
    for column in columns:
        if column.name not in frame.columns:
            cells.append(pl.lit(None, pl.Date if column.kind is Kind.DATE else pl.String).alias(column.name))
        elif column.kind is Kind.AMOUNT:
            cells.append(units(pl.col(column.name)))
        else:
            cells.append(pl.col(column.name))
    return frame.select(cells)


@contextmanager
def _csv(path: Path) -> Iterator[Callable[[pl.DataFrame], None]]:
    """A function that appends frames to the CSV file; the file has its name once it is whole."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        yield lambda frame: frame.write_csv(file, include_header=file.tell() == 0)
    part.replace(path)


@contextmanager
def _parquet(path: Path) -> Iterator[Callable[[pl.DataFrame], None]]:
    """A function that appends frames, as row groups, to the Parquet file; it has its name once it is whole."""
    import pyarrow.parquet as pq

    part = path.with_name(path.name + ".part")
    with ExitStack() as stack:
        writers: list[pq.ParquetWriter] = []

        def add(frame: pl.DataFrame) -> None:
            table = frame.to_arrow()
            if not writers:
                writers.append(stack.enter_context(pq.ParquetWriter(part, table.schema, compression="zstd")))
            writers[0].write_table(table)

        yield add
    part.replace(path)
