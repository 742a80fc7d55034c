"""Planted names, numbers, phones and addresses, and the search for them in every byte that was written."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

NAME, NUMBER = "PLANTED韩梅梅", "PLANTED990101199005170012"
PHONE, ADDRESS, CITY = "PLANTED13900001111", "PLANTED中关村大街1号", "PLANTEDville"
WORDS = ("PLANTED", "planted", "韩梅梅", "中关村")
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "gb18030")
SPELLED = {word.encode(encoding) for word in WORDS for encoding in ENCODINGS}
ESCAPED = {word.encode("unicode_escape") for word in WORDS}


def names(content: bytes) -> bool:
    """Whether anything planted stands in the bytes, in any spelling."""
    return any(text in content for text in SPELLED | ESCAPED)


def leaks(*folders: Path) -> list[str]:
    """Files below the folders that hold anything planted: as they are, unpacked, or in a column of a table."""
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in paths if names(path.read_bytes()) or any(map(names, _unpacked(path)))]


def _unpacked(path: Path) -> Iterator[bytes]:
    """What the file holds once it is unpacked."""
    if path.suffix == ".gz":
        yield gzip.decompress(path.read_bytes())
    elif path.suffix == ".zst":
        with pa.input_stream(str(path), compression="zstd") as stream:
            yield stream.read()
    elif path.suffix == ".parquet":
        yield repr(pl.read_parquet(path).rows()).encode()
    elif path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            for (table,) in connection.execute(
                "SELECT schema_name || '.' || table_name FROM duckdb_tables()"
            ).fetchall():
                yield repr(connection.execute(f"SELECT * FROM {table}").fetchall()).encode()
