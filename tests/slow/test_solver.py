"""The figures: ledgers of one account `a` and a loan or two, each to be checked by hand.

The product `pay` counts loan by loan, `line` in one pot for the account.
"""

from __future__ import annotations

import pytest

from .ledgers import (
    START,
    Tables,
    account,
    day,
    deferral,
    filed,
    installment,
    only,
    payment,
    policy,
    repayment,
    solved,
    values,
)

FIRST = installment(1, "2026-02-01", 100)
SECOND = installment(2, "2026-03-01", 100)
LOAN = (account(), FIRST, SECOND)
MONEY = "past_due_cents outstanding_principal_cents remaining_cents surplus_cents"


def loan(tables: Tables, loan_id: str = "l") -> dict[str, object]:
    return only(tables["status.loan_status"], loan_id=loan_id)


def the_account(tables: Tables) -> dict[str, object]:
    return only(tables["status.account_status"], account_id="a")


def paid(tables: Tables) -> list[tuple[object, ...]]:
    """Plan, number, paid and settled of every instalment."""
    return [values(row, "plan_date installment_no paid_cents settled_date") for row in tables["core.installments"]]


def chargebacks(tables: Tables) -> dict[object, tuple[object, ...]]:
    """Loan, paid and settled of every chargeback."""
    return {row["repayment_id"]: values(row, "loan_id paid_cents settled_date") for row in tables["core.chargebacks"]}


# Credits against dues


def test_credits_pay_what_is_due_first() -> None:
    tables = solved(*LOAN, payment("2026-02-10", 150), at="2026-03-05")
    assert paid(tables) == [(None, 1, 100, day("2026-02-10")), (None, 2, 50, None)]
    assert values(loan(tables), MONEY) == (50, 50, 50, 0)
    assert values(loan(tables), "dpd contractual_dpd oldest_due_date last_paid_date is_past_due") == (
        4,
        4,
        day("2026-03-01"),
        day("2026-02-10"),
        True,
    )


def test_what_falls_due_today_is_not_late() -> None:
    assert [loan(solved(*LOAN, at=at))["dpd"] for at in ("2026-02-01", "2026-02-02", "2026-03-02")] == [0, 1, 29]


def test_an_early_payment_counts_on_its_day() -> None:
    tables = [solved(*LOAN, payment("2026-01-10", 130), at=at) for at in ("2026-01-09", "2026-01-10")]
    assert [loan(each)["outstanding_principal_cents"] for each in tables] == [200, 70]
    assert paid(tables[1]) == [(None, 1, 100, day("2026-01-10")), (None, 2, 30, None)]


def test_what_is_left_over_is_the_customers() -> None:
    tables = solved(*LOAN, payment("2026-01-10", 250), at="2026-01-10")
    assert values(loan(tables), MONEY) == (0, 0, -50, 50)
    assert values(the_account(tables), f"{MONEY} is_in_credit") == (0, 0, -50, 50, True)


@pytest.mark.parametrize(
    ("order", "outstanding", "available"),
    [(("fee", "interest", "principal"), 100, 897), (("principal", "interest", "fee"), 88, 897)],
)
def test_a_credit_pays_the_parts_in_the_policys_order(order: tuple[str, ...], outstanding: int, available: int) -> None:
    rules = policy("loan", payment_order=order)
    rows = (account(), installment(1, "2026-02-01", 100, 10, 5), payment("2026-01-10", 12))
    early, late = (the_account(solved(*rows, at=at, policy=rules)) for at in ("2026-02-01", "2026-02-02"))
    assert late["outstanding_principal_cents"] == outstanding
    assert early["available_credit_cents"] == 1000 - outstanding
    assert late["available_credit_cents"] == available
    assert late["past_due_cents"] == 103


@pytest.mark.parametrize(("tolerance", "dpd", "settled"), [(5, 0, "2026-01-10"), (4, 9, None)])
def test_the_tolerance_settles(tolerance: int, dpd: int, settled: str | None) -> None:
    rules = policy("loan", tolerance_cents=tolerance)
    tables = solved(account(), FIRST, payment("2026-01-10", 95), at="2026-02-10", policy=rules)
    assert loan(tables)["dpd"] == dpd
    assert paid(tables) == [(None, 1, 95, day(settled))]
    assert loan(tables)["remaining_cents"] == 5


