"""Spells: stretches of days, by whose they are; the arithmetic that status rules are made of.

A spell runs from `first_day` to the day before `end_day`; a null `end_day` is open: it still runs on the last day.
"""

from __future__ import annotations

from datetime import date

import polars as pl

FOREVER = pl.date(9999, 12, 31)
"""Stands for the end of an open spell where days are compared."""
_DAYS = 1 << 23
"""More than twice the number of any day."""


def union(spells: pl.LazyFrame, by: str = "unit_no") -> pl.LazyFrame:
    """One row per unbroken stretch: overlapping and adjoining spells of one unit become one.

    Columns: `by`, first_day, end_day; sorted.
    """
    # whose and when as one number, so that one running maximum serves all units
    reach = _placed(by, "end_day").cum_max().shift(1)
    begins = (_placed(by, "first_day") > reach).fill_null(value=True)
    return (
        spells.select(by, "first_day", pl.col("end_day").fill_null(FOREVER))
        .filter(pl.col("first_day") < pl.col("end_day"))
        .sort(by, "first_day", "end_day")
        .with_columns(stretch=begins.cum_sum())
        .group_by("stretch")
        .agg(pl.col(by, "first_day").first(), pl.col("end_day").max())
        .select(by, "first_day", _open("end_day"))
        .sort(by, "first_day")
    )


def gaps(spells: pl.LazyFrame, units: pl.LazyFrame, by: str = "unit_no") -> pl.LazyFrame:
    """One row per stretch of days of a unit that no spell holds, from the unit's start on.

    Args:
        spells: a union.
        units: one row per unit: `by`, start.
        by: whose they are.
    """
    before = (
        spells.join(units.select(by, "start"), on=by)
        .sort(by, "first_day")
        .select(by, first_day=pl.coalesce(_before(by, "end_day"), "start"), end_day="first_day")
    )
    last = spells.group_by(by).agg(is_open=pl.col("end_day").is_null().any(), last_end=pl.col("end_day").max())
    after = (
        units.join(last, on=by, how="left")
        .filter(~pl.col("is_open").fill_null(value=False))
        .select(by, first_day=pl.coalesce("last_end", "start"), end_day=pl.lit(None, pl.Date))
    )
    is_some = (pl.col("first_day") < pl.col("end_day")).fill_null(value=True)
    return pl.concat([before, after]).filter(is_some).sort(by, "first_day")


def containing(spells: pl.LazyFrame, day: date, by: str = "unit_no") -> pl.LazyFrame:
    """The spell of each unit that runs on the day: `by`, first_day, end_day."""
    runs = (pl.col("first_day") <= day) & (pl.col("end_day") > day).fill_null(value=True)
    return spells.filter(runs).select(by, "first_day", "end_day")


def aged(late: pl.LazyFrame, deferred: pl.LazyFrame, days: int, last_day: date) -> pl.LazyFrame:
    """The part of each late spell in which the item is at least so many days late, deferred days not counted.

    Args:
        late: one row per item and late spell: unit_no, due_date, first_day, end_day, grace_days.
        deferred: merged stretches of deferred days: unit_no, first_day, last_day.
        days: the age; within grace an item has none.
        last_day: what only begins later is left out.

    Returns:
        The columns of `late`; no row where the item never got so old.
    """
    # deferred days only push the age back: most spells end, or the days do, before it can be reached at all
    soonest = pl.col("due_date") + pl.duration(days=days)
    may_be = late.filter(_runs_behind(soonest, last_day))
    return (
        reached(may_be, deferred, days)
        .with_columns(first_day=pl.max_horizontal("first_day", "reached_on"))
        .filter(_runs_behind(pl.col("first_day"), last_day))
        .drop("reached_on")
    )


def reached(late: pl.LazyFrame, deferred: pl.LazyFrame, days: int) -> pl.LazyFrame:
    """The rows with `reached_on`: the day on which an item due on due_date is so many counted days late.

    Every deferral that begins before so many days have been counted pushes the day back by its length.

    Args:
        late: unit_no, due_date, grace_days.
        deferred: merged stretches of deferred days: unit_no, first_day, last_day.
        days: the age; at least one day more than the days of grace.
    """
    wanted = pl.max_horizontal(pl.lit(days), pl.col("grace_days") + 1).cast(pl.Int64)
    aged_on = late.with_columns(wanted=wanted)
    deferred = deferred.select("unit_no", "first_day", "last_day")
    items = aged_on.select("unit_no", "due_date", "wanted").join(deferred, on="unit_no", how="semi").unique()
    counted_from = pl.max_horizontal(pl.col("first_day"), pl.col("due_date") + pl.duration(days=1))
    length = (pl.col("last_day") - counted_from).dt.total_days() + 1
    pushes = (
        items.join(deferred, on="unit_no")
        .with_columns(length=length.clip(0))
        .sort("unit_no", "due_date", "first_day")
        .with_columns(deferred_before=(pl.col("length").cum_sum() - pl.col("length")).over("unit_no", "due_date"))
        .with_columns(
            counted_before=(pl.col("first_day") - pl.col("due_date")).dt.total_days() - 1 - pl.col("deferred_before")
        )
        .filter(pl.col("counted_before") < pl.col("wanted"))
        .group_by("unit_no", "due_date")
        .agg(pushed=pl.col("length").sum())
    )
    return (
        aged_on.join(pushes, on=["unit_no", "due_date"], how="left")
        .with_columns(
            reached_on=pl.col("due_date") + pl.duration(days=pl.col("wanted") + pl.col("pushed").fill_null(0))
        )
        .drop("pushed", "wanted")
    )


def _runs_behind(day: pl.Expr, last_day: date) -> pl.Expr:
    """Whether the spell still runs on a day of its own, and that day has come."""
    return (day < pl.col("end_day")).fill_null(value=True) & (day <= last_day)


def _placed(by: str, day: str) -> pl.Expr:
    """Unit and day as one number: days of later units are greater."""
    return pl.col(by).cast(pl.Int64) * _DAYS + pl.col(day).to_physical().cast(pl.Int64) + _DAYS // 2


def _before(by: str, name: str) -> pl.Expr:
    """The value of the row before, where that is of the same unit; of sorted rows."""
    return pl.when(pl.col(by) == pl.col(by).shift(1)).then(pl.col(name).shift(1))


def _open(name: str) -> pl.Expr:
    return pl.when(pl.col(name) < FOREVER).then(pl.col(name)).alias(name)
