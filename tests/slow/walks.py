"""One account, day after day: the pictures of its days, and what is read off them.

Quantities with a past (settled since, negative since, month-ends) are plain functions of the pictures in order; a state
machine over days is one more such function.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from transforms.policy import Policy

from .books import ONE_DAY, Book, Item, Loan
from .days import AccountDay, Figures, on_day, uncovered


def every_day(book: Book, as_of: date) -> list[date]:
    """Each day from the account's first fact to the as-of date."""
    days = [as_of]
    while days[-1] > book.first_day:
        days.append(days[-1] - ONE_DAY)
    return days[::-1]


def month_ends(first: date, last: date) -> list[date]:
    """The last days of months from the month of `first` on, none after `last`."""
    ends = []
    end = month_end(first)
    while end <= last:
        ends.append(end)
        end = month_end(end + ONE_DAY)
    return ends


def month_end(day: date) -> date:
    """The last day of the day's month."""
    while (day + ONE_DAY).month == day.month:
        day += ONE_DAY
    return day


def end_of_month_before(day: date) -> date:
    """The last day of the month before the day's."""
    return day.replace(day=1) - ONE_DAY


@dataclass(frozen=True)
class Walk:
    """One account with the pictures of its days, the last being the as-of date's."""

    book: Book
    policy: Policy
    as_of: date
    pictures: dict[date, AccountDay]

    @property
    def last(self) -> AccountDay:
        """Where the account stands at the as-of date."""
        return self.pictures[self.as_of]

    @property
    def started(self) -> list[Loan]:
        """The loans started by the as-of date."""
        return [loan for loan in self.book.loans if loan.start <= self.as_of]

    def figures(self, loan: Loan, day: date) -> Figures:
        """Where a loan that has started by the day stands on it."""
        return self.pictures[day].loans[loan.loan_id]

    def paid_cents(self, item: Item) -> int:
        """What covers the item at the as-of date; 0 where it is not in force."""
        return self.last.paid.get(item, 0)

    def settled_date(self, item: Item) -> date | None:
        """First day of the spell in which the item is covered, unbroken up to the end or its last day in force."""
        tolerance_cents = self.book.rules.tolerance_cents
        return _unbroken_since(
            (day, uncovered(item, picture.paid[item]) <= tolerance_cents)
            for day, picture in self.pictures.items()
            if item.exists(day)
        )

    def negative_since(self) -> date | None:
        """First day of the unbroken spell, up to the end, in which the account is negative in any way."""
        return _unbroken_since((day, picture.is_negative) for day, picture in self.pictures.items())

    def has_history(self, loan: Loan, end: date) -> bool:
        """Whether a loan has a row for a month-end: not when settled before the month, still so, and not in credit."""
        now = self.figures(loan, end)
        before = end_of_month_before(end)
        was_settled = loan.start <= before and self.figures(loan, before).is_settled
        return not (was_settled and now.is_settled) or now.remaining_cents < 0

    def history_24m(self, loan: Loan) -> str:
        """A digit for each of the last 24 month-ends, oldest first; `-` for months that end before the loan starts."""
        digits = ""
        end = end_of_month_before(self.as_of + ONE_DAY)
        for _ in range(24):
            digits = self._digit(loan, end) + digits
            end = end_of_month_before(end)
        return digits

    def _digit(self, loan: Loan, end: date) -> str:
        if end < loan.start:
            return "-"
        return self.bucket(self.figures(loan, end).dpd)[1:] if self.has_history(loan, end) else "0"

    def bucket(self, dpd: int) -> str:
        """M0 to M7: the first bucket whose last day is not passed."""
        passed = [edge for edge in self.policy.bucket_upper_days if dpd > edge]
        return f"M{len(passed)}"


def walk(book: Book, policy: Policy, as_of: date) -> Walk:
    """Look at the account on each day."""
    return Walk(book, policy, as_of, {day: on_day(book, day) for day in every_day(book, as_of)})


def _unbroken_since(days: Iterable[tuple[date, bool]]) -> date | None:
    """First day of the last run of days on which it holds; None when it does not hold at the end."""
    since = None
    for day, holds in days:
        if not holds:
            since = None
        elif since is None:
            since = day
    return since
