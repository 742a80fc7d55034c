"""Invented feeds of an invented lender in the canonical layout, for the demo, the tests and the benchmark.

Nothing here is about anybody: names are put together from lists, identity numbers name a region that does not exist
and end with a wrong check character.

Every draw is a function of seed, name and number alone (`_Dice`), so the same call writes the same bytes, a large book
is written in blocks, and a later night knows any account's loans without reading what was written before.

`write_book` and `write_night` write clean deliveries: every row is accepted, every reference holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from enum import IntEnum
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from transforms.feeds import CREDIT_FEEDS, CREDIT_KINDS, EVENT_KINDS, FEEDS, REPAYMENT_KINDS
from transforms.fields import Kind
from transforms.units import units

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Frames = dict[str, pl.DataFrame]

BLOCK = 50_000
"""Accounts worked on at a time; bounds memory, and changes no row and no order of rows."""
MAX_INSTALMENTS = 36
MAX_LOANS = 50
MAX_NIGHTS = 49

LENDERS = ("east_river_bank", "north_hill_trust")
"""Institutions that carry part of the risk beside the source itself."""
REGIONS = ("CN-GD", "CN-JS", "CN-ZJ", "CN-BJ", "CN-SC", "CN-HB", "CN-LN", "CN-XJ")
ACCOUNT_CHANNELS = ("app", "web", "store", "partner")
PAYMENT_CHANNELS = ("debit", "wallet", "bank", "counter")
CATEGORIES = ("phones", "appliances", "fashion", "groceries", "travel")
EMPLOYMENTS = ("employed", "self_employed", "student", "retired", "unemployed")
INTEREST_POINTS = (0, 120, 60)
"""Interest of an instalment in hundredths of a percent of the loan's principal, by the product's place in the book."""
FEE_POINTS = (60, 0, 25)
"""Fee of an instalment, likewise."""
NOTES = {
    "deferral": "客户申请延期，已批准",
    "restructure": "重新约定还款计划",
    "charge_off": "长期逾期，核销",
    "guarantor_paid": "担保人代偿",
    "settled_in_kind": "以物抵债",
    "dispute_opened": "客户对账单有异议",
    "dispute_closed": "异议处理完毕",
    "reminder": "短信提醒还款",
    "plan_offered": "已提供分期还款方案",
    "account_frozen": "账户冻结",
}
SECOND_ACCOUNT = 50
"""Every account of such a number is the second one of the customer before."""
SURNAMES = tuple("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗")
GIVEN_NAMES = tuple("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红建文晨")


@dataclass(frozen=True, slots=True)
class Book:
    """What a lender's book looks like; equal books are written as equal bytes."""

    accounts: int
    seed: int = 7
    source: str = "harbour"
    first_date: date = date(2024, 1, 1)
    """First day on which a loan starts."""
    last_date: date = date(2025, 7, 31)
    """Last day on which a loan starts."""
    as_of: date = date(2025, 12, 31)
    """Business date; nothing that has happened is dated later."""
    loans: int = 1
    """Loans of an account: from 1 to this many."""
    instalments: tuple[int, ...] = (12,)
    """Counts of instalments that a loan may have."""
    products: tuple[str, ...] = ("baitiao", "cash_loan", "pay_later")
    file_format: Literal["csv", "parquet"] = "csv"
    """Parquet holds dates as dates and amounts as decimals with two places."""

    def __post_init__(self) -> None:
        if self.accounts < 1 or not 1 <= self.loans <= MAX_LOANS or not self.products:
            raise ValueError(f"a book has accounts, products, and 1 to {MAX_LOANS} loans an account")
        if not self.instalments or not all(1 <= count <= MAX_INSTALMENTS for count in self.instalments):
            raise ValueError(f"a loan has 1 to {MAX_INSTALMENTS} instalments")
        if not self.first_date <= self.last_date <= self.as_of:
            raise ValueError("first_date, last_date and as_of must follow one another")


def write_book(
    landing: Path, book: Book, feeds: Sequence[str] = CREDIT_FEEDS, business_date: date | None = None
) -> list[Path]:
    """Write the whole book below `landing/<source>/`; returns the files.

    One full delivery per feed, dated `as_of` unless told otherwise: `accounts_20251231.csv` and so on.
    """
    blocks = (
        _block(book, np.arange(first, min(first + BLOCK, book.accounts + 1), dtype=np.int64))
        for first in range(1, book.accounts + 1, BLOCK)
    )
    chosen = ({feed: frame for feed, frame in block.items() if feed in feeds} for block in blocks)
    return _deliver(landing, book, chosen, business_date or book.as_of)


