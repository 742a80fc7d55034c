"""Expected credit loss by hand: a chain, a horizon, a product's loss given default."""

from __future__ import annotations

import pytest

from transforms.policy import LossPolicy, Policy, ProductPolicy

from .frames import POLICY, Row, Said, account, course, loan, only, settled, told, values, whole

AT = "2026-06-30"
FIGURES = "loan_count exposure_cents expected_loss_cents"


def losses(*said: Said, at: str = AT, policy: Policy = POLICY) -> list[Row]:
    return told("expected_credit_loss", account(), *said, at=at, policy=policy)


def expected(*said: Said, at: str = AT, policy: Policy = POLICY, **where: object) -> tuple[object, ...]:
    row = only(losses(*said, at=at, policy=policy), **{"stress_factor": 1.0, "ifrs9_stage": 1, **where})
    return values(row, FIGURES)


def a_third_goes_to_default() -> list[Said]:
    """Two old loans: from M0 one went to default, one stayed, and left a month later paid off; a third each."""
    return [
        settled("x"),
        course("x", "2026-01-31", "M0", "M4", "paid_off"),
        settled("y"),
        course("y", "2026-01-31", "M0", "M0", "paid_off"),
    ]


def test_one_month_ahead() -> None:
    # 1/3 x 0.5 x 900
    said = [*a_third_goes_to_default(), loan(start="2026-06-30", principal=900, last_due_date="2026-07-31")]
    assert expected(*said) == (1, 900, 150)


def test_what_is_past_due_this_month_still_has_one_month() -> None:
    said = [*a_third_goes_to_default(), loan(start="2026-06-30", principal=900, last_due_date="2026-05-31")]
    assert expected(*said) == (1, 900, 150)


def test_two_months_ahead_compound() -> None:
    # 1/3 + 1/3 x 1/3 = 4/9 of 900 at 0.5
    said = [*a_third_goes_to_default(), loan(start="2026-06-30", principal=900, last_due_date="2026-08-31")]
    assert expected(*said) == (1, 900, 200)


def test_stage_one_looks_a_year_ahead_and_stage_two_to_the_end() -> None:
    # p to stay, q = 1 - p shared by default and paid off alike: default by n months = (1 - p^n) / 2, p = 1/3
    def chance(months: int) -> float:
        return (1 - (1 / 3) ** months) / 2

    far = {"start": "2026-06-30", "principal": 10**12, "last_due_date": "2028-06-30"}
    said = a_third_goes_to_default()
    assert expected(*said, loan(**far)) == (1, 10**12, round(chance(12) * 0.5 * 10**12))  # type: ignore[arg-type]
    second = loan(**far, ifrs9_stage=2)  # type: ignore[arg-type]
    assert expected(*said, second, ifrs9_stage=2) == (1, 10**12, round(chance(24) * 0.5 * 10**12))


def test_stage_three_and_buckets_from_m4_are_certain() -> None:
    third = loan("t", principal=100, ifrs9_stage=3)
    assert expected(third, ifrs9_stage=3) == (1, 100, 50)
    assert expected(loan("m", principal=100, bucket="M4", dpd=91, ifrs9_stage=2), ifrs9_stage=2) == (1, 100, 50)


def test_a_state_that_nobody_left_stays_where_it_is() -> None:
    assert expected(loan("l", "2026-06-30", principal=900)) == (1, 900, 0)


def test_a_state_unseen_in_the_product_takes_the_moves_of_all_products_of_the_currency() -> None:
    line = [account("b", "line"), loan("l", "2026-06-30", 900, account_id="b", last_due_date="2026-07-31")]
    rupees = [account("z", "line", currency="INR"), loan("r", "2026-06-30", 900, account_id="z")]
    rows = losses(*a_third_goes_to_default(), *line, *rupees)
    of_line = only(rows, product_code="line", currency="CNY", ifrs9_stage=1, stress_factor=1.0)
    assert values(of_line, FIGURES) == (1, 900, 120)  # 1/3 x 0.4 x 900
    assert only(rows, currency="INR", ifrs9_stage=1, stress_factor=1.0)["expected_loss_cents"] == 0


def test_own_moves_come_before_those_of_all_products() -> None:
    own = [
        account("b", "line"),
        settled("v", account_id="b"),
        course("v", "2026-01-31", "M0", "M0", "paid_off"),
        loan("l", "2026-06-30", 900, account_id="b", last_due_date="2026-07-31"),
    ]
    rows = losses(*a_third_goes_to_default(), *own)
    assert only(rows, product_code="line", ifrs9_stage=1, stress_factor=1.0)["expected_loss_cents"] == 0


