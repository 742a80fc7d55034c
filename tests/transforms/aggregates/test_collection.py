"""Collection: what fell due and came in, defaults cured and come back, charge-offs recovered."""

from __future__ import annotations

import pytest

from .frames import Row, Said, account, cash, default, instalment, loan, told, values, whole

DUE = "due_cents collected_cents collection_rate"
CURES = "default_count cured_count redefault_count"


def months(*said: Said, at: str) -> dict[str, Row]:
    return {str(row["month_end"])[:7]: row for row in whole(told("collection", account(), *said, at=at))}


def test_what_was_settled_by_the_end_of_its_month_is_collected() -> None:
    rows = months(
        loan(),
        instalment("2026-02-01", 100, "2026-02-28"),
        instalment("2026-02-28", 50, "2026-03-01"),
        instalment("2026-02-15", 30),
        instalment("2026-02-15", 20, "2026-01-05"),
        instalment("2026-03-31", 40, "2026-03-31"),
        instalment("2026-04-20", 60, "2026-04-01"),  # its month is not over
        at="2026-04-29",
    )
    assert {month: values(row, DUE) for month, row in rows.items()} == {
        "2026-02": (200, 120, 0.6),
        "2026-03": (40, 40, 1),
    }


def test_a_plan_counts_that_is_in_force_at_the_end_of_the_month() -> None:
    rows = months(
        loan(),
        *(instalment(f"2026-0{month}-10", 100, replaced="2026-03-31") for month in (2, 3, 4)),
        *(instalment(f"2026-0{month}-10", 10, plan="2026-03-31") for month in (2, 3, 4)),
        at="2026-04-30",
    )
    assert [values(row, DUE) for row in rows.values()] == [(100, 0, 0), (10, 0, 0), (10, 0, 0)]


def test_loans_that_have_not_started_owe_nothing() -> None:
    assert months(instalment("2026-02-01", 100), at="2026-04-30") == {}


def test_a_default_is_counted_at_the_month_ends_it_runs_on_and_cured_in_the_month_of_its_end() -> None:
    rows = months(loan(), default("2026-01-31", "2026-04-01"), at="2026-06-30")
    assert {month: values(row, CURES) for month, row in rows.items()} == {
        "2026-02": (1, 0, 0),
        "2026-03": (1, 0, 0),
        "2026-04": (1, 1, 0),  # it ran on 31 March, and 1 April no longer counts
        "2026-05": (0, 0, 0),
        "2026-06": (0, 0, 0),
    }


def test_the_day_of_the_end_is_not_of_the_default() -> None:
    rows = months(loan(), default("2026-01-05", "2026-03-31"), at="2026-04-30")
    assert [values(row, CURES) for row in rows.values()] == [(1, 0, 0), (1, 1, 0), (0, 0, 0)]


def test_a_default_within_one_month_is_at_no_month_end() -> None:
    assert months(loan(), default("2026-02-02", "2026-02-28"), at="2026-04-30") == {}


def test_a_default_that_runs_is_not_cured_by_its_planned_end() -> None:
    rows = months(loan(), default("2026-01-05", "2026-05-01", is_over=False), at="2026-03-31")
    assert [values(row, CURES) for row in rows.values()] == [(1, 0, 0), (1, 0, 0)]


def test_the_cured_who_are_in_default_again_and_the_rates() -> None:
    rows = months(
        loan("k"),
        loan("l"),
        loan("m"),
        loan("n"),
        default("2026-01-05", "2026-02-10", loan_id="k"),
        default("2026-02-10", loan_id="k"),  # on the day the first one ends
        default("2026-01-05", "2026-02-20", loan_id="l"),
        default("2026-01-05", loan_id="m"),
        default("2026-02-05", loan_id="n"),  # another loan's
        at="2026-03-31",
    )
    assert values(rows["2026-02"], f"{CURES} cure_rate redefault_rate") == (3, 2, 1, 2 / 3, 0.5)
    assert values(rows["2026-03"], f"{CURES} cure_rate redefault_rate") == (3, 0, 0, 0, None)


def test_what_was_charged_off_and_recovered_adds_up_from_month_to_month() -> None:
    rows = months(
        loan("l", charged_off_on="2026-02-10", charged_off_cents=1000),
        loan("m", charged_off_on="2026-04-30", charged_off_cents=600),
        cash("2026-02-10", 100),
        cash("2026-04-01", 100, "recovery"),
        cash("2026-04-30", 40, loan_id="m"),
        cash("2026-04-29", 500, loan_id="m"),
        at="2026-05-31",
    )
    stocks = "charged_off_cents recovered_cents recovery_rate"
    assert {month: values(row, stocks) for month, row in rows.items()} == {
        "2026-02": (1000, 100, 0.1),
        "2026-03": (1000, 100, 0.1),
        "2026-04": (1600, 240, 0.15),
        "2026-05": (1600, 240, 0.15),
    }


def test_a_slice_that_starts_later_adds_to_the_whole_from_then_on() -> None:
    rows = told(
        "collection",
        account("a"),
        account("b", "line"),
        loan("l", charged_off_on="2026-01-20", charged_off_cents=10),
        loan("m", charged_off_on="2026-03-20", charged_off_cents=5, account_id="b"),
        at="2026-03-31",
    )
    assert [row["charged_off_cents"] for row in whole(rows)] == [10, 10, 15]
    assert [row["charged_off_cents"] for row in whole(rows, product_code="line")] == [5]


@pytest.mark.parametrize("at", ["2026-02-27", "2026-02-28"])
def test_the_last_month_is_the_last_that_is_over(at: str) -> None:
    rows = months(loan(), instalment("2026-02-01", 100), at=at)
    assert list(rows) == (["2026-02"] if at == "2026-02-28" else [])
