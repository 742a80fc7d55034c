"""Month-ends: where a loan stood at the end of each month, and the strings made of it."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.ledger import Ledger
from transforms.policy import Policy
from transforms.settle import Settlement, change_days
from transforms.standing import standing

STRING_MONTHS = 24
_HALF = 12
_FIGURES = ("dpd", "bucket_no", "past_due_cents", "outstanding_principal_cents", "remaining_cents")


def month_ends(first: date, last_day: date) -> list[date]:
    """The month-ends from the month of `first` to the last one not after `last_day`."""
    ends = pl.date_range(first.replace(day=1), last_day, "1mo", eager=True).dt.month_end()
    return ends.filter(ends <= last_day).to_list()


def history(
    settlement: Settlement, now: pl.DataFrame, deferred: pl.DataFrame, policy: Policy, last_day: date
) -> pl.DataFrame:
    """One row per loan and month-end, from the month of the loan's start to the last month-end not after the last day.

    No row where the loan was settled before the month began and still is at its end, unless it is in credit.

    Args:
        settlement: the settled ledger.
        now: standing on the last day of every unit that has started: unit_no, open_count, remaining_cents.
        deferred: stretches of deferred days by unit.
        policy: gives the edges of the buckets.
        last_day: the as-of date.

    Returns:
        unit_no, month_end, dpd, bucket_no, past_due_cents, outstanding_principal_cents, remaining_cents.
    """
    grid = _grid(settlement.ledger, now, last_day)
    rows = standing(settlement, deferred, grid, policy)
    is_settled = pl.col("open_count") == 0
    was_settled = is_settled.shift(1).over("unit_no").fill_null(value=False)
    return (
        rows.sort("unit_no", "day")
        .with_columns(is_over=is_settled & was_settled)
        .filter(~pl.col("is_over") | (pl.col("remaining_cents") < 0))
        .select("unit_no", pl.col("day").alias("month_end"), *_FIGURES)
    )


def _grid(ledger: Ledger, now: pl.DataFrame, last_day: date) -> pl.DataFrame:
    """Loans and the month-ends that may have a row; after its last change a closed loan has none."""
    last_change = change_days(ledger, pl.lit(last_day)).group_by("scope_no").agg(last_change=pl.col("day").max())
    is_closed = (pl.col("open_count") == 0) & (pl.col("remaining_cents") >= 0)
    loans = (
        ledger.units.filter(pl.col("loan_id").is_not_null())
        .join(now.select("unit_no", "open_count", "remaining_cents"), on="unit_no")
        .join(last_change, on="scope_no")
        .with_columns(
            first_month=pl.col("start").dt.month_end(),
            last_month=pl.when(is_closed).then(pl.col("last_change").dt.month_end()).otherwise(pl.lit(last_day)),
        )
    )
    first = loans["first_month"].min()
    ends = month_ends(first, last_day) if isinstance(first, date) else []
    return (
        loans.join(pl.DataFrame({"day": ends}, schema={"day": pl.Date}), how="cross")
        .filter(pl.col("day").is_between("first_month", "last_month"))
        .select("unit_no", "day")
    )


def strings(rows: pl.DataFrame, starts: pl.DataFrame, last_day: date, by: str) -> pl.DataFrame:
    """One row per loan or account: history_24m, the digits of the buckets at the last 24 month-ends, oldest first.

    Args:
        rows: month-end history: `by`, month_end, bucket_no; of several rows of one month the worst counts.
        starts: one row per loan or account: `by`, start (null: nothing has started).
        last_day: the as-of date.
        by: name of the column that says whose row it is.
    """
    ends = last_month_ends(last_day, STRING_MONTHS)
    digits = (
        rows.lazy()
        .filter(pl.col("month_end") >= ends[0])
        .group_by(by, "month_end")
        .agg(pl.col("bucket_no").max())
        .group_by(by)
        .agg(old=_number(ends[:_HALF]), new=_number(ends[_HALF:]))
    )
    # months that end before the start: all of them where nothing has started
    blank = pl.sum_horizontal(pl.lit(end) < pl.col("start") for end in ends)
    blank = pl.when(pl.col("start").is_null()).then(STRING_MONTHS).otherwise(blank)
    text = pl.concat_str(*(pl.col(half).fill_null(0).cast(pl.String).str.zfill(_HALF) for half in ("old", "new")))
    dashes = pl.lit("-" * STRING_MONTHS).str.slice(0, pl.col("blank"))
    return (
        starts.lazy()
        .select(by, "start")
        .join(digits, on=by, how="left")
        .with_columns(blank=blank, text=text)
        .select(by, history_24m=dashes + pl.col("text").str.slice(pl.col("blank")))
        .sort(by)
        .collect()
    )


def _number(ends: list[date]) -> pl.Expr:
    """The digits at the month-ends as one whole number, the last of them counting ones (24 digits need two)."""
    weights = {end: 10 ** (len(ends) - 1 - place) for place, end in enumerate(ends)}
    return (pl.col("bucket_no") * pl.col("month_end").replace_strict(weights, default=0, return_dtype=pl.Int64)).sum()


def last_month_ends(last_day: date, count: int) -> list[date]:
    """The last `count` month-ends not after the day, oldest first."""
    return month_ends(date(last_day.year - count // 12 - 1, last_day.month, 1), last_day)[-count:]
