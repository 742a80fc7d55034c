"""Text rows with their line number, out of any delivered file, streaming; malformed records are parted, not dropped.

Every text file becomes blocks of whole lines in UTF-8. A block in which each line has its fields, and quotes stand
where they may, is read by polars; any other is taken apart line by line. A file that is regular throughout is scanned
where it lies.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import compress, islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from flows.stores.seal import Seal
from transforms.conform import RECORD_COLUMNS
from transforms.mapping import FileFormat, Position
from transforms.refusals import Refusal

BLOCK_BYTES = 1 << 20
GLANCE_BYTES = 512 << 10
"""A block of a profile: small, so that its arrays stay in the processor's cache."""
PART_BYTES = 64 << 20
MAX_LINE_BYTES = 16 << 20
csv.field_size_limit(MAX_LINE_BYTES)  # one limit for all cells, whoever takes them apart
MAX_RECORD_LINES = 1_000
MAX_COLUMNS = 2_000
MAX_BLANK_LINES = 100_000

COMPRESSIONS = (".gz", ".zst")
_TYPES = {".csv": "delimited", ".tsv": "delimited", ".txt": "delimited", ".jsonl": "jsonl", ".parquet": "parquet"}
ENDINGS = tuple(_TYPES)

_NEWLINE, _RETURN = b"\n\r"
_BOM = b"\xef\xbb\xbf"
_BLANK = (b"", b"\r")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ONE = pl.lit(1)
_POLARS_ERRORS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
_FRAME = {"line_number": pl.Int64(), "line_span": pl.Int32(), "damage": pl.String()}


class Unreadable(ValueError):
    """A file that cannot be read as its format; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Regular:
    """A plain UTF-8 file in which each line is a record with all its fields: polars may read it as it is."""

    line_count: int
    """Records without the header."""
    has_quotes: bool
    blank_lines: tuple[int, ...]
    """Line numbers of empty lines, which are no records."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What one pass over the bytes tells."""

    sha256: str
    """Of the bytes as delivered."""
    size: int
    regular: Regular | None = None
    """None: only reading tells how many records there are."""

    @property
    def line_count(self) -> int | None:
        """Records without the header, as far as known."""
        return self.regular.line_count if self.regular else None


@dataclass(frozen=True, slots=True)
class Records:
    """A delivered file, taken apart.

    `rows` has one row per record: line_number (Int64; physical line on which the record begins, the header is line 1;
    for Parquet the row, from 1), line_span (Int32; physical lines), damage (null, or one of RECORD_REFUSALS), and one
    String column per delivered column: the cell as delivered, null where it is empty or the record damaged.
    """

    columns: tuple[str, ...]
    header: str | None
    line_count: int
    rows: pl.LazyFrame


def profile(path: Path, file_format: FileFormat, sha256: str | None = None) -> Profile:
    """Hashes the file and finds out whether polars may read it as it is, in one pass.

    Args:
        path: the file; its endings tell type and compression.
        file_format: how its bytes become records.
        sha256: the file's hash, where it is known; it is not taken again then.

    Raises:
        Unreadable: the file cannot be read as its format.
    """
    digest = None if sha256 else hashlib.sha256()
    raw = _raw(path, GLANCE_BYTES, digest.update if digest else None)
    regular = None
    if _file_type(path, file_format) == "delimited" and _is_plain_utf8(path, file_format):
        head = _head(path, file_format)
        regular = _regularity(_Delimited.of(path, file_format, head.columns), head, raw)
    if digest is not None:
        for _ in raw:
            pass  # whatever was left unread counts for the hash
        sha256 = digest.hexdigest()
    return Profile(sha256=sha256 or "", size=path.stat().st_size, regular=regular)


