"""Roll rates: every loan's way from one month-end to the next."""

from __future__ import annotations

from .frames import Said, account, course, loan, month, settled, told, values, whole

AT = "2026-04-15"


def moves(*said: Said, at: str = AT) -> list[tuple[object, ...]]:
    rows = whole(told("roll_rate", account(), *said, at=at))
    return [(str(row["month_end"])[5:7], *values(row, "from_state to_state loan_count amount_cents")) for row in rows]


def test_a_loan_comes_from_new_with_what_it_owes_then_and_goes_on_with_what_it_owed_before() -> None:
    assert moves(
        loan("l", "2026-01-31"),
        month("l", "2026-01-31", "M0", 1000),
        month("l", "2026-02-28", "M1", 900),
        month("l", "2026-03-31", "M2", 800),
    ) == [("01", "new", "M0", 1, 1000), ("02", "M0", "M1", 1, 1000), ("03", "M1", "M2", 1, 900)]


def test_months_without_a_row_are_paid_off() -> None:
    assert moves(
        settled("l", "2026-01-10"),
        month("l", "2026-01-31", "M0", 1000),
        month("l", "2026-02-28", "paid_off", 0),
        at="2026-05-31",
    ) == [
        ("01", "new", "M0", 1, 1000),
        ("02", "M0", "paid_off", 1, 1000),
        ("03", "paid_off", "paid_off", 1, 0),
        ("04", "paid_off", "paid_off", 1, 0),
        ("05", "paid_off", "paid_off", 1, 0),
    ]


def test_a_loan_may_come_back_from_paid_off_after_months_without_a_row() -> None:
    assert moves(
        loan("l", "2025-11-10"),
        *(course("l", "2025-11-30", "M0", "paid_off", "-", "-", "M1", owed=70),),
        at="2026-03-31",
    ) == [
        ("11", "new", "M0", 1, 70),
        ("12", "M0", "paid_off", 1, 70),
        ("01", "paid_off", "paid_off", 1, 0),
        ("02", "paid_off", "paid_off", 1, 0),
        ("03", "paid_off", "M1", 1, 0),
    ]


def test_a_loan_in_credit_has_rows_and_is_counted_once() -> None:
    assert moves(
        settled("l", "2026-01-10", remaining_cents=-5),
        course("l", "2026-01-31", "paid_off", "paid_off", "paid_off", owed=0),
    ) == [
        ("01", "new", "paid_off", 1, 0),
        ("02", "paid_off", "paid_off", 1, 0),
        ("03", "paid_off", "paid_off", 1, 0),
    ]


def test_what_is_charged_off_stays_so_until_it_is_paid_off() -> None:
    assert moves(
        settled("l", "2026-01-10", charged_off_on="2026-02-10"),
        course("l", "2026-01-31", "M4", "charged_off", "charged_off", "paid_off", owed=50),
        at="2026-04-30",
    ) == [
        ("01", "new", "M4", 1, 50),
        ("02", "M4", "charged_off", 1, 50),
        ("03", "charged_off", "charged_off", 1, 50),
        ("04", "charged_off", "paid_off", 1, 50),
    ]


def test_rates_are_within_what_left_one_state_in_one_month() -> None:
    loans = [loan(name, "2026-01-10") for name in "klmn"]
    january = [month(name, "2026-01-31", "M1", owed) for name, owed in zip("klmn", (600, 200, 100, 100), strict=True)]
    february = [
        month(name, "2026-02-28", state) for name, state in zip("klmn", ("M0", "M2", "M2", "paid_off"), strict=True)
    ]
    rows = whole(told("roll_rate", account(), *loans, *january, *february, at="2026-02-28"))
    left = {row["to_state"]: values(row, "rate_by_count rate_by_amount") for row in rows if row["from_state"] == "M1"}
    assert left == {"M0": (0.25, 0.6), "M2": (0.5, 0.3), "paid_off": (0.25, 0.1)}


def test_a_rate_by_amount_is_null_where_nothing_was_outstanding() -> None:
    rows = whole(told("roll_rate", account(), loan("l"), course("l", "2026-01-31", "paid_off", "M1"), at="2026-02-28"))
    (back,) = [row for row in rows if row["to_state"] == "M1"]
    assert values(back, "from_state rate_by_count rate_by_amount") == ("paid_off", 1, None)


def test_a_month_that_is_not_over_has_no_row() -> None:
    assert moves(loan("l", "2026-04-02")) == []
