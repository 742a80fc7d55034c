"""One JSON object a line."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import polars as pl

from flows.stores.records.rows import Rows, checked_names
from transforms.refusals import Refusal

_BLANK = (b"", b"\r")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class JsonLines:
    """One JSON object of plain values a line; its columns are the keys of the file, in order of first use."""

    def take(self, block: bytes, first: int, *, is_last: bool) -> tuple[pl.DataFrame, bytes]:  # noqa: ARG002
        """Every line is a record."""
        rows = Rows()
        for number, line in enumerate(block.split(b"\n")[:-1], first):
            if line in _BLANK:
                continue
            try:
                rows.add(number, 1, None, _json_cells(line.decode()))
            except UnicodeDecodeError:
                rows.add(number, 1, Refusal.BAD_ENCODING, None)
            except (TypeError, ValueError, RecursionError):
                rows.add(number, 1, Refusal.BAD_RECORD, None)
        names = checked_names({name: None for cells in rows.cells if cells for name in cells})
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