def test_only_the_last_months_are_pooled() -> None:
    young = loan(start="2027-01-31", principal=900, last_due_date="2027-02-28")
    # the moves of February 2026 are the oldest of twelve at the end of January 2027, and too old at the end of February
    assert expected(*a_third_goes_to_default(), young, at="2027-01-31") == (1, 900, 150)
    # of March 2026, M0 -> paid off is left
    assert expected(*a_third_goes_to_default(), young, at="2027-02-28") == (1, 900, 0)


def test_the_way_back_from_default_does_not_count() -> None:
    back = [settled("x"), course("x", "2026-01-31", "M0", "M4", "M0", "M0", "paid_off")]
    # from M0: default once, M0 once, paid off once
    assert expected(*back, loan(start="2026-06-30", principal=900, last_due_date="2026-07-31")) == (1, 900, 150)


def test_charged_off_is_default() -> None:
    gone = [settled("x"), course("x", "2026-01-31", "M3", "charged_off", "paid_off")]
    late = loan(start="2026-06-30", principal=900, bucket="M3", dpd=70, ifrs9_stage=2, last_due_date="2026-07-31")
    assert expected(*gone, late, ifrs9_stage=2) == (1, 900, 450)


def test_past_due_interest_and_fees_are_exposed_too() -> None:
    late = loan(principal=100, past_due_charges_cents=20, ifrs9_stage=3)
    credit = loan("c", principal=0, remaining_cents=-50, ifrs9_stage=3)
    assert expected(late, credit, ifrs9_stage=3) == (2, 120, 60)


def test_charged_off_and_settled_loans_are_left_out() -> None:
    assert losses(loan("off", charged_off_on="2026-05-01", ifrs9_stage=3), settled("paid")) == []


@pytest.mark.parametrize(("exposure", "loss"), [(1, 0), (3, 2), (5, 2), (7, 4), (9, 4), (11, 6)])
def test_half_a_cent_goes_to_the_even_cent(exposure: int, loss: int) -> None:
    assert expected(loan(principal=exposure, ifrs9_stage=3), ifrs9_stage=3) == (1, exposure, loss)


def test_half_a_cent_is_half_whatever_its_binary_digits() -> None:
    # 0.15 is a little less than 15/100 in binary, 0.35 a little less, 0.45 a little more: all three are halves here
    for given, loss in ((0.15, 2), (0.35, 4), (0.45, 4)):
        policy = Policy(version="test", products={"pay": ProductPolicy(loss_given_default=given)})
        assert expected(loan(principal=10, ifrs9_stage=3), ifrs9_stage=3, policy=policy) == (1, 10, loss)


def test_each_loan_is_rounded_before_adding_up() -> None:
    loans = [loan(name, principal=1, ifrs9_stage=3) for name in "klmn"]
    assert expected(*loans, ifrs9_stage=3) == (4, 4, 0)  # four times 0.5, each 0


def test_stress_multiplies_the_chance_and_ends_at_one() -> None:
    # 1/3 x 3 = 1; 4/9 x 3 ends at 1
    one = loan("l", "2026-06-30", 900, last_due_date="2026-07-31")
    two = loan("m", "2026-06-30", 900, last_due_date="2026-08-31")
    third = loan("t", principal=100, ifrs9_stage=3)
    rows = losses(*a_third_goes_to_default(), one, two, third)
    assert {values(row, "ifrs9_stage stress_factor expected_loss_cents coverage_rate") for row in whole(rows)} == {
        (1, 1.0, 350, 350 / 1800),
        (1, 3.0, 900, 0.5),
        (3, 1.0, 50, 0.5),
        (3, 3.0, 50, 0.5),
    }


def test_losses_are_discounted_to_the_month_they_come_in() -> None:
    policy = POLICY.model_copy(update={"loss": LossPolicy(discount_rate=0.21, stress_factors=(1.0,))})
    said = [*a_third_goes_to_default(), loan(start="2026-06-30", principal=9 * 10**6, last_due_date="2026-08-31")]
    monthly = 1.21 ** (1 / 12)
    loss = round((1 / 3 / monthly + 1 / 9 / monthly**2) * 0.5 * 9 * 10**6)
    assert expected(*said, policy=policy) == (1, 9 * 10**6, loss)
