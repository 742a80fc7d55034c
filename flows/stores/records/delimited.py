"""Fields with a delimiter between them: regular blocks by polars, any other line by line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from flows.stores.records import limits
from flows.stores.records.lines import ending_of
from flows.stores.records.model import Regular, Unreadable
from flows.stores.records.rows import Rows, damaged_rows, decoded, empty_is_null, good_cells, is_text, schema_of
from transforms.mapping import FileFormat
from transforms.refusals import Refusal

_NEWLINE, _RETURN = b"\n\r"


@dataclass(frozen=True, slots=True)
class _Found:
    """The records that the bytes of a block show, empty lines among them."""

    last_lines: npt.NDArray[np.int64]
    """Place of each record's last line, from 0."""
    ends: npt.NDArray[np.int64]
    """Place of its last byte."""
    field_counts: npt.NDArray[np.int64]
    is_blank: npt.NDArray[np.bool_]
    has_quotes: bool

    @property
    def spans(self) -> npt.NDArray[np.int64]:
        """Lines that each record takes."""
        return np.diff(self.last_lines, prepend=-1)

    @property
    def places(self) -> npt.NDArray[np.int64]:
        """Place of each record's first line, from 0."""
        return self.last_lines - self.spans + 1

    @property
    def size(self) -> int:
        """Bytes of the block up to the end of the last record."""
        return int(self.ends[-1]) + 1 if len(self.ends) else 0


@dataclass(frozen=True, slots=True)
class Delimited:
    """Fields with a delimiter between them."""

    columns: tuple[str, ...]
    delimiter: str
    quote: str

    @classmethod
    def of(cls, path: Path, file_format: FileFormat, columns: tuple[str, ...]) -> Delimited:
        """The layout of a file.

        Raises:
            Unreadable: its marks cannot be told apart.
        """
        delimiter = file_format.delimiter or ("\t" if ending_of(path) == ".tsv" else ",")
        if delimiter == file_format.quote or {delimiter, file_format.quote} & {"\n", "\r", "\0"}:
            raise Unreadable(f"Delimiter {delimiter!r} and quote {file_format.quote!r} cannot be told from the text.")
        return cls(columns, delimiter, file_format.quote)

    def regular(self, block: bytes, *, is_last: bool) -> _Found | None:
        """The records of a block that polars reads rightly; None for any other block.

        That is: text without returns inside lines; quotes around whole fields only; and as many fields as columns in
        every record that is not empty.
        """
        if not (self.delimiter + self.quote).isascii() or not is_text(block):
            return None
        codes = np.frombuffer(block, np.uint8)
        found = _find(codes, self.delimiter, self.quote if self._has_quotes(block) else "")
        if found is None or not (found.is_blank | (found.field_counts == len(self.columns))).all():
            return None
        open_lines = block.count(b"\n", found.size)
        if (
            len(block) - found.size > limits.MAX_LINE_BYTES
            or len(_bare_returns(block, codes))
            or (is_last and open_lines)
        ):
            return None
        return None if max(found.spans.max(initial=0), open_lines + 1) > limits.MAX_RECORD_LINES else found

    def take(self, block: bytes, first: int, *, is_last: bool) -> tuple[pl.DataFrame, bytes]:
        """Polars reads a regular block, and of any other all lines but those with something odd about them."""
        found = self.regular(block, is_last=is_last)
        if found is None:
            return self._take_odd(block, first, is_last=is_last)
        good, rest = block[: found.size], block[found.size :]
        is_record = ~found.is_blank
        if not is_record.all():
            lines = good.split(b"\n")[:-1]
            is_kept = np.ones(len(lines), np.bool_)
            is_kept[found.places[found.is_blank]] = False
            good = _picked(lines, is_kept)
        numbers, spans = first + found.places[is_record], found.spans[is_record]
        return self._read(good, numbers, spans, has_quotes=found.has_quotes), rest

    def scan(self, path: Path, first: int, known: Regular) -> pl.LazyFrame:
        """The records of a regular file, where it lies."""
        if not known.line_count:
            return pl.LazyFrame(schema=schema_of(self.columns))
        for line in known.blank_lines:
            first += line == first  # polars counts the fields of the line it begins with
        rows = pl.scan_csv(
            path,
            skip_lines=first - 1,
            row_index_name="line_number",
            row_index_offset=first,
            **self._options(has_quotes=known.has_quotes),
        )
        if known.blank_lines:
            rows = rows.filter(~pl.col("line_number").is_in(known.blank_lines))
        if known.has_quotes:
            rows = rows.with_columns(empty_is_null(self.columns))
        return rows.select(good_cells(self.columns))

    def fields(self, lines: Sequence[bytes], at: int) -> tuple[int, list[str] | None]:
        """How many lines the record at a line takes, and its fields; none when its quotes stand wrong.

        0 lines and no fields when it is still open behind the last line, or the last that a record may take.
        """
        text = decoded(lines[at])
        if not self.quote or self.quote not in text:
            return 1, text.removesuffix("\r").split(self.delimiter)
        texts = (decoded(lines[place]) + "\n" for place in range(at, min(len(lines), at + limits.MAX_RECORD_LINES)))
        reader = csv.reader(texts, delimiter=self.delimiter, quotechar=self.quote, strict=True)
        try:
            fields = next(reader)
        except csv.Error:
            is_open = next(texts, None) is None
            return (0 if is_open else 1), None
        return reader.line_num, fields

    def _take_odd(self, block: bytes, first: int, *, is_last: bool) -> tuple[pl.DataFrame, bytes]:
        """The same, where not every record is regular."""
        lines = block.split(b"\n")[:-1]
        codes = np.frombuffer(block, np.uint8)
        found = _find(codes, self.delimiter if self.delimiter.isascii() else "\n", "")
        assert found is not None  # noqa: S101 - only quotes can stand wrong
        is_plain = ~found.is_blank
        odd = Rows()
        until = len(lines)
        for at in self._odd_places(block, codes, found.ends, lines):
            if not is_plain[at]:
                continue  # inside a record already taken
            span, fields = self.fields(lines, at)
            if not span and not is_last and until - at < limits.MAX_RECORD_LINES:
                until = at
                break
            span = span or 1
            odd.add(first + at, span, *self._judged(lines[at : at + span], fields))
            is_plain[at : at + span] = False
        is_plain[until:] = False
        excess = found.field_counts - len(self.columns)
        is_good = is_plain & (excess == 0)
        numbers = first + np.flatnonzero(is_good)
        frames = [
            self._read(_picked(lines, is_good), numbers, np.ones(len(numbers), np.int64), has_quotes=False),
            odd.frame(self._table(odd.cells)),
            damaged_rows(first + np.flatnonzero(is_plain & (excess < 0)), Refusal.TOO_FEW_FIELDS),
            damaged_rows(first + np.flatnonzero(is_plain & (excess > 0)), Refusal.TOO_MANY_FIELDS),
        ]
        return pl.concat(frames, how="diagonal").sort("line_number"), b"".join(line + b"\n" for line in lines[until:])

    def _odd_places(
        self, block: bytes, codes: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64], lines: Sequence[bytes]
    ) -> list[int]:
        """Places of the lines that cannot be told by their delimiters alone."""
        if not (self.delimiter + self.quote).isascii():
            return list(range(len(lines)))
        at = _bare_returns(block, codes)
        if self._has_quotes(block):
            at = np.concatenate([at, np.flatnonzero(codes == ord(self.quote))])
        places = set(np.searchsorted(ends, at).tolist())
        if not is_text(block):
            places.update(place for place, line in enumerate(lines) if not is_text(line))
        return sorted(places)

    def _judged(self, lines: Iterable[bytes], fields: list[str] | None) -> tuple[Refusal | None, list[str] | None]:
        """What is wrong with the record of these lines, and its cells when nothing is."""
        if not all(is_text(line) for line in lines):
            return Refusal.BAD_ENCODING, None
        if fields is None:
            return Refusal.BAD_RECORD, None
        if len(fields) == len(self.columns):
            return None, fields
        return Refusal.TOO_FEW_FIELDS if len(fields) < len(self.columns) else Refusal.TOO_MANY_FIELDS, None

    def _read(
        self, block: bytes, numbers: npt.NDArray[np.int64], spans: npt.NDArray[np.int64], *, has_quotes: bool
    ) -> pl.DataFrame:
        """Text rows of regular records, none of them empty."""
        if not len(numbers):
            return pl.DataFrame(schema=schema_of(self.columns))
        cells = pl.read_csv(block, **self._options(has_quotes=has_quotes))
        if has_quotes:
            cells = cells.with_columns(empty_is_null(self.columns))
        return cells.with_columns(pl.Series("line_number", numbers)).select(
            good_cells(self.columns, pl.lit(pl.Series(spans)))
        )

    def _table(self, cells: Sequence[list[str] | None]) -> dict[str, Sequence[str | None]]:
        blank = [None] * len(self.columns)
        by_place = zip(*(fields or blank for fields in cells), strict=True)
        return dict(zip(self.columns, by_place, strict=False))

    def _has_quotes(self, block: bytes) -> bool:
        return bool(self.quote) and self.quote.encode() in block

    def _options(self, *, has_quotes: bool) -> dict[str, Any]:
        return {
            "has_header": False,
            "schema": dict.fromkeys(self.columns, pl.String()),
            "separator": self.delimiter,
            "quote_char": self.quote if has_quotes else None,
            "glob": False,
        }