def test_all_credits_count_and_only_cash_is_a_payment() -> None:
    kinds = (("refund", 1), ("waiver", 20), ("recovery", 3), ("payment", 4))
    rows = [repayment(kind, f"2026-01-{10 + number:02}", number) for kind, number in kinds]
    tables = solved(account(), FIRST, *rows, at="2026-01-31")
    assert values(loan(tables), "remaining_cents last_paid_date") == (72, day("2026-01-14"))


def test_a_cancelled_instalment_is_settled_from_the_start() -> None:
    tables = solved(account(), installment(1, "2026-02-01", 0), SECOND, at="2026-02-05")
    assert paid(tables)[0] == (None, 1, 0, day(START))
    assert loan(tables)["dpd"] == 0


def test_credits_of_a_loan_that_has_not_started_are_held() -> None:
    rows = (account(), installment(1, "2026-03-01", 100, ordered="2026-02-01"), payment("2026-01-15", 130))
    before, after = (solved(*rows, at=at) for at in ("2026-01-31", "2026-02-01"))
    assert before["status.loan_status"] == []
    assert paid(before) == [(None, 1, 0, None)]
    assert values(the_account(before), f"loan_count {MONEY}") == (0, 0, 0, 0, 0)
    assert paid(after) == [(None, 1, 100, day("2026-02-01"))]
    assert values(the_account(after), f"loan_count {MONEY}") == (1, 0, 0, -30, 30)


# Days past due


def test_grace_hides_the_first_days_and_then_counts_them_all() -> None:
    rules = policy("loan", grace_days=3)
    seen = [loan(solved(*LOAN, at=at, policy=rules)) for at in ("2026-02-04", "2026-02-05")]
    assert [values(row, "dpd contractual_dpd past_due_cents") for row in seen] == [(0, 3, 100), (4, 4, 100)]


def test_deferred_days_count_once() -> None:
    """Of 1 to 8 February, the 1st is no day past due: seven days are taken off ten."""
    rows = (deferral("2026-02-01", "2026-02-05"), deferral("2026-02-04", "2026-02-08", name="again"))
    tables = solved(*LOAN, *rows, at="2026-02-11")
    assert values(loan(tables), "dpd contractual_dpd past_due_cents") == (3, 10, 100)


def test_a_deferral_without_a_loan_is_for_the_loans_started_by_its_day() -> None:
    other = installment(1, "2026-02-10", 100, loan="m", ordered="2026-02-10")
    tables = solved(*LOAN, other, deferral("2026-02-05", "2026-02-20", loan=None), at="2026-02-15")
    assert [(row["loan_id"], row["dpd"]) for row in tables["status.loan_status"]] == [("l", 3), ("m", 5)]


@pytest.mark.parametrize(
    ("at", "bucket"),
    [
        ("2026-01-01", "M0"),
        ("2026-01-02", "M1"),
        ("2026-01-31", "M1"),
        ("2026-02-01", "M2"),
        ("2026-06-30", "M6"),
        ("2026-07-01", "M7"),
    ],
)
def test_buckets_turn_after_their_last_day(at: str, bucket: str) -> None:
    assert loan(solved(account(), installment(1, START, 100), at=at))["bucket"] == bucket


# Chargebacks and reversals


def test_a_bounced_payment_is_owed_again_from_its_day() -> None:
    rows = (*LOAN[:2], payment("2026-01-20", 100), repayment("chargeback", "2026-02-10", 100, of="payment 2026-01-20"))
    before, after = (solved(*rows, at=at) for at in ("2026-02-09", "2026-02-12"))
    assert values(loan(before), f"dpd {MONEY}") == (0, 0, 0, 0, 0)
    assert values(loan(after), f"dpd {MONEY}") == (2, 100, 100, 100, 0)
    assert paid(after) == [(None, 1, 100, day("2026-01-20"))]
    assert chargebacks(before) == chargebacks(after) == {"chargeback 2026-02-10": ("l", 0, None)}
    assert after["core.chargebacks"][0]["is_payout"] is False


