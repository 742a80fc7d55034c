"""Frames sealed in files: AES-256-GCM, readable with their key alone, and noticed when a byte or a frame is missing.

A file is a mark, the fingerprint of its key, and frames: length, nonce, and a Parquet of some rows, encrypted. Each
frame is bound to the file's name and to its place; an empty one ends the file.
"""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from polars.io.plugins import register_io_source

from flows.errors import Damaged
from flows.stores.durable import flush

_MARK = b"tally sealed 1\n"
_FINGERPRINT_CHARS = 16
_NONCE_BYTES, _TAG_BYTES = 12, 16
ROWS_AT_ONCE = 100_000
"""Rows of a frame: bounds what is in memory."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A key of 32 bytes, and the fingerprint by which its files are known."""

    key: bytes
    fingerprint: str

    @classmethod
    def of_this_process(cls) -> Seal:
        """A key that is written nowhere: what it seals is lost with the process, as scratch should be."""
        return cls(secrets.token_bytes(32), secrets.token_hex(_FINGERPRINT_CHARS // 2))

    def write(self, path: Path, frames: Iterable[pl.DataFrame]) -> int:
        """Writes frames to a file for the owner alone, durably; how many rows."""
        cipher, rows, place = AESGCM(self.key), 0, 0
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(_MARK + self.fingerprint.encode())
            for frame in frames:
                for part in frame.iter_slices(ROWS_AT_ONCE):
                    content = io.BytesIO()
                    part.write_parquet(content, compression="zstd", compression_level=1, statistics=False)
                    file.write(self._frame(cipher, path, place, content.getvalue()))
                    rows, place = rows + part.height, place + 1
            file.write(self._frame(cipher, path, place, b""))
        flush(path)
        return rows

    def read(self, path: Path) -> Iterator[pl.DataFrame]:
        """The frames of a file, one at a time.

        Raises:
            Damaged: it is sealed with another key, or not as it was written.
        """
        cipher, place, size = AESGCM(self.key), 0, path.stat().st_size
        with path.open("rb") as file:
            if file.read(len(_MARK)) != _MARK or file.read(_FINGERPRINT_CHARS) != self.fingerprint.encode():
                raise Damaged(f"{path} is not sealed with the key {self.fingerprint}; put the right key back.")
            while True:
                nonce = file.read(_NONCE_BYTES)
                length = int.from_bytes(file.read(8))
                sealed = file.read(min(length, size))  # a damaged length may be anything
                try:
                    content = cipher.decrypt(nonce, sealed, self._bound_to(path, place, length))
                except (InvalidTag, ValueError):
                    raise Damaged(f"{path} is not as it was written; put it back from a copy.") from None
                if not content:
                    return
                yield pl.read_parquet(io.BytesIO(content))
                place += 1

    def scan(self, paths: Sequence[Path], schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
        """All rows of files, frame by frame; a column that a file lacks is null there."""
        none = pl.DataFrame(schema=schema)

        def rows(
            columns: list[str] | None, predicate: pl.Expr | None, count: int | None, _: int | None
        ) -> Iterator[pl.DataFrame]:
            for frame in (frame for path in paths for frame in self.read(path)):
                said = pl.concat([none, frame], how="diagonal").select(none.columns)
                if count is not None:
                    said = said.head(count)
                    count -= said.height
                found = said if predicate is None else said.filter(predicate)
                yield found if columns is None else found.select(columns)

        return register_io_source(rows, schema=dict(schema)) if paths else none.lazy()

    def _frame(self, cipher: AESGCM, path: Path, place: int, content: bytes) -> bytes:
        nonce, length = os.urandom(_NONCE_BYTES), len(content) + _TAG_BYTES
        return nonce + length.to_bytes(8) + cipher.encrypt(nonce, content, self._bound_to(path, place, length))

    def _bound_to(self, path: Path, place: int, length: int) -> bytes:
        said = f"{self.fingerprint}\x1f{path.name}\x1f{place}\x1f{length}"
        return _MARK + said.encode()


def fingerprint_of(path: Path) -> str | None:
    """The fingerprint of the key that a file is sealed with; None when it is no sealed file."""
    with path.open("rb") as file:
        if file.read(len(_MARK)) != _MARK:
            return None
        return file.read(_FINGERPRINT_CHARS).decode("ascii", "replace")