def _picked(lines: Sequence[bytes], is_picked: npt.NDArray[np.bool_]) -> bytes:
    """Some of the lines, each with its end."""
    return b"\n".join([*compress(lines, is_picked.tolist()), b""])


def _find(codes: npt.NDArray[np.uint8], delimiter: str, quote: str) -> _Found | None:
    """The records of a block; None when a quote opens inside a field or closes before its end.

    Pass no quote for a block without any.
    """
    at = np.flatnonzero((codes == _NEWLINE) | (codes == ord(delimiter)))
    line_ends = at[codes[at] == _NEWLINE]
    if quote:
        quotes = np.flatnonzero(codes == ord(quote))
        border = np.zeros(256, np.bool_)
        border[[_NEWLINE, ord(delimiter), ord(quote)]] = True  # a quote beside a quote stands for itself
        opens, closes = quotes[0::2], quotes[1::2]
        if not border[codes[opens[opens > 0] - 1]].all():
            return None
        border[_RETURN] = True
        if not border[codes[closes + 1]].all():
            return None
        at = at[np.searchsorted(quotes, at) % 2 == 0]  # the others stand between quotes
    last = np.flatnonzero(codes[at] == _NEWLINE)
    ends = at[last]
    last_lines = np.arange(len(ends)) if len(ends) == len(line_ends) else np.searchsorted(line_ends, ends)
    sizes = np.diff(ends, prepend=-1)
    is_blank = (sizes == 1) | ((sizes == 2) & (codes[ends - 1] == _RETURN))
    return _Found(last_lines, ends, np.diff(last, prepend=-1), is_blank, bool(quote))


def _bare_returns(block: bytes, codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Places of returns that do not stand before a line end."""
    if b"\r" not in block:
        return np.empty(0, np.int64)
    return np.flatnonzero((codes[:-1] == _RETURN) & (codes[1:] != _NEWLINE))