def test_a_chargeback_takes_money_from_what_falls_due_later() -> None:
    """The instalment was covered on 20 January and is not any more: it is not settled."""
    rows = (account(), SECOND, payment("2026-01-20", 100), repayment("chargeback", "2026-02-10", 100))
    before, after = (solved(*rows, at=at) for at in ("2026-02-09", "2026-02-12"))
    assert paid(before) == [(None, 2, 100, day("2026-01-20"))]
    assert paid(after) == [(None, 2, 0, None)]
    assert chargebacks(after) == {"chargeback 2026-02-10": ("l", 100, day("2026-02-10"))}
    assert after["core.chargebacks"][0]["is_payout"] is True
    again = solved(*rows, payment("2026-02-20", 100), at="2026-02-21")
    assert paid(again) == [(None, 2, 100, day("2026-02-20"))]


def test_chargebacks_come_after_instalments_then_by_loan_then_by_name() -> None:
    rows = (
        account(product="line"),
        FIRST,
        installment(1, "2026-06-01", 100, loan="m"),
        repayment("chargeback", "2026-02-01", 10, name="a", loan=None),
        repayment("chargeback", "2026-02-01", 10, name="b", loan="m"),
        repayment("chargeback", "2026-02-01", 10, name="d"),
        repayment("chargeback", "2026-02-01", 10, name="c"),
    )
    seen = {
        money: {
            name: row[1]
            for name, row in chargebacks(solved(*rows, payment("2026-02-01", money), at="2026-02-02")).items()
        }
        for money in (100, 115, 135, 140)
    }
    assert seen == {
        100: {"a": 0, "b": 0, "c": 0, "d": 0},
        115: {"a": 0, "b": 0, "c": 10, "d": 5},
        135: {"a": 5, "b": 10, "c": 10, "d": 10},
        140: {"a": 10, "b": 10, "c": 10, "d": 10},
    }


def test_a_reversal_takes_the_payment_out_of_history() -> None:
    rows = (*LOAN, payment("2026-01-20", 100), repayment("reversal", "2026-03-01", 100, of="payment 2026-01-20"))
    tables = solved(*rows, at="2026-02-05")
    assert values(loan(tables), "dpd last_paid_date") == (4, None)
    assert [row["is_void"] for row in tables["core.repayments"]] == [True, False]


# One pot for the account


POT = (account(product="line"), FIRST, installment(1, "2026-01-15", 100, loan="m"))


def test_one_pot_pays_the_oldest_due_of_any_loan() -> None:
    tables = solved(*POT, payment("2026-02-10", 120), at="2026-02-11")
    assert values(loan(tables), f"dpd {MONEY}") == (10, 80, 80, 80, 0)
    assert values(loan(tables, "m"), f"dpd {MONEY} last_paid_date") == (0, 0, 0, 0, 0, day("2026-02-10"))
    assert only(tables["core.installments"], loan_id="m")["settled_date"] == day("2026-02-10")
    assert values(the_account(tables), f"dpd {MONEY}") == (10, 80, 80, 80, 0)


def test_what_is_left_in_the_pot_is_the_accounts() -> None:
    tables = solved(*POT, payment("2026-02-10", 250), at="2026-02-11")
    assert values(loan(tables), f"{MONEY} is_in_credit") == (0, 0, 0, 0, False)
    assert values(the_account(tables), f"{MONEY} is_in_credit") == (0, 0, -50, 50, True)


@pytest.mark.parametrize(("to_own_loan", "expected"), [(True, [40, 70]), (False, [10, 100])])
def test_a_refund_goes_to_its_own_loan_first_by_policy(to_own_loan: bool, expected: list[int]) -> None:
    rules = policy("account", refund_to_own_loan=to_own_loan)
    tables = solved(
        *POT, repayment("refund", "2026-01-10", 40), payment("2026-01-10", 70), at="2026-01-12", policy=rules
    )
    assert [row["paid_cents"] for row in tables["core.installments"]] == expected


