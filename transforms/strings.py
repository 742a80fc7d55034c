"""Strings of months: one character per month-end, made of the month-end history."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from transforms.months import month_number

Numbers = npt.NDArray[np.int64]
Letters = npt.NDArray[np.uint8]

SHORT, LONG = 24, 60
"""Months in a string."""
PBOC_BEFORE = "/"
METRO2_BEFORE, METRO2_SETTLED, METRO2_CHARGED_OFF = "B", "E", "L"


def history_24m(rows: pl.DataFrame, starts: pl.DataFrame, last_end: date, by: str) -> pl.DataFrame:
    """One row per loan or account: history_24m, the digits of the buckets at the last 24 month-ends, oldest first.

    Args:
        rows: month-end history: `by`, month_no, bucket_no; of several rows of one month the worst counts.
        starts: one row per loan or account: `by`, start (null: nothing has started).
        last_end: the last month-end not after the as-of date.
        by: name of the column that says whose row it is.
    """
    whose = _ending(starts, last_end)
    digits = rows["bucket_no"].to_numpy().astype(np.uint8) + ord("0")
    return whose.select(by, history_24m=_written(rows, digits, whose, by, SHORT, before="-", missing="0"))


def pboc(rows: pl.DataFrame, whose: pl.DataFrame, last_end: date, by: str) -> pl.DataFrame:
    """One row per loan or account: pboc_24m, pboc_60m, oldest first, up to the closing month or the last month-end.

    Args:
        rows: one row per month: `by`, month_no, code.
        whose: one row per loan or account: `by`, start, closing_month (its end; null: not closed since).
        last_end: the last month-end not after the as-of date.
        by: name of the column that says whose row it is.
    """
    whose = _ending(whose, last_end).with_columns(
        last_no=pl.coalesce(month_number(pl.col("closing_month")), pl.col("last_no"))
    )
    letters = _letters(rows["code"])
    strings = {
        f"pboc_{n}m": _written(rows, letters, whose, by, n, before=PBOC_BEFORE, missing="*") for n in (SHORT, LONG)
    }
    return whose.select(by, **strings)


def metro2_24m(rows: pl.DataFrame, starts: pl.DataFrame, last_day: date, by: str) -> pl.DataFrame:
    """One row per loan: metro2_24m, most recent month first, the first being the last month-end before this month.

    Args:
        rows: month-end history: `by`, month_no, dpd, remaining_cents, is_settled, is_charged_off.
        starts: one row per loan: `by`, start.
        last_day: the as-of date.
        by: name of the column that says whose row it is.
    """
    whose = _ending(starts, last_day.replace(day=1)).with_columns(pl.col("last_no") - 1)
    letters = _letters(rows.select(metro2_code()).to_series())
    oldest_first = _written(rows, letters, whose, by, SHORT, before=METRO2_BEFORE, missing=METRO2_SETTLED)
    return whose.select(by, metro2_24m=oldest_first.str.reverse())


def metro2_code() -> pl.Expr:
    """Payment history code of a month from dpd, remaining_cents, is_settled and is_charged_off."""
    return (
        pl.when("is_charged_off")
        .then(pl.lit(METRO2_CHARGED_OFF))
        .when(pl.col("is_settled") | (pl.col("remaining_cents") <= 0))
        .then(pl.lit(METRO2_SETTLED))
        .otherwise((pl.col("dpd") // 30).clip(0, 6).cast(pl.String))
    )


def _ending(starts: pl.DataFrame, last_end: date) -> pl.DataFrame:
    """The rows with start_no (months that end before the start come before it) and last_no."""
    return starts.with_columns(
        start_no=month_number(pl.col("start")), last_no=pl.lit(last_end.year * 12 + last_end.month, pl.Int32)
    )


def _letters(codes: pl.Series) -> Letters:
    """Codes of one character as their bytes."""
    return np.frombuffer((codes.str.join("").item() or "").encode(), np.uint8)


def _written(
    rows: pl.DataFrame, letters: Letters, whose: pl.DataFrame, by: str, width: int, *, before: str, missing: str
) -> pl.Series:
    """One string per row of `whose`, in its order: the letters of the months up to last_no, oldest first.

    Of several letters of one month the greatest is written.
    """
    last = whose["last_no"].to_numpy().astype(np.int64)
    place, is_asked = _places(rows[by].to_numpy(), whose[by].to_numpy())
    column = rows["month_no"].to_numpy() - last[place] + width - 1 if whose.height else place
    is_meant = is_asked & (column >= 0) & (column < width)
    text = np.zeros((whose.height, width), np.uint8)
    np.maximum.at(text.reshape(-1), (place * width + column)[is_meant], letters[is_meant])
    start = whose["start_no"].fill_null(2**30).to_numpy()
    is_before = (last - width + 1)[:, None] + np.arange(width)[None, :] < start[:, None]
    text = np.where(text > 0, text, np.where(is_before, ord(before), ord(missing)).astype(np.uint8))
    return pl.Series(text.reshape(-1).view(f"S{width}").astype(f"U{width}").tolist(), dtype=pl.String)


def _places(numbers: Numbers, among: Numbers) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """The place of each number among distinct others, and whether it is one of them."""
    if not len(among):
        return np.zeros(len(numbers), np.int64), np.zeros(len(numbers), np.bool_)
    order = np.argsort(among, kind="stable")
    place = order[np.minimum(np.searchsorted(among, numbers, sorter=order), len(among) - 1)]
    return place, among[place] == numbers
