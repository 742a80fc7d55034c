"""How invented borrowers pay: in time, late, in part, too much, or no more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from flows.invented.book import Book
from flows.invented.draws import Dice, Flags, Ints
from flows.invented.loans import Loans, day_number, month_number, months_later


class Manner(IntEnum):
    """How an account's customer pays."""

    PUNCTUAL = 0
    EARLY = 1
    LATE = 2
    PARTIAL = 3
    STOPS = 4
    PREPAYS = 5
    OVERPAYS = 6


_MANNER_SHARES = (0.57, 0.12, 0.12, 0.05, 0.07, 0.04, 0.03)
_FIRST_DELAY = np.array([-2, -25, 1, 0, -2, -2, -2])
"""Smallest delay against the due date, by manner."""
_DELAY_SPAN = np.array([3, 22, 90, 3, 15, 3, 3])


@dataclass(frozen=True, slots=True)
class Conduct:
    """What becomes of each instalment; shapes as in `Loans`."""

    manner: Ints
    stop: Ints
    """The first instalment that is not paid as planned; the count where all are."""
    plan_day: Ints
    """Day on which a second plan begins; 0: none."""
    due: Ints
    """Due day under the plan in force at last."""
    deferred_from: Ints
    deferred_to: Ints
    """Last day of a deferral; 0: none."""
    is_paid: Flags
    day: Ints
    cents: Ints


def conduct_of(book: Book, dice: Dice, loans: Loans, accounts: Ints) -> Conduct:
    """How and when the instalments are paid, were there no end of the book."""
    manner = np.searchsorted(np.cumsum(_MANNER_SHARES)[:-1], dice.unit("manner", accounts), side="right")[loans.place]
    stop = np.where(manner == Manner.STOPS, dice.below("stop", loans.number, loans.count), loans.count)
    stop = np.where(manner == Manner.PREPAYS, 1 + dice.below("prepaid", loans.number, loans.count), stop)
    missed = loans.at(loans.due, stop)
    plan_day = missed + 60 + dice.below("plan", loans.number, 90)
    is_moved = (manner == Manner.STOPS) & (plan_day <= day_number(book.as_of)) & dice.chance("moved", loans.number, 0.1)
    due = loans.due.copy()
    months = (month_number(plan_day) - month_number(missed) + 1)[is_moved, None]
    is_after = (loans.column >= stop[:, None])[is_moved]
    due[is_moved] = np.where(is_after, months_later(due[is_moved], months), due[is_moved])
    is_resumed = is_moved[:, None] & (loans.column >= stop[:, None]) & dice.chance("resumed", loans.cell, 0.85)
    is_paid = ((loans.column < stop[:, None]) | is_resumed) & (loans.column < loans.count[:, None])
    day = due + _delays(dice, loans, manner)
    # a deferred instalment is paid on the last day of its deferral
    is_deferred = dice.chance("deferral", loans.number, 0.012)
    deferred = dice.below("deferred", loans.number, loans.count)
    deferred_from = loans.at(due, deferred) - 4
    deferred_to = np.where(is_deferred, deferred_from + 34 + dice.below("deferred days", loans.number, 30), 0)
    day = np.where(is_deferred[:, None] & (loans.column == deferred[:, None]), deferred_to[:, None], day)
    return Conduct(
        manner=manner,
        stop=stop,
        plan_day=np.where(is_moved, plan_day, 0),
        due=due,
        deferred_from=deferred_from,
        deferred_to=deferred_to,
        is_paid=is_paid,
        day=day,
        cents=_paid_cents(dice, loans, manner, stop),
    )


def _delays(dice: Dice, loans: Loans, manner: Ints) -> Ints:
    """Days from due date to payment; negative: early."""
    unit = dice.unit("delay", loans.cell)
    is_late = manner == Manner.LATE
    unit[is_late] *= unit[is_late] * unit[is_late]
    delays: Ints = _FIRST_DELAY[manner][:, None] + (unit * _DELAY_SPAN[manner][:, None]).astype(np.int64)
    return delays


def _paid_cents(dice: Dice, loans: Loans, manner: Ints, stop: Ints) -> Ints:
    """What is paid for each instalment at first."""
    cents = loans.amount.copy()
    is_partial, is_over, is_prepaid = (manner == kind for kind in (Manner.PARTIAL, Manner.OVERPAYS, Manner.PREPAYS))
    cents[is_partial] = cents[is_partial] * (40 + dice.below("partial", loans.cell[is_partial], 61)) // 100
    cents[is_over] = -(-cents[is_over] // 5_000) * 5_000
    at_once = loans.column[0] == stop[is_prepaid, None] - 1
    rest = np.cumsum(loans.amount[is_prepaid][:, ::-1], axis=1)[:, ::-1]
    cents[is_prepaid] = np.where(at_once, rest, cents[is_prepaid])
    return cents
