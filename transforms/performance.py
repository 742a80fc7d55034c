"""Monthly performance in the codes of the second-generation credit report (二代征信), by loan and by account."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.charge_offs import is_charged_off
from transforms.course import Course
from transforms.delinquency import settled_by_waiver
from transforms.ledger import Ledger
from transforms.month_grid import MonthGrid

CODES = ("D", "Z", "G", "C", "B", "7", "6", "5", "4", "3", "2", "1", "#", "M", "N", "*")
"""All codes of a month that is on the book, worst or most telling first; `/` stands before the start."""
_SPECIAL = {"guarantor_paid": "D", "settled_in_kind": "Z"}


def monthly(
    months: pl.DataFrame,
    grid: MonthGrid,
    ledger: Ledger,
    items: pl.DataFrame,
    story: Course,
    charged_off: pl.DataFrame,
) -> pl.DataFrame:
    """The month-ends of loans that are kept, with is_charged_off, pboc_code, and plain_code: but for a closing month.

    Args:
        months: one row per cell of the grid, in its order: unit_no, month_end, bucket_no, past_due_cents,
            remaining_cents, is_settled, is_closing, is_kept.
        grid: loans and months.
        ledger: gives the items that exist.
        items: every item.
        story: the course of the loans.
        charged_off: unit_no, charged_off_on.
    """
    charged_off_on = grid.days(charged_off, "charged_off_on")
    unknown_from = grid.days(_unknown(story), "unknown_from")
    rows = months.with_columns(
        special=grid.texts(_special(story), "month_end", "special"),
        is_lossy=grid.marked(settled_by_waiver(story), "settled_on"),
        is_due=grid.marked(_due(ledger, items), "due_date"),
        was_late=grid.marked(_late(story), "due_date"),
        charged_off_on=pl.when(charged_off_on <= pl.col("month_end")).then(charged_off_on),
        is_unknown=(unknown_from <= pl.col("month_end")).fill_null(value=False),
    ).filter("is_kept")
    rows = rows.with_columns(is_charged_off=is_charged_off())
    return rows.with_columns(
        plain_code=pl.coalesce("special", plain_code()),
        pboc_code=month_code(),
    ).drop("special", "is_lossy", "is_due", "was_late", "is_unknown", "charged_off_on", "is_kept")


def month_code() -> pl.Expr:
    """Code of a month: special (D, Z) before closing (C, G) before plain.

    From special, is_closing, charged_off_on, is_lossy, and what `plain_code` reads.
    """
    is_loss = pl.col("charged_off_on").is_not_null() | pl.col("is_lossy")
    closing = pl.when(is_loss).then(pl.lit("G")).otherwise(pl.lit("C"))
    return pl.coalesce("special", pl.when("is_closing").then(closing), plain_code())


def plain_code() -> pl.Expr:
    """Code of a month that is neither special nor the closing one.

    From is_charged_off, bucket_no, is_unknown, was_late, past_due_cents and is_due.
    """
    return (
        pl.when("is_charged_off")
        .then(pl.lit("B"))
        .when(pl.col("bucket_no") > 0)
        .then(pl.col("bucket_no").cast(pl.String))
        .when("is_unknown")
        .then(pl.lit("#"))
        .when(pl.col("was_late") & (pl.col("past_due_cents") == 0))
        .then(pl.lit("M"))
        .when("is_due")
        .then(pl.lit("N"))
        .otherwise(pl.lit("*"))
    )


def _special(story: Course) -> pl.DataFrame:
    """Months in which a guarantor paid or the loan was settled in kind: unit_no, month_end, special."""
    return (
        story.events.filter(pl.col("kind").is_in(list(_SPECIAL)))
        .select("unit_no", month_end=pl.col("event_date").dt.month_end(), special=pl.col("kind").replace(_SPECIAL))
        .group_by("unit_no", "month_end")
        .agg(pl.col("special").min())
    )


def _due(ledger: Ledger, items: pl.DataFrame) -> pl.DataFrame:
    """Items that exist at the end of the month in which they fall due: unit_no, due_date."""
    tolerance = pl.Series(ledger.units["tolerance_cents"].to_numpy()[items["unit_no"].to_numpy()])
    is_big = items["due_cents"] > tolerance
    end = pl.col("due_date").dt.month_end()
    changes = (pl.col("exists_from") > pl.col("due_date")) | pl.col("exists_to").is_not_null()
    is_there = (pl.col("exists_from") <= end) & (pl.col("exists_to") > end).fill_null(value=True)
    rows = items.select("unit_no", "due_date", "exists_from", "exists_to", changes=changes).filter(is_big)
    return pl.concat([rows.filter(~pl.col("changes")), rows.filter("changes").filter(is_there)]).select(
        "unit_no", "due_date"
    )


def _late(story: Course) -> pl.DataFrame:
    """Items that were late in the month in which they fell due: unit_no, due_date."""
    return story.late.filter(pl.col("first_day") <= pl.col("due_date").dt.month_end()).select("unit_no", "due_date")


def _unknown(story: Course) -> pl.DataFrame:
    """Loans with a restructure reported and no plan but the first: unit_no, unknown_from."""
    planned = story.plans.filter("is_restructured").select("unit_no")
    return (
        story.events.filter(pl.col("kind") == "restructure")
        .join(planned, on="unit_no", how="anti")
        .group_by("unit_no")
        .agg(unknown_from=pl.col("event_date").min())
    )


def closing_months(months: pl.DataFrame) -> pl.DataFrame:
    """One row per loan settled at every month-end since its closing month: unit_no, closing_month.

    Args:
        months: unit_no, month_end, is_settled, sorted; months without a row are settled ones.
    """
    is_first = (pl.col("unit_no") != pl.col("unit_no").shift(1)).fill_null(value=True)
    is_last = (pl.col("unit_no") != pl.col("unit_no").shift(-1)).fill_null(value=True)
    begins = pl.col("is_settled") & (is_first | ~pl.col("is_settled").shift(1))
    settled = months.filter(begins).group_by("unit_no").agg(closing_month=pl.col("month_end").max())
    return settled.join(months.filter(is_last & pl.col("is_settled")), on="unit_no", how="semi")


def account_months(months: pl.DataFrame, accounts: pl.DataFrame, last_end: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Monthly performance of accounts, and of each account its closing month.

    Args:
        months: of their loans: account_no, month_end, plain_code, is_settled.
        accounts: account_no, closed_date, charged_off_on (the first of its loans).
        last_end: the last month-end not after the as-of date.

    Returns:
        account_no, month_end, code; and account_no, closing_month (null: not closed).
    """
    last_open = months.filter(~pl.col("is_settled")).group_by("account_no").agg(last_open=pl.col("month_end").max())
    settled_end = pl.col("last_open").dt.offset_by("1d").dt.month_end()
    closing = pl.max_horizontal(pl.col("closed_date").dt.month_end(), settled_end)
    closed = (
        accounts.join(last_open, on="account_no", how="left")
        .with_columns(closing=pl.when(pl.col("closed_date").is_not_null()).then(closing))
        .with_columns(closing_month=pl.when(pl.col("closing") <= last_end).then("closing"))
    )
    rank = pl.col("plain_code").replace_strict({code: place for place, code in enumerate(CODES)}, return_dtype=pl.Int8)
    worst = (
        months.group_by("account_no", "month_end")
        .agg(rank.min().alias("rank"))
        .with_columns(code=pl.col("rank").replace_strict(dict(enumerate(CODES)), return_dtype=pl.String))
        .select("account_no", "month_end", "code")
    )
    ends = closed.drop_nulls("closing_month").select(
        "account_no",
        month_end="closing_month",
        closing_code=pl.when(pl.col("charged_off_on") <= pl.col("closing_month"))
        .then(pl.lit("G"))
        .otherwise(pl.lit("C")),
    )
    rows = worst.join(ends, on=["account_no", "month_end"], how="full", coalesce=True).select(
        "account_no",
        "month_end",
        code=pl.when(pl.col("code").is_in(["D", "Z"])).then("code").otherwise(pl.coalesce("closing_code", "code")),
    )
    return rows, closed.select("account_no", "closing_month")