def read(path: Path, file_format: FileFormat, work: Path, known: Profile, seal: Seal | None = None) -> Records:
    """Takes a file apart.

    A regular file, and plain Parquet, is scanned where it lies, so it must stay as it is while `rows` is in use. Any
    other is staged as Parquet in the work folder, in parts of bounded size; the caller deletes the folder.

    Args:
        path: the file; its endings tell type and compression.
        file_format: how its bytes become records.
        work: an empty folder for this file alone.
        known: the file's profile.
        seal: seals what is staged, for a file that may name persons.

    Raises:
        Unreadable: the file cannot be read as its format.
    """
    file_type = _file_type(path, file_format)
    if file_type == "parquet":
        return _read_parquet(_plain_parquet(path, work, seal))
    head = _head(path, file_format)
    layout: _Layout
    if file_type == "fixed":
        layout = _Fixed(head.columns, file_format.positions)
    elif file_type == "jsonl":
        layout = _JsonLines()
    else:
        layout = _Delimited.of(path, file_format, head.columns)
        if known.regular is not None:
            rows = layout.scan(path, head.first_line, known.regular)
            return Records(head.columns, head.header, known.regular.line_count, rows)
    body = _from_line(_utf8_lines(path, file_format), head.first_line)
    return _stage(_frames(body, layout, head.first_line), head, work, seal)


def raw_lines(
    path: Path, file_format: FileFormat, lines: Sequence[tuple[int, int]], work: Path, seal: Seal | None = None
) -> dict[int, str]:
    """The text of single records, by line number, in one pass over the file.

    Bytes that are no text stand as escapes; a Parquet row is shown as JSON.

    Args:
        path: the file.
        file_format: how its bytes become records.
        lines: (line_number, line_span) of each record wanted.
        work: an empty folder for this call alone; used only for compressed Parquet.
        seal: given for a file that may name persons: nothing of it is written there then.

    Raises:
        Unreadable: the file cannot be read as its format.
    """
    if _file_type(path, file_format) == "parquet":
        return _raw_rows(_read_parquet(_plain_parquet(path, work, seal)), [line for line, _ in lines])
    wanted = sorted({line + offset for line, span in lines for offset in range(span)}, reverse=True)
    texts: dict[int, str] = {}
    first = 1
    for block in _utf8_lines(path, file_format, errors="backslashreplace"):
        if not wanted:
            break
        after = first + block.count(b"\n")
        if wanted[-1] < after:
            physical = block.split(b"\n")
            while wanted and wanted[-1] < after:
                number = wanted.pop()
                texts[number] = physical[number - first].decode("utf-8", "backslashreplace").removesuffix("\r")
        first = after
    return {line: "\n".join(texts[line + offset] for offset in range(span)) for line, span in lines}


# ---------------------------------------------------------------- bytes -> blocks of whole lines in UTF-8


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Puts a lone surrogate, which is no text, where bytes cannot be decoded."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end


_MARK = "tallystick_mark"
codecs.register_error(_MARK, _mark)


def _compression(path: Path) -> str:
    return path.suffix if path.suffix in COMPRESSIONS else ""


def _ending(path: Path) -> str:
    return Path(path.stem).suffix if _compression(path) else path.suffix


def _file_type(path: Path, file_format: FileFormat) -> str:
    if file_format.type != "auto":
        return file_format.type
    if _ending(path) not in _TYPES:
        raise Unreadable(f"The ending {_ending(path)!r} tells no format; it should be one of {', '.join(ENDINGS)}.")
    return _TYPES[_ending(path)]


def _is_plain_utf8(path: Path, file_format: FileFormat) -> bool:
    return not _compression(path) and file_format.encoding in ("utf-8", "utf-8-sig")


def _raw(path: Path, size: int, watch: Callable[[bytes], None] | None = None) -> Iterator[bytes]:
    """The bytes as delivered, block by block, each shown to the watcher first."""
    with path.open("rb") as file:
        while block := file.read(size):
            if watch is not None:
                watch(block)
            yield block


def _expanded(path: Path) -> Iterator[bytes]:
    """The bytes without their compression; concatenated members and frames are one file."""
    if not (compression := _compression(path)):
        yield from _raw(path, BLOCK_BYTES)
        return
    with path.open("rb") as file, _content_at_fault(f"The {compression[1:]} compression is damaged or cut off"):
        plain = gzip.GzipFile(fileobj=file) if compression == ".gz" else pa.CompressedInputStream(file, "zstd")
        while block := plain.read(BLOCK_BYTES):
            yield block


