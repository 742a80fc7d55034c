"""A dense grid of loans by months, in which what happened in a month finds its cell by arithmetic, not by a join."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from transforms.months import month_number

Ints = npt.NDArray[np.int64]

_EPOCH = 1970 * 12 + 1
"""Number of the month from which numpy counts months."""


@dataclass(frozen=True, slots=True)
class MonthGrid:
    """One cell per loan and month, the cells of a loan side by side from its first month on; loans by unit_no."""

    unit: Ints
    """Unit of each cell."""
    month_no: Ints
    """Number of the month of each cell (`months.month_number`)."""
    first_cell: Ints
    """Per unit, with one more behind the last: its first cell."""
    first_month: Ints
    """Per unit with cells: the number of its first month."""

    @classmethod
    def of(cls, spans: pl.DataFrame, units: int) -> MonthGrid:
        """The grid of loans.

        Args:
            spans: one row per loan: unit_no, first_no and last_no, the numbers of its first and last month.
            units: number of all units.
        """
        whose = spans["unit_no"].to_numpy()
        first, widths = np.zeros(units, np.int64), np.zeros(units, np.int64)
        first[whose] = spans["first_no"].to_numpy()
        widths[whose] = np.maximum(spans["last_no"].to_numpy() - first[whose] + 1, 0)
        first_cell = np.concatenate([np.zeros(1, np.int64), np.cumsum(widths)])
        unit = np.repeat(np.arange(units), widths)
        return cls(unit, np.arange(len(unit)) - first_cell[unit] + first[unit], first_cell, first)

    def frame(self) -> pl.DataFrame:
        """One row per cell: unit_no, day (the month's last)."""
        months = (self.month_no - _EPOCH + 1).astype("datetime64[M]")
        return pl.DataFrame(
            {
                "unit_no": pl.Series(self.unit, dtype=pl.UInt32),
                "day": pl.Series(months.astype("datetime64[D]") - np.timedelta64(1, "D"), dtype=pl.Date),
            }
        )

    def marked(self, rows: pl.DataFrame, day: str) -> pl.Series:
        """Per cell: whether any of the rows (unit_no and a day) falls into it."""
        marks = np.zeros(len(self.unit), np.bool_)
        cells, is_inside = self._cells(rows, day)
        marks[cells[is_inside]] = True
        return pl.Series(marks)

    def texts(self, rows: pl.DataFrame, day: str, text: str) -> pl.Series:
        """Per cell: the text of the row (unit_no, a day and the text) that falls into it, else null."""
        cells, is_inside = self._cells(rows, day)
        nothing = pl.repeat(None, len(self.unit), dtype=pl.String, eager=True)
        return nothing.scatter(cells[is_inside], rows[text].filter(pl.Series(is_inside)))

    def days(self, rows: pl.DataFrame, day: str) -> pl.Series:
        """Per cell: the day that the rows (one per unit at most: unit_no and a day) give its unit, else null."""
        days = np.full(len(self.first_month), np.datetime64("NaT"), "datetime64[D]")
        days[rows["unit_no"].to_numpy()] = rows[day].to_numpy()
        return pl.Series(days[self.unit], dtype=pl.Date)

    def _cells(self, rows: pl.DataFrame, day: str) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """The cell of each row, and whether there is one."""
        unit = rows["unit_no"].to_numpy()
        since = rows.select(month_number(pl.col(day))).to_series().to_numpy() - self.first_month[unit]
        cells: Ints = self.first_cell[unit] + since
        return cells, (since >= 0) & (cells < self.first_cell[unit + 1])


def last_month_no(last_day: date) -> int:
    """Number of the last month that is over at the end of the day."""
    following = date.fromordinal(last_day.toordinal() + 1)
    return following.year * 12 + following.month - 1
