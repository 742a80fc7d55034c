"""The short way against the long way: levels and unrolled items say the same of every scope that is regular."""

from __future__ import annotations

from datetime import date

import polars as pl
from hypothesis import given

from tests.slow.deliveries import Delivery, pack
from tests.slow.ledgers import POLICY, account, payment, repayment
from tests.slow.strategies import histories, policies
from tests.transforms.memory import ACCOUNT_FEEDS, Memory
from transforms import ledger, references, settle, unrolled, versions
from transforms.feeds import FEEDS
from transforms.policy import Policy


def built(policy: Policy, deliveries: list[Delivery]) -> tuple[ledger.Ledger, date]:
    """The ledger of all deliveries, and the last of their dates."""
    as_of = max(delivery.business_date for delivery in deliveries)
    memory = Memory(policy)
    memory.take(deliveries)
    facts = {feed.name: memory.ordered(memory.facts[feed.name]) for feed in ACCOUNT_FEEDS}
    spans = versions.spans(facts["accounts"], FEEDS["accounts"])
    accounts = versions.valid_at(spans, FEEDS["accounts"], as_of)
    rules = policy.product_frame(accounts["product_code"].to_list()).select("product_code", "allocation")
    resolved = references.resolve(facts, accounts.join(rules, on="product_code", how="left"))
    return ledger.build(resolved, accounts, policy), as_of


def test_money_paid_back_before_the_first_item_of_an_account() -> None:
    """The chargeback is the only item; before it exists, nothing is owed and the payment is in credit."""
    late, back = "2024-01-01", "2024-05-30"
    messages = (
        account(product="line", opened=late, on=late),
        payment(late, 217, name="r1", loan=None, on=late),
        repayment("chargeback", back, 217, loan=None, of="r1", on=back),
    )
    assert_ways_agree(*built(POLICY, pack(messages)))


@given(policies(), histories())
def test_levels_and_unrolled_items_agree(policy: Policy, deliveries: list[Delivery]) -> None:
    assert_ways_agree(*built(policy, deliveries))


def assert_ways_agree(book: ledger.Ledger, as_of: date) -> None:
    """Both ways give the same figures on every day of change, settlement dates and cover of every item."""
    settlement = settle.settle(book, as_of)
    days = unrolled.change_days(book, as_of).select("day").unique()
    moments = (
        book.units.join(days, how="cross")
        .filter((pl.col("start") <= pl.col("day")).fill_null(value=True))
        .select("unit_no", "day")
    )
    assert settlement.figures(moments).equals(unrolled.figures(book, moments))
    spells = unrolled.open_spells(book, as_of)
    assert settlement.settled_dates().equals(unrolled.settled_dates(book.items, spells, as_of))
    scopes = book.items.select("scope_no", day=pl.lit(as_of)).unique()
    expected = unrolled.cover(book, scopes).select("item_no", "covered_cents").sort("item_no")
    found = settlement.covered(as_of).join(expected, on="item_no", how="full", coalesce=True, suffix="_expected")
    assert found.filter(
        pl.col("covered_cents").fill_null(0) != pl.col("covered_cents_expected").fill_null(0)
    ).is_empty()


@given(policies(), histories())
def test_most_scopes_are_regular(policy: Policy, deliveries: list[Delivery]) -> None:
    """Loans of one plan without chargebacks always are."""
    book, as_of = built(policy, deliveries)
    levels = settle.settle(book, as_of).levels
    several = book.items.filter(pl.col("exists_to").is_not_null() | pl.col("is_chargeback"))
    plain = book.units.filter(pl.col("allocation") == "loan").join(several, on="scope_no", how="anti")
    assert levels.is_regular[plain["scope_no"].to_numpy()].all()
