"""Bytes as delivered -> blocks of whole lines in UTF-8."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa

from flows.stores.records import limits
from flows.stores.records.model import Unreadable
from transforms.mapping import FileFormat

COMPRESSIONS = (".gz", ".zst")
_TYPES = {".csv": "delimited", ".tsv": "delimited", ".txt": "delimited", ".jsonl": "jsonl", ".parquet": "parquet"}
ENDINGS = tuple(_TYPES)
_BOM = b"\xef\xbb\xbf"
_POLARS_ERRORS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Puts a lone surrogate, which is no text, where bytes cannot be decoded."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end


_MARK = "tallystick_mark"
codecs.register_error(_MARK, _mark)


def compression_of(path: Path) -> str:
    """The ending that tells the compression; empty: none."""
    return path.suffix if path.suffix in COMPRESSIONS else ""


def ending_of(path: Path) -> str:
    """The ending of the name without its compression."""
    return Path(path.stem).suffix if compression_of(path) else path.suffix


def file_type_of(path: Path, file_format: FileFormat) -> str:
    """delimited, fixed, jsonl or parquet: as the format says, else by the ending.

    Raises:
        Unreadable: the ending tells no format.
    """
    if file_format.type != "auto":
        return file_format.type
    if ending_of(path) not in _TYPES:
        raise Unreadable(f"The ending {ending_of(path)!r} tells no format; it should be one of {', '.join(ENDINGS)}.")
    return _TYPES[ending_of(path)]


def is_plain_utf8(path: Path, file_format: FileFormat) -> bool:
    """Whether the bytes may be read as they lie there."""
    return not compression_of(path) and file_format.encoding in ("utf-8", "utf-8-sig")


def raw_blocks(path: Path, size: int, watch: Callable[[bytes], None] | None = None) -> Iterator[bytes]:
    """The bytes as delivered, block by block, each shown to the watcher first."""
    with path.open("rb") as file:
        while block := file.read(size):
            if watch is not None:
                watch(block)
            yield block


def expanded(path: Path) -> Iterator[bytes]:
    """The bytes without their compression; concatenated members and frames are one file."""
    if not (compression := compression_of(path)):
        yield from raw_blocks(path, limits.BLOCK_BYTES)
        return
    with path.open("rb") as file, content_at_fault(f"The {compression[1:]} compression is damaged or cut off"):
        plain = gzip.GzipFile(fileobj=file) if compression == ".gz" else pa.CompressedInputStream(file, "zstd")
        while block := plain.read(limits.BLOCK_BYTES):
            yield block


@contextmanager
def content_at_fault(sentence: str) -> Iterator[None]:
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
        for block in whole_lines(blocks):
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


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes cut behind line ends; the last line gets an end if it has none."""
    rest = b""
    for block in blocks:
        cut = block.rfind(b"\n") + 1
        if cut:
            yield rest + block[:cut]
            rest = block[cut:]
        else:
            rest += block
        if len(rest) > limits.MAX_LINE_BYTES:
            raise Unreadable(f"A line is longer than {limits.MAX_LINE_BYTES >> 20} MiB.")
    if rest:
        yield rest + b"\n"


def without_bom(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks without a byte order mark at their beginning."""
    is_first = True
    for block in blocks:
        yield block.removeprefix(_BOM) if is_first else block
        is_first = False


def utf8_lines(path: Path, file_format: FileFormat, errors: str = _MARK) -> Iterator[bytes]:
    """The file as blocks of whole lines in UTF-8."""
    return without_bom(whole_lines(_utf8(expanded(path), file_format.encoding, errors)))


def from_line(blocks: Iterable[bytes], first: int) -> Iterator[bytes]:
    """The blocks from a physical line on."""
    skip = first - 1
    for block in blocks:
        start = 0
        while skip and start < len(block):
            start = block.index(b"\n", start) + 1
            skip -= 1
        if start < len(block):
            yield block[start:] if start else block
