"""Strings of months: one character per month-end, made of the month-end history."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from transforms.months import month_number

SHORT, LONG = 24, 60
"""Months in a string."""
PBOC_BEFORE = "/"
METRO2_BEFORE, METRO2_SETTLED, METRO2_CHARGED_OFF = "B", "E", "L"


def history_24m(rows: pl.DataFrame, starts: pl.DataFrame, last_end: date, by: str) -> pl.DataFrame:
    """One row per loan or account: history_24m, the digits of the buckets at the last 24 month-ends, oldest first.

    Args:
        rows: month-end history: `by`, month_end, bucket_no; of several rows of one month the worst counts.
        starts: one row per loan or account: `by`, start (null: nothing has started).
        last_end: the last month-end not after the as-of date.
        by: name of the column that says whose row it is.
    """
    worst = rows.group_by(by, "month_end").agg(code=pl.col("bucket_no").max().cast(pl.String))
    whose = _ending(starts, last_end)
    return whose.select(by, history_24m=_written(worst, whose, by, SHORT, before="-", missing="0"))


def pboc(rows: pl.DataFrame, whose: pl.DataFrame, last_end: date, by: str) -> pl.DataFrame:
    """One row per loan or account: pboc_24m, pboc_60m, oldest first, up to the closing month or the last month-end.

    Args:
        rows: one row per month: `by`, month_end, code.
        whose: one row per loan or account: `by`, start, closing_month (its end; null: not closed since).
        last_end: the last month-end not after the as-of date.
        by: name of the column that says whose row it is.
    """
    whose = _ending(whose, last_end).with_columns(
        last_no=pl.coalesce(month_number(pl.col("closing_month")), pl.col("last_no"))
    )
    strings = {f"pboc_{n}m": _written(rows, whose, by, n, before=PBOC_BEFORE, missing="*") for n in (SHORT, LONG)}
    return whose.select(by, **strings)


def metro2_24m(rows: pl.DataFrame, starts: pl.DataFrame, last_day: date, by: str) -> pl.DataFrame:
    """One row per loan: metro2_24m, most recent month first, the first being the last month-end before this month.

    Args:
        rows: month-end history: `by`, month_end, dpd, remaining_cents, is_settled, is_charged_off.
        starts: one row per loan: `by`, start.
        last_day: the as-of date.
        by: name of the column that says whose row it is.
    """
    whose = _ending(starts, last_day.replace(day=1)).with_columns(pl.col("last_no") - 1)
    codes = rows.select(by, "month_end", code=metro2_code())
    oldest_first = _written(codes, whose, by, SHORT, before=METRO2_BEFORE, missing=METRO2_SETTLED)
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


def _written(rows: pl.DataFrame, whose: pl.DataFrame, by: str, width: int, *, before: str, missing: str) -> pl.Series:
    """One string per row of `whose`, in its order: the codes of the months up to last_no, oldest first."""
    places = (
        whose.select(by, "last_no", place=pl.int_range(pl.len(), dtype=pl.Int64))
        .join(rows.select(by, "month_end", "code"), on=by)
        .with_columns(column=width - 1 - (pl.col("last_no") - month_number(pl.col("month_end"))))
        .filter(pl.col("column").is_between(0, width - 1))
        .select("place", "column", "code")
    )
    text = np.full((whose.height, width), ord(missing), np.uint8)
    first = whose["last_no"].to_numpy() - width + 1
    start = whose["start_no"].fill_null(2**30).to_numpy()
    text[first[:, None] + np.arange(width)[None, :] < start[:, None]] = ord(before)
    letters = np.frombuffer("".join(places["code"].to_list()).encode(), np.uint8)
    text[places["place"].to_numpy(), places["column"].to_numpy()] = letters
    return pl.Series(text.reshape(-1).view(f"S{width}").astype(f"U{width}").tolist(), dtype=pl.String)
