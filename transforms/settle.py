"""Credits against dues: by levels where they tell the state, unrolled by days everywhere else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from transforms import unrolled
from transforms.ledger import Ledger
from transforms.levels import Levels
from transforms.unrolled import FIGURES, change_days, parts_paid

_EPOCH = date(1970, 1, 1)
_AMOUNTS = tuple(name for name in FIGURES if name != "oldest_due_date")


@dataclass(frozen=True, slots=True)
class Settlement:
    """A ledger that can be asked where its units and items stand on any day."""

    ledger: Ledger
    levels: Levels
    irregular: Ledger
    """The scopes in which levels do not tell the state."""
    changes: pl.DataFrame
    """Distinct scope_no and day, known ones to come included, on which coverage may change; sorted."""
    last_day: date
    """The as-of date."""
    open_spells: pl.DataFrame
    """Of the items of irregular scopes, the spells in which they are open up to the last day: `unrolled.open_spells`;
    an item of any other scope is open once, until it is settled."""

    def figures(self, moments: pl.DataFrame) -> pl.DataFrame:
        """One row per unit and day asked: what is owed, what is late (see `unrolled.figures`).

        Args:
            moments: distinct unit_no, day; loans only from their start on.
        """
        asked = _in_order(moments.select("unit_no", "day"))
        unit = asked["unit_no"].cast(pl.Int64).to_numpy()
        day = asked["day"].to_physical().cast(pl.Int64).to_numpy()
        found = self.levels.figures(unit, day)
        is_irregular = ~self.levels.is_regular[self.levels.unit_scope[unit]]
        if is_irregular.any():
            others = unrolled.figures(self.irregular, asked.filter(pl.Series(is_irregular)))
            late = others["oldest_due_date"]
            found["is_late"][is_irregular] = late.is_not_null().to_numpy()
            found["oldest_due_date"][is_irregular] = late.to_physical().fill_null(0).to_numpy()
            for name in _AMOUNTS:
                found[name][is_irregular] = others[name].to_numpy()
        days = pl.Series("oldest_due_date", found["oldest_due_date"].astype(np.int32)).cast(pl.Date)
        amounts = (pl.Series(name, found[name], dtype=pl.Int64) for name in _AMOUNTS)
        return (
            asked.with_columns(*amounts, days, is_late=pl.Series(found["is_late"]))
            .with_columns(oldest_due_date=pl.when("is_late").then("oldest_due_date"))
            .select("unit_no", "day", *FIGURES)
        )

    def settled_dates(self) -> pl.DataFrame:
        """One row per item that is settled by the last day: item_no, settled_date (see `unrolled.settled_dates`)."""
        settled, is_settled = self.levels.settled(_number(self.last_day))
        is_meant = is_settled & self.levels.is_regular[self.levels.scope]
        rows = pl.DataFrame(
            {
                "item_no": pl.Series(self.levels.item_no[is_meant], dtype=pl.UInt32),
                "settled_date": pl.Series(settled[is_meant].astype(np.int32)).cast(pl.Date),
            }
        )
        others = unrolled.settled_dates(self.irregular.items, self.open_spells, self.last_day)
        return pl.concat([rows, others]).sort("item_no")

    def covered(self, day: date) -> pl.DataFrame:
        """One row per item that exists on the day: item_no, covered_cents."""
        is_meant = self.levels.is_regular[self.levels.scope]
        rows = pl.DataFrame(
            {
                "item_no": pl.Series(self.levels.item_no[is_meant], dtype=pl.UInt32),
                "covered_cents": pl.Series(self.levels.covered(_number(day))[is_meant], dtype=pl.Int64),
            }
        )
        scopes = self.irregular.items.select("scope_no", day=pl.lit(day)).unique()
        others = unrolled.cover(self.irregular, scopes).select("item_no", "covered_cents")
        return pl.concat([rows, others]).sort("item_no")

    def change_days(self, last_day: date) -> pl.DataFrame:
        """Distinct scope_no and day, up to the last day, on which coverage may change."""
        return self.changes.filter(pl.col("day") <= last_day)


def settle(ledger: Ledger, last_day: date) -> Settlement:
    """Prepares a ledger to be asked: where it stands on any day, and what has been settled by the last one."""
    levels = Levels(ledger)
    irregular = pl.DataFrame({"scope_no": pl.Series(np.flatnonzero(~levels.is_regular), dtype=pl.UInt32)})
    rest = replace(
        ledger,
        units=ledger.units.join(irregular, on="scope_no", how="semi"),
        items=ledger.items.join(irregular, on="scope_no", how="semi", maintain_order="left"),
        credits=ledger.credits.join(irregular, on="scope_no", how="semi", maintain_order="left"),
    )
    changes = change_days(ledger, date.max)
    return Settlement(ledger, levels, rest, changes, last_day, unrolled.open_spells(rest, last_day))


def _in_order(moments: pl.DataFrame) -> pl.DataFrame:
    """The moments sorted by unit and day; mostly they are already."""
    unit, day = moments["unit_no"].to_numpy(), moments["day"].to_physical().to_numpy()
    place = (unit.astype(np.int64) << 32) + day
    return moments if (place[1:] >= place[:-1]).all() else moments.sort("unit_no", "day")


def _number(day: date) -> int:
    return (day - _EPOCH).days


__all__ = ["FIGURES", "Settlement", "parts_paid", "settle"]
