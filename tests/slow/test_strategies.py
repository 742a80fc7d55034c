"""The random ledgers: well formed, eventful, and the solver keeps its own identities on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transforms.feeds import CREDIT_KINDS, FEEDS
from transforms.policy import Policy

from .deliveries import Delivery, Row
from .ledgers import Tables
from .solve import solve
from .strategies import histories, policies, splits

quickly = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def last_night(data: st.DataObject) -> tuple[list[Delivery], Policy, date]:
    """Random deliveries, a policy, and the as-of date of a night that sees all of them."""
    deliveries = data.draw(histories())
    as_of, _ = data.draw(splits(deliveries))[-1]
    return deliveries, data.draw(policies()), as_of


def total(rows: Sequence[Row], name: str) -> int:
    return sum(value for row in rows if isinstance(value := row[name], int))


def labels(tables: Tables) -> set[str]:
    """What happened in a ledger."""
    loans, accounts = tables["status.loan_status"], tables["status.account_status"]
    installments, chargebacks = tables["core.installments"], tables["core.chargebacks"]
    in_credit = {row["account_id"] for row in loans if row["is_in_credit"]}
    seen = {f"waits: {feed} {reason}" for feed, reasons in _waiting(tables) for reason in reasons}
    seen |= {f"kind: {row['kind']}" for row in tables["core.repayments"]}
    seen |= {f"bucket: {row['bucket']}" for row in loans}
    happened = {
        "in credit": any(row["is_in_credit"] for row in loans),
        "pot left over": any(row["is_in_credit"] and row["account_id"] not in in_credit for row in accounts),
        "over limit": any(row["is_over_limit"] for row in accounts),
        "not negative": any(row["negative_since"] is None for row in accounts),
        "deferred": any(row["dpd"] != row["contractual_dpd"] for row in loans),
        "void": any(row["is_void"] for row in tables["core.repayments"]),
        "replaced": any(row["replaced_on"] is not None for row in installments),
        "replaced, settled": any(row["replaced_on"] and row["settled_date"] for row in installments),
        "to be replaced": any(row["plan_date"] and not row["paid_cents"] for row in installments),
        "payout": any(row["is_payout"] for row in chargebacks),
        "bounce": any(not row["is_payout"] for row in chargebacks),
        "owed on the account": any(row["loan_id"] is None for row in chargebacks),
        "not started": len(tables["core.loans"]) > len(loans),
    }
    return seen | {name for name, has_happened in happened.items() if has_happened}


def _waiting(tables: Tables) -> list[tuple[object, list[str]]]:
    return [(row["feed"], reasons) for row in tables["waiting"] if isinstance(reasons := row["reasons"], list)]


EVENTFUL = {
    *(f"waits: {feed} orphan" for feed in ("installments", "repayments", "events", "orders")),
    "waits: repayments no_loan",
    "waits: repayments bad_reference",
    *(f"kind: {kind}" for kind in (*CREDIT_KINDS, "reversal", "chargeback")),
    *(f"bucket: M{number}" for number in range(8)),
    *("in credit", "pot left over", "over limit", "not negative", "deferred", "void", "replaced", "replaced, settled"),
    *("to be replaced", "payout", "bounce", "owed on the account", "not started"),
}


def test_random_ledgers_are_eventful() -> None:
    seen: set[str] = set()

    @settings(quickly, max_examples=150)
    @given(st.data())
    def look(data: st.DataObject) -> None:
        deliveries, policy = data.draw(histories()), data.draw(policies())
        nights = data.draw(splits(deliveries))
        for as_of, visible in (nights[0], nights[-1]):
            seen.update(labels(solve(visible, policy, as_of)))

    look()
    assert EVENTFUL - seen == set()


@quickly
@given(st.data())
def test_the_order_in_which_deliveries_are_handed_over_does_not_matter(data: st.DataObject) -> None:
    deliveries, policy, as_of = last_night(data)
    shuffled = data.draw(st.permutations(deliveries))
    assert solve(shuffled, policy, as_of) == solve(deliveries, policy, as_of)


@quickly
@given(st.data())
def test_money_in_is_money_out(data: st.DataObject) -> None:
    """Credits by then = paid on instalments + paid on chargebacks + surplus + held for loans that have not started."""
    deliveries, policy, as_of = last_night(data)
    tables = solve(deliveries, policy, as_of)
    started = {(row["source"], row["loan_id"]) for row in tables["status.loan_status"]}
    by_loan = {
        (row["source"], row["account_id"])
        for row in tables["core.accounts"]
        if policy.product(str(row["product_code"])).allocation == "loan"
    }
    received = [
        row
        for row in tables["core.repayments"]
        if row["kind"] in CREDIT_KINDS
        and not row["is_void"]
        and isinstance(paid := row["paid_date"], date)
        and paid <= as_of
    ]
    held = [
        row
        for row in received
        if (row["source"], row["account_id"]) in by_loan and (row["source"], row["loan_id"]) not in started
    ]
    covered = total(tables["core.installments"], "paid_cents") + total(tables["core.chargebacks"], "paid_cents")
    surplus = total(tables["status.account_status"], "surplus_cents")
    assert total(received, "amount_cents") == covered + surplus + total(held, "amount_cents")


@quickly
@given(st.data())
def test_nights_rise_and_see_no_delivery_before_its_day(data: st.DataObject) -> None:
    deliveries = data.draw(histories())
    nights = data.draw(splits(deliveries))
    dates = [night for night, _ in nights]
    assert dates == sorted(set(dates))
    assert all(each.business_date <= night for night, seen in nights for each in seen)
    assert all(each in later for (_, seen), (_, later) in pairwise(nights) for each in seen)
    assert nights[-1][1] == deliveries


@quickly
@given(histories())
def test_rows_fit_the_row_rules(deliveries: list[Delivery]) -> None:
    places = [(each.source, each.feed, each.place) for each in deliveries]
    assert len(places) == len(set(places))
    for delivery in deliveries:
        feed = FEEDS[delivery.feed]
        keys = [tuple(row[name] for name in feed.key) for row in delivery.rows]
        alone = [row for number, row in enumerate(delivery.rows) if delivery.rows.index(row) == number]
        assert len({*keys}) == len(alone), "one key with two contents in a file"
        for row in delivery.rows:
            fits(delivery, row)


def fits(delivery: Delivery, row: Row) -> None:
    """Every rule that a row alone can break."""
    feed = FEEDS[delivery.feed]
    if row["is_deleted"]:
        assert set(row) == {*feed.key, "is_deleted"}
        return
    assert set(row) == set(feed.facts) - {"source"}
    assert all(row[column.inside] is not None for column in feed.columns if column.required)
    amounts = [value for name, value in row.items() if name.endswith("_cents") and isinstance(value, int)]
    assert all(amount >= 0 for amount in amounts)
    assert delivery.feed not in ("repayments", "orders") or amounts > [0]
    if row.get("kind") in ("reversal", "deferral"):
        assert row.get("refers_to") or row.get("until_date")
    for first, last in (("opened_date", "closed_date"), ("order_date", "due_date"), ("event_date", "until_date")):
        start, end = row.get(first), row.get(last)
        assert not (isinstance(start, date) and isinstance(end, date)) or start <= end, (first, last)
    paid_date = row.get("paid_date", delivery.business_date)
    assert isinstance(paid_date, date)
    assert paid_date <= delivery.business_date + timedelta(days=1)
