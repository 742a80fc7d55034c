"""Loans of invented accounts: amounts, plans, due days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from flows.invented.book import Book
from flows.invented.draws import Dice, Ints

INTEREST_POINTS = (0, 120, 60)
"""Interest of an instalment in hundredths of a percent of the loan's principal, by the product's place in the book."""
FEE_POINTS = (60, 0, 25)
"""Fee of an instalment, likewise."""
_FIRST_OF_MONTH = np.arange("1970-01", "2200-01", dtype="datetime64[M]").astype("datetime64[D]").astype(np.int64)
"""Day number (from 1970-01-01) of the first of each month."""


def day_number(day: date) -> int:
    """Days from 1970-01-01 to the day."""
    return (day - date(1970, 1, 1)).days


def month_number(days: Ints) -> Ints:
    """Number of the month in which the days lie."""
    months: Ints = np.searchsorted(_FIRST_OF_MONTH, days, side="right") - 1
    return months


def months_later(days: Ints, months: Ints) -> Ints:
    """The days so many months later, on the 28th at the latest."""
    month = month_number(days)
    later: Ints = _FIRST_OF_MONTH[month + months] + np.minimum(days - _FIRST_OF_MONTH[month], 27)
    return later


@dataclass(frozen=True, slots=True)
class Loans:
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


def loans_of(book: Book, dice: Dice, accounts: Ints, ordinal: int) -> Loans:
    """Loans of the accounts; the numbers of an account's loans begin at `ordinal`."""
    per_account = 1 + dice.below("loans", accounts, book.loans)
    place = np.repeat(np.arange(len(accounts)), per_account)
    within = np.arange(len(place)) - np.repeat(np.cumsum(per_account) - per_account, per_account)
    number = accounts[place] * 100 + ordinal + within
    start = day_number(book.first_date) + dice.below("start", number, (book.last_date - book.first_date).days + 1)
    count = np.array(book.instalments)[dice.below("count", number, len(book.instalments))]
    column = np.arange(max(book.instalments), dtype=np.int64)[None, :]
    is_there = column < count[:, None]
    unit = dice.unit("principal", number)
    total = 30_000 + (unit * unit * unit * 3_000_000).astype(np.int64)
    part = total // count
    principal = np.where(column == count[:, None] - 1, (total - part * (count - 1))[:, None], part[:, None]) * is_there
    product = product_of(book, dice, accounts)[place]
    interest, fee = (
        (total * np.resize(points, len(book.products))[product] // 10_000)[:, None] * is_there
        for points in (INTEREST_POINTS, FEE_POINTS)
    )
    due = months_later(start[:, None], 1 + column)
    return Loans(number, place, start, count, due, principal, interest, fee, principal + interest + fee)


def product_of(book: Book, dice: Dice, accounts: Ints) -> Ints:
    """Place of each account's product in the book."""
    return dice.skewed("product", accounts, len(book.products))
