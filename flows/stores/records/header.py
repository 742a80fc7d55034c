"""Names of the columns, and where the records begin."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from flows.stores.records import limits
from flows.stores.records.delimited import Delimited
from flows.stores.records.lines import file_type_of, utf8_lines
from flows.stores.records.model import Unreadable
from flows.stores.records.rows import checked_names, is_text
from transforms.mapping import FileFormat


@dataclass(frozen=True, slots=True)
class Head:
    """Where a file's records begin, and what their columns are called."""

    columns: tuple[str, ...]
    header: str | None
    first_line: int
    """Line number of the first record."""


def head_of(path: Path, file_format: FileFormat) -> Head:
    """Names of the columns, and where the records begin; no columns when the file is empty, and for JSON lines."""
    lines = (line for block in utf8_lines(path, file_format) for line in io.BytesIO(block))
    skipped = sum(1 for _ in islice(lines, file_format.skip_lines))
    number = skipped + 1
    first = b""
    for line in lines:
        if line not in (b"\n", b"\r\n"):
            first = line
            break
        number += 1
    file_type = file_type_of(path, file_format)
    if file_type == "jsonl":
        return Head((), None, number)
    if file_type == "fixed":
        return Head(checked_names(position.name for position in file_format.positions), None, number)
    if not file_format.header:
        return Head(checked_names(file_format.columns), None, number)
    if not first:
        if skipped:
            raise Unreadable(f"The header is missing: nothing follows the {file_format.skip_lines} lines to skip.")
        return Head((), None, number)
    layout = Delimited.of(path, file_format, ())
    start = [line.removesuffix(b"\n") for line in (first, *islice(lines, limits.MAX_RECORD_LINES - 1))]
    span, names = layout.fields(start, 0)
    header = b"\n".join(start[: max(span, 1)]).removesuffix(b"\r")
    if not is_text(header):
        raise Unreadable(f"The header is not text in {file_format.encoding}.")
    if names is None:
        raise Unreadable("The header cannot be taken apart: its quotes do not close.")
    return Head(checked_names(names), header.decode(), number + span)
