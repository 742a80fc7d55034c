"""Which facts hold: order, corrections, deletions, references, versions; each ledger fits on a hand."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date

import pytest

from transforms.feeds import CREDIT_FEEDS, FEEDS

from .deliveries import FACTS, Delivery, Message, complete, pack
from .ledgers import (
    POLICY,
    START,
    Tables,
    account,
    day,
    deleted,
    deliver,
    filed,
    installment,
    only,
    payment,
    repayment,
    solved,
    values,
)
from .solve import solve

LATER = "2026-01-05"
LAST = "2026-01-09"
AT = "2026-02-05"
LOAN = (account(), installment(1, "2026-02-01", 100))
POT = (account(product="line"), installment(1, "2026-02-01", 100))
PAID = "payment 2026-01-10"


def amounts(tables: Tables) -> dict[object, object]:
    return {row["repayment_id"]: row["amount_cents"] for row in tables["core.repayments"]}


def waiting(tables: Tables) -> list[tuple[object, ...]]:
    return [values(row, "feed key reasons") for row in tables["waiting"]]


def void(tables: Tables) -> list[object]:
    return [row["repayment_id"] for row in tables["core.repayments"] if row["is_void"]]


@pytest.mark.parametrize("feed", sorted(CREDIT_FEEDS))
def test_facts_have_every_column_of_their_feed(feed: str) -> None:
    assert {field.name for field in fields(FACTS[feed])} | {"is_deleted"} == set(FEEDS[feed].facts)


# Order, corrections, deletions


def test_the_later_delivery_wins_however_it_comes() -> None:
    old, new = payment("2026-01-10", 70, on=START), payment("2026-01-10", 80, on=LATER)
    assert amounts(solved(*LOAN, old, new, at=AT)) == amounts(solved(new, old, *LOAN, at=AT)) == {PAID: 80}


def test_seq_then_file_name_order_deliveries_of_one_day() -> None:
    def sent(seq: int, name: str, amount: int) -> Delivery:
        return Delivery("north", "repayments", date(2026, 1, 5), seq, name, (payment("2026-01-10", amount).row,))

    base = pack(LOAN)
    by_seq = [*base, sent(10, "a.csv", 70), sent(9, "b.csv", 80)]
    by_name = [*base, sent(0, "repayments_b.csv", 70), sent(0, "repayments_a.csv", 80)]
    assert amounts(solve(by_seq, POLICY, date(2026, 2, 5))) == {PAID: 70}
    assert amounts(solve(by_name, POLICY, date(2026, 2, 5))) == {PAID: 70}


def test_a_then_b_then_a_again_ends_with_a() -> None:
    a, b = payment("2026-01-10", 70), payment("2026-01-10", 80, on=LATER)
    assert amounts(solved(*LOAN, a, b, deliver(a, LAST), at=AT)) == {PAID: 70}


def test_a_deletion_removes_what_came_before_it_and_not_what_comes_after() -> None:
    a = payment("2026-01-10", 70)
    gone = deleted(a, LATER)
    assert amounts(solved(*LOAN, a, gone, at=AT)) == {}
    assert amounts(solved(*LOAN, a, gone, deliver(a, LAST), at=AT)) == {PAID: 70}


def test_a_deleted_account_leaves_everything_waiting() -> None:
    tables = solved(*LOAN, payment("2026-01-10", 70), deleted(LOAN[0], LATER), at=AT)
    assert waiting(tables) == [
        ("installments", ("l", None, 1), ["orphan"]),
        ("repayments", (PAID,), ["orphan"]),
    ]
    assert tables["core.accounts"] == tables["core.loans"] == tables["status.account_status"] == []


def test_sources_do_not_meet() -> None:
    elsewhere = replace(payment("2026-01-10", 70), source="south")
    tables = solved(*LOAN, elsewhere, at=AT)
    assert amounts(tables) == {}
    assert [row["source"] for row in tables["waiting"]] == ["south"]


# References


def test_a_row_that_waits_does_not_replace_an_older_one() -> None:
    good, bad = payment("2026-01-10", 70), payment("2026-01-10", 80, loan="x", on=LATER)
    tables = solved(*LOAN, good, bad, at=AT)
    assert amounts(tables) == {PAID: 70}
    assert tables["waiting"] == [
        {
            "source": "north",
            "feed": "repayments",
            "key": (PAID,),
            "business_date": day(LATER),
            "seq": 0,
            "file_name": "repayments_20260105.csv",
            "reasons": ["orphan"],
        }
    ]


def test_a_superseded_row_that_waits_is_reported_all_the_same() -> None:
    bad, good = payment("2026-01-10", 80, loan="x"), payment("2026-01-10", 70, on=LATER)
    tables = solved(*LOAN, bad, good, at=AT)
    assert amounts(tables) == {PAID: 70}
    assert waiting(tables) == [("repayments", (PAID,), ["orphan"])]


def test_every_feed_waits_for_its_account() -> None:
    rows = (
        installment(1, "2026-02-01", 100, loan="m", account_id="b"),
        repayment("payment", "2026-01-10", 70, account_id="b", loan=None),
        filed("events", START, event_id="e", account_id="b", kind="reminder", event_date=day(START)),
        filed("orders", START, order_id="o", account_id="b", order_date=day(START), amount_cents=1, loan_id="?"),
    )
    tables = solved(*LOAN, *rows, at=AT)
    assert [(feed, reasons) for feed, _, reasons in waiting(tables)] == [
        (feed, ["orphan"]) for feed in ("events", "installments", "orders", "repayments")
    ]
    assert solved(*LOAN, *rows, account("b", product="line"), at=AT)["waiting"] == []


def test_the_latest_instalment_says_whose_the_loan_is() -> None:
    two = installment(2, "2026-03-01", 100, account_id="b", on=LATER)
    tables = solved(*LOAN, account("b"), two, payment("2026-01-10", 70), at=AT)
    assert only(tables["core.loans"], loan_id="l")["account_id"] == "b"
    assert [row["installment_no"] for row in tables["core.installments"]] == [2]
    assert waiting(tables) == [("installments", ("l", None, 1), ["orphan"]), ("repayments", (PAID,), ["orphan"])]


def test_in_one_delivery_the_lowest_number_of_the_original_plan_says_it() -> None:
    ten, nine = (installment(number, "2026-03-01", 100, account_id=whose) for number, whose in ((10, "a"), (9, "b")))
    restructured = installment(1, "2026-03-01", 100, plan="2026-02-01")
    tables = solved(account(), account("b"), restructured, ten, nine, at=AT)
    assert [row["account_id"] for row in tables["core.loans"]] == ["b"]


def test_a_product_counted_by_loan_needs_one_named() -> None:
    rows = (payment("2026-01-10", 70, loan=None), repayment("chargeback", "2026-01-11", 70, loan=None, of="?"))
    assert waiting(solved(*LOAN, *rows, at=AT)) == [
        ("repayments", ("chargeback 2026-01-11",), ["no_loan", "orphan"]),
        ("repayments", (PAID,), ["no_loan"]),
    ]
    assert waiting(solved(*POT, *rows[:1], at=AT)) == []


def test_the_product_at_the_as_of_date_decides() -> None:
    rows = (*LOAN, account(product="line", on="2026-02-04"), payment("2026-01-10", 70, loan=None))
    assert waiting(solved(*rows, at="2026-02-03")) == [("repayments", (PAID,), ["no_loan"])]
    assert waiting(solved(*rows, at="2026-02-04")) == []


@pytest.mark.parametrize(
    ("kind", "target", "reasons"),
    [
        ("chargeback", payment("2026-01-10", 70, name="t"), []),
        ("chargeback", payment("2026-01-10", 90, name="t", loan=None), []),
        ("chargeback", repayment("chargeback", "2026-01-10", 70, name="t"), ["bad_reference"]),
        ("chargeback", payment("2026-01-10", 70, name="t", loan="m"), ["orphan"]),
        ("chargeback", repayment("payment", "2026-01-10", 70, name="t", loan=None, account_id="b"), ["orphan"]),
        ("chargeback", payment("2026-01-10", 70, name="other"), ["orphan"]),
        ("reversal", repayment("waiver", "2026-01-10", 70, name="t"), []),
        ("reversal", repayment("chargeback", "2026-01-10", 70, name="t"), []),
        ("reversal", payment("2026-01-10", 71, name="t"), ["bad_reference"]),
        ("reversal", payment("2026-01-10", 71, name="t", loan="m"), ["orphan"]),
    ],
)
def test_what_may_be_referred_to(kind: str, target: Message, reasons: list[str]) -> None:
    others = (installment(1, "2026-02-01", 100, loan="m"), account("b", product="line"))
    tables = solved(*POT, *others, target, repayment(kind, "2026-01-20", 70, of="t"), at=AT)
    expected = [("repayments", (f"{kind} 2026-01-20",), reasons)] if reasons else []
    assert waiting(tables) == expected


def test_a_reversal_is_no_target() -> None:
    one = repayment("reversal", "2026-01-11", 70, name="one", of=PAID)
    two = repayment("reversal", "2026-01-12", 70, name="two", of="one")
    tables = solved(*LOAN, payment("2026-01-10", 70), one, two, at=AT)
    assert waiting(tables) == [("repayments", ("two",), ["bad_reference"])]
    assert void(tables) == [PAID]


def test_a_reversal_voids_the_chargebacks_of_what_it_names() -> None:
    bounced = repayment("chargeback", "2026-01-11", 70, of=PAID)
    reversed_ = repayment("reversal", "2026-01-12", 70, of=PAID)
    tables = solved(*LOAN, payment("2026-01-10", 70), bounced, reversed_, at=AT)
    assert void(tables) == ["chargeback 2026-01-11", PAID]
    assert tables["core.chargebacks"] == []


def test_a_chargeback_may_be_reversed_by_itself() -> None:
    bounced = repayment("chargeback", "2026-01-11", 70, of=PAID)
    reversed_ = repayment("reversal", "2026-01-12", 70, of="chargeback 2026-01-11")
    assert void(solved(*LOAN, payment("2026-01-10", 70), bounced, reversed_, at=AT)) == ["chargeback 2026-01-11"]


def test_other_kinds_may_refer_to_anything() -> None:
    assert waiting(solved(*LOAN, repayment("refund", "2026-01-10", 70, of="?"), at=AT)) == []


def test_a_corrected_target_takes_its_reversal_back() -> None:
    rows = (*LOAN, payment("2026-01-10", 70), repayment("reversal", "2026-01-12", 70, of=PAID))
    tables = solved(*rows, payment("2026-01-10", 80, on=LATER), at=AT)
    assert waiting(tables) == [("repayments", ("reversal 2026-01-12",), ["bad_reference"])]
    assert void(tables) == []


# Versions


def test_a_version_holds_from_its_date() -> None:
    rows = (
        account(limit=100, on=LATER),
        account(limit=200, on="2026-02-10"),
        account(limit=300, on="2026-02-11", valid_from=day("2026-03-01")),
    )
    seen = {
        at: values(solved(*rows, at=at)["core.accounts"][0], "credit_limit_cents valid_from")
        for at in ("2025-12-01", START, "2026-02-09", "2026-02-10", "2026-03-01")
    }
    assert seen == {
        "2025-12-01": (100, day(START)),  # none has started: the earliest one
        START: (100, day(START)),
        "2026-02-09": (100, day(START)),
        "2026-02-10": (200, day("2026-02-10")),
        "2026-03-01": (300, day("2026-03-01")),
    }


def test_of_versions_that_start_together_the_later_one_holds() -> None:
    rows = (account(limit=100), account(limit=200, on=LATER, valid_from=day(START)))
    for at in ("2025-12-01", "2026-02-01"):
        assert solved(*rows, at=at)["core.accounts"][0]["credit_limit_cents"] == 200


def test_equal_rows_in_a_run_are_one_version() -> None:
    rows = (account(limit=100), account(limit=200, on=LATER), account(limit=200, on="2026-02-01"))
    assert solved(*rows, at=AT)["core.accounts"][0]["valid_from"] == day(LATER)
    again = (*rows, account(limit=100, on="2026-02-02"))
    assert values(solved(*again, at=AT)["core.accounts"][0], "credit_limit_cents valid_from") == (
        100,
        day("2026-02-02"),
    )


def test_versions_before_a_deletion_are_gone() -> None:
    first = account(limit=100)
    rows = (first, deleted(first, LATER), account(limit=200, opened="2025-06-01", on=LAST))
    assert values(solved(*rows, at=START)["core.accounts"][0], "credit_limit_cents valid_from") == (
        200,
        day("2025-06-01"),
    )


def test_customers_hold_from_the_beginning_of_time() -> None:
    def customer(income: int, on: str) -> Message:
        return filed("customers", on, customer_id="c", person_id="p", id_type="id", income_monthly_cents=income)

    rows = (customer(100, "2026-01-05"), customer(200, "2026-02-01"))
    early, late = (only(solved(*rows, at=at)["core.customers"]) for at in ("2025-01-01", "2026-02-01"))
    assert values(early, "income_monthly_cents person_id valid_from") == (100, "p", None)
    assert values(late, "income_monthly_cents person_id valid_from") == (200, "p", day("2026-02-01"))


def test_rows_are_complete() -> None:
    assert complete("installments", "north")["fee_cents"] == 0
    assert complete("accounts", "north")["lender_id"] == "north"
    with pytest.raises(KeyError, match="colour"):
        complete("orders", "north", colour="red")
