"""What a reader can work out from a table with hidden cells, by exact elimination over fractions."""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction
from itertools import product

from transforms.tables import ALL

Cell = tuple[str, ...]


def sums(cells: Collection[Cell]) -> list[tuple[Cell, list[Cell]]]:
    """Every total that the table shows, with what it is the sum of along one dimension."""
    found = []
    for total in cells:
        for axis, value in enumerate(total):
            if value == ALL:
                parts = [
                    cell
                    for cell in cells
                    if cell[axis] != ALL
                    and all(a == b for i, (a, b) in enumerate(zip(cell, total, strict=True)) if i != axis)
                ]
                found.append((total, parts))
    return found


def cube(inner: dict[Cell, int]) -> dict[Cell, int]:
    """The cells and the sums over each choice of dimensions."""
    counts: dict[Cell, int] = {}
    for cell, people in inner.items():
        for blanked in product((False, True), repeat=len(cell)):
            name = tuple(ALL if blank else value for value, blank in zip(cell, blanked, strict=True))
            counts[name] = counts.get(name, 0) + people
    return counts


def worked_out(counts: dict[Cell, int], hidden: Collection[Cell]) -> dict[Cell, Fraction]:
    """The hidden cells that the shown ones determine, with their values."""
    unknown = sorted(hidden)
    rows = []
    for total, parts in sums(counts):
        row = [Fraction(0)] * (len(unknown) + 1)
        for cell, sign in [(total, -1), *((part, 1) for part in parts)]:
            if cell in hidden:
                row[unknown.index(cell)] += sign
            else:
                row[-1] -= sign * counts[cell]
        rows.append(row)
    pivots: list[int] = []
    for column in range(len(unknown)):
        found = next((i for i in range(len(pivots), len(rows)) if rows[i][column]), None)
        if found is None:
            continue
        at = len(pivots)
        rows[at], rows[found] = rows[found], rows[at]
        rows[at] = [value / rows[at][column] for value in rows[at]]
        for other in range(len(rows)):
            if other != at and (factor := rows[other][column]):
                rows[other] = [a - factor * b for a, b in zip(rows[other], rows[at], strict=True)]
        pivots.append(column)
    return {
        unknown[column]: row[-1]
        for column, row in zip(pivots, rows, strict=False)
        if not any(value for i, value in enumerate(row[:-1]) if i != column)
    }
