"""What is booked on invented loans: payments and what goes wrong with them, credits, ends, contacts."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from flows.invented.conduct import Conduct, Manner
from flows.invented.draws import Dice, Flags, Ints
from flows.invented.loans import Loans
from transforms.feeds import EVENT_KINDS


class _Slot(IntEnum):
    """Where the numbers of a loan's repayments begin, by what they are; the place in the plan is added."""

    PLANNED = 0
    REST = 40
    BOUNCED = 80
    PAID_AGAIN = 120
    BOOKED_TWICE = 160
    REVERSED = 200
    REFUND = 240
    WAIVER = 241
    PAYOUT = 242
    RESCUE = 243
    RECOVERY = 244


NOTHING = -1
_COLUMNS = ("kind", "loan", "slot", "day", "cents", "other")


class Journal:
    """Entries of loans, by column: kind, loan (its place), slot (unique within the loan), day, cents, other.

    `other` is the slot of the repayment referred to, or the last day of a deferral; NOTHING where there is none.
    """

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self.kinds = kinds
        self._parts: list[list[Ints]] = []

    def add(
        self,
        kind: str,
        where: Flags,
        loan: Ints,
        slot: int | Ints,
        day: Ints,
        cents: int | Ints = 0,
        other: int | Ints = NOTHING,
    ) -> None:
        """Book one entry for each true flag."""
        values = (self.kinds.index(kind), loan, slot, day, cents, other)
        self._parts.append([np.broadcast_to(np.asarray(value, dtype=np.int64), where.shape)[where] for value in values])

    def until(self, last_day: int) -> dict[str, Ints]:
        """The entries up to the day, by column, in the order of loan and slot."""
        columns = dict(zip(_COLUMNS, map(np.concatenate, zip(*self._parts, strict=True)), strict=True))
        order = np.argsort(columns["loan"] * 256 + columns["slot"], kind="stable")
        order = order[columns["day"][order] <= last_day]
        return {name: values[order] for name, values in columns.items()}


def book_payments(money: Journal, dice: Dice, loans: Loans, conduct: Conduct) -> None:
    """What customers pay, what bounces of it, and what is booked twice by mistake."""
    loan, column = np.nonzero(conduct.is_paid)
    day, cents, cell = (matrix[loan, column] for matrix in (conduct.day, conduct.cents, loans.cell))
    planned, twin = _Slot.PLANNED + column, _Slot.BOOKED_TWICE + column
    money.add("payment", np.ones_like(loan, dtype=np.bool_), loan, planned, day, cents)

    rest = loans.amount[loan, column] - cents
    rest_day = day + 8 + dice.below("rest days", cell, 40)
    money.add("payment", (rest > 0) & dice.chance("rest", cell, 0.97), loan, _Slot.REST + column, rest_day, rest)

    is_bounced = dice.chance("bounced", cell, 0.005)
    is_paid_again = is_bounced & dice.chance("paid again", cell, 0.85)
    again_day = day + 5 + dice.below("again days", cell, 15)
    money.add("chargeback", is_bounced, loan, _Slot.BOUNCED + column, day + 2, cents, planned)
    money.add("payment", is_paid_again, loan, _Slot.PAID_AGAIN + column, again_day, cents)

    is_twice = dice.chance("booked twice", cell, 0.003)
    money.add("payment", is_twice, loan, twin, day, cents)
    money.add("reversal", is_twice, loan, _Slot.REVERSED + column, day + 3, cents, twin)


def book_credits(money: Journal, dice: Dice, loans: Loans, conduct: Conduct) -> None:
    """Refunds for goods sent back, waivers, and credit balances paid out."""
    loan, number = loans.loan, loans.number
    is_back = dice.chance("refund", number, 0.015)
    back_day = loans.start + 3 + dice.below("refund days", number, 40)
    back_cents = loans.principal.sum(axis=1) * (20 + dice.below("refund share", number, 81)) // 100
    money.add("refund", is_back, loan, _Slot.REFUND, back_day, back_cents)

    is_waived = (conduct.manner == Manner.LATE) & dice.chance("waiver", number, 0.1)
    charges = np.maximum((loans.interest + loans.fee)[:, 0], 500)
    money.add("waiver", is_waived, loan, _Slot.WAIVER, conduct.day[:, 0] + 5, charges)

    is_over = (conduct.manner == Manner.OVERPAYS) & dice.chance("payout", number, 0.4)
    surplus = conduct.cents.sum(axis=1) - loans.amount.sum(axis=1)
    out_day = (conduct.day * conduct.is_paid).max(axis=1) + 20
    money.add("chargeback", is_over & (surplus > 0), loan, _Slot.PAYOUT, out_day, surplus)


