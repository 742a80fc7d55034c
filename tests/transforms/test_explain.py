"""The explanation of a loan: its credits add up to what covers an item, and each sentence names the deciding rule."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.slow.deliveries import Delivery, pack
from tests.slow.ledgers import POLICY, account, deferral, event, installment, payment, policy, repayment
from tests.slow.strategies import histories, policies
from tests.transforms.working import explained, kept, told, working
from transforms.allocation import allocations
from transforms.explain import Explanation
from transforms.policy import Policy

SOME = settings(max_examples=settings().max_examples // 3)
"""A ledger is explained by steps that have properties of their own; these examples take longer than most."""
THREE = (
    account(),
    installment(1, "2026-02-01", 100, interest=5),
    installment(2, "2026-03-01", 100, interest=5),
    installment(3, "2026-04-01", 100, interest=5),
)


def covered(told: Explanation) -> list[tuple[object, ...]]:
    """Credit, number of the instalment, and what it pays: fee, interest, principal."""
    rows = told.covered_by.join(told.items.select("item_no", "installment_no"), on="item_no").sort(
        "item_no", "paid_date"
    )
    parts = ("fee_paid_cents", "interest_paid_cents", "principal_paid_cents")
    return rows.select("repayment_id", "installment_no", *parts).rows()


def why(told: Explanation, name: str) -> str:
    """The sentence of one status."""
    (reason,) = (each for each in told.reasons if each.name == name)
    assert reason.value == told.loan[name]
    return reason.why


def test_a_credit_is_split_over_items_and_parts() -> None:
    found = told(*THREE, payment("2026-02-01", 60), payment("2026-02-20", 80), at="2026-03-10", policy=POLICY)
    assert covered(found) == [
        ("payment 2026-02-01", 1, 0, 5, 55),
        ("payment 2026-02-20", 1, 0, 0, 45),
        ("payment 2026-02-20", 2, 0, 5, 30),
    ]
    assert found.items.select("paid_cents", "uncovered_cents", "days_late").rows() == [
        (105, 0, None),
        (35, 70, 9),
        (0, 105, None),
    ]


def test_what_is_left_over_is_told_of_the_credit_that_brought_it() -> None:
    found = told(*THREE, payment("2026-02-01", 300), payment("2026-02-02", 20), at="2026-02-02", policy=POLICY)
    assert found.repayments.select("here_cents", "elsewhere_cents", "unused_cents").rows() == [(300, 0, 0), (15, 0, 5)]


def test_void_ones_are_marked_and_cover_nothing() -> None:
    found = told(
        *THREE,
        payment("2026-02-01", 105, name="P"),
        repayment("reversal", "2026-02-03", 105, name="R", of="P"),
        at="2026-02-10",
        policy=POLICY,
    )
    columns = ("repayment_id", "is_void", "here_cents", "unused_cents")
    assert found.repayments.select(columns).rows() == [("P", True, 0, 0), ("R", False, 0, 0)]
    assert found.covered_by.is_empty()


def test_a_chargeback_stands_among_the_items() -> None:
    found = told(
        *THREE,
        payment("2026-02-01", 105, name="P"),
        repayment("chargeback", "2026-02-05", 40, name="K", of="P"),
        at="2026-02-10",
        policy=POLICY,
    )
    assert found.items.select("installment_no", "repayment_id", "due_cents", "paid_cents").rows() == [
        (1, None, 105, 105),
        (None, "K", 40, 0),
        (2, None, 105, 0),
        (3, None, 105, 0),
    ]


def test_a_refund_pays_its_own_loan_first() -> None:
    own = policy("account", refund_to_own_loan=True)
    messages = (
        account(),
        installment(1, "2026-02-01", 100, loan="l"),
        installment(1, "2026-03-01", 100, loan="m"),
        payment("2026-01-10", 50, loan=None, name="P"),
        repayment("refund", "2026-01-20", 30, loan="m", name="F"),
    )
    first, second = explained(kept(pack(messages), own, date(2026, 2, 2)), date(2026, 2, 2))
    assert covered(first) == [("P", 1, 0, 0, 50)]
    assert covered(second) == [("F", 1, 0, 0, 30)]
    assert first.repayments.select("repayment_id", "here_cents", "elsewhere_cents").rows() == [
        ("P", 50, 0),
        ("F", 0, 30),
    ]


def test_a_replaced_plan_stays_in_sight_with_nothing_owed() -> None:
    found = told(
        *THREE,
        payment("2026-02-01", 105),
        installment(1, "2026-02-01", 100, interest=5, plan="2026-02-15"),
        installment(2, "2026-06-01", 200, interest=20, plan="2026-02-15"),
        at="2026-02-20",
        policy=POLICY,
    )
    replaced = found.items.filter(pl.col("replaced_on").is_not_null())
    assert replaced.select("installment_no", "paid_cents", "uncovered_cents", "is_late").rows() == [
        (number, 0, 0, False) for number in (1, 2, 3)
    ]
    assert covered(found) == [("payment 2026-02-01", 1, 0, 5, 100)]


def test_deferred_days_are_left_out_of_the_count() -> None:
    found = told(*THREE, deferral("2026-02-05", "2026-02-14"), at="2026-03-01", policy=POLICY)
    assert why(found, "contractual_dpd") == "From 2026-02-01, when the oldest late item fell due, to 2026-03-01."
    assert why(found, "dpd") == "28 contractual less 10 deferred."
    assert found.deferred.rows() == [(date(2026, 2, 5), date(2026, 2, 14), 10)]


def test_days_of_grace_do_not_count() -> None:
    found = told(*THREE, at="2026-02-04", policy=policy("loan", grace_days=3))
    assert why(found, "dpd") == "3 contractual: not more than the 3 days of grace, so none count."
    assert why(found, "bucket") == "Nothing past due counts."


@pytest.mark.parametrize(
    ("at", "bucket", "five_tier", "stage", "default"),
    [
        (
            "2026-02-01",
            "Nothing past due counts.",
            "1 normal: nothing past due.",
            "Not in default, not more",
            "Never in",
        ),
        ("2026-03-03", "1 to 30 days", "2 special mention: more than 0 days", "Not in default, not more", "Never in"),
        (
            "2026-03-04",
            "31 to 60 days",
            "2 special mention: more than 0 days",
            "Not in default; more than 30",
            "Never in",
        ),
        (
            "2026-05-03",
            "91 to 120 days",
            "3 substandard: more than 90 days",
            "In default.",
            "Default began by more than 90",
        ),
        (
            "2026-10-30",
            "More than 180",
            "4 doubtful: more than 270 days",
            "In default.",
            "Default began by more than 90",
        ),
        ("2027-01-28", "More than 180", "5 loss: more than 360 days", "In default.", "Default began by more than 90"),
    ],
)
def test_each_status_names_the_rule(at: str, bucket: str, five_tier: str, stage: str, default: str) -> None:
    found = told(*THREE, at=at, policy=POLICY)
    assert why(found, "bucket").startswith(bucket)
    assert why(found, "five_tier").startswith(five_tier)
    assert why(found, "ifrs9_stage").startswith(stage)
    assert why(found, "default_since").startswith(default)


def test_probation_is_told_with_its_end() -> None:
    found = told(*THREE, payment("2026-05-10", 315 - 100), payment("2026-06-01", 1), at="2026-05-20", policy=POLICY)
    assert why(found, "default_ends_on") == "Not to be told while something is past due."
    late = (*THREE[:3], installment(3, "2026-12-01", 100, interest=5))
    found = told(*late, payment("2026-06-10", 210), at="2026-06-20", policy=POLICY)
    assert found.loan["default_ends_on"] == date(2026, 6, 10) + timedelta(days=90)
    assert why(found, "default_ends_on") == "If nothing falls late: 90 days of probation."
    assert why(found, "credit_status") == "First that applies: in default, with nothing past due since 2026-06-10."
    assert why(found, "five_tier") == "3 substandard: in default at least 3; 1 by days alone."
    found = told(*late, payment("2026-06-10", 210), at="2026-09-08", policy=POLICY)
    assert why(found, "default_since") == (
        "Not in default; the last of 1 default(s), since 2026-05-03, ended on 2026-09-08."
    )
    assert why(found, "five_tier").startswith("3 substandard: held since it was 3 or worse, until nothing")


def test_events_are_named() -> None:
    messages = (*THREE, event("charge_off", "2026-03-10"), event("dispute_opened", "2026-03-11"))
    found = told(*messages, at="2026-03-20", policy=POLICY)
    assert why(found, "default_since") == "Default began by a charge-off."
    assert why(found, "charged_off_on") == "3.00 written off, 0.00 recovered since; 3.15 remains owed."
    assert why(found, "is_disputed") == "The last word is dispute_opened dispute_opened of 2026-03-11."
    assert why(found, "credit_status") == "First that applies: charged off on 2026-03-10, and 3.15 remains."
    assert why(found, "delinquent_since").startswith("First day of 30 and more days past due; kept")


def test_months_carry_the_letters_of_the_strings() -> None:
    found = told(*THREE, payment("2026-02-10", 105), at="2026-04-15", policy=POLICY)
    months = found.months.filter(pl.col("month_end") >= date(2026, 1, 1))
    assert months.rows() == [
        (date(2026, 1, 31), "0", "*", "0", "nothing was due"),
        (date(2026, 2, 28), "0", "M", "0", "paid late, within the month"),
        (date(2026, 3, 31), "1", "1", "1", "1 to 30 days past due"),
    ]


@SOME
@given(policies(), histories(), st.data())
def test_the_credits_of_an_item_add_up_to_what_covers_it(
    policy: Policy, deliveries: list[Delivery], data: st.DataObject
) -> None:
    as_of = data.draw(st.sampled_from(sorted({delivery.business_date for delivery in deliveries})))
    books = kept([delivery for delivery in deliveries if delivery.business_date <= as_of], policy, as_of)
    made = working(books, as_of)
    entries = made.settlement.ledger
    found = allocations(entries, entries.units.select("scope_no").unique(), as_of)
    sums = found.group_by("item_no").agg(pl.col("covered_cents").sum())
    paid = made.items.filter(pl.col("paid_cents") > 0).select("item_no", covered_cents="paid_cents")
    assert sums.sort("item_no").rows() == paid.sort("item_no").rows()
    assert found.filter(pl.col("covered_cents") <= 0).is_empty()
    parts = pl.col("fee_paid_cents") + pl.col("interest_paid_cents") + pl.col("principal_paid_cents")
    assert found.filter(parts != pl.col("covered_cents")).is_empty()
    used = found.group_by("scope_no", "repayment_id").agg(pl.col("covered_cents").sum())
    given = entries.credits.select("scope_no", "repayment_id", "amount_cents")
    assert (
        used.join(given, on=["scope_no", "repayment_id"])
        .filter(pl.col("covered_cents") > pl.col("amount_cents"))
        .is_empty()
    )
    assert used.join(given, on=["scope_no", "repayment_id"]).height == used.height


@SOME
@given(policies(), histories(), st.data())
def test_any_loan_can_be_explained_and_its_ledger_adds_up(
    policy: Policy, deliveries: list[Delivery], data: st.DataObject
) -> None:
    as_of = data.draw(st.sampled_from(sorted({delivery.business_date for delivery in deliveries})))
    books = kept([delivery for delivery in deliveries if delivery.business_date <= as_of], policy, as_of)
    loans = books.tables["status.loan_status"].height
    chosen = data.draw(st.sets(st.integers(0, loans - 1), max_size=1)) if loans else set()
    for found in explained(books, as_of, chosen):
        loan, items = found.loan, found.items
        late = items.filter("is_late")
        assert late["uncovered_cents"].sum() == loan["past_due_cents"]
        assert late["due_date"].min() == loan["oldest_due_date"]
        assert (late["days_late"].max() or 0) == loan["contractual_dpd"]
        owed = items["principal_cents"] - items["principal_paid_cents"]
        assert owed.filter(items["replaced_on"].is_null()).sum() == loan["outstanding_principal_cents"]
        counted = loan["contractual_dpd"] - found.deferred["days_counted"].sum()
        assert loan["dpd"] in (0, counted)
        assert all(reason.why for reason in found.reasons)
        text = "".join(found.months["pboc_code"].drop_nulls())
        assert loan["pboc_24m"] in (None, text)
