"""The cheap ways of a book against the general one: every table, every waiting row and the state are the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from unittest import mock

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.slow.deliveries import Delivery, pack
from tests.slow.ledgers import POLICY, account, installment, payment
from tests.slow.strategies import histories, policies
from tests.transforms.memory import ACCOUNT_FEEDS, Memory
from transforms import references, standing, versions
from transforms.book import Book, keep
from transforms.feeds import Feed
from transforms.levels import Flags, Levels
from transforms.policy import Policy
from transforms.settle import Settlement

PLAIN = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 300)), max_size=12)
"""Payments of a plain loan: days after its start, cents."""


class Taken(Memory):
    """A lake in memory that takes facts in, and no more."""

    def _work(self, as_of: date) -> None:
        """Nothing: the books are kept by the test."""


@contextmanager
def the_general_way() -> Iterator[None]:
    """No scope counts as told by levels, no row as standing alone, no account as negative for being late."""

    def not_regular(levels: Levels, _: object) -> Flags:
        return np.zeros(levels.units, np.bool_)

    def not_alone(rows: pl.DataFrame, _: Feed) -> pl.Series:
        return pl.repeat(value=False, n=rows.height, dtype=pl.Boolean, eager=True)

    def asked_every_day(
        settlement: Settlement, _: pl.DataFrame, versions: pl.DataFrame, accounts: pl.DataFrame, last_day: date
    ) -> pl.DataFrame:
        return standing.negative_by_days(settlement, versions, accounts, last_day)

    with (
        mock.patch.object(Levels, "_find_regular", not_regular),
        mock.patch.object(references, "stands_alone", not_alone),
        mock.patch.object(versions, "stands_alone", not_alone),
        mock.patch.object(standing, "negative_since", asked_every_day),
    ):
        yield


def assert_both_ways_agree(policy: Policy, deliveries: list[Delivery], last_day: date) -> Book:
    """The book of all deliveries, which is the same in both ways."""
    memory = Taken(policy)
    memory.night(deliveries, last_day)
    facts = {feed.name: memory.ordered(memory.facts[feed.name]) for feed in ACCOUNT_FEEDS}
    cheap = keep(facts, policy, last_day)
    with the_general_way():
        general = keep(facts, policy, last_day)
    for name, rows in general.tables.items():
        assert_frame_equal(cheap.tables[name], rows, check_row_order=False)
    for feed, rows in general.waiting.items():
        place = ["order_no", "line_number"]
        assert_frame_equal(cheap.waiting[feed].sort(place), rows.sort(place))
    for name, rows in general.state.items():
        assert_frame_equal(cheap.state[name], rows, check_row_order=False)
    return cheap


@given(policies(), histories(), st.sampled_from((0, 120)))
@settings(deadline=None, max_examples=settings().max_examples // 5)
def test_any_book_is_the_same(policy: Policy, deliveries: list[Delivery], wait: int) -> None:
    last_day = max(delivery.business_date for delivery in deliveries) + timedelta(days=wait)
    assert_both_ways_agree(policy, deliveries, last_day)


@given(st.lists(PLAIN, min_size=1, max_size=4), st.integers(0, 500))
@settings(deadline=None, max_examples=settings().max_examples // 5)
def test_plain_loans_are_the_same(loans: list[list[tuple[int, int]]], age: int) -> None:
    """Loans of one plan each, to which nothing happens but payments: on time, late, early, too much."""
    start = date(2024, 1, 10)
    last_day = start + timedelta(days=age)
    messages = [account(opened=str(start), on=str(start))]
    for number, payments in enumerate(loans):
        for month in range(6):
            due = date(2024, 2 + month, 10)
            messages.append(installment(month + 1, str(due), 100, loan=f"l{number}", on=str(start)))
        messages += [
            payment(
                str(start + timedelta(days=days)),
                cents,
                name=f"r{number}.{place}",
                loan=f"l{number}",
                on=str(start + timedelta(days=days)),
            )
            for place, (days, cents) in enumerate(payments)
            if days <= age
        ]
    book = assert_both_ways_agree(POLICY, pack(messages), last_day)
    assert book.tables["core.installments"].height == 6 * len(loans)