def write_night(landing: Path, book: Book, as_of: date, share: float = 0.01, seq: int = 0) -> list[Path]:
    """Write what is new in one later night, as deltas dated `as_of`; returns the files.

    About `share` of the accounts pay an instalment; a tenth as many take a new loan, a tenth as many are new, and some
    of the others get another limit, state another income or are reminded. Needs no earlier file: it continues the book
    as `write_book` wrote it, and knows nothing of other nights.

    Raises:
        ValueError: as_of is not 1 to MAX_NIGHTS days after the book's.
    """
    nights = (as_of - book.as_of).days
    if not 1 <= nights <= MAX_NIGHTS:
        raise ValueError(f"a night lies 1 to {MAX_NIGHTS} days after the book's as_of, {book.as_of}")
    dice = _Dice(f"{book.source}/{book.seed}/{as_of}")
    everyone = np.arange(1, book.accounts + 1, dtype=np.int64)
    # some of them owe nothing any more: look at more accounts than are to pay
    asked = everyone[dice.chance("asked", everyone, 4 * share)]
    known = _block(book, asked)
    payers = max(1, round(book.accounts * share))
    few = max(1, payers // 10)
    debts = _debts(known)
    debts = debts.filter(dice.chance("pays", np.arange(debts.height), payers / max(1, debts.height)))
    tonight = replace(book, first_date=as_of, last_date=as_of, as_of=as_of, loans=1)
    arrivals = _block(tonight, book.accounts * nights + 1 + np.arange(few, dtype=np.int64))
    is_open = known["accounts"]["closed_date"].is_null().to_numpy()
    again = _block(tonight, asked[is_open][:: 4 * payers // few][:few], ordinal=MAX_LOANS + nights)
    loans_again = {feed: again[feed] for feed in ("installments", "orders")}
    return _deliver(landing, book, [arrivals, loans_again, _news(dice, known, debts, as_of, few)], as_of, seq)


# --- draws ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Dice:
    """Draws that depend on seed, name and number alone, whatever was drawn before (splitmix64)."""

    seed: str

    def bits(self, name: str, numbers: Ints) -> npt.NDArray[np.uint64]:
        """64 random bits for each number."""
        start = int.from_bytes(hashlib.sha256(f"{self.seed}/{name}".encode()).digest()[:8], "big")
        x = numbers.astype(np.uint64)
        x *= np.uint64(0x9E3779B97F4A7C15)
        x += np.uint64(start)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            x ^= x >> np.uint64(shift)
            x *= np.uint64(factor)
        x ^= x >> np.uint64(31)
        return x

    def unit(self, name: str, numbers: Ints) -> Floats:
        """A number from 0 up to 1 for each number."""
        unit: Floats = np.multiply(self.bits(name, numbers) >> np.uint64(11), 2.0**-53, dtype=np.float64)
        return unit

    def below(self, name: str, numbers: Ints, count: int | Ints) -> Ints:
        """A whole number from 0 up to, not including, `count`."""
        return (self.unit(name, numbers) * count).astype(np.int64)

    def skewed(self, name: str, numbers: Ints, count: int) -> Ints:
        """Like below, the small ones more often."""
        unit = self.unit(name, numbers)
        return (unit * unit * count).astype(np.int64)

    def chance(self, name: str, numbers: Ints, share: float) -> Flags:
        """True for about that share of the numbers."""
        return self.unit(name, numbers) < share


_PERSONS = _Dice("persons")
"""Draws about a person, who is the same in every source."""


# --- loans ---------------------------------------------------------------------------------------------------------

_FIRST_OF_MONTH = np.arange("1970-01", "2200-01", dtype="datetime64[M]").astype("datetime64[D]").astype(np.int64)
"""Day number (from 1970-01-01) of the first of each month."""


def _day(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _month(days: Ints) -> Ints:
    """Number of the month in which the days lie."""
    months: Ints = np.searchsorted(_FIRST_OF_MONTH, days, side="right") - 1
    return months


def _months_later(days: Ints, months: Ints) -> Ints:
    """The days so many months later, on the 28th at the latest."""
    month = _month(days)
    later: Ints = _FIRST_OF_MONTH[month + months] + np.minimum(days - _FIRST_OF_MONTH[month], 27)
    return later


@dataclass(frozen=True, slots=True)
class _Loans:
    """Loans of some accounts; vectors have one entry per loan, matrices one per loan and instalment (0 beyond count).

    Days are counted from 1970-01-01, amounts are in cents.
    """

    number: Ints
    place: Ints
    """Place of its account among the accounts; ascending."""
    start: Ints
    count: Ints
    due: Ints
    principal: Ints
    interest: Ints
    fee: Ints
    amount: Ints
    """Principal, interest and fee."""

    @property
    def loan(self) -> Ints:
        """Place of each loan."""
        return np.arange(len(self.number), dtype=np.int64)

    @property
    def column(self) -> Ints:
        """Place of an instalment in its plan, as a row."""
        return np.arange(self.due.shape[1], dtype=np.int64)[None, :]

    @property
    def cell(self) -> Ints:
        """Number of each instalment, for draws."""
        return self.number[:, None] * 64 + self.column

    def at(self, matrix: Ints, column: Ints) -> Ints:
        """The matrix's entry in one column of each loan; the last instalment's beyond the plan."""
        entries: Ints = matrix[self.loan, np.minimum(column, self.count - 1)]
        return entries


def _loans(book: Book, dice: _Dice, accounts: Ints, ordinal: int) -> _Loans:
    """Loans of the accounts; the numbers of an account's loans begin at `ordinal`."""
    per_account = 1 + dice.below("loans", accounts, book.loans)
    place = np.repeat(np.arange(len(accounts)), per_account)
    within = np.arange(len(place)) - np.repeat(np.cumsum(per_account) - per_account, per_account)
    number = accounts[place] * 100 + ordinal + within
    start = _day(book.first_date) + dice.below("start", number, (book.last_date - book.first_date).days + 1)
    count = np.array(book.instalments)[dice.below("count", number, len(book.instalments))]
    column = np.arange(max(book.instalments), dtype=np.int64)[None, :]
    is_there = column < count[:, None]
    unit = dice.unit("principal", number)
    total = 30_000 + (unit * unit * unit * 3_000_000).astype(np.int64)
    part = total // count
    principal = np.where(column == count[:, None] - 1, (total - part * (count - 1))[:, None], part[:, None]) * is_there
    product = _product(book, dice, accounts)[place]
    interest, fee = (
        (total * np.resize(points, len(book.products))[product] // 10_000)[:, None] * is_there
        for points in (INTEREST_POINTS, FEE_POINTS)
    )
    due = _months_later(start[:, None], 1 + column)
    return _Loans(number, place, start, count, due, principal, interest, fee, principal + interest + fee)


def _product(book: Book, dice: _Dice, accounts: Ints) -> Ints:
    return dice.skewed("product", accounts, len(book.products))


# --- how borrowers pay ---------------------------------------------------------------------------------------------


class _Manner(IntEnum):
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
class _Conduct:
    """What becomes of each instalment; shapes as in `_Loans`."""

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


def _conduct(book: Book, dice: _Dice, loans: _Loans, accounts: Ints) -> _Conduct:
    """How and when the instalments are paid, were there no end of the book."""
    manner = np.searchsorted(np.cumsum(_MANNER_SHARES)[:-1], dice.unit("manner", accounts), side="right")[loans.place]
    stop = np.where(manner == _Manner.STOPS, dice.below("stop", loans.number, loans.count), loans.count)
    stop = np.where(manner == _Manner.PREPAYS, 1 + dice.below("prepaid", loans.number, loans.count), stop)
    missed = loans.at(loans.due, stop)
    plan_day = missed + 60 + dice.below("plan", loans.number, 90)
    is_moved = (manner == _Manner.STOPS) & (plan_day <= _day(book.as_of)) & dice.chance("moved", loans.number, 0.1)
    due = loans.due.copy()
    months = (_month(plan_day) - _month(missed) + 1)[is_moved, None]
    is_after = (loans.column >= stop[:, None])[is_moved]
    due[is_moved] = np.where(is_after, _months_later(due[is_moved], months), due[is_moved])
    is_resumed = is_moved[:, None] & (loans.column >= stop[:, None]) & dice.chance("resumed", loans.cell, 0.85)
    is_paid = ((loans.column < stop[:, None]) | is_resumed) & (loans.column < loans.count[:, None])
    day = due + _delays(dice, loans, manner)
    # a deferred instalment is paid on the last day of its deferral
    is_deferred = dice.chance("deferral", loans.number, 0.012)
    deferred = dice.below("deferred", loans.number, loans.count)
    deferred_from = loans.at(due, deferred) - 4
    deferred_to = np.where(is_deferred, deferred_from + 34 + dice.below("deferred days", loans.number, 30), 0)
    day = np.where(is_deferred[:, None] & (loans.column == deferred[:, None]), deferred_to[:, None], day)
    return _Conduct(
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


def _delays(dice: _Dice, loans: _Loans, manner: Ints) -> Ints:
    """Days from due date to payment; negative: early."""
    unit = dice.unit("delay", loans.cell)
    is_late = manner == _Manner.LATE
    unit[is_late] *= unit[is_late] * unit[is_late]
    delays: Ints = _FIRST_DELAY[manner][:, None] + (unit * _DELAY_SPAN[manner][:, None]).astype(np.int64)
    return delays


def _paid_cents(dice: _Dice, loans: _Loans, manner: Ints, stop: Ints) -> Ints:
    """What is paid for each instalment at first."""
    cents = loans.amount.copy()
    is_partial, is_over, is_prepaid = (manner == kind for kind in (_Manner.PARTIAL, _Manner.OVERPAYS, _Manner.PREPAYS))
    cents[is_partial] = cents[is_partial] * (40 + dice.below("partial", loans.cell[is_partial], 61)) // 100
    cents[is_over] = -(-cents[is_over] // 5_000) * 5_000
    at_once = loans.column[0] == stop[is_prepaid, None] - 1
    rest = np.cumsum(loans.amount[is_prepaid][:, ::-1], axis=1)[:, ::-1]
    cents[is_prepaid] = np.where(at_once, rest, cents[is_prepaid])
    return cents


# --- what is booked ------------------------------------------------------------------------------------------------


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


_NOTHING = -1
_COLUMNS = ("kind", "loan", "slot", "day", "cents", "other")


class _Journal:
    """Entries of loans, by column: kind, loan (its place), slot (unique within the loan), day, cents, other.

    `other` is the slot of the repayment referred to, or the last day of a deferral; _NOTHING where there is none.
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
        other: int | Ints = _NOTHING,
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


def _book_payments(money: _Journal, dice: _Dice, loans: _Loans, conduct: _Conduct) -> None:
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


def _book_credits(money: _Journal, dice: _Dice, loans: _Loans, conduct: _Conduct) -> None:
    """Refunds for goods sent back, waivers, and credit balances paid out."""
    loan, number = loans.loan, loans.number
    is_back = dice.chance("refund", number, 0.015)
    back_day = loans.start + 3 + dice.below("refund days", number, 40)
    back_cents = loans.principal.sum(axis=1) * (20 + dice.below("refund share", number, 81)) // 100
    money.add("refund", is_back, loan, _Slot.REFUND, back_day, back_cents)

    is_waived = (conduct.manner == _Manner.LATE) & dice.chance("waiver", number, 0.1)
    charges = np.maximum((loans.interest + loans.fee)[:, 0], 500)
    money.add("waiver", is_waived, loan, _Slot.WAIVER, conduct.day[:, 0] + 5, charges)

    is_over = (conduct.manner == _Manner.OVERPAYS) & dice.chance("payout", number, 0.4)
    surplus = conduct.cents.sum(axis=1) - loans.amount.sum(axis=1)
    out_day = (conduct.day * conduct.is_paid).max(axis=1) + 20
    money.add("chargeback", is_over & (surplus > 0), loan, _Slot.PAYOUT, out_day, surplus)


def _book_ends(money: _Journal, events: _Journal, dice: _Dice, loans: _Loans, conduct: _Conduct) -> None:
    """How loans end whose customers stopped: a guarantor pays, goods are taken, or they are charged off."""
    loan, number = loans.loan, loans.number
    is_left = (conduct.manner == _Manner.STOPS) & (conduct.plan_day == 0)
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


def _book_contacts(events: _Journal, dice: _Dice, loans: _Loans, conduct: _Conduct) -> None:
    """Second plans, reminders, offers, frozen accounts and disputes."""
    loan, number = loans.loan, loans.number
    events.add("restructure", conduct.plan_day > 0, loan, _EVENT_SLOTS["restructure"], conduct.plan_day)
    missed = loans.at(loans.due, conduct.stop)
    for kind, turn, days, share in _STEPS:
        is_done = (conduct.manner == _Manner.STOPS) & dice.chance(f"{kind} {turn}", number, share)
        events.add(kind, is_done, loan, _EVENT_SLOTS[kind] + turn, missed + days)
    is_reminded = (conduct.manner == _Manner.LATE) & dice.chance("reminded", number, 0.3)
    events.add("reminder", is_reminded, loan, _EVENT_SLOTS["reminder"], loans.due[:, 0] + 1)
    is_disputed = dice.chance("dispute", number, 0.006)
    is_closed = is_disputed & dice.chance("dispute closed", number, 0.6)
    events.add("dispute_opened", is_disputed, loan, _EVENT_SLOTS["dispute_opened"], loans.due[:, 0] + 10)
    events.add("dispute_closed", is_closed, loan, _EVENT_SLOTS["dispute_closed"], loans.due[:, 0] + 40)
    first, last = conduct.deferred_from, conduct.deferred_to
    events.add("deferral", last > 0, loan, _EVENT_SLOTS["deferral"], first, other=last)


# --- frames --------------------------------------------------------------------------------------------------------


def _block(book: Book, accounts: Ints, ordinal: int = 0) -> Frames:
    """Per feed, everything about some accounts up to the book's as_of, with amounts in cents.

    Args:
        book: the lender's book.
        accounts: numbers of the accounts, ascending.
        ordinal: number of an account's first loan.
    """
    dice = _Dice(f"{book.source}/{book.seed}")
    loans = _loans(book, dice, accounts, ordinal)
    conduct = _conduct(book, dice, loans, accounts)
    money, events = _Journal(REPAYMENT_KINDS), _Journal(EVENT_KINDS)
    _book_payments(money, dice, loans, conduct)
    _book_credits(money, dice, loans, conduct)
    _book_ends(money, events, dice, loans, conduct)
    _book_contacts(events, dice, loans, conduct)
    ids = _Ids(_ids("A", accounts, 7), _ids("L", loans.number, 9), loans.place)
    return {
        "accounts": _accounts(book, dice, accounts, loans, conduct),
        "installments": _installments(loans, conduct, ids),
        "repayments": _repayments(dice, money.until(_day(book.as_of)), loans, ids),
        "events": _events(events.until(_day(book.as_of)), loans, ids),
        "customers": _customers(book, dice, accounts),
        "orders": _orders(dice, loans, ids),
    }


@dataclass(frozen=True, slots=True)
class _Ids:
    """Ids of accounts and of loans, and each loan's account."""

    account: pl.Series
    loan: pl.Series
    place: Ints

    def of(self, loan: Ints) -> dict[str, pl.Series]:
        """The columns loan_id and account_id for loans by their place."""
        return {"loan_id": self.loan.gather(loan), "account_id": self.account.gather(self.place[loan])}


def _ids(letter: str, numbers: Ints, digits: int) -> pl.Series:
    return letter + pl.Series(numbers).cast(pl.String).str.zfill(digits)


def _dates(days: Ints, is_known: Flags | None = None) -> pl.Series:
    dates = pl.Series(days.astype(np.int32)).cast(pl.Date)
    return dates if is_known is None else _only(dates, is_known)


def _only(values: pl.Series, is_known: Flags) -> pl.Series:
    """The values where known, else null."""
    return values.set(pl.Series(~is_known), None)


def _pick(words: Sequence[str], places: Ints) -> pl.Series:
    return pl.Series(words, dtype=pl.String).gather(places)


def _accounts(book: Book, dice: _Dice, accounts: Ints, loans: _Loans, conduct: _Conduct) -> pl.DataFrame:
    """One row per account."""
    first_loan = np.searchsorted(loans.place, np.arange(len(accounts)))
    start = np.minimum.reduceat(loans.start, first_loan)
    lent = np.add.reduceat(loans.principal.sum(axis=1), first_loan)
    limit = (lent * (90 + dice.below("limit", accounts, 160)) // 5_000_000 + 1) * 50_000
    limit = np.where(dice.chance("limit cut", accounts, 0.01), 50_000, limit)
    # every instalment of every loan paid, two months ago and more
    last_day = np.maximum.reduceat((conduct.day * conduct.is_paid).max(axis=1), first_loan)
    is_done = np.logical_and.reduceat(np.isin(conduct.manner, (_Manner.PUNCTUAL, _Manner.EARLY)), first_loan)
    is_closed = is_done & (last_day + 60 <= _day(book.as_of)) & dice.chance("closed", accounts, 0.15)
    lenders = (book.source, *LENDERS)
    return pl.DataFrame(
        {
            "account_id": _ids("A", accounts, 7),
            "customer_id": _ids("C", accounts - (accounts % SECOND_ACCOUNT == 0), 7),
            "product_code": _pick(book.products, _product(book, dice, accounts)),
            "opened_date": _dates(start - dice.skewed("opened", accounts, 400)),
            "credit_limit": limit,
            "currency": _pick(("CNY",), np.zeros_like(accounts)),
            "region_code": _pick(REGIONS, dice.skewed("region", accounts, len(REGIONS))),
            "channel_code": _pick(ACCOUNT_CHANNELS, dice.skewed("channel", accounts, len(ACCOUNT_CHANNELS))),
            "lender_id": _pick(lenders, dice.skewed("lender", accounts, len(lenders))),
            "closed_date": _dates(last_day + 60, is_closed),
        }
    )


def _installments(loans: _Loans, conduct: _Conduct, ids: _Ids) -> pl.DataFrame:
    """One row per instalment of every plan; a second plan repeats what was paid before it."""
    is_there = loans.column < loans.count[:, None]
    loan, column = np.nonzero(is_there)
    second_loan, second_column = np.nonzero(is_there & (conduct.plan_day > 0)[:, None])
    due = np.concatenate([loans.due[loan, column], conduct.due[second_loan, second_column]])
    plan_day = np.concatenate([np.zeros_like(loan), conduct.plan_day[second_loan]])
    loan, column = np.concatenate([loan, second_loan]), np.concatenate([column, second_column])
    order = np.argsort(loan, kind="stable")
    loan, column, due, plan_day = (part[order] for part in (loan, column, due, plan_day))
    return pl.DataFrame(
        {
            **ids.of(loan),
            "installment_no": (column + 1).astype(np.int32),
            "due_date": _dates(due),
            "principal": loans.principal[loan, column],
            "interest": loans.interest[loan, column],
            "fee": loans.fee[loan, column],
            "order_date": _dates(loans.start).gather(loan),
            "plan_date": _dates(plan_day, plan_day > 0),
        }
    )


def _repayments(dice: _Dice, entries: dict[str, Ints], loans: _Loans, ids: _Ids) -> pl.DataFrame:
    """One row per repayment."""
    number = loans.number[entries["loan"]] * 256
    refers = np.flatnonzero(entries["other"] != _NOTHING)
    refers_to = pl.Series([None], dtype=pl.String).new_from_index(0, len(number))
    kind = _pick(REPAYMENT_KINDS, entries["kind"])
    channel = _pick(PAYMENT_CHANNELS, dice.skewed("payment channel", number + entries["slot"], len(PAYMENT_CHANNELS)))
    return pl.DataFrame(
        {
            "repayment_id": _ids("R", number + entries["slot"], 10),
            "paid_date": _dates(entries["day"]),
            "amount": entries["cents"],
            "kind": kind,
            **ids.of(entries["loan"]),
            "refers_to": refers_to.scatter(refers, _ids("R", number[refers] + entries["other"][refers], 10)),
            "channel_code": channel.set(kind == "refund", "merchant"),
        }
    )


def _events(entries: dict[str, Ints], loans: _Loans, ids: _Ids) -> pl.DataFrame:
    """One row per event; a frozen account and a reminder are for the account, the others name their loan."""
    kind = _pick(EVENT_KINDS, entries["kind"])
    return pl.DataFrame(
        {
            "event_id": _ids("E", loans.number[entries["loan"]] * 32 + entries["slot"], 10),
            **ids.of(entries["loan"]),
            "kind": kind,
            "event_date": _dates(entries["day"]),
            "until_date": _dates(entries["other"], entries["other"] != _NOTHING),
            "amount": _only(pl.Series(entries["cents"]), entries["cents"] > 0),
            "note": kind.replace_strict(NOTES),
        }
    ).with_columns(loan_id=pl.when(~pl.col("kind").is_in(("account_frozen", "reminder"))).then("loan_id"))


def _orders(dice: _Dice, loans: _Loans, ids: _Ids) -> pl.DataFrame:
    """One row per order: each loan pays for one."""
    return pl.DataFrame(
        {
            "order_id": _ids("O", loans.number, 9),
            **ids.of(loans.loan),
            "order_date": _dates(loans.start),
            "amount": loans.principal.sum(axis=1),
            "category_code": _pick(CATEGORIES, dice.skewed("category", loans.number, len(CATEGORIES))),
        }
    )


def _customers(book: Book, dice: _Dice, accounts: Ints) -> pl.DataFrame:
    """One row per customer; every twentieth is the same person in every source with the book's seed."""
    numbers = accounts[accounts % SECOND_ACCOUNT != 0]
    person = np.where(numbers % 20 == 0, _Dice(str(book.seed)).bits("person", numbers), dice.bits("person", numbers))
    person = person.astype(np.int64)
    birth = _dates(_day(date(1956, 1, 1)) + _PERSONS.below("birth", person, 17_500))
    has_id = ~dice.chance("no identity", numbers, 0.03)
    unit = dice.unit("income", numbers)
    return pl.DataFrame(
        {
            "customer_id": _ids("C", numbers, 7),
            "id_type": _only(_pick(("resident_id",), np.zeros_like(numbers)), has_id),
            "id_number": _only(_id_numbers(birth, person), has_id),
            "name": _names(person),
            "birth_date": birth,
            "income_monthly": (300_000 + (unit * unit * unit * 4_000_000).astype(np.int64)) // 1_000 * 1_000,
            "income_date": _dates(_day(book.as_of) - dice.below("income days", numbers, 300)),
            "employment_code": _pick(EMPLOYMENTS, dice.skewed("employment", numbers, len(EMPLOYMENTS))),
        }
    )


_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = tuple("10X98765432")
_INVENTED_REGION = 990_000


def _id_numbers(birth: pl.Series, person: Ints) -> pl.Series:
    """Eighteen characters as in a resident identity number, of no region there is and with a wrong check character."""
    birth_number = (
        birth.dt.year().cast(pl.Int64) * 10_000 + birth.dt.month().cast(pl.Int64) * 100 + birth.dt.day()
    ).to_numpy()
    region = _INVENTED_REGION + _PERSONS.below("region", person, 10_000)
    number = (region * 100_000_000 + birth_number) * 1_000 + _PERSONS.below("serial", person, 1_000)
    total, rest = np.zeros_like(number), number
    for weight in reversed(_ID_WEIGHTS):
        total += rest % 10 * weight
        rest = rest // 10
    return pl.Series(number).cast(pl.String) + _pick(_CHECK_CHARACTERS, (total + 1) % 11)


def _names(person: Ints) -> pl.Series:
    """A surname and one or two characters."""
    first, second = (_pick(GIVEN_NAMES, _PERSONS.below(name, person, len(GIVEN_NAMES))) for name in ("one", "two"))
    second = second.set(pl.Series(_PERSONS.chance("short", person, 0.3)), "")
    return _pick(SURNAMES, _PERSONS.skewed("surname", person, len(SURNAMES))) + first + second


# --- one more night ------------------------------------------------------------------------------------------------


def _debts(known: Frames) -> pl.DataFrame:
    """One row per account that owes, for the first such loan of it.

    Columns: account_id, loan_id, owed (cents left to pay of the original plan), step (cents of one instalment).
    """
    due = (
        known["installments"]
        .filter(pl.col("plan_date").is_null())
        .with_columns(due=pl.col("principal") + pl.col("interest") + pl.col("fee"))
        .group_by("account_id", "loan_id", maintain_order=True)
        .agg(pl.col("due").sum(), step=pl.col("due").first())
    )
    sign = pl.when(pl.col("kind").is_in(CREDIT_KINDS)).then(1).otherwise(-1)
    paid = known["repayments"].group_by("loan_id").agg(paid=(pl.col("amount") * sign).sum())
    return (
        due.join(paid, on="loan_id", how="left", maintain_order="left")
        .with_columns(owed=pl.col("due") - pl.col("paid").fill_null(0))
        .filter(pl.col("owed") > 0)
        .unique("account_id", keep="first", maintain_order=True)
        .select("account_id", "loan_id", "owed", "step")
    )


def _news(dice: _Dice, known: Frames, debts: pl.DataFrame, as_of: date, few: int) -> Frames:
    """Per feed, what a night says about accounts known: payments, and a few reminders, other limits and incomes."""
    stamp = f"{as_of:%y%m%d}"
    turn = np.arange(debts.height, dtype=np.int64)
    days = dice.below("days ago", turn, 4) * dice.chance("is earlier", turn, 0.2)
    number = pl.col("account_id").str.slice(1)
    payments = debts.select(
        pl.lit(f"N{stamp}") + number,
        "account_id",
        "loan_id",
        paid_date=_dates(_day(as_of) - days),
        amount=pl.min_horizontal("owed", "step"),
        kind=pl.lit("payment"),
        channel_code=_pick(PAYMENT_CHANNELS, dice.skewed("channel", turn, len(PAYMENT_CHANNELS))),
    ).rename({"literal": "repayment_id"})
    reminders = _spread(debts, few).select(
        "account_id",
        event_id=pl.lit(f"V{stamp}") + number,
        kind=pl.lit("reminder"),
        event_date=pl.lit(as_of),
        note=pl.lit(NOTES["reminder"]),
    )
    accounts = _spread(known["accounts"].filter(pl.col("closed_date").is_null()), few)
    limits = accounts.with_columns(credit_limit=pl.col("credit_limit") * 6 // 5, valid_from=pl.lit(as_of))
    customers = _spread(known["customers"], few)
    percent = 70 + dice.below("income", np.arange(customers.height, dtype=np.int64), 71)
    incomes = customers.with_columns(
        income_monthly=pl.col("income_monthly") * pl.Series(percent) // 100,
        income_date=pl.lit(as_of),
        valid_from=pl.lit(as_of),
    )
    return {"accounts": limits, "repayments": payments, "events": reminders, "customers": incomes}


def _spread(rows: pl.DataFrame, few: int) -> pl.DataFrame:
    """So many of the rows, from all over."""
    return rows.gather_every(max(1, rows.height // few)).head(few)


# --- files ---------------------------------------------------------------------------------------------------------


def _deliver(landing: Path, book: Book, blocks: Iterable[Frames], day: date, seq: int = 0) -> list[Path]:
    """Write the blocks as one file per feed; feeds without rows get none. Returns the files, sorted."""
    folder = landing / book.source
    folder.mkdir(parents=True, exist_ok=True)
    ending = f"_{seq}" if seq else ""
    writers: dict[str, Callable[[pl.DataFrame], None]] = {}
    paths = []
    with ExitStack() as stack:
        for block in blocks:
            for feed, frame in block.items():
                if frame.is_empty():
                    continue
                if feed not in writers:
                    paths.append(folder / f"{feed}_{day:%Y%m%d}{ending}.{book.file_format}")
                    open_file = _csv if book.file_format == "csv" else _parquet
                    writers[feed] = stack.enter_context(open_file(paths[-1]))
                writers[feed](_as_delivered(feed, frame))
    return sorted(paths)


def _as_delivered(feed: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The feed's columns in order, but is_deleted; amounts as decimals with two places."""
    columns = [column for column in FEEDS[feed].columns if column.name != "is_deleted"]
    cells = []
    for column in columns:
        if column.name not in frame.columns:
            cells.append(pl.lit(None, pl.Date if column.kind is Kind.DATE else pl.String).alias(column.name))
        elif column.kind is Kind.AMOUNT:
            cells.append(units(pl.col(column.name)))
        else:
            cells.append(pl.col(column.name))
    return frame.select(cells)


@contextmanager
def _csv(path: Path) -> Iterator[Callable[[pl.DataFrame], None]]:
    """A function that appends frames to the CSV file; the file has its name once it is whole."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        yield lambda frame: frame.write_csv(file, include_header=file.tell() == 0)
    part.replace(path)


@contextmanager
def _parquet(path: Path) -> Iterator[Callable[[pl.DataFrame], None]]:
    """A function that appends frames, as row groups, to the Parquet file; it has its name once it is whole."""
    import pyarrow.parquet as pq

    part = path.with_name(path.name + ".part")
    with ExitStack() as stack:
        writers: list[pq.ParquetWriter] = []

        def add(frame: pl.DataFrame) -> None:
            table = frame.to_arrow()
            if not writers:
                writers.append(stack.enter_context(pq.ParquetWriter(part, table.schema, compression="zstd")))
            writers[0].write_table(table)

        yield add
    part.replace(path)
