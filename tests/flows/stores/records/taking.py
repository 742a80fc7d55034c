"""Small files taken apart, and what holds of all rows checked."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import polars as pl
import zstandard

from flows.stores.records import Records, profile, raw_lines, read
from transforms.mapping import FileFormat
from transforms.refusals import RECORD_REFUSALS

Row = tuple[int, int, str | None, *tuple[str | None, ...]]
"""line_number, line_span, damage and the cells."""


def take(folder: Path, content: bytes, name: str = "loans_20260301.csv", **settings: object) -> Records:
    """The records of a file with that content, staged below the folder."""
    path = folder / name
    path.write_bytes(content)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    file_format = FileFormat.model_validate(settings)
    return read(path, file_format, work, profile(path, file_format))


def rows(taken: Records) -> list[Row]:
    """All rows, checked for what holds of every file."""
    frame = taken.rows.collect()
    assert frame.schema == {
        "line_number": pl.Int64(),
        "line_span": pl.Int32(),
        "damage": pl.String(),
        **dict.fromkeys(taken.columns, pl.String()),
    }
    assert frame.height == taken.line_count
    assert frame["line_number"].is_sorted()
    assert set(frame["damage"].drop_nulls()) <= set(RECORD_REFUSALS)
    assert not any(any(cells) for _, _, damage, *cells in frame.rows() if damage)
    return frame.rows()


def raw(folder: Path, taken: Records, name: str = "loans_20260301.csv", **settings: object) -> list[str]:
    """The raw text of every record."""
    wanted = taken.rows.select("line_number", "line_span").collect().rows()
    texts = raw_lines(folder / name, FileFormat.model_validate(settings), wanted, folder / "work")
    return [texts[line] for line, _ in wanted]


def zst(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


PACKERS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zst}


POSITIONS = [{"name": "id", "start": 1, "length": 2}, {"name": "note", "start": 4, "length": 3}]
