"""Spells against a walk over days: which part of a late spell is so old, whatever was deferred meanwhile."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from transforms.spells import aged

START = date(2024, 1, 1)
DAY = timedelta(days=1)
LATE = {"unit_no": pl.UInt32, "due_date": pl.Date, "first_day": pl.Date, "end_day": pl.Date, "grace_days": pl.Int32}
DEFERRED = {"unit_no": pl.UInt32, "first_day": pl.Date, "last_day": pl.Date}
GRACE = (0, 2)
"""Days of grace of two loans: a rule of the product, so all items of a loan have the same."""
Late = tuple[int, date, date, date | None, int]
Deferred = tuple[int, date, date]


@st.composite
def late_spells(draw: st.DrawFn) -> Late:
    """An item of one of two loans: when it fell due, from when to when it was late, and its days of grace."""
    unit = draw(st.integers(0, 1))
    due = START + draw(st.integers(0, 10)) * DAY
    first = due + draw(st.integers(1, 6)) * DAY
    end = draw(st.none() | st.integers(1, 20).map(lambda days: first + days * DAY))
    return unit, due, first, end, GRACE[unit]


@st.composite
def deferrals(draw: st.DrawFn) -> list[Deferred]:
    """Stretches of deferred days of both loans, with a day or more between those of one."""
    stretches = []
    for unit in range(len(GRACE)):
        day = START
        for _ in range(draw(st.integers(0, 3))):
            first = day + draw(st.integers(0, 8)) * DAY
            last = first + draw(st.integers(0, 6)) * DAY
            stretches.append((unit, first, last))
            day = last + 2 * DAY
    return stretches


def old_from(spell: Late, stretches: list[Deferred], days: int, last_day: date) -> date | None:
    """The first day of the spell, up to the last one, on which so many days have been counted; walked day by day."""
    unit, due, first, end, grace = spell
    counted, day = 0, due
    while day < last_day:
        day += DAY
        counted += not any(of == unit and begins <= day <= ends for of, begins, ends in stretches)
        if day >= first and (end is None or day < end) and counted >= max(days, grace + 1):
            return day
    return None


@given(st.lists(late_spells(), max_size=8), deferrals(), st.integers(1, 12))
def test_a_spell_is_old_from_the_day_that_a_walk_finds(
    spells: list[Late], stretches: list[Deferred], days: int
) -> None:
    late = pl.DataFrame(spells, schema=LATE, orient="row").with_row_index("place").lazy()
    deferred = pl.DataFrame(stretches, schema=DEFERRED, orient="row").lazy()
    for last_day in (START + age * DAY for age in range(40)):
        found = aged(late, deferred, days, last_day).select("place", "first_day").collect()
        walked = {place: old_from(spell, stretches, days, last_day) for place, spell in enumerate(spells)}
        assert dict(found.iter_rows()) == {place: day for place, day in walked.items() if day is not None}, last_day
