"""Calendar months: ends, numbers."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl


def month_ends(first: date, last_day: date) -> list[date]:
    """The month-ends from the month of `first` to the last one not after `last_day`."""
    if first > last_day:
        return []
    ends = pl.date_range(first.replace(day=1), last_day, "1mo", eager=True).dt.month_end()
    return ends.filter(ends <= last_day).to_list()


def last_month_end(last_day: date) -> date:
    """The last month-end not after the day."""
    following = last_day + timedelta(days=1)
    return following.replace(day=1) - timedelta(days=1)


def new_ends(before: date, last_day: date) -> tuple[list[date], list[date]]:
    """Month-ends that are reached after a night, and those whose month is over since: profiles tell of whole months."""
    ends = month_ends(before, last_day)
    return [end for end in ends if end > before], [end for end in ends if end < last_day.replace(day=1)]


def turns_a_month(before: date, last_day: date) -> bool:
    """Whether between two nights every loan gets a month-end, or every string a place more."""
    return any(new_ends(before, last_day))


def month_number(day: pl.Expr) -> pl.Expr:
    """Number of the day's month: neighbours differ by one."""
    return day.dt.year() * 12 + day.dt.month().cast(pl.Int32)


def month_end(number: pl.Expr) -> pl.Expr:
    """Last day of the month of that number."""
    return pl.date((number - 1) // 12, (number - 1) % 12 + 1, 1).dt.month_end()


def next_month_end(last_day: date) -> date:
    """The first month-end after the day."""
    following = last_day + timedelta(days=1)
    # four days after the 28th lie in the next month, whatever the month
    return (following.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
