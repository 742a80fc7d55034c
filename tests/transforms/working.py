"""The book of a ledger in memory, as far as it goes before it is put into tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

import polars as pl

from tests.slow.deliveries import Delivery, Message, pack
from tests.transforms.memory import ACCOUNT_FEEDS, Memory
from transforms.book import Working, work
from transforms.explain import Explanation, explain
from transforms.policy import Policy


class Books(Memory):
    """A lake in memory whose nights end with the standings."""

    def _risk(self, as_of: date, before: dict[str, pl.DataFrame], worked: pl.DataFrame) -> None:
        """Nothing: what is explained are loans."""


def kept(deliveries: Sequence[Delivery], policy: Policy, as_of: date) -> Books:
    """One night with all deliveries."""
    books = Books(policy)
    books.night(deliveries, as_of)
    return books


def working(books: Books, as_of: date) -> Working:
    """What the book of all accounts is made of."""
    facts = {feed.name: books.ordered(books.facts[feed.name]) for feed in ACCOUNT_FEEDS}
    return work(facts, books.policy, as_of)


def explained(books: Books, as_of: date, chosen: Collection[int] | None = None) -> list[Explanation]:
    """Loans that have started, explained: every one, or those at these places."""
    made = working(books, as_of)
    closed = {
        (row["source"], row["account_id"]): row["closed_date"] for row in books.tables["core.accounts"].to_dicts()
    }
    defaults = books.tables["status.loan_defaults"]
    return [
        explain(
            made,
            loan,
            defaults.filter(source=loan["source"], loan_id=loan["loan_id"]),
            closed[loan["source"], loan["account_id"]],
            books.policy,
        )
        for place, loan in enumerate(books.tables["status.loan_status"].to_dicts())
        if chosen is None or place in chosen
    ]


def told(*messages: Message, at: str, policy: Policy) -> Explanation:
    """The one loan of a small ledger, explained."""
    as_of = date.fromisoformat(at)
    (found,) = explained(kept(pack(messages), policy, as_of), as_of)
    return found
