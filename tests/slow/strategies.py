"""Hypothesis strategies: random ledgers, small and crowded, so that ties, collisions and displacements happen often.

Every row fits the row rules: dates in order, amounts in range, money dated no later than the day after its file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations

from hypothesis import strategies as st

from transforms.feeds import CREDIT_KINDS
from transforms.policy import PARTS, DefaultPolicy, FiveTierPolicy, Policy, ProductPolicy

from .deliveries import Delivery, Message, Row, deletion, pack
from .worlds import ACCOUNTS, FIRST_DAY, account_change, after, cents, day, number_of, one_of, rarely, source_messages


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """A policy with rules of its own for each product."""

    def rules(allocations: Sequence[str]) -> ProductPolicy:
        return ProductPolicy.model_validate(
            {
                "allocation": one_of(draw, allocations),
                "tolerance_cents": one_of(draw, (0, 0, 1, 5, 100)),
                "grace_days": one_of(draw, (0, 0, 3)),
                "payment_order": one_of(draw, tuple(permutations(PARTS))),
                "refund_to_own_loan": one_of(draw, (False, True)),
                "pboc_grain": one_of(draw, ("loan", "account")),
            }
        )

    products = {"pay": rules(("loan",)), "line": rules(("account",)), "default": rules(("loan", "account"))}
    edges = one_of(draw, ((0, 30, 60, 90, 120, 150, 180), (0, 5, 10, 20, 30, 40, 60)))
    return Policy(
        version=one_of(draw, ("p1", "p2")),
        bucket_upper_days=edges,
        contagion=one_of(draw, ("loan", "account", "person")),
        default=DefaultPolicy(
            days=one_of(draw, (90, 5, 20)),
            materiality_cents=one_of(draw, (0, 0, 150)),
            materiality_share=one_of(draw, (0.0, 0.0, 0.5)),
            probation_days=one_of(draw, (90, 10, 1)),
            restructured_probation_days=one_of(draw, (365, 20)),
            instalments_on_time=one_of(draw, (2, 1)),
        ),
        five_tier=FiveTierPolicy(
            upper_days=one_of(draw, ((0, 90, 270, 360), (0, 10, 40, 60))),
            follows_status=one_of(draw, (True, True, False)),
            upgrade_months=one_of(draw, (6, 1, 0)),
            instalments_on_time=one_of(draw, (2, 1)),
            observation_days=one_of(draw, (365, 15)),
        ),
        products=products,
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Delivery]:
    """Deliveries of one or two sources that share their ids; references may arrive late or never."""
    sources = one_of(draw, (("north",), ("north",), ("north", "south")))
    messages = [message for source in sources for message in source_messages(draw, source)]
    for _ in range(number_of(draw, 6)):
        edit = one_of(draw, EDITS)
        messages = edit(draw, messages)
    return pack(_in_time(message) for message in messages)


@st.composite
def splits(draw: st.DrawFn, deliveries: Sequence[Delivery]) -> list[tuple[date, list[Delivery]]]:
    """Nights of rising as-of dates, each with all deliveries visible by then; the last one sees every delivery.

    A delivery is visible no earlier than its business date, sometimes some nights later. Some nights follow one another
    within days, in which most accounts stay as they are, others after months.
    """
    dates = [delivery.business_date for delivery in deliveries] or [FIRST_DAY]
    end = after(draw, max(dates), (0, 0, 1, 5, 30, 200))
    early = draw(st.lists(st.integers(0, (end - min(dates)).days), max_size=4, unique=True))
    chosen = {end, *(end - timedelta(days=days) for days in early)}
    close = draw(st.lists(st.tuples(st.sampled_from(sorted(chosen)), st.integers(1, 12)), max_size=3))
    nights = sorted(chosen | {night - timedelta(days=days) for night, days in close})
    seen_from = []
    for delivery in deliveries:
        first = next(number for number, night in enumerate(nights) if night >= delivery.business_date)
        seen_from.append(first + number_of(draw, len(nights) - 1 - first) if rarely(draw) else first)
    return [
        (night, [each for each, seen in zip(deliveries, seen_from, strict=True) if seen <= number])
        for number, night in enumerate(nights)
    ]


# What becomes of messages on their way: each edit takes one of them, and returns all.


def _corrected(draw: st.DrawFn, messages: list[Message]) -> list[Message]:
    """Another row under the same key, mostly filed later; sometimes the first one once more after it (A, B, A)."""
    message = _some(draw, messages)
    correction = replace(_again(draw, message), row={**message.row, **_change(draw, message)})
    if rarely(draw):
        return [*messages, correction, replace(_again(draw, correction), row=message.row)]
    return [*messages, correction]


def _resent(draw: st.DrawFn, messages: list[Message]) -> list[Message]:
    """The same row in another file."""
    return [*messages, _again(draw, _some(draw, messages))]


def _deleted(draw: st.DrawFn, messages: list[Message]) -> list[Message]:
    """The key deleted by a row of another file."""
    again = _again(draw, _some(draw, messages))
    return [*messages, replace(again, row=deletion(again.feed, again.row))]


def _lost(draw: st.DrawFn, messages: list[Message]) -> list[Message]:
    """The row never arrives, unless it is the last one that says something."""
    lost = _some(draw, messages)
    rest = [message for message in messages if message is not lost]
    return rest if any(not message.row["is_deleted"] for message in rest) else messages


def _delayed(draw: st.DrawFn, messages: list[Message]) -> list[Message]:
    """The row arrives long after what refers to it."""
    late = _some(draw, messages)
    business_date = after(draw, late.business_date, (30, 60, 120))
    return [replace(each, business_date=business_date) if each is late else each for each in messages]


EDITS = (_corrected, _corrected, _corrected, _resent, _deleted, _lost, _delayed)


def _some(draw: st.DrawFn, messages: Sequence[Message]) -> Message:
    """A message that is no deletion; every feed is as likely as another."""
    alive = [message for message in messages if not message.row["is_deleted"]]
    feed = one_of(draw, sorted({message.feed for message in alive}))
    return one_of(draw, [message for message in alive if message.feed == feed])


def _again(draw: st.DrawFn, message: Message) -> Message:
    """The message in another file, mostly a later one."""
    business_date = after(draw, message.business_date, (1, 10, 40, 0, -10, -40))
    return replace(message, business_date=business_date, seq=one_of(draw, (0, 0, 1)))


def _in_time(message: Message) -> Message:
    """Filed no earlier than the day before the money's day."""
    paid_date = message.row.get("paid_date")
    if not isinstance(paid_date, date):
        return message
    return replace(message, business_date=max(message.business_date, paid_date - timedelta(days=1)))