def book_ends(money: Journal, events: Journal, dice: Dice, loans: Loans, conduct: Conduct) -> None:
    """How loans end whose customers stopped: a guarantor pays, goods are taken, or they are charged off."""
    loan, number = loans.loan, loans.number
    is_left = (conduct.manner == Manner.STOPS) & (conduct.plan_day == 0)
    missed = loans.at(loans.due, conduct.stop)
    is_rest = loans.column >= conduct.stop[:, None]
    owed, principal = ((part * is_rest).sum(axis=1) for part in (loans.amount, loans.principal))
    unit = dice.unit("end", number)
    for kind, low in (("guarantor_paid", 0.0), ("settled_in_kind", 0.05)):
        is_rescued = is_left & (unit >= low) & (unit < low + 0.05)
        events.add(kind, is_rescued, loan, _EVENT_SLOTS[kind], missed + 120)
        money.add("payment", is_rescued, loan, _Slot.RESCUE, missed + 120, owed)
    is_lost = is_left & (unit >= 0.5)
    day = missed + 200 + dice.below("charge-off days", number, 60)
    events.add("charge_off", is_lost, loan, _EVENT_SLOTS["charge_off"], day, principal)
    for turn in range(2):
        is_found = is_lost & dice.chance(f"recovery {turn}", number, 0.35)
        found = principal * (5 + dice.below(f"recovery share {turn}", number, 26)) // 100
        money.add("recovery", is_found, loan, _Slot.RECOVERY + turn, day + 20 + 60 * turn, found)


_EVENT_SLOTS = {kind: 2 * place for place, kind in enumerate(EVENT_KINDS)}
"""Where the numbers of a loan's events begin; each kind may happen twice."""
_STEPS = (
    ("reminder", 0, 4, 1.0),
    ("reminder", 1, 34, 0.8),
    ("plan_offered", 0, 50, 0.3),
    ("account_frozen", 0, 95, 0.5),
)
"""What is done where payments stop: kind, how manieth, days after the first due date missed, share of the loans."""


def book_contacts(events: Journal, dice: Dice, loans: Loans, conduct: Conduct) -> None:
    """Second plans, reminders, offers, frozen accounts and disputes."""
    loan, number = loans.loan, loans.number
    events.add("restructure", conduct.plan_day > 0, loan, _EVENT_SLOTS["restructure"], conduct.plan_day)
    missed = loans.at(loans.due, conduct.stop)
    for kind, turn, days, share in _STEPS:
        is_done = (conduct.manner == Manner.STOPS) & dice.chance(f"{kind} {turn}", number, share)
        events.add(kind, is_done, loan, _EVENT_SLOTS[kind] + turn, missed + days)
    is_reminded = (conduct.manner == Manner.LATE) & dice.chance("reminded", number, 0.3)
    events.add("reminder", is_reminded, loan, _EVENT_SLOTS["reminder"], loans.due[:, 0] + 1)
    is_disputed = dice.chance("dispute", number, 0.006)
    is_closed = is_disputed & dice.chance("dispute closed", number, 0.6)
    events.add("dispute_opened", is_disputed, loan, _EVENT_SLOTS["dispute_opened"], loans.due[:, 0] + 10)
    events.add("dispute_closed", is_closed, loan, _EVENT_SLOTS["dispute_closed"], loans.due[:, 0] + 40)
    first, last = conduct.deferred_from, conduct.deferred_to
    events.add("deferral", last > 0, loan, _EVENT_SLOTS["deferral"], first, other=last)