@contextmanager
def _content_at_fault(sentence: str) -> Iterator[None]:
    """Turns what libraries raise on damaged content into Unreadable; errors of the disk stay what they are."""
    try:
        yield
    except (EOFError, OSError, ValueError, MemoryError, zlib.error, pa.ArrowException, *_POLARS_ERRORS) as error:
        if getattr(error, "errno", None) is not None or isinstance(error, Unreadable):
            raise
        raise Unreadable(f"{sentence} ({(str(error).splitlines() or [''])[0]}).") from None


def _is_ascii_superset(encoding: str) -> bool:
    """Whether line ends can be found before decoding.

    Raises:
        Unreadable: the codec is none for text.
    """
    ascii_bytes = bytes(range(128))
    try:
        "a".encode(encoding)
        return ascii_bytes.decode(encoding) == ascii_bytes.decode("ascii")
    except LookupError:
        raise Unreadable(f"The encoding {encoding!r} is none for text.") from None
    except UnicodeError:
        return False


def _utf8(blocks: Iterable[bytes], encoding: str, errors: str) -> Iterator[bytes]:
    """The text in UTF-8; what cannot be decoded is left as bytes that are not UTF-8 either, or as `errors` says."""
    if encoding in ("utf-8", "utf-8-sig"):
        yield from blocks
    elif _is_ascii_superset(encoding):
        for block in _whole_lines(blocks):
            try:
                yield block.decode(encoding).encode()
            except UnicodeError:  # line by line, so that no bad byte takes a line end with it
                lines = (line.decode(encoding, errors) for line in block.split(b"\n"))
                yield "\n".join(lines).encode("utf-8", "surrogatepass")
    else:
        try:
            decoder = codecs.getincrementaldecoder(encoding)(errors)
            for block in blocks:
                yield decoder.decode(block).encode("utf-8", "surrogatepass")
            yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
        except (LookupError, UnicodeError) as error:
            raise Unreadable(f"The file cannot be read as {encoding} ({error}).") from None


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes cut behind line ends; the last line gets an end if it has none."""
    rest = b""
    for block in blocks:
        cut = block.rfind(b"\n") + 1
        if cut:
            yield rest + block[:cut]
            rest = block[cut:]
        else:
            rest += block
        if len(rest) > MAX_LINE_BYTES:
            raise Unreadable(f"A line is longer than {MAX_LINE_BYTES >> 20} MiB.")
    if rest:
        yield rest + b"\n"


def _without_bom(blocks: Iterable[bytes]) -> Iterator[bytes]:
    is_first = True
    for block in blocks:
        yield block.removeprefix(_BOM) if is_first else block
        is_first = False


def _utf8_lines(path: Path, file_format: FileFormat, errors: str = _MARK) -> Iterator[bytes]:
    """The file as blocks of whole lines in UTF-8."""
    return _without_bom(_whole_lines(_utf8(_expanded(path), file_format.encoding, errors)))


def _from_line(blocks: Iterable[bytes], first: int) -> Iterator[bytes]:
    """The blocks from a physical line on."""
    skip = first - 1
    for block in blocks:
        start = 0
        while skip and start < len(block):
            start = block.index(b"\n", start) + 1
            skip -= 1
        if start < len(block):
            yield block[start:] if start else block


# ---------------------------------------------------------------- header


@dataclass(frozen=True, slots=True)
class _Head:
    columns: tuple[str, ...]
    header: str | None
    first_line: int
    """Line number of the first record."""


def _head(path: Path, file_format: FileFormat) -> _Head:
    """Names of the columns, and where the records begin; no columns when the file is empty, and for JSON lines."""
    lines = (line for block in _utf8_lines(path, file_format) for line in io.BytesIO(block))
    skipped = sum(1 for _ in islice(lines, file_format.skip_lines))
    number = skipped + 1
    first = b""
    for line in lines:
        if line not in (b"\n", b"\r\n"):
            first = line
            break
        number += 1
    file_type = _file_type(path, file_format)
    if file_type == "jsonl":
        return _Head((), None, number)
    if file_type == "fixed":
        return _Head(_checked(position.name for position in file_format.positions), None, number)
    if not file_format.header:
        return _Head(_checked(file_format.columns), None, number)
    if not first:
        if skipped:
            raise Unreadable(f"The header is missing: nothing follows the {file_format.skip_lines} lines to skip.")
        return _Head((), None, number)
    layout = _Delimited.of(path, file_format, ())
    start = [line.removesuffix(b"\n") for line in (first, *islice(lines, MAX_RECORD_LINES - 1))]
    span, names = layout.fields(start, 0)
    header = b"\n".join(start[: max(span, 1)]).removesuffix(b"\r")
    if not _is_text(header):
        raise Unreadable(f"The header is not text in {file_format.encoding}.")
    if names is None:
        raise Unreadable("The header cannot be taken apart: its quotes do not close.")
    return _Head(_checked(names), header.decode(), number + span)


def _checked(names: Iterable[str]) -> tuple[str, ...]:
    """The names without surrounding space.

    Raises:
        Unreadable: a name is empty, twice there, or taken; or there are too many.
    """
    columns = tuple(name.strip() for name in names)
    if len(columns) > MAX_COLUMNS:
        raise Unreadable(f"The file has {len(columns)} columns; at most {MAX_COLUMNS} can be read.")
    seen: dict[str, int] = {}
    for place, name in enumerate(columns, 1):
        if not name:
            raise Unreadable(f"Column {place} has no name.")
        if name in seen:
            # by place and not by name: without a header, what stands there may be a person's
            raise Unreadable(f"Columns {seen[name]} and {place} have the same name.")
        seen[name] = place
        if name in RECORD_COLUMNS:
            raise Unreadable(f"A column has the name {name!r}, which is kept for the records themselves.")
    return columns


# ---------------------------------------------------------------- layouts: whole lines -> text rows


class _Layout(Protocol):
    """How whole lines become records."""

    def take(self, block: bytes, first: int, *, is_last: bool) -> tuple[pl.DataFrame, bytes]:
        """Text rows of the block whose first line has that number, and the lines of a record that is still open."""


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
class _Delimited:
    """Fields with a delimiter between them."""

    columns: tuple[str, ...]
    delimiter: str
    quote: str

    @classmethod
    def of(cls, path: Path, file_format: FileFormat, columns: tuple[str, ...]) -> _Delimited:
        """The layout of a file.

        Raises:
            Unreadable: its marks cannot be told apart.
        """
        delimiter = file_format.delimiter or ("\t" if _ending(path) == ".tsv" else ",")
        if delimiter == file_format.quote or {delimiter, file_format.quote} & {"\n", "\r", "\0"}:
            raise Unreadable(f"Delimiter {delimiter!r} and quote {file_format.quote!r} cannot be told from the text.")
        return cls(columns, delimiter, file_format.quote)

    def regular(self, block: bytes, *, is_last: bool) -> _Found | None:
        """The records of a block that polars reads rightly; None for any other block.

        That is: text without returns inside lines; quotes around whole fields only; and as many fields as columns in
        every record that is not empty.
        """
        if not (self.delimiter + self.quote).isascii() or not _is_text(block):
            return None
        codes = np.frombuffer(block, np.uint8)
        found = _find(codes, self.delimiter, self.quote if self._has_quotes(block) else "")
        if found is None or not (found.is_blank | (found.field_counts == len(self.columns))).all():
            return None
        open_lines = block.count(b"\n", found.size)
        if len(block) - found.size > MAX_LINE_BYTES or len(_bare_returns(block, codes)) or (is_last and open_lines):
            return None
        return None if max(found.spans.max(initial=0), open_lines + 1) > MAX_RECORD_LINES else found

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
            return pl.LazyFrame(schema=_schema(self.columns))
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
            rows = rows.with_columns(_empty_is_null(self.columns))
        return rows.select(_good(self.columns))

    def fields(self, lines: Sequence[bytes], at: int) -> tuple[int, list[str] | None]:
        """How many lines the record at a line takes, and its fields; none when its quotes stand wrong.

        0 lines and no fields when it is still open behind the last line, or the last that a record may take.
        """
        text = _decoded(lines[at])
        if not self.quote or self.quote not in text:
            return 1, text.removesuffix("\r").split(self.delimiter)
        texts = (_decoded(lines[place]) + "\n" for place in range(at, min(len(lines), at + MAX_RECORD_LINES)))
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
        odd = _Rows()
        until = len(lines)
        for at in self._odd_places(block, codes, found.ends, lines):
            if not is_plain[at]:
                continue  # inside a record already taken
            span, fields = self.fields(lines, at)
            if not span and not is_last and until - at < MAX_RECORD_LINES:
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
            _damaged(first + np.flatnonzero(is_plain & (excess < 0)), Refusal.TOO_FEW_FIELDS),
            _damaged(first + np.flatnonzero(is_plain & (excess > 0)), Refusal.TOO_MANY_FIELDS),
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
        if not _is_text(block):
            places.update(place for place, line in enumerate(lines) if not _is_text(line))
        return sorted(places)

    def _judged(self, lines: Iterable[bytes], fields: list[str] | None) -> tuple[Refusal | None, list[str] | None]:
        """What is wrong with the record of these lines, and its cells when nothing is."""
        if not all(_is_text(line) for line in lines):
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
            return pl.DataFrame(schema=_schema(self.columns))
        cells = pl.read_csv(block, **self._options(has_quotes=has_quotes))
        if has_quotes:
            cells = cells.with_columns(_empty_is_null(self.columns))
        return cells.with_columns(pl.Series("line_number", numbers)).select(
            _good(self.columns, pl.lit(pl.Series(spans)))
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


@dataclass(frozen=True, slots=True)
class _Fixed:
    """Fields at fixed places, counted in characters."""

    columns: tuple[str, ...]
    positions: tuple[Position, ...]

    def take(self, block: bytes, first: int, *, is_last: bool) -> tuple[pl.DataFrame, bytes]:  # noqa: ARG002
        """A line is too short when it ends before its last column begins: space at its end may have been cut off."""
        texts = [_decoded(line) if _is_text(line) else None for line in block.split(b"\n")[:-1]]
        text = pl.col("text")
        is_short = text.str.len_chars() < max(position.start for position in self.positions)
        damage = (
            pl.when(text.is_null())
            .then(pl.lit(Refusal.BAD_ENCODING.value))
            .when(is_short)
            .then(pl.lit(Refusal.TOO_FEW_FIELDS.value))
        )
        cells = [
            pl.when(~is_short).then(text.str.slice(position.start - 1, position.length)).alias(name)
            for name, position in zip(self.columns, self.positions, strict=True)
        ]
        rows = (
            pl.DataFrame({"text": texts}, schema={"text": pl.String()})
            .with_row_index("line_number", offset=first)
            .with_columns(text.str.strip_suffix("\r"))
            .filter(text.is_null() | (text != ""))
            .select(
                pl.col("line_number").cast(pl.Int64),
                pl.lit(1, pl.Int32).alias("line_span"),
                damage.alias("damage"),
                *cells,
            )
        )
        return rows.with_columns(_empty_is_null(self.columns)), b""


@dataclass(frozen=True, slots=True)
class _JsonLines:
    """One JSON object of plain values a line; its columns are the keys of the file, in order of first use."""

    def take(self, block: bytes, first: int, *, is_last: bool) -> tuple[pl.DataFrame, bytes]:  # noqa: ARG002
        """Every line is a record."""
        rows = _Rows()
        for number, line in enumerate(block.split(b"\n")[:-1], first):
            if line in _BLANK:
                continue
            try:
                rows.add(number, 1, None, _json_cells(line.decode()))
            except UnicodeDecodeError:
                rows.add(number, 1, Refusal.BAD_ENCODING, None)
            except (TypeError, ValueError, RecursionError):
                rows.add(number, 1, Refusal.BAD_RECORD, None)
        names = _checked({name: None for cells in rows.cells if cells for name in cells})
        return rows.frame({name: [cells.get(name) if cells else None for cells in rows.cells] for name in names}), b""


def _plain_object(pairs: list[tuple[str, Any]]) -> dict[str, str | None]:
    """The cells of an object, names without surrounding space.

    Raises:
        TypeError: a value is nested.
        ValueError: a key is empty or there twice.
    """
    cells = {}
    for name, value in pairs:
        if isinstance(value, str) or value is None:
            cells[name.strip()] = value
        elif isinstance(value, bool):
            cells[name.strip()] = "true" if value else "false"
        else:
            raise TypeError("a value is nested")
    if len(cells) != len(pairs) or "" in cells:
        raise ValueError("a key is empty or there twice")
    return cells


def _no_number(text: str) -> str:
    raise ValueError(f"{text} is no number")


_JSON = json.JSONDecoder(object_pairs_hook=_plain_object, parse_float=str, parse_int=str, parse_constant=_no_number)
"""Numbers keep their text: 12.30 stays 12.30."""


def _json_cells(text: str) -> dict[str, str | None]:
    """The cells of a line.

    Raises:
        TypeError: it is no object of plain values.
        ValueError: it is no JSON, a key is empty or there twice, or an escape is no text.
    """
    cells: object = _JSON.decode(text)
    if not isinstance(cells, dict):
        raise TypeError("the line is no object")
    if "\\u" in text and _SURROGATE.search("".join(f"{name}{value}" for name, value in cells.items())):
        raise ValueError("an escape stands for half a character")
    return cells


@dataclass(slots=True)
class _Rows:
    """Records gathered one by one."""

    numbers: list[int] = field(default_factory=list)
    spans: list[int] = field(default_factory=list)
    damages: list[str | None] = field(default_factory=list)
    cells: list[Any] = field(default_factory=list)

    def add(self, number: int, span: int, damage: Refusal | None, cells: object) -> None:
        """Adds one record."""
        self.numbers.append(number)
        self.spans.append(span)
        self.damages.append(damage)
        self.cells.append(cells)

    def frame(self, columns: dict[str, Sequence[str | None]]) -> pl.DataFrame:
        """Text rows of the records, given their cells by column."""
        rows = {"line_number": self.numbers, "line_span": self.spans, "damage": self.damages, **columns}
        return pl.DataFrame(rows, schema=_schema(columns)).with_columns(_empty_is_null(columns))


def _schema(columns: Iterable[str]) -> dict[str, pl.DataType]:
    """Types of text rows."""
    return {**_FRAME, **dict.fromkeys(columns, pl.String())}


def _good(columns: Sequence[str], span: pl.Expr = _ONE) -> list[pl.Expr]:
    """Text rows of undamaged records, out of line_number and the cells."""
    return [
        pl.col("line_number").cast(pl.Int64),
        span.cast(pl.Int32).alias("line_span"),
        pl.lit(None, pl.String).alias("damage"),
        *(pl.col(name) for name in columns),
    ]


def _damaged(numbers: npt.NDArray[np.int64], damage: Refusal) -> pl.DataFrame:
    """Text rows, without cells, of records of one line with the same damage."""
    spans = np.ones(len(numbers), np.int32)
    return pl.DataFrame(
        {"line_number": numbers, "line_span": spans, "damage": [damage.value] * len(numbers)}, schema=_FRAME
    )


def _empty_is_null(columns: Iterable[str]) -> list[pl.Expr]:
    return [pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in columns]


def _picked(lines: Sequence[bytes], is_picked: npt.NDArray[np.bool_]) -> bytes:
    """Some of the lines, each with its end."""
    return b"\n".join([*compress(lines, is_picked.tolist()), b""])


def _is_text(block: bytes) -> bool:
    """Whether the bytes are UTF-8."""
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decoded(line: bytes) -> str:
    """The line as text; a lone surrogate stands for each byte that is none."""
    return line.decode("utf-8", "surrogateescape")


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


# ---------------------------------------------------------------- text rows -> profile, staged rows


def _regularity(layout: _Delimited, head: _Head, raw: Iterable[bytes]) -> Regular | None:
    """What there is to know of a regular file, or None; stops at the first block that polars would not read rightly."""
    line_count = 0
    has_quotes = False
    blank: list[int] = []
    first = head.first_line
    for block in _from_line(_without_bom(_whole_lines(raw)), first):
        found = layout.regular(block, is_last=True)
        if found is None or (found.spans > 1).any() or len(blank) > MAX_BLANK_LINES:
            return None
        empty = found.places[found.is_blank]
        blank += (first + empty).tolist()
        first += len(found.places)
        line_count += len(found.places) - len(empty)
        has_quotes |= found.has_quotes
    return Regular(line_count, has_quotes, tuple(blank))


def _frames(blocks: Iterable[bytes], layout: _Layout, first: int) -> Iterator[pl.DataFrame]:
    """Text rows, in order; the lines of a record still open go on with the next block."""
    rest = b""
    for block in blocks:
        whole = rest + block
        rows, rest = layout.take(whole, first, is_last=False)
        first += whole.count(b"\n") - rest.count(b"\n")
        yield rows
    if rest:
        yield layout.take(rest, first, is_last=True)[0]


def _stage(frames: Iterable[pl.DataFrame], head: _Head, work: Path, seal: Seal | None) -> Records:
    """Writes the frames as Parquet, part by part, and scans them; a column that a part lacks is null there."""
    columns = dict.fromkeys(head.columns)
    parts: list[Path] = []
    line_count = 0
    for part in _parts(frames):
        columns |= dict.fromkeys(name for name in part.columns if name not in _FRAME)
        if len(columns) > MAX_COLUMNS:
            raise Unreadable(f"The file has more than {MAX_COLUMNS} columns.")
        parts.append(work / f"part-{len(parts):06d}{'.sealed' if seal else '.parquet'}")
        if seal:
            seal.write(parts[-1], [part])
        else:
            part.write_parquet(parts[-1], compression="lz4", statistics=False)
        line_count += part.height
    schema = _schema(columns)
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
        if size > PART_BYTES:
            yield pl.concat(gathered, how="diagonal")
            gathered, size = [], 0
    if gathered:
        yield pl.concat(gathered, how="diagonal")


# ---------------------------------------------------------------- Parquet


def _plain_parquet(path: Path, work: Path, seal: Seal | None) -> Path | bytes:
    """The file itself, or expanded: its copy in the work folder; what may name persons stays in memory."""
    if not _compression(path):
        return path
    if seal:
        return b"".join(_expanded(path))
    plain = work / "delivered.parquet"
    with plain.open("wb") as file:
        file.writelines(_expanded(path))
    return plain


def _read_parquet(file: Path | bytes) -> Records:
    """The rows as text; every page is read once, so that a damaged file shows here and not later."""
    if (len(file) if isinstance(file, bytes) else file.stat().st_size) == 0:
        return Records((), None, 0, pl.LazyFrame(schema=_FRAME))
    with _content_at_fault("The file is not Parquet that can be read"):
        line_count = _count_by_reading(file)
        delivered = pl.scan_parquet(
            file, row_index_name="line_number", row_index_offset=1, glob=False, hive_partitioning=False
        )
        schema = pl.read_parquet_schema(io.BytesIO(file) if isinstance(file, bytes) else file)
        columns = _checked(schema)
        delivered.sink_batches(lambda _: None)
    texts = [_as_text(old, kind).alias(new) for (old, kind), new in zip(schema.items(), columns, strict=True)]
    rows = delivered.select("line_number", *texts).with_columns(_empty_is_null(columns)).select(_good(columns))
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


def _raw_rows(records: Records, numbers: Sequence[int]) -> dict[int, str]:
    """Rows of Parquet as JSON, by row number."""
    rows = records.rows.filter(pl.col("line_number").is_in(list(numbers))).collect()
    cells = rows.select(records.columns).iter_rows(named=True)
    return {number: json.dumps(row, ensure_ascii=False) for number, row in zip(rows["line_number"], cells, strict=True)}