def test_a_refund_for_a_loan_that_has_not_started_joins_the_pot() -> None:
    rules = policy("account", refund_to_own_loan=True)
    later = installment(1, "2026-03-01", 100, loan="n", ordered="2026-02-01")
    rows = (*POT, later, repayment("refund", "2026-01-10", 130, loan="n"))
    seen = [
        [row["paid_cents"] for row in solved(*rows, at=at, policy=rules)["core.installments"]]
        for at in ("2026-01-31", "2026-02-01")
    ]
    assert seen == [[30, 100, 0], [0, 30, 100]]


def test_a_chargeback_without_a_loan_is_the_accounts_own() -> None:
    """No deferral helps against it, and it is in no loan's figures."""
    rows = (
        account(product="line"),
        installment(1, "2026-06-01", 100),
        repayment("chargeback", "2026-02-01", 40, loan=None),
        deferral("2026-01-15", "2026-03-01", loan=None),
    )
    tables = solved(*rows, at="2026-02-11")
    assert values(loan(tables), f"dpd {MONEY}") == (0, 0, 100, 100, 0)
    assert values(the_account(tables), f"dpd {MONEY} available_credit_cents") == (10, 40, 140, 140, 0, 860)
    assert the_account(tables)["history_24m"] == "-" * 23 + "0"


def test_a_chargeback_belongs_to_the_loan_of_its_target() -> None:
    bounced = repayment("chargeback", "2026-02-10", 100, loan=None, of="payment 2026-01-20")
    tables = solved(*POT, payment("2026-01-20", 200), bounced, at="2026-02-12")
    assert chargebacks(tables) == {"chargeback 2026-02-10": ("l", 0, None)}
    assert (loan(tables)["dpd"], loan(tables, "m")["dpd"]) == (2, 0)
    assert only(tables["core.repayments"], kind="chargeback")["loan_id"] is None


# Plans


NEW_PLAN = (
    installment(1, "2026-02-01", 100, plan="2026-02-15"),
    installment(2, "2026-04-01", 60, plan="2026-02-15"),
)


def test_a_new_plan_takes_the_place_of_the_old_one_from_its_date() -> None:
    tables = solved(*LOAN, *NEW_PLAN, payment("2026-01-30", 100), at="2026-03-05")
    assert paid(tables) == [
        (None, 1, 0, day("2026-01-30")),
        (None, 2, 0, None),
        (day("2026-02-15"), 1, 100, day("2026-02-15")),
        (day("2026-02-15"), 2, 0, None),
    ]
    assert [row["replaced_on"] for row in tables["core.installments"]] == [day("2026-02-15")] * 2 + [None] * 2
    assert values(loan(tables), f"dpd {MONEY}") == (0, 0, 60, 60, 0)


def test_before_its_date_a_new_plan_changes_nothing() -> None:
    tables = solved(*LOAN, *NEW_PLAN, payment("2026-01-30", 100), at="2026-02-14")
    assert values(loan(tables), f"dpd {MONEY}") == (0, 0, 100, 100, 0)
    assert paid(tables)[2:] == [(day("2026-02-15"), 1, 0, None), (day("2026-02-15"), 2, 0, None)]
    assert [row["replaced_on"] for row in tables["core.installments"]] == [None] * 4


def test_the_past_keeps_the_old_plan() -> None:
    history = solved(*LOAN, *NEW_PLAN, at="2026-02-28")["status.loan_history"]
    assert [values(row, "month_end outstanding_principal_cents dpd") for row in history] == [
        (day("2026-01-31"), 200, 0),
        (day("2026-02-28"), 160, 27),
    ]


def test_the_earliest_plan_is_in_force_from_the_start_whatever_its_date() -> None:
    rows = (installment(1, "2026-03-01", 10, plan="2026-02-01"), installment(1, "2026-03-01", 20, plan="2026-02-10"))
    tables = solved(account(), *rows, at="2026-01-01")
    assert loan(tables)["remaining_cents"] == 10
    assert values(only(tables["core.loans"]), "origination_date principal_cents") == (day(START), 10)


