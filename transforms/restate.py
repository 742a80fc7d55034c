"""As known then: how month-ends that were published before change when facts or the policy do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from transforms.tables import TABLES

_KEY = ["source", "loan_id", "month_end"]
_SAID = (
    "dpd",
    "bucket",
    "past_due_cents",
    "outstanding_principal_cents",
    "remaining_cents",
    "is_settled",
    "is_charged_off",
    "pboc_code",
    "policy_version",
)
"""Columns whose change makes another row of history."""


@dataclass(frozen=True, slots=True)
class Restated:
    """Month-end history of the accounts worked on."""

    history: pl.DataFrame
    """status.loan_history: unchanged rows keep their known_from, others are known from this night."""
    past: pl.DataFrame
    """status.loan_history_past: rows that this night replaced or took away."""
    restatements: pl.DataFrame
    """ops.restatements without run_id: month-ends of loans known before whose bucket or past due changed."""


def restate(
    before: pl.DataFrame, after: pl.DataFrame, known: pl.DataFrame, causes: pl.DataFrame, spoken: date, today: date
) -> Restated:
    """What this night says of month-ends, against what was said.

    Args:
        before: status.loan_history of these accounts as published last.
        after: the same as it follows from the facts now, without known_from.
        known: source and loan_id of the loans published before; nothing was said of others.
        causes: source, loan_id, cause.
        spoken: the as-of date published last.
        today: the as-of date now.
    """
    both = before.join(after, on=_KEY, how="full", suffix="_now", coalesce=True, nulls_equal=True)
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_now")) for name in _SAID)
    both = both.with_columns(is_same=same)
    kept = both.filter("is_same").select(*_KEY, "known_from")
    history = after.join(kept, on=_KEY, how="left").with_columns(pl.col("known_from").fill_null(today))
    changed = both.filter(~pl.col("is_same") & (pl.col("month_end") <= spoken))
    past = changed.filter(pl.col("known_from").is_not_null()).with_columns(known_to=pl.lit(today))
    figures = ("bucket", "past_due_cents")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_now")) for name in figures)
    restatements = (
        changed.filter(differs)
        .join(known, on=["source", "loan_id"], how="semi")
        .join(causes, on=["source", "loan_id"], how="left")
        .select(
            "source",
            "loan_id",
            pl.coalesce("currency", "currency_now").alias("currency"),
            "month_end",
            from_bucket="bucket",
            to_bucket="bucket_now",
            from_past_due_cents="past_due_cents",
            to_past_due_cents="past_due_cents_now",
            cause="cause",
        )
        .sort(_KEY)
    )
    return Restated(
        history=history.select(TABLES["status.loan_history"].schema.keys()).sort(_KEY),
        past=past.select(TABLES["status.loan_history_past"].schema.keys()).sort(_KEY),
        restatements=restatements,
    )


def account_changes(before: pl.DataFrame, after: pl.DataFrame, earlier: pl.DataFrame) -> pl.DataFrame:
    """One row per account whose bucket or credit status differs from the night before: status.account_changes.

    Args:
        before: status.account_status as published last.
        after: the same as it is now.
        earlier: status.account_changes of an earlier run of the same date: what stood the night before that.

    Returns:
        The table's columns without run_id.
    """
    key = ["source", "account_id"]
    names = ("bucket", "credit_status")
    first = earlier.select(*key, *(pl.col(f"from_{name}").alias(f"first_{name}") for name in names))
    said = before.join(first, on=key, how="left").select(
        *key, *(pl.coalesce(f"first_{name}", name).alias(f"from_{name}") for name in names)
    )
    return (
        after.join(said, on=key)
        .filter(pl.any_horizontal(pl.col(name) != pl.col(f"from_{name}") for name in names))
        .with_columns(pl.col(name).alias(f"to_{name}") for name in names)
        .select(name for name in TABLES["status.account_changes"].schema if name != "run_id")
        .sort(key)
    )
