"""No hidden cell can be worked out from what is shown, on random tables and by hand."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tests.slow.suppression import Cell, cube, sums, worked_out
from transforms.sharing.suppression import COMPLEMENTARY, SMALL, hide, suppressed
from transforms.tables import ALL

LEAST = 5


@st.composite
def tables(draw: st.DrawFn) -> dict[Cell, int]:
    """Cells of one, two or three dimensions with all their sums; small numbers are common, and so are gaps."""
    values = draw(st.sampled_from((("ab",), ("abc",), ("abc", "xyz"), ("abcd", "xy"), ("ab", "xyz", "12"))))
    cells: list[Cell] = [()]
    for axis in values:
        cells = [(*cell, value) for cell in cells for value in axis]
    people = st.one_of(st.integers(0, 6), st.integers(0, 40))
    inner = {cell: draw(people) for cell in cells if draw(st.integers(0, 5))}
    return cube(inner)


@given(tables())
def test_nothing_hidden_can_be_worked_out(counts: dict[Cell, int]) -> None:
    hidden = hide(counts, LEAST)
    assert {cell for cell, why in hidden.items() if why == SMALL} == {c for c, n in counts.items() if 0 < n < LEAST}
    assert worked_out(counts, hidden) == {}


@given(tables())
def test_hidden_cells_under_a_shown_total_are_enough_people_together(counts: dict[Cell, int]) -> None:
    hidden = hide(counts, LEAST)
    for total, parts in sums(counts):
        covered = [counts[part] for part in parts if part in hidden]
        assert total in hidden or not covered or sum(covered) >= LEAST


@given(tables())
def test_a_table_without_small_cells_is_shown_whole(counts: dict[Cell, int]) -> None:
    assert hide({cell: people * LEAST for cell, people in counts.items()}, LEAST) == {}


def test_one_small_cell_takes_the_next_smallest_with_it() -> None:
    counts = cube({("a",): 3, ("b",): 8, ("c",): 20})
    assert hide(counts, LEAST) == {("a",): SMALL, ("b",): COMPLEMENTARY}


def test_two_small_cells_of_too_few_people_take_a_third() -> None:
    """Their sum is known: 1 + 2 people are fewer than 5."""
    counts = cube({("a",): 1, ("b",): 2, ("c",): 20, ("d",): 30})
    assert hide(counts, LEAST) == {("a",): SMALL, ("b",): SMALL, ("c",): COMPLEMENTARY}


def test_a_lone_small_cell_takes_its_total() -> None:
    assert hide(cube({("a",): 3}), LEAST) == {("a",): SMALL, (ALL,): SMALL}


def test_a_small_cell_inside_a_square_hides_its_other_corners() -> None:
    counts = cube({("a", "x"): 2, ("a", "y"): 30, ("b", "x"): 40, ("b", "y"): 50})
    inner = {cell for cell in hide(counts, LEAST) if ALL not in cell}
    assert inner == {("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")}


def test_tables_are_hidden_apart() -> None:
    """Currencies never add up; the order of rows is kept, and an empty table stays one."""
    cells = pl.DataFrame(
        {"currency": ["CNY", "CNY", "CNY", "USD"], "lender": ["a", "b", ALL, ALL], "people": [3, 8, 11, 7]}
    )
    told = suppressed(cells, ["currency"], ["lender"], "people", LEAST)
    assert told["suppression"].to_list() == [SMALL, COMPLEMENTARY, None, None]
    assert suppressed(cells.clear(), ["currency"], ["lender"], "people", LEAST).schema["suppression"] == pl.String
