"""How those who stand behind a counterparty did over the last twelve month-ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from transforms.months import last_month_end

MONTHS = 12


def trend(accounts: pl.DataFrame, history: pl.DataFrame, by: Sequence[str], as_of: date) -> pl.DataFrame:
    """One row per screening, currency and each of the last 12 month-ends: loan_count, bucket (worst), past_due_cents.

    Args:
        accounts: `by`, lender (source of the account), account_id, currency: the accounts that may be looked at.
        history: status.loan_history, of which the same columns and loan_id, month_end, bucket, past_due_cents.
        by: key of the screening.
        as_of: day whose last month-ends are told.
    """
    last = last_month_end(as_of)
    ends = _ends(last)
    grain = [*by, "currency"]
    of_accounts = accounts.select(*grain, "lender", "account_id").unique()
    told = (
        of_accounts.join(history.rename({"source": "lender"}).drop("currency"), on=["lender", "account_id"])
        .group_by(*grain, "month_end")
        .agg(loan_count=pl.len(), bucket=pl.col("bucket").max(), past_due_cents=pl.col("past_due_cents").sum())
    )
    return (
        of_accounts.select(grain)
        .unique()
        .join(ends, how="cross")
        .join(told, on=[*grain, "month_end"], how="left")
        .with_columns(pl.col("loan_count", "past_due_cents").fill_null(0), pl.col("bucket").fill_null("M0"))
    )


def _ends(last: date) -> pl.DataFrame:
    """The twelve month-ends up to the last one, as column month_end."""
    number = last.year * 12 + last.month - 1
    back = pl.Series("number", [number - months for months in range(MONTHS)], dtype=pl.Int32)
    first_day = pl.date(pl.col("number") // 12, pl.col("number") % 12 + 1, 1)
    return pl.DataFrame([back]).select(month_end=first_day.dt.month_end())


def trend_steps(months: pl.DataFrame, by: Sequence[str], since_months: int) -> pl.DataFrame:
    """One row per screening: trend_steps, the buckets by which the worst one rose since so many months ago."""
    number = pl.col("bucket").str.slice(1).cast(pl.Int32)
    worst = months.with_columns(number=number).group_by(*by, "month_end").agg(pl.col("number").max())
    return (
        worst.sort("month_end")
        .group_by(by)
        .agg(trend_steps=pl.col("number").last() - pl.col("number").gather(MONTHS - 1 - since_months).first())
    )
