"""Roll rates: from which state to which the loans went within a month."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.aggregates.slices import CELL, LOAN, one_at_a_time
from transforms.months import last_month_end, month_end, month_number
from transforms.tables import BUCKETS

NEW, PAID_OFF, CHARGED_OFF = "new", "paid_off", "charged_off"
MOVE = ("month_end", "from_state", "to_state")
_STATE = pl.Enum([NEW, *BUCKETS, CHARGED_OFF, PAID_OFF])
_MOST_MONTHS = 12 * 10_000
"""More than any month's number."""
_SUMS = ("loan_count", "amount_cents")


def transitions(loans: pl.LazyFrame, history: pl.LazyFrame, last_day: date) -> pl.DataFrame:
    """One row per CELL, month-end, from_state and to_state: loan_count, amount_cents.

    Months without a row behind a loan's start are paid off; loans that are paid off at both ends are counted as the
    rest of those that had started.

    Args:
        loans: `slices.started`.
        history: status.loan_history.
        last_day: the as-of date.
    """
    started = loans.select(*LOAN, *CELL, start_no=month_number(pl.col("origination_date"))).with_row_index("loan_no")
    state = (
        pl.when("is_charged_off")
        .then(pl.lit(CHARGED_OFF, _STATE))
        .when("is_settled")
        .then(pl.lit(PAID_OFF, _STATE))
        .otherwise(pl.col("bucket").cast(_STATE))
    )
    # one number tells loan and month: a single key sorts fastest, and of neighbours in it one follows the other
    moment = pl.col("loan_no").cast(pl.Int64) * _MOST_MONTHS + pl.col("month_no")
    rows = (
        history.select(*LOAN, "outstanding_principal_cents", state=state, month_no=month_number(pl.col("month_end")))
        .join(started, on=LOAN)
        .select("outstanding_principal_cents", "state", "month_no", "start_no", *CELL, moment=moment)
        .sort("moment")
    )
    follows = pl.col("moment").shift(1) == pl.col("moment") - 1
    is_new = pl.col("start_no") == pl.col("month_no")
    from_state = (
        pl.when(is_new)
        .then(pl.lit(NEW, _STATE))
        .when(follows)
        .then(pl.col("state").shift(1))
        .otherwise(pl.lit(PAID_OFF, _STATE))
    )
    amount = (
        pl.when(is_new)
        .then("outstanding_principal_cents")
        .when(follows & (from_state != PAID_OFF))
        .then(pl.col("outstanding_principal_cents").shift(1))
        .otherwise(0)
    )
    key = [*CELL, "month_no", "from_state", "to_state"]
    told = (
        rows.with_columns(from_state=from_state, to_state="state", amount_cents=amount)
        .group_by(key)
        .agg(loan_count=pl.len().cast(pl.Int64), amount_cents=pl.col("amount_cents").sum())
        .cast({"from_state": pl.String, "to_state": pl.String})
        .collect()
    )
    silent = _silent(started.group_by(*CELL, "start_no").len().collect(), told, last_month_end(last_day))
    return (
        pl.concat([told.select(*key, *_SUMS), silent.select(*key, *_SUMS)])
        .group_by(key)
        .agg(pl.col(_SUMS).sum())
        .with_columns(month_end=month_end(pl.col("month_no")))
        .drop("month_no")
    )


def _silent(started: pl.DataFrame, told: pl.DataFrame, last_end: date) -> pl.DataFrame:
    """Loans paid off at both month-ends of which history says nothing: those started before less those told of."""
    last = last_end.year * 12 + last_end.month
    before = (
        started.with_columns(month_no=pl.int_ranges(pl.col("start_no") + 1, last + 1, dtype=pl.Int32))
        .explode("month_no")
        .drop_nulls("month_no")
        .group_by(*CELL, "month_no")
        .agg(started=pl.col("len").sum().cast(pl.Int64))
    )
    heard = told.filter(pl.col("from_state") != NEW).group_by(*CELL, "month_no").agg(told=pl.col("loan_count").sum())
    return (
        before.join(heard, on=[*CELL, "month_no"], how="left")
        .with_columns(
            loan_count=pl.col("started") - pl.col("told").fill_null(0),
            amount_cents=pl.lit(0, pl.Int64),
            from_state=pl.lit(PAID_OFF),
            to_state=pl.lit(PAID_OFF),
        )
        .filter(pl.col("loan_count") > 0)
    )


def roll_rate(moves: pl.DataFrame) -> pl.DataFrame:
    """One row per slice, month-end and pair of states: risk.roll_rate but for as_of and policy_version.

    Args:
        moves: `transitions`.
    """
    rows = one_at_a_time(moves.lazy(), MOVE).collect()
    within = [*CELL, "month_end", "from_state"]
    count, amount = (pl.col(name).sum().over(within) for name in _SUMS)
    return rows.with_columns(
        rate_by_count=pl.when(count != 0).then(pl.col("loan_count") / count),
        rate_by_amount=pl.when(amount != 0).then(pl.col("amount_cents") / amount),
    )
