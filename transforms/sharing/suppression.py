"""Cells of too few people are hidden, and as many others as it takes that no total gives them away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from transforms.tables import ALL

SMALL = "small"
COMPLEMENTARY = "complementary"
Cell = tuple[str, ...]
"""The coordinates of a cell: one value, or ALL, per dimension."""
_TINY = 1e-9


@dataclass(slots=True)
class _Line:
    """A total and the cells that it is the sum of."""

    total: Cell | None
    members: list[Cell] = field(default_factory=list)


def suppressed(
    cells: pl.DataFrame, by: Sequence[str], dimensions: Sequence[str], count: str, least: int
) -> pl.DataFrame:
    """The cells with `suppression`: null, or why the cell must not be shown.

    `small`: more than none and fewer than `least` people. `complementary`: shown, it would let a reader work out a
    hidden cell, or hidden cells that come to fewer than `least` together. Every hidden cell is checked against all
    totals at once (a linear system), not line by line alone. Cells without people stay.

    Args:
        cells: one row per `by` and `dimensions`; ALL in a dimension is the sum over it. A cell that is not there is 0.
        by: what parts one table from another: nothing adds up across it.
        dimensions: what the table adds up over.
        count: people in the cell.
        least: fewest people that may be shown.
    """
    parts = []
    for table in cells.partition_by(by, maintain_order=True) if cells.height else []:
        coordinates = list(table.select(dimensions).iter_rows())
        counts = dict(zip(coordinates, table[count].to_list(), strict=True))
        hidden = hide(counts, least)
        parts.append(
            table.with_columns(suppression=pl.Series([hidden.get(cell) for cell in coordinates], dtype=pl.String))
        )
    return pl.concat(parts) if parts else cells.with_columns(suppression=pl.lit(None, pl.String))


def hide(counts: dict[Cell, int], least: int) -> dict[Cell, str]:
    """The cells to be hidden, each with why.

    Args:
        counts: people per cell of one table, totals among them.
        least: fewest people that may be shown.
    """
    hidden = {cell: SMALL for cell, people in counts.items() if 0 < people < least}
    lines = _lines(counts)
    through: dict[Cell, list[_Line]] = defaultdict(list)
    for line in lines:
        for cell in _cells(line):
            through[cell].append(line)
    waiting = list(lines)
    while True:
        while waiting:
            line = waiting.pop()
            while (more := _missing(line, hidden, counts, least)) is not None:
                hidden[more] = COMPLEMENTARY
                waiting += [other for other in through[more] if other is not line]
        told = _determined(hidden, lines)
        if not told:
            break
        near = {cell for known in told for line in through[known] for cell in _cells(line)}
        around = {cell for known in hidden for line in through[known] for cell in _cells(line)}
        more = _smallest(near, hidden, counts) or _smallest(around, hidden, counts)
        if more is None:
            break
        hidden[more] = COMPLEMENTARY
        waiting += through[more]
    return hidden


def _cells(line: _Line) -> list[Cell]:
    return line.members if line.total is None else [line.total, *line.members]


def _lines(counts: Iterable[Cell]) -> list[_Line]:
    """Every sum that the table shows, one dimension at a time."""
    found: dict[tuple[int, Cell], _Line] = {}
    for cell in counts:
        for axis, value in enumerate(cell):
            line = found.setdefault((axis, (*cell[:axis], *cell[axis + 1 :])), _Line(None))
            if value == ALL:
                line.total = cell
            else:
                line.members.append(cell)
    return [line for line in found.values() if line.total is not None and line.members]


def _missing(line: _Line, hidden: dict[Cell, str], counts: dict[Cell, int], least: int) -> Cell | None:
    """The next cell of the line to be hidden; None when the line gives nothing away or nothing is left to hide."""
    if line.total is None:
        return None
    of_members = [cell for cell in line.members if cell in hidden]
    if line.total in hidden:
        gives_away = not of_members
    else:
        gives_away = bool(of_members) and (len(of_members) == 1 or sum(counts[cell] for cell in of_members) < least)
    if not gives_away:
        return None
    return _smallest(line.members, hidden, counts) or _smallest(_cells(line), hidden, counts)


def _smallest(cells: Iterable[Cell], hidden: dict[Cell, str], counts: dict[Cell, int]) -> Cell | None:
    """The cell of fewest people that is still shown; one without people hides nothing. Totals last."""
    shown = [cell for cell in cells if cell not in hidden and counts[cell] > 0]
    return min(shown, key=lambda cell: (cell.count(ALL), counts[cell], cell), default=None)


def _determined(hidden: Iterable[Cell], lines: Iterable[_Line]) -> list[Cell]:
    """The hidden cells whose value follows from the totals that are shown."""
    found: list[Cell] = []
    for cells, equations in _blocks(list(hidden), lines):
        place = {cell: number for number, cell in enumerate(cells)}
        matrix = np.zeros((len(equations), len(cells)))
        for row, line in enumerate(equations):
            for cell in line.members:
                if cell in place:
                    matrix[row, place[cell]] = 1.0
            if line.total in place:
                matrix[row, place[line.total]] = -1.0
        # what can still vary is the null space: a cell without a part in it is known
        _, sizes, rows = np.linalg.svd(matrix)
        free = rows[int((sizes > _TINY).sum()) :]
        is_known = (np.abs(free) < _TINY).all(axis=0)
        found += [cell for cell, known in zip(cells, is_known, strict=True) if known]
    return found


def _blocks(hidden: list[Cell], lines: Iterable[_Line]) -> Iterable[tuple[list[Cell], list[_Line]]]:
    """Hidden cells that lines tie together, with these lines; a cell on no line is a block of its own, and safe."""
    leader = {cell: cell for cell in hidden}

    def head(cell: Cell) -> Cell:
        while leader[cell] != cell:
            leader[cell] = leader[leader[cell]]
            cell = leader[cell]
        return cell

    tying = []
    for line in lines:
        tied = [cell for cell in _cells(line) if cell in leader]
        if tied:
            tying.append((line, tied[0]))
            for cell in tied[1:]:
                leader[head(cell)] = head(tied[0])
    cells: dict[Cell, list[Cell]] = defaultdict(list)
    equations: dict[Cell, list[_Line]] = defaultdict(list)
    for cell in hidden:
        cells[head(cell)].append(cell)
    for line, first in tying:
        equations[head(first)].append(line)
    return [(cells[first], lines) for first, lines in equations.items()]