def test_a_plan_replaced_before_the_loan_starts_is_never_in_force() -> None:
    tables = solved(
        account(), installment(1, "2026-03-01", 0), installment(1, "2026-03-01", 20, plan="2025-12-01"), at=START
    )
    assert paid(tables) == [(None, 1, 0, None), (day("2025-12-01"), 1, 0, None)]
    assert [row["replaced_on"] for row in tables["core.installments"]] == [day("2025-12-01"), None]
    assert loan(tables)["remaining_cents"] == 20


def test_a_plan_older_than_its_loan_begins_with_it() -> None:
    rows = (installment(1, "2026-03-01", 10), installment(1, "2026-03-01", 0, plan="2025-12-01"))
    assert paid(solved(account(), *rows, at="2026-01-05"))[1] == (day("2025-12-01"), 1, 0, day(START))


def test_core_loans_says_what_the_original_plan_promised() -> None:
    rows = (
        account(),
        installment(1, "2026-02-01", 100, 7, 3, ordered=None),
        installment(2, "2026-03-01", 0, ordered=None),
        *NEW_PLAN,
    )
    tables = solved(*rows, at=START)
    assert tables["status.loan_status"] == []
    assert values(
        only(tables["core.loans"]), "origination_date installment_count principal_cents due_cents customer_id lender_id"
    ) == (day("2026-02-01"), 2, 100, 110, "c", "north")


# Accounts


def test_negative_since_is_the_start_of_an_unbroken_spell_of_any_kind() -> None:
    """Over the limit in January, not on the 10th, past due from 2 March, in credit from the 10th on."""
    rows = (
        account(limit=150),
        installment(1, "2026-03-01", 200),
        payment("2026-01-10", 60),
        payment("2026-03-10", 200),
    )
    seen = {
        at: values(the_account(solved(*rows, at=at)), "negative_since is_over_limit is_past_due is_in_credit")
        for at in ("2026-01-09", "2026-01-10", "2026-03-05", "2026-03-12")
    }
    assert seen == {
        "2026-01-09": (day(START), True, False, False),
        "2026-01-10": (None, False, False, False),
        "2026-03-05": (day("2026-03-02"), False, True, False),
        "2026-03-12": (day("2026-03-02"), False, False, True),
    }


def test_the_limit_of_each_day_is_the_one_valid_then() -> None:
    rows = (*LOAN, account(limit=50, on="2026-01-20"))
    tables = [the_account(solved(*rows, at=at)) for at in ("2026-01-19", "2026-01-25")]
    assert [values(row, "available_credit_cents negative_since") for row in tables] == [
        (800, None),
        (-150, day("2026-01-20")),
    ]


def test_an_account_is_negative_before_it_is_opened() -> None:
    rows = (account(product="line", opened="2026-03-01"), payment("2026-01-10", 5, loan=None))
    assert the_account(solved(*rows, at="2026-01-12"))["negative_since"] == day("2026-01-10")


# Month-ends


SHORT = (account(), installment(1, "2026-02-01", 100, ordered="2026-01-10"))


def test_history_ends_with_the_month_in_which_the_loan_is_settled() -> None:
    tables = solved(*SHORT, payment("2026-03-10", 100), at="2026-05-15")
    assert [
        values(row, "month_end dpd bucket past_due_cents remaining_cents") for row in tables["status.loan_history"]
    ] == [
        (day("2026-01-31"), 0, "M0", 0, 100),
        (day("2026-02-28"), 27, "M1", 100, 100),
        (day("2026-03-31"), 0, "M0", 0, 0),
    ]
    assert loan(tables)["history_24m"] == "-" * 20 + "0100"


def test_history_goes_on_while_the_loan_is_in_credit() -> None:
    tables = solved(*SHORT, payment("2026-03-10", 150), at="2026-04-30")
    assert values(tables["status.loan_history"][-1], "month_end remaining_cents") == (day("2026-04-30"), -50)
    assert loan(tables)["history_24m"] == "-" * 20 + "0100"