def _change(draw: st.DrawFn, message: Message) -> Row:
    """New values for a column or two of a row."""
    if message.feed == "customers":
        return {"income_monthly_cents": cents(draw)}
    if message.feed == "orders":
        return {"amount_cents": cents(draw), "account_id": one_of(draw, ACCOUNTS)}
    changes = {
        "accounts": account_change,
        "installments": _installment_change,
        "repayments": _repayment_change,
        "events": _event_change,
    }
    return changes[message.feed](draw, message.row)


def _installment_change(draw: st.DrawFn, row: Row) -> Row:
    due_date, order_date = row["due_date"], row["order_date"]
    assert isinstance(due_date, date)
    earlier = order_date - timedelta(days=5) if isinstance(order_date, date) else None
    return one_of(
        draw,
        (
            {"principal_cents": cents(draw), "interest_cents": one_of(draw, (0, 20))},
            {"principal_cents": 0, "interest_cents": 0, "fee_cents": 0},
            {"due_date": after(draw, due_date, (1, 5, 30))},
            {"order_date": one_of(draw, (earlier, None))},
            {"account_id": one_of(draw, ACCOUNTS)},
        ),
    )


def _repayment_change(draw: st.DrawFn, row: Row) -> Row:
    """Reversals stay reversals, and chargebacks chargebacks: a mistake in the kind is one among credits."""
    kind = row["kind"]
    return one_of(
        draw,
        (
            {"amount_cents": cents(draw)},
            {"paid_date": day(draw)},
            {"loan_id": one_of(draw, (None, "l11", "l12", "l21"))},
            {"account_id": one_of(draw, ACCOUNTS)},
            {"kind": one_of(draw, CREDIT_KINDS) if kind in CREDIT_KINDS else kind},
            {"refers_to": one_of(draw, ("r0", "r1", "r2"))},
        ),
    )


def _event_change(draw: st.DrawFn, row: Row) -> Row:
    event_date = day(draw)
    until_date = after(draw, event_date, (0, 5, 40)) if row["until_date"] else None
    return one_of(
        draw,
        (
            {"event_date": event_date, "until_date": until_date},
            {"loan_id": one_of(draw, (None, "l11", "l12", "l21"))},
            {"account_id": one_of(draw, ACCOUNTS)},
        ),
    )
