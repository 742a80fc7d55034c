"""Early warning: the last month against the twelve before it."""

from __future__ import annotations

from datetime import date

import pytest

from transforms.months import month_ends
from transforms.policy import LossPolicy

from .frames import POLICY, Row, Said, account, course, loan, only, settled, told, values, whole


def warning(*said: Said, at: str, sigmas: float = 3.0) -> Row:
    policy = POLICY.model_copy(update={"loss": LossPolicy(warning_sigmas=sigmas)})
    return only(told("early_warning", account(), *said, at=at, policy=policy), from_state="M0")


LIMITS = "mean_rate spread_rate lower_limit_rate upper_limit_rate"


def test_mean_spread_and_limits_by_hand() -> None:
    said = [settled(f"{name}", "2026-01-01") for name in "abcd"]
    said += [
        course("a", "2026-01-31", "M0", "M1", "M0", "M1", "M0", "M1"),
        course("b", "2026-01-31", "M0", "M0", "M0", "M0", "M0", "M1"),
        course("c", "2026-01-31", "M0", "M0", "M0", "M0", "M0", "M1"),
        course("d", "2026-01-31", "M0", "M0", "M0", "M0", "M0", "M1"),
    ]
    # M0 -> M1: 1/4 in February, 0/3 in March, 1/4 in April, 0/3 in May; 4/4 in June
    row = warning(*said, at="2026-06-30")
    assert values(row, "roll_forward_rate months_count is_warning") == (1.0, 4, True)
    mean, spread = 1 / 8, (4 * (1 / 8) ** 2 / 3) ** 0.5
    assert values(row, LIMITS) == pytest.approx((mean, spread, 0, mean + 3 * spread))
    assert str(row["month_end"]) == "2026-06-30"


def test_fewer_than_three_months_before_are_no_ground_for_a_warning() -> None:
    # 0/1 in February and March, then 1/1; a month more before it and it is a warning
    short = [settled("a", "2026-01-01"), course("a", "2026-01-31", "M0", "M0", "M0", "M1")]
    row = warning(*short, at="2026-04-30")
    assert values(row, "roll_forward_rate mean_rate upper_limit_rate months_count is_warning") == (1, 0, 0, 2, False)
    long = [settled("a", "2026-01-01"), course("a", "2026-01-31", "M0", "M0", "M0", "M0", "M1")]
    assert values(warning(*long, at="2026-05-31"), "months_count is_warning") == (3, True)


def test_one_month_before_has_a_mean_and_no_spread() -> None:
    said = [settled("a", "2026-01-01"), course("a", "2026-01-31", "M0", "M0", "M0")]
    assert values(warning(*said, at="2026-03-31"), f"months_count {LIMITS} is_warning") == (
        1,
        0,
        None,
        None,
        None,
        False,
    )


def test_no_month_before_has_no_mean() -> None:
    said = [settled("a", "2026-01-01"), course("a", "2026-01-31", "M0", "M1")]
    assert values(warning(*said, at="2026-02-28"), f"roll_forward_rate months_count {LIMITS} is_warning") == (
        *(1, 0),
        *(None, None, None, None, False),
    )


def test_the_year_before_is_twelve_months_by_the_calendar() -> None:
    # in M0 up to March 2025 (bad months), away for more than a year, then back: the bad months are too old to count
    states = ("M0", "M1", "M0", "M1", *("M4",) * 13, "M0", "M0")
    said = [settled("a", "2024-12-01"), course("a", "2024-12-31", *states)]
    row = warning(*said, at="2026-06-30")
    assert values(row, "roll_forward_rate months_count mean_rate") == (0, 0, None)


def test_twelve_months_and_no_more_are_looked_at() -> None:
    states = ("M0", "M1", *("M0",) * 14)
    said = [settled("a", "2025-01-01"), course("a", "2025-01-31", *states)]
    # February 2025 is the only bad month; in April 2026 it is fourteen months ago
    assert values(warning(*said, at="2026-04-30"), "months_count mean_rate") == (12, 0)
    # in February 2026 it is the twelfth before; the loan was in M1, not M0, at the start of March 2025
    assert values(warning(*said, at="2026-02-28"), "months_count mean_rate") == (11, pytest.approx(1 / 11))


def test_equal_rates_are_no_warning() -> None:
    # each month seven loans start and leave M0 at the next month-end, one for M1: a seventh, month after month; the
    # mean of twelve sevenths in binary is a little less than a seventh, and their spread is nothing
    said: list[Said] = []
    for end in month_ends(date(2025, 1, 1), date(2026, 2, 28)):
        for number in range(7):
            name = f"{end} {number}"
            states = ("M0", "paid_off") if number else ("M0", "M1", "paid_off")
            said += [settled(name, end.isoformat()), course(name, end.isoformat(), *states)]
    row = warning(*said, at="2026-02-28")
    assert values(row, "roll_forward_rate months_count spread_rate is_warning") == (1 / 7, 12, 0, False)


def test_worse_is_a_later_bucket_or_a_charge_off_and_better_or_paid_off_is_not() -> None:
    states = {"a": "M2", "b": "charged_off", "c": "M1", "d": "M0", "e": "paid_off"}
    said = [loan(name, "2026-01-01") for name in states]
    said += [course(name, "2026-01-31", "M1", target) for name, target in states.items()]
    rows = told("early_warning", account(), *said, at="2026-02-28")
    assert [values(row, "from_state roll_forward_rate") for row in whole(rows)] == [("M1", 0.4)]


def test_states_from_m4_on_are_not_watched() -> None:
    said = [loan("a", "2026-01-01"), course("a", "2026-01-31", "M4", "M5")]
    assert told("early_warning", account(), *said, at="2026-02-28") == []
