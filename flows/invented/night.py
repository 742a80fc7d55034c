"""What one later night says about the accounts of a book."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from flows.invented.book import NOTES, PAYMENT_CHANNELS
from flows.invented.columns import dates_of, pick
from flows.invented.draws import Dice
from flows.invented.loans import day_number
from flows.invented.rows import Frames
from transforms.feeds import CREDIT_KINDS


def debts_of(known: Frames) -> pl.DataFrame:
    """One row per account that owes, for the first such loan of it.

    Columns: account_id, loan_id, owed (cents left to pay of the original plan), step (cents of one instalment).
    """
    due = (
        known["installments"]
        .filter(pl.col("plan_date").is_null())
        .with_columns(due=pl.col("principal") + pl.col("interest") + pl.col("fee"))
        .group_by("account_id", "loan_id", maintain_order=True)
        .agg(pl.col("due").sum(), step=pl.col("due").first())
    )
    sign = pl.when(pl.col("kind").is_in(CREDIT_KINDS)).then(1).otherwise(-1)
    paid = known["repayments"].group_by("loan_id").agg(paid=(pl.col("amount") * sign).sum())
    return (
        due.join(paid, on="loan_id", how="left", maintain_order="left")
        .with_columns(owed=pl.col("due") - pl.col("paid").fill_null(0))
        .filter(pl.col("owed") > 0)
        .unique("account_id", keep="first", maintain_order=True)
        .select("account_id", "loan_id", "owed", "step")
    )


def news(dice: Dice, known: Frames, debts: pl.DataFrame, as_of: date, few: int) -> Frames:
    """Per feed, what a night says about accounts known: payments, and a few reminders, other limits and incomes."""
    stamp = f"{as_of:%y%m%d}"
    turn = np.arange(debts.height, dtype=np.int64)
    days = dice.below("days ago", turn, 4) * dice.chance("is earlier", turn, 0.2)
    number = pl.col("account_id").str.slice(1)
    payments = debts.select(
        pl.lit(f"N{stamp}") + number,
        "account_id",
        "loan_id",
        paid_date=dates_of(day_number(as_of) - days),
        amount=pl.min_horizontal("owed", "step"),
        kind=pl.lit("payment"),
        channel_code=pick(PAYMENT_CHANNELS, dice.skewed("channel", turn, len(PAYMENT_CHANNELS))),
    ).rename({"literal": "repayment_id"})
    reminders = _spread(debts, few).select(
        "account_id",
        event_id=pl.lit(f"V{stamp}") + number,
        kind=pl.lit("reminder"),
        event_date=pl.lit(as_of),
        note=pl.lit(NOTES["reminder"]),
    )
    accounts = _spread(known["accounts"].filter(pl.col("closed_date").is_null()), few)
    limits = accounts.with_columns(credit_limit=pl.col("credit_limit") * 6 // 5, valid_from=pl.lit(as_of))
    customers = _spread(known["customers"], few)
    percent = 70 + dice.below("income", np.arange(customers.height, dtype=np.int64), 71)
    incomes = customers.with_columns(
        income_monthly=pl.col("income_monthly") * pl.Series(percent) // 100,
        income_date=pl.lit(as_of),
        valid_from=pl.lit(as_of),
    )
    return {"accounts": limits, "repayments": payments, "events": reminders, "customers": incomes}


def _spread(rows: pl.DataFrame, few: int) -> pl.DataFrame:
    """So many of the rows, from all over."""
    return rows.gather_every(max(1, rows.height // few)).head(few)
