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


@dataclass(frozen=True, slots=True)
class Settlement:
    """A ledger that can be asked where its units and items stand on any day."""

    ledger: Ledger
    levels: Levels
    irregular: Ledger
    """The scopes in which levels do not tell the state."""
    changes: pl.DataFrame
    """Distinct scope_no and day, known ones to come included, on which coverage may change; sorted."""

    def figures(self, moments: pl.DataFrame) -> pl.DataFrame:
        """One row per unit and day asked: what is owed, what is late (see `unrolled.figures`).

        Args:
            moments: distinct unit_no, day; loans only from their start on.
        """
        scopes = self.ledger.units["scope_no"].to_numpy()
        is_regular = pl.Series(self.levels.is_regular[scopes[moments["unit_no"].to_numpy()]])
        by_level = moments.filter(is_regular)
        unit = by_level["unit_no"].cast(pl.Int64).to_numpy()
        day = by_level["day"].to_physical().cast(pl.Int64).to_numpy()
        found = self.levels.figures(unit, day)
        rows = by_level.select("unit_no", "day").with_columns(
            pl.Series(name, found[name], dtype=pl.Int64) for name in FIGURES if name != "oldest_due_date"
        )
        days = pl.Series("oldest_due_date", found["oldest_due_date"].astype(np.int32)).cast(pl.Date)
        late = pl.Series("is_late", found["is_late"])
        rows = rows.with_columns(days, late).with_columns(oldest_due_date=pl.when("is_late").then("oldest_due_date"))
        others = unrolled.figures(self.irregular, moments.filter(~is_regular))
        return pl.concat([rows.select("unit_no", "day", *FIGURES), others]).sort("unit_no", "day")

    def settled_dates(self, last_day: date) -> pl.DataFrame:
        """One row per item that is settled by the last day: item_no, settled_date (see `unrolled.settled_dates`)."""
        settled, is_settled = self.levels.settled(_number(last_day))
        is_meant = is_settled & self.levels.is_regular[self.levels.scope]
        rows = pl.DataFrame(
            {
                "item_no": pl.Series(self.levels.item_no[is_meant], dtype=pl.UInt32),
                "settled_date": pl.Series(settled[is_meant].astype(np.int32)).cast(pl.Date),
            }
        )
        return pl.concat([rows, unrolled.settled_dates(self.irregular, pl.lit(last_day))]).sort("item_no")

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


def settle(ledger: Ledger) -> Settlement:
    """Prepares a ledger to be asked."""
    levels = Levels(ledger)
    irregular = pl.DataFrame({"scope_no": pl.Series(np.flatnonzero(~levels.is_regular), dtype=pl.UInt32)})
    rest = replace(
        ledger,
        units=ledger.units.join(irregular, on="scope_no", how="semi"),
        items=ledger.items.join(irregular, on="scope_no", how="semi", maintain_order="left"),
        credits=ledger.credits.join(irregular, on="scope_no", how="semi", maintain_order="left"),
    )
    return Settlement(ledger, levels, rest, change_days(ledger, pl.lit(date.max)))


def _number(day: date) -> int:
    return (day - _EPOCH).days


__all__ = ["FIGURES", "Settlement", "parts_paid", "settle"]
