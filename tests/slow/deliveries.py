"""What lenders sent, in plain Python: deliveries of rows, and the typed facts that rows become."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Generic, Self, TypeVar

from transforms.feeds import FEEDS

Row = dict[str, object]
Key = tuple[object, ...]
"""Source, then the values of the feed's key."""
Place = tuple[date, int, str]
"""Where a delivery stands in order: business date, sequence number, file name."""


@dataclass(frozen=True)
class Delivery:
    """One file of one feed: canonical rows that passed every row rule, keyed by inside names.

    Missing values are None; a row with `is_deleted` carries its key columns alone.
    """

    source: str
    feed: str
    business_date: date
    seq: int
    file_name: str
    rows: tuple[Row, ...]

    @property
    def place(self) -> Place:
        """What deliveries are ordered by."""
        return (self.business_date, self.seq, self.file_name)


@dataclass(frozen=True)
class Fact:
    """What one row of a feed says; attributes are the feed's columns inside."""

    source: str

    @classmethod
    def of(cls, source: str, row: Row) -> Self:
        """The fact in a complete row."""
        values: dict[str, Any] = {field.name: row[field.name] for field in fields(cls) if field.name != "source"}
        return cls(source=source, **values)


@dataclass(frozen=True)
class Account(Fact):
    """One row of the feed `accounts`."""

    account_id: str
    customer_id: str
    product_code: str
    opened_date: date
    credit_limit_cents: int
    currency: str
    region_code: str | None
    channel_code: str | None
    lender_id: str
    closed_date: date | None
    valid_from: date | None


@dataclass(frozen=True)
class Customer(Fact):
    """One row of the feed `customers`."""

    customer_id: str
    person_id: str | None
    id_type: str | None
    birth_date: date | None
    income_monthly_cents: int | None
    income_date: date | None
    employment_code: str | None
    valid_from: date | None


@dataclass(frozen=True)
class Installment(Fact):
    """One row of the feed `installments`."""

    loan_id: str
    plan_date: date | None
    installment_no: int
    account_id: str
    due_date: date
    principal_cents: int
    interest_cents: int
    fee_cents: int
    order_date: date | None

    @property
    def due_cents(self) -> int:
        """Principal, interest and fee."""
        return self.principal_cents + self.interest_cents + self.fee_cents


@dataclass(frozen=True)
class Repayment(Fact):
    """One row of the feed `repayments`."""

    repayment_id: str
    account_id: str
    paid_date: date
    amount_cents: int
    kind: str
    loan_id: str | None
    refers_to: str | None
    channel_code: str | None


@dataclass(frozen=True)
class Event(Fact):
    """One row of the feed `events`."""

    event_id: str
    account_id: str
    kind: str
    event_date: date
    loan_id: str | None
    until_date: date | None
    amount_cents: int | None
    note: str | None


@dataclass(frozen=True)
class Order(Fact):
    """One row of the feed `orders`."""

    order_id: str
    account_id: str
    order_date: date
    amount_cents: int
    category_code: str | None
    loan_id: str | None


F = TypeVar("F", bound=Fact)

FACTS: dict[str, type[Fact]] = {
    "accounts": Account,
    "installments": Installment,
    "repayments": Repayment,
    "events": Event,
    "customers": Customer,
    "orders": Order,
}


@dataclass(frozen=True)
class Filed(Generic[F]):
    """One row with the place of its delivery; `fact` is None when the row deletes its key."""

    place: Place
    fact: F | None


def filed(deliveries: Sequence[Delivery], feed: str, make: type[F]) -> dict[Key, list[Filed[F]]]:
    """All rows of a feed by key, each key's in the order of their deliveries; a row equal to the one before is none."""
    histories: dict[Key, list[Filed[F]]] = {}
    for delivery in sorted(deliveries, key=lambda d: d.place):
        if delivery.feed != feed:
            continue
        for row in delivery.rows:
            key = (delivery.source, *(row[name] for name in FEEDS[feed].key))
            fact = None if row["is_deleted"] else make.of(delivery.source, row)
            history = histories.setdefault(key, [])
            if not history or history[-1].fact != fact:
                history.append(Filed(delivery.place, fact))
    return histories


def complete(feed: str, source: str, **given: object) -> Row:
    """A row with every column of its feed: what is given, the feed's defaults, else None."""
    defaults: dict[str, Row] = {
        "accounts": {"currency": "CNY", "lender_id": source},
        "installments": {"interest_cents": 0, "fee_cents": 0},
    }
    columns = [name for name in FEEDS[feed].facts if name != "source"]
    row = {**dict.fromkeys(columns), **defaults.get(feed, {}), "is_deleted": False, **given}
    if set(row) != set(columns):
        raise KeyError(f"{feed} has no column {sorted(set(row) - set(columns))}")
    return row


@dataclass(frozen=True)
class Message:
    """One row on its way into a delivery."""

    source: str
    feed: str
    business_date: date
    row: Row
    seq: int = 0

    @property
    def key(self) -> Key:
        """The values of the feed's key."""
        return tuple(self.row[name] for name in FEEDS[self.feed].key)


def pack(messages: Iterable[Message]) -> list[Delivery]:
    """Files of the messages, by source, feed, business date and sequence number, rows in the order given.

    A row goes to a later sequence number than its own where that file says otherwise about its key.
    """
    files: dict[tuple[str, str, date, int], list[Message]] = {}
    for message in messages:
        seq = message.seq
        while any(
            other.key == message.key and other.row != message.row
            for other in files.get((message.source, message.feed, message.business_date, seq), ())
        ):
            seq += 1
        files.setdefault((message.source, message.feed, message.business_date, seq), []).append(message)
    return [
        Delivery(
            source, feed, day, seq, f"{feed}_{day:%Y%m%d}{f'_{seq}' if seq else ''}.csv", tuple(m.row for m in rows)
        )
        for (source, feed, day, seq), rows in files.items()
    ]


def deletion(feed: str, row: Row) -> Row:
    """The row that deletes the key of `row`."""
    return {**{name: row[name] for name in FEEDS[feed].key}, "is_deleted": True}
