"""Sums by month that are kept from night to night: what accounts add to them, and what they added before, can be told.

The sums speak of months that are over: days alone change nothing in them, and when a month ends, those of that month
come in beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from transforms.aggregates.slices import CELL, added
from transforms.months import last_month_end, month_end

OVER = (30, 60, 90)
"""Days past due that a vintage asks about."""
_CENTS, _COUNT = "_cents", "_count"


@dataclass(frozen=True, slots=True)
class Kept:
    """One set of sums."""

    key: dict[str, pl.DataType]
    """Columns that tell one row from another, CELL first."""
    sums: tuple[str, ...]
    """Counts and cents; all are 0 once nobody adds to a row."""

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """All columns."""
        return {**self.key, **dict.fromkeys(self.sums, pl.Int64())}


def _key(**more: pl.DataType) -> dict[str, pl.DataType]:
    return {**dict.fromkeys(CELL, pl.String()), **more}


KEPT: dict[str, Kept] = {
    "vintage": Kept(
        _key(origination_month=pl.Date(), month_no=pl.Int32()),
        (
            "loan_count",
            "principal_cents",
            *(f"ever_{days}{unit}" for days in OVER for unit in (_COUNT, _CENTS)),
            *(f"now_{days}{unit}" for days in OVER for unit in (_COUNT, _CENTS)),
            "charged_off_cents",
            "recovered_cents",
        ),
    ),
    "moves": Kept(
        _key(month_end=pl.Date(), from_state=pl.String(), to_state=pl.String()),
        ("loan_count", "amount_cents"),
    ),
    "collection": Kept(
        _key(month_no=pl.Int32()),
        (
            "entry_count",
            "due_cents",
            "collected_cents",
            "default_count",
            "cured_count",
            "redefault_count",
            "charged_off_cents",
            "recovered_cents",
        ),
    ),
}
"""By name: `vintage.vintage_cells`, `roll_rate.transitions`, `collection.collection_cells`."""
Cells = dict[str, pl.DataFrame]
"""Rows by name of KEPT."""


def shaped(name: str, parts: Iterable[pl.LazyFrame]) -> pl.LazyFrame:
    """The rows of all parts with the columns of a set of sums, one per key; what a part does not speak of is 0."""
    kept = KEPT[name]
    rows = pl.concat(parts, how="diagonal_relaxed").select(
        *(pl.col(column).cast(kind) for column, kind in kept.key.items()),
        *(pl.col(column).cast(pl.Int64).fill_null(0) for column in kept.sums),
    )
    return rows.group_by(*kept.key).agg(pl.col(kept.sums).sum())


def over(cells: Mapping[str, pl.DataFrame], last_day: date, behind: date | None = None) -> Cells:
    """The sums of months that were over by a day; only of those that were not by an earlier one, if it is given."""
    kept = {}
    for name, rows in cells.items():
        end = pl.col("month_end") if "month_end" in KEPT[name].key else month_end(pl.col("month_no"))
        is_wanted = end <= last_month_end(last_day)
        if behind is not None:
            is_wanted &= end > last_month_end(behind)
        kept[name] = rows.filter(is_wanted)
    return kept


def together(cells: Mapping[str, pl.DataFrame], more: Mapping[str, pl.DataFrame]) -> Cells:
    """The sums of two sets of accounts."""
    return {name: added([cells[name], more[name]], kept.key) for name, kept in KEPT.items()}


def without(cells: Mapping[str, pl.DataFrame], gone: Mapping[str, pl.DataFrame]) -> Cells:
    """The sums less those of some accounts; rows that nobody adds to any more are gone."""
    negated = {name: rows.with_columns(-pl.col(KEPT[name].sums)) for name, rows in gone.items()}
    return {
        name: rows.filter(pl.any_horizontal(pl.col(KEPT[name].sums) != 0))
        for name, rows in together(cells, negated).items()
    }