def test_history_comes_back_with_a_chargeback() -> None:
    rows = (*SHORT, payment("2026-01-10", 100), repayment("chargeback", "2026-03-10", 100))
    history = solved(*rows, at="2026-03-31")["status.loan_history"]
    assert [row["month_end"] for row in history] == [day("2026-01-31"), day("2026-03-31")]


def test_an_accounts_history_is_the_worst_of_its_loans() -> None:
    other = installment(1, "2026-03-01", 100, loan="m", ordered="2026-02-28")
    tables = solved(*SHORT, other, payment("2026-03-05", 100), at="2026-04-29")
    assert [row["history_24m"] for row in tables["status.loan_status"]] == ["-" * 21 + "010", "-" * 22 + "01"]
    assert the_account(tables)["history_24m"] == "-" * 21 + "011"


# The book


def test_portfolio_and_buckets() -> None:
    """Loan l: 100, 32 days late. Loan m: 300, not due. Loan s: settled. Account c has no loan."""
    rows = (
        *LOAN[:2],
        account("b", "line", 200, region_code="east"),
        account("c", "line"),
        installment(1, "2026-06-01", 300, loan="m", account_id="b"),
        installment(1, "2026-06-01", 50, loan="s"),
        payment("2026-03-01", 50, loan="s"),
    )
    tables = solved(*rows, at="2026-03-05")
    everything = "loan_count account_count outstanding_principal_cents past_due_cents par1_rate par30_rate par60_rate"
    flags = "in_credit_count over_limit_count"
    keys = ("lender_id", "product_code", "region_code")

    def part(*names: str) -> tuple[object, ...]:
        row = only(tables["risk.portfolio"], **dict(zip(keys, names, strict=True)))
        return values(row, f"{everything} {flags}")

    assert part("ALL", "ALL", "ALL") == (2, 2, 400, 100, 0.25, 0.25, 0.0, 0, 1)
    assert part("north", "pay", "unknown") == (1, 1, 100, 100, 1.0, 1.0, 0.0, 0, 0)
    assert part("ALL", "line", "ALL") == (1, 1, 300, 0, 0.0, 0.0, 0.0, 0, 1)
    assert part("ALL", "line", "unknown") == (0, 0, 0, 0, None, None, None, 0, 0)
    assert len(tables["risk.portfolio"]) == 16  # two lenders (one is ALL) by eight pairs of product and region
    assert [
        values(row, "product_code bucket loan_count outstanding_principal_cents") for row in tables["risk.buckets"]
    ] == [
        ("ALL", "M0", 1, 300),
        ("ALL", "M2", 1, 100),
        ("line", "M0", 1, 300),
        ("pay", "M2", 1, 100),
    ]


def test_a_loan_in_credit_stays_in_the_book_and_currencies_apart() -> None:
    rows = (*LOAN, payment("2026-01-10", 201), account("b", currency="INR"))
    tables = solved(*rows, at="2026-01-11")
    whole = {
        row["currency"]: values(row, "loan_count account_count par1_rate in_credit_count")
        for row in tables["risk.portfolio"]
        if row["lender_id"] == row["product_code"] == row["region_code"] == "ALL"
    }
    assert whole == {"CNY": (1, 1, None, 1), "INR": (0, 0, None, 0)}


def test_other_feeds_are_published_in_the_accounts_currency() -> None:
    rows = (
        account(currency="INR"),
        filed("events", START, event_id="e", account_id="a", kind="reminder", event_date=day(START), note="called"),
        filed("orders", START, order_id="o", account_id="a", order_date=day(START), amount_cents=5, loan_id="?"),
    )
    tables = solved(*rows, at=START)
    assert values(only(tables["core.events"]), "currency kind note amount_cents") == ("INR", "reminder", "called", None)
    assert values(only(tables["core.orders"]), "currency amount_cents loan_id") == ("INR", 5, "?")
