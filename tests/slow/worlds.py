"""What one source says, drawn thing by thing: accounts, their loans, what was paid, what happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from typing import TypeVar

from hypothesis import strategies as st

from transforms.feeds import CREDIT_KINDS, EVENT_KINDS

from .deliveries import Message, Row, complete

FIRST_DAY = date(2024, 1, 1)
PRODUCTS = ("pay", "line", "card")
CUSTOMERS = ("c1", "c2")
ACCOUNTS = ("a1", "a2", "a3")
"""A source has the first of them, or more."""
NEVER_SEEN = "r99"
"""A repayment that no source ever sends."""
MONTH = 30
HALF_YEAR = 180

T = TypeVar("T")


@cache
def _up_to(last: int) -> st.SearchStrategy[int]:
    """Whole numbers from 0; kept, for building a strategy takes longer than drawing from it."""
    return st.integers(0, last)


def number_of(draw: st.DrawFn, most: int) -> int:
    """A whole number from 0 to `most`."""
    return draw(_up_to(most))


def one_of(draw: st.DrawFn, values: Sequence[T]) -> T:
    """One of the values; the first is the simplest."""
    return values[draw(_up_to(len(values) - 1))]


def rarely(draw: st.DrawFn) -> bool:
    """True once in six."""
    return one_of(draw, (False, False, False, False, False, True))


def day(draw: st.DrawFn, last: int = HALF_YEAR) -> date:
    """One of the first `last` days; mostly every fifth, so that days meet."""
    return FIRST_DAY + timedelta(days=5 * number_of(draw, last // 5) + one_of(draw, (0, 0, 0, 1)))


def after(draw: st.DrawFn, start: date, days: Sequence[int]) -> date:
    """A day so many days after another."""
    return start + timedelta(days=one_of(draw, days))


def cents(draw: st.DrawFn) -> int:
    """A small amount, often a round one."""
    return one_of(draw, (100, 200, 1, 3, 99, 101, 300, 400)) if number_of(draw, 1) else 1 + number_of(draw, 399)


def source_messages(draw: st.DrawFn, source: str) -> list[Message]:
    """What one source says, before anything is corrected, lost or late; every repayment names a real account."""
    messages = [message for customer_id in CUSTOMERS for message in _customer(draw, source, customer_id)]
    loans: dict[str, list[str]] = {}
    for account_id in ACCOUNTS[: one_of(draw, (1, 1, 2, 3))]:
        messages += _account(draw, source, account_id)
        loans[account_id] = [f"l{account_id[1:]}{number}" for number in range(1, one_of(draw, (1, 1, 2, 3)) + 1)]
        for loan_id in loans[account_id]:
            messages += _loan(draw, source, account_id, loan_id)
    dues = [message.row for message in messages if message.feed == "installments"]
    return [
        *messages,
        *_repayments(draw, source, loans, dues),
        *_events(draw, source, loans),
        *_orders(draw, source, loans),
    ]


def _account(draw: st.DrawFn, source: str, account_id: str) -> list[Message]:
    """An account with one to three versions."""
    opened = day(draw, last=60)
    row = complete(
        "accounts",
        source,
        account_id=account_id,
        customer_id=one_of(draw, CUSTOMERS),
        product_code=one_of(draw, PRODUCTS),
        opened_date=opened,
        credit_limit_cents=one_of(draw, (1000, 400, 3000, 0)),
        currency=one_of(draw, ("CNY", "CNY", "INR")),
        region_code=one_of(draw, (None, "east", "west")),
    )
    messages = [Message(source, "accounts", after(draw, opened, (0, 0, 1, 10)), row)]
    for _ in range(one_of(draw, (0, 0, 1, 2))):
        row = {**row, **account_change(draw, row)}
        messages.append(Message(source, "accounts", day(draw), row))
    return messages


def account_change(draw: st.DrawFn, row: Row) -> Row:
    """New values for a column or two of an account."""
    opened = row["opened_date"]
    assert isinstance(opened, date)
    changes: Row = {
        "credit_limit_cents": one_of(draw, (0, 200, 800, 2000)),
        "region_code": one_of(draw, (None, "east", "north")),
        "product_code": one_of(draw, PRODUCTS),
        "lender_id": one_of(draw, ("bank", "trust")),
        "channel_code": "shop",
        "opened_date": opened - timedelta(days=one_of(draw, (0, 1, 10))),
        "closed_date": one_of(draw, (None, opened + timedelta(days=HALF_YEAR))),
    }
    columns = draw(st.lists(st.sampled_from(sorted(changes)), min_size=1, max_size=2, unique=True))
    valid_from = day(draw) if number_of(draw, 1) else None
    return {**{column: changes[column] for column in columns}, "valid_from": valid_from}


def _customer(draw: st.DrawFn, source: str, customer_id: str) -> list[Message]:
    """A customer with none to two versions."""
    messages = []
    for _ in range(one_of(draw, (0, 1, 1, 2))):
        person_id = one_of(draw, (None, "p1", "p2"))
        row = complete(
            "customers",
            source,
            customer_id=customer_id,
            person_id=person_id,
            id_type="id_card" if person_id else None,
            income_monthly_cents=one_of(draw, (None, 0, 500_000)),
            valid_from=one_of(draw, (None, None, FIRST_DAY + timedelta(days=MONTH))),
        )
        messages.append(Message(source, "customers", day(draw), row))
    return messages


def _loan(draw: st.DrawFn, source: str, account_id: str, loan_id: str) -> list[Message]:
    """A loan of one to four instalments, restructured up to twice."""
    ordered = day(draw, last=120)
    order_date = None if rarely(draw) else ordered
    first = day(draw) if rarely(draw) else None
    plan_dates = [first, *(day(draw) for _ in range(one_of(draw, (0, 0, 0, 1, 2))))]
    messages = []
    for plan_date in dict.fromkeys(plan_dates):
        delivered = after(draw, plan_date or ordered, (0, 0, 1, 7, -40, MONTH))
        first_no = one_of(draw, (1, 1, 0, 9))
        due_date = after(draw, max(ordered, plan_date or ordered), (0, 10, MONTH))
        due_date = ordered if plan_date and rarely(draw) else due_date
        step = timedelta(days=one_of(draw, (MONTH, 10, 5, 0)))
        for number in range(one_of(draw, (1, 2, 3, 4))):
            row = complete(
                "installments",
                source,
                loan_id=loan_id,
                account_id=account_id,
                installment_no=first_no + number,
                plan_date=plan_date,
                order_date=order_date,
                due_date=due_date + number * step,
                principal_cents=cents(draw),
                interest_cents=one_of(draw, (0, 0, 10, 30)),
                fee_cents=one_of(draw, (0, 0, 0, 5)),
            )
            messages.append(Message(source, "installments", delivered, row))
    return messages


def _repayments(draw: st.DrawFn, source: str, loans: dict[str, list[str]], dues: Sequence[Row]) -> list[Message]:
    """Credits of every kind, chargebacks with and without a reference, reversals."""
    rows: list[Row] = []
    kinds = ("payment", "payment", "payment", *CREDIT_KINDS, "chargeback", "chargeback", "reversal")
    for number in range(1 + number_of(draw, 15)):
        kind = one_of(draw, kinds)
        names_one = kind == "reversal" or (kind == "chargeback" and number_of(draw, 2) > 0)
        target = one_of(draw, rows) if names_one and rows and not rarely(draw) else None
        row = complete(
            "repayments",
            source,
            repayment_id=f"r{number}",
            paid_date=day(draw),
            kind=kind,
            **(_like(draw, target, loans) if target else _for_a_loan(draw, loans, dues)),
        )
        if names_one or rarely(draw):
            row["refers_to"] = target["repayment_id"] if target else NEVER_SEEN
        rows.append(row)
    return [Message(source, "repayments", _filed_after(draw, row["paid_date"]), row) for row in rows]


def _filed_after(draw: st.DrawFn, paid_date: object) -> date:
    assert isinstance(paid_date, date)
    return after(draw, paid_date, (0, 0, 0, 1, -1, 20))


def _for_a_loan(draw: st.DrawFn, loans: dict[str, list[str]], dues: Sequence[Row]) -> Row:
    """Account, loan and amount of a credit; seldom a loan of another account, sometimes none."""
    account_id = one_of(draw, sorted(loans))
    loan_id: str | None = one_of(draw, loans[account_id])
    if rarely(draw):
        loan_id = one_of(draw, sorted(loan_id for mine in loans.values() for loan_id in mine))
    owed = [sum_due(row) for row in dues if row["loan_id"] == loan_id]
    amount = cents(draw) if rarely(draw) else one_of(draw, [*owed, sum(owed), sum(owed) + 50])
    return {
        "account_id": account_id,
        "loan_id": None if rarely(draw) else loan_id,
        "amount_cents": amount,
    }


def _like(draw: st.DrawFn, target: Row, loans: dict[str, list[str]]) -> Row:
    """Account, loan and amount of what refers to `target`: mostly its own."""
    account_id, loan_id = target["account_id"], target["loan_id"]
    assert isinstance(account_id, str)
    if rarely(draw):
        account_id = one_of(draw, sorted(loans))
    if rarely(draw):
        loan_id = one_of(draw, (None, *loans[account_id]))
    return {
        "account_id": account_id,
        "loan_id": loan_id,
        "amount_cents": target["amount_cents"] if number_of(draw, 3) else cents(draw),
    }


def sum_due(row: Row) -> int:
    """Principal, interest and fee of an instalment; at least 1, so that it can be paid."""
    parts = (row[name] for name in ("principal_cents", "interest_cents", "fee_cents"))
    return max(1, sum(part for part in parts if isinstance(part, int)))


def _events(draw: st.DrawFn, source: str, loans: dict[str, list[str]]) -> list[Message]:
    """Deferrals that overlap, of one loan or of all; now and then another event."""
    messages = []
    for number in range(number_of(draw, 3)):
        kind = one_of(draw, EVENT_KINDS) if number_of(draw, 1) else "deferral"
        account_id = one_of(draw, sorted(loans))
        event_date = day(draw)
        row = complete(
            "events",
            source,
            event_id=f"e{number}",
            account_id=account_id,
            kind=kind,
            event_date=event_date,
            loan_id=one_of(draw, (None, *loans[account_id])),
            until_date=after(draw, event_date, (10, 0, 3, 40)) if kind == "deferral" else None,
            amount_cents=one_of(draw, (cents(draw), None)) if kind == "charge_off" else None,
        )
        messages.append(Message(source, "events", after(draw, event_date, (0, 0, 5, -10)), row))
    return messages


def _orders(draw: st.DrawFn, source: str, loans: dict[str, list[str]]) -> list[Message]:
    """At most two purchases; their loan is not checked."""
    messages = []
    for number in range(number_of(draw, 2)):
        account_id = one_of(draw, sorted(loans))
        row = complete(
            "orders",
            source,
            order_id=f"o{number}",
            account_id=account_id,
            order_date=day(draw),
            amount_cents=cents(draw),
            category_code=one_of(draw, (None, "books")),
            loan_id=one_of(draw, (None, "l9", *loans[account_id])),
        )
        messages.append(Message(source, "orders", day(draw), row))
    return messages
