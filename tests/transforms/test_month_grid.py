"""The grid of loans by months, on two loans that a person can lay out by hand."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.month_grid import MonthGrid, last_month_no

JANUARY = 2024 * 12 + 1
SPANS = pl.DataFrame(
    {"unit_no": [2, 0], "first_no": [JANUARY + 1, JANUARY], "last_no": [JANUARY + 2, JANUARY + 1]},
    schema={"unit_no": pl.UInt32, "first_no": pl.Int32, "last_no": pl.Int32},
)
"""Loan 0 in January and February 2024, loan 2 in February and March; unit 1 is no loan."""


def grid() -> MonthGrid:
    return MonthGrid.of(SPANS, 3)


def happened(*rows: tuple[int, str]) -> pl.DataFrame:
    whose = [unit for unit, _ in rows]
    days = [date.fromisoformat(day) for _, day in rows]
    return pl.DataFrame({"unit_no": whose, "day": days}, schema={"unit_no": pl.UInt32, "day": pl.Date})


def test_cells_lie_by_loan_and_month() -> None:
    assert grid().frame().rows() == [
        (0, date(2024, 1, 31)),
        (0, date(2024, 2, 29)),
        (2, date(2024, 2, 29)),
        (2, date(2024, 3, 31)),
    ]


def test_a_loan_whose_first_month_is_not_over_has_no_cell() -> None:
    begun = SPANS.with_columns(last_no=pl.lit(JANUARY - 3, pl.Int32))
    assert MonthGrid.of(begun, 3).frame().is_empty()


def test_what_happens_marks_its_own_cell_and_outside_none() -> None:
    rows = happened((0, "2023-12-31"), (0, "2024-02-01"), (0, "2024-03-01"), (1, "2024-02-01"), (2, "2024-03-31"))
    assert grid().marked(rows, "day").to_list() == [False, True, False, True]


def test_texts_stand_in_their_cell() -> None:
    rows = happened((2, "2024-02-10"), (2, "2024-04-10")).with_columns(code=pl.Series(["D", "Z"]))
    assert grid().texts(rows, "day", "code").to_list() == [None, None, "D", None]


def test_a_day_of_a_loan_stands_in_all_its_cells() -> None:
    found = grid().days(happened((0, "2024-05-05")), "day")
    assert found.dtype == pl.Date
    assert found.to_list() == [date(2024, 5, 5), date(2024, 5, 5), None, None]


def test_a_month_is_over_at_the_end_of_its_last_day() -> None:
    assert last_month_no(date(2024, 1, 30)) == JANUARY - 1
    assert last_month_no(date(2024, 1, 31)) == JANUARY
    assert last_month_no(date(2023, 12, 31)) == JANUARY - 1
