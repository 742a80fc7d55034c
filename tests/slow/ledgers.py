"""Words for small ledgers that a person can check by hand: `payment("2026-03-05", 500)`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from transforms.policy import Policy, ProductPolicy

from .deliveries import Message, Row, complete, deletion, pack
from .solve import solve

SOURCE = "north"
START = "2026-01-01"
"""Every row is delivered, and every loan starts, on this day unless the ledger says otherwise."""
POLICY = Policy(
    version="test",
    products={"pay": ProductPolicy(allocation="loan"), "line": ProductPolicy(allocation="account")},
)
Tables = dict[str, list[Row]]


def day(text: str | None) -> date | None:
    """The date in ISO form."""
    return None if text is None else date.fromisoformat(text)


def filed(feed: str, on: str, **columns: object) -> Message:
    """A complete row of the feed, delivered on a day."""
    return Message(SOURCE, feed, date.fromisoformat(on), complete(feed, SOURCE, **columns))


def account(
    account_id: str = "a",
    product: str = "pay",
    limit: int = 1000,
    *,
    opened: str = START,
    on: str = START,
    **more: object,
) -> Message:
    """An account of customer `c`."""
    return filed(
        "accounts",
        on,
        **{"customer_id": "c", **more},
        account_id=account_id,
        product_code=product,
        credit_limit_cents=limit,
        opened_date=day(opened),
    )


def installment(
    number: int,
    due: str,
    principal: int,
    interest: int = 0,
    fee: int = 0,
    *,
    loan: str = "l",
    account_id: str = "a",
    plan: str | None = None,
    ordered: str | None = START,
    on: str = START,
) -> Message:
    """An instalment of loan `l` of account `a`; without `plan`, of the original plan."""
    return filed(
        "installments",
        on,
        loan_id=loan,
        account_id=account_id,
        plan_date=day(plan),
        installment_no=number,
        due_date=day(due),
        principal_cents=principal,
        interest_cents=interest,
        fee_cents=fee,
        order_date=day(ordered),
    )


def repayment(
    kind: str,
    paid: str,
    amount: int,
    *,
    name: str | None = None,
    loan: str | None = "l",
    account_id: str = "a",
    of: str | None = None,
    on: str = START,
) -> Message:
    """A repayment of that kind for loan `l` of account `a`, called by its kind and day unless named."""
    return filed(
        "repayments",
        on,
        repayment_id=name or f"{kind} {paid}",
        account_id=account_id,
        paid_date=day(paid),
        amount_cents=amount,
        kind=kind,
        loan_id=loan,
        refers_to=of,
    )


def payment(paid: str, amount: int, *, name: str | None = None, loan: str | None = "l", on: str = START) -> Message:
    """Money from the customer for loan `l` of account `a`."""
    return repayment("payment", paid, amount, name=name, loan=loan, on=on)


def deferral(first: str, last: str, *, loan: str | None = "l", name: str = "deferral") -> Message:
    """No days past due accrue from the first to the last day."""
    return filed(
        "events",
        START,
        event_id=name,
        account_id="a",
        kind="deferral",
        event_date=day(first),
        until_date=day(last),
        loan_id=loan,
    )


def event(kind: str, on: str, **more: object) -> Message:
    """An event of loan `l`."""
    return filed("events", on, event_id=kind, account_id="a", kind=kind, event_date=day(on), loan_id="l", **more)


def deleted(message: Message, on: str) -> Message:
    """The key of a message deleted by a later row."""
    return Message(message.source, message.feed, date.fromisoformat(on), deletion(message.feed, message.row))


def deliver(message: Message, on: str) -> Message:
    """The same row again, delivered on another day."""
    return replace(message, business_date=date.fromisoformat(on))


def solved(*messages: Message, at: str, policy: Policy = POLICY) -> Tables:
    """The state tables as of a day."""
    return solve(pack(messages), policy, date.fromisoformat(at))


def policy(allocation: str, **rules: object) -> Policy:
    """One product policy for all."""
    return Policy(
        version="test", products={"default": ProductPolicy.model_validate({"allocation": allocation, **rules})}
    )


def only(rows: list[Row], **where: object) -> Row:
    """The one row in which these columns have these values."""
    found = [row for row in rows if all(row[name] == value for name, value in where.items())]
    assert len(found) == 1, f"{len(found)} rows with {where}"
    return found[0]


def values(row: Row, names: str) -> tuple[object, ...]:
    """The values of the columns named."""
    return tuple(row[name] for name in names.split())
