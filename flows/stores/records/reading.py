"""A delivered file profiled, taken apart, and single records of it shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from flows.stores.records import limits
from flows.stores.records.delimited import Delimited
from flows.stores.records.fixed_width import FixedWidth
from flows.stores.records.header import Head, head_of
from flows.stores.records.json_lines import JsonLines
from flows.stores.records.lines import (
    file_type_of,
    from_line,
    is_plain_utf8,
    raw_blocks,
    utf8_lines,
    whole_lines,
    without_bom,
)
from flows.stores.records.model import Profile, Records, Regular
from flows.stores.records.parquet import plain_parquet, raw_rows, read_parquet
from flows.stores.records.rows import Layout
from flows.stores.records.staged import stage, text_frames
from flows.stores.seal import Seal
from transforms.mapping import FileFormat


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
    raw = raw_blocks(path, limits.GLANCE_BYTES, digest.update if digest else None)
    regular = None
    if file_type_of(path, file_format) == "delimited" and is_plain_utf8(path, file_format):
        head = head_of(path, file_format)
        regular = _regularity(Delimited.of(path, file_format, head.columns), head, raw)
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
    file_type = file_type_of(path, file_format)
    if file_type == "parquet":
        return read_parquet(plain_parquet(path, work, seal))
    head = head_of(path, file_format)
    layout: Layout
    if file_type == "fixed":
        layout = FixedWidth(head.columns, file_format.positions)
    elif file_type == "jsonl":
        layout = JsonLines()
    else:
        layout = Delimited.of(path, file_format, head.columns)
        if known.regular is not None:
            rows = layout.scan(path, head.first_line, known.regular)
            return Records(head.columns, head.header, known.regular.line_count, rows)
    body = from_line(utf8_lines(path, file_format), head.first_line)
    return stage(text_frames(body, layout, head.first_line), head, work, seal)


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
    if file_type_of(path, file_format) == "parquet":
        return raw_rows(read_parquet(plain_parquet(path, work, seal)), [line for line, _ in lines])
    wanted = sorted({line + offset for line, span in lines for offset in range(span)}, reverse=True)
    texts: dict[int, str] = {}
    first = 1
    for block in utf8_lines(path, file_format, errors="backslashreplace"):
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


def _regularity(layout: Delimited, head: Head, raw: Iterable[bytes]) -> Regular | None:
    """What there is to know of a regular file, or None; stops at the first block that polars would not read rightly."""
    line_count = 0
    has_quotes = False
    blank: list[int] = []
    first = head.first_line
    for block in from_line(without_bom(whole_lines(raw)), first):
        found = layout.regular(block, is_last=True)
        if found is None or (found.spans > 1).any() or len(blank) > limits.MAX_BLANK_LINES:
            return None
        empty = found.places[found.is_blank]
        blank += (first + empty).tolist()
        first += len(found.places)
        line_count += len(found.places) - len(empty)
        has_quotes |= found.has_quotes
    return Regular(line_count, has_quotes, tuple(blank))
