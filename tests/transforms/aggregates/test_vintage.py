"""Vintages: cohorts by month, what they ever were and what they are."""

from __future__ import annotations

from .frames import account, cash, course, loan, month, only, settled, told, values, whole

AT = "2026-06-15"
EVER = "ever_30_count ever_60_count ever_90_count"


def test_a_row_for_each_month_end_up_to_the_day() -> None:
    rows = told("vintage", account(), loan("l", "2026-03-31"), loan("m", "2026-06-01"), at=AT)
    assert [values(row, "origination_month months_on_book loan_count") for row in whole(rows)] == [
        (row["origination_month"], number, 1) for number, row in enumerate(whole(rows))
    ]
    assert [str(row["origination_month"]) for row in whole(rows)] == ["2026-03-01"] * 3
    assert len(whole(told("vintage", account(), loan("m", "2026-06-01"), at="2026-06-30"))) == 1


def test_month_zero_has_all_loans_and_principal_whatever_became_of_them() -> None:
    rows = told(
        "vintage",
        account(),
        loan("l", "2026-01-10", 1000, outstanding_principal_cents=400),
        settled("m", "2026-01-31", 500),
        loan("n", "2026-01-01", 300, charged_off_on="2026-05-20", charged_off_cents=250),
        at=AT,
    )
    assert {values(row, "loan_count principal_cents") for row in whole(rows)} == {(3, 1800)}
    assert [row["months_on_book"] for row in whole(rows)] == [0, 1, 2, 3, 4]


def test_ever_counts_from_the_month_of_the_first_day_and_never_falls() -> None:
    late = loan(
        "l", principal=1000, first_over_30_on="2026-03-31", first_over_60_on="2026-05-01", first_over_90_on="2026-06-01"
    )
    rows = whole(told("vintage", account(), late, loan("m", principal=500), at=AT))
    assert [values(row, EVER) for row in rows] == [(0, 0, 0), (0, 0, 0), (1, 0, 0), (1, 0, 0), (1, 1, 0)]
    assert [row["ever_30_cents"] for row in rows] == [0, 0, 1000, 1000, 1000]
    assert [row["ever_30_rate"] for row in rows] == [0, 0, 0.5, 0.5, 0.5]


def test_a_charge_off_counts_in_every_ever_from_its_day_on() -> None:
    off = loan("l", first_over_30_on="2026-05-20", charged_off_on="2026-04-05", charged_off_cents=700)
    rows = whole(told("vintage", account(), off, at=AT))
    assert [values(row, EVER) for row in rows] == [(0, 0, 0)] * 3 + [(1, 1, 1)] * 2
    assert [row["charged_off_cents"] for row in rows] == [0, 0, 0, 700, 700]


def test_now_is_the_month_end_alone_without_what_was_charged_off() -> None:
    rows = told(
        "vintage",
        account(),
        loan("l", charged_off_on="2026-05-02"),
        course("l", "2026-01-31", "M0", "M1", "M2", "M3", owed=900),
        month("l", "2026-05-31", "charged_off", 900),
        loan("m", first_over_30_on="2026-03-15"),
        course("m", "2026-01-31", "M0", "M1", "M4", "M0", "M2", owed=400),
        at=AT,
    )
    now = "now_30_count now_60_count now_90_count now_30_cents now_60_cents now_90_cents"
    assert [values(row, now) for row in whole(rows)] == [
        (0, 0, 0, 0, 0, 0),
        (0, 0, 0, 0, 0, 0),
        (2, 1, 1, 1300, 400, 400),
        (1, 1, 0, 900, 900, 0),
        (1, 0, 0, 400, 0, 0),
    ]


def test_money_since_the_charge_off_adds_up_by_month() -> None:
    rows = told(
        "vintage",
        account(),
        loan("l", charged_off_on="2026-03-10", charged_off_cents=1000),
        loan("m"),
        cash("2026-03-09", 1),  # before
        cash("2026-03-10", 10),
        cash("2026-04-30", 100, "recovery"),
        cash("2026-05-01", 1000, "refund"),  # no cash
        cash("2026-05-01", 10_000, is_void=True),
        cash("2026-05-01", 100_000, loan_id="m"),  # not charged off
        cash("2026-05-01", 1_000_000, loan_id=None),
        cash("2026-05-31", 5),
        cash("2026-06-01", 7),  # its month is not over
        at=AT,
    )
    assert [row["recovered_cents"] for row in whole(rows)] == [0, 0, 10, 110, 115]


def test_slices_show_one_dimension_at_a_time() -> None:
    rows = told("vintage", account(), account("b", "line", region=None), loan(), loan("m", account_id="b"), at=AT)
    zero = [row for row in rows if row["months_on_book"] == 0]
    assert sorted(values(row, "lender_id product_code region_code loan_count") for row in zero) == [
        ("ALL", "ALL", "ALL", 2),
        ("ALL", "ALL", "east", 1),
        ("ALL", "ALL", "unknown", 1),
        ("ALL", "line", "ALL", 1),
        ("ALL", "pay", "ALL", 1),
        ("north", "ALL", "ALL", 2),
    ]
    assert only(zero, product_code="line")["principal_cents"] == 1000
