"""First payment default: known once the days have passed, paid or not."""

from __future__ import annotations

import pytest

from .frames import account, loan, only, settled, told, values, whole

KNOWN = "known7_count fpd7_count known30_count fpd30_count"


@pytest.mark.parametrize(
    ("at", "known"),
    [
        ("2026-02-17", (0, 0, 0, 0)),
        ("2026-02-18", (1, 1, 0, 0)),  # due on the 10th, 8 days before
        ("2026-03-12", (1, 1, 0, 0)),
        ("2026-03-13", (1, 1, 1, 1)),  # 31 days
    ],
)
def test_a_first_instalment_is_known_when_its_days_have_passed(at: str, known: tuple[int, ...]) -> None:
    # the days of lateness are of the loan's status; here they are told in any case
    late = loan(first_due_date="2026-02-10", first_late_7_on="2026-02-18", first_late_30_on="2026-03-13")
    assert values(only(told("first_payment_default", account(), late, at=at)), KNOWN) == known


def test_rates_are_of_the_known_and_charged_off_and_settled_loans_count() -> None:
    row = only(
        told(
            "first_payment_default",
            account(),
            loan("paid"),
            settled("settled", first_late_7_on="2026-02-18"),
            loan("off", charged_off_on="2026-05-01", first_late_7_on="2026-02-18", first_late_30_on="2026-03-13"),
            loan("young", first_due_date="2026-06-01"),
            at="2026-06-15",
        )
    )
    assert values(row, f"loan_count {KNOWN}") == (4, 4, 2, 3, 1)
    assert values(row, "fpd7_rate fpd30_rate") == (2 / 4, 1 / 3)


def test_a_rate_is_null_where_none_is_known() -> None:
    row = only(told("first_payment_default", account(), loan(first_due_date="2026-07-01"), at="2026-06-15"))
    assert values(row, "loan_count known7_count fpd7_rate fpd30_rate") == (1, 0, None, None)


def test_cohorts_are_months_of_origination() -> None:
    loans = [loan("l", "2026-01-31"), loan("m", "2026-02-01"), loan("n", "2026-02-28")]
    rows = whole(told("first_payment_default", account(), *loans, at="2026-06-15"))
    assert [values(row, "origination_month loan_count") for row in rows] == [
        (row["origination_month"], count) for row, count in zip(rows, (1, 2), strict=True)
    ]
    assert [row["origination_month"].isoformat() for row in rows] == ["2026-01-01", "2026-02-01"]
