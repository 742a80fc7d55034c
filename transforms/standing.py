"""Standing on a day: days past due, buckets, and an account's three ways of being negative."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from transforms.feeds import FEEDS
from transforms.policy import Policy
from transforms.settle import FIGURES, Settlement
from transforms.tables import BUCKETS
from transforms.versions import valid_at

_ACCOUNTS = FEEDS["accounts"]
NEGATIVE_FLAGS = ("is_in_credit", "is_over_limit", "is_past_due")


def deferrals(events: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """One row per loan and unbroken stretch of deferred days: unit_no, first_day, last_day.

    A deferral without a loan is for the loans of the account that have started by its date; overlapping and adjoining
    ones are merged, so that a day counts once.
    """
    rows = events.filter((pl.col("kind") == "deferral") & pl.col("until_date").is_not_null())
    loans = units.filter(pl.col("loan_id").is_not_null()).select("source", "account_id", "loan_id", "unit_no", "start")
    named = rows.filter(pl.col("loan_id").is_not_null()).join(loans, on=["source", "account_id", "loan_id"])
    for_all = (
        rows.filter(pl.col("loan_id").is_null())
        .drop("loan_id")
        .join(loans, on=["source", "account_id"])
        .filter(pl.col("start") <= pl.col("event_date"))
    )
    spans = [frame.select("unit_no", first_day="event_date", last_day="until_date") for frame in (named, for_all)]
    reach = pl.col("last_day").cum_max().over("unit_no").shift(1).over("unit_no")
    begins = (pl.col("first_day") > reach + pl.duration(days=1)).fill_null(value=True)
    return (
        pl.concat(spans)
        .sort("unit_no", "first_day", "last_day")
        .with_columns(stretch=begins.cum_sum())
        .group_by("unit_no", "stretch")
        .agg(pl.col("first_day").min(), pl.col("last_day").max())
        .drop("stretch")
        .sort("unit_no", "first_day")
    )


def standing(settlement: Settlement, deferred: pl.DataFrame, moments: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """One row per unit and day asked: the figures, contractual_dpd, dpd and bucket_no (0..7).

    Args:
        settlement: the settled ledger.
        deferred: stretches of deferred days by unit.
        moments: distinct unit_no, day.
        policy: gives the edges of the buckets.
    """
    graces = settlement.ledger.units.select("unit_no", "grace_days")
    rows = settlement.figures(moments).join(graces, on="unit_no", how="left")
    return days_past_due(rows, deferred, policy)


def days_past_due(
    rows: pl.DataFrame, deferred: pl.DataFrame, policy: Policy, by: Sequence[str] = ("unit_no",)
) -> pl.DataFrame:
    """The rows (whose, day, oldest_due_date, grace_days) with contractual_dpd, dpd and bucket_no; grace_days gone.

    Args:
        rows: one row per loan and day.
        deferred: stretches of deferred days: whose, first_day, last_day.
        policy: gives the edges of the buckets.
        by: the columns that say whose row it is.
    """
    overlap = pl.min_horizontal("day", "last_day") - pl.max_horizontal(
        "first_day", pl.col("oldest_due_date") + pl.duration(days=1)
    )
    deferred_days = (
        rows.lazy()
        .filter(pl.col("oldest_due_date").is_not_null())
        .select(*by, "day", "oldest_due_date")
        .join(deferred.lazy(), on=by)
        .group_by(*by, "day")
        .agg(deferred_days=(overlap.dt.total_days() + 1).clip(0).sum())
    )
    counted = pl.col("contractual_dpd") - pl.col("deferred_days").fill_null(0).cast(pl.Int32)
    return (
        rows.lazy()
        .with_columns(
            contractual_dpd=(pl.col("day") - pl.col("oldest_due_date")).dt.total_days().fill_null(0).cast(pl.Int32)
        )
        .join(deferred_days, on=[*by, "day"], how="left")
        .with_columns(dpd=counted)
        .with_columns(dpd=pl.when(pl.col("dpd") > pl.col("grace_days")).then("dpd").otherwise(0))
        .with_columns(bucket_no=bucket_no(policy))
        .drop("grace_days", "deferred_days")
        .sort(*by, "day")
        .collect()
    )


def bucket_no(policy: Policy, days: str = "dpd") -> pl.Expr:
    """0 for M0 … 7 for M7: how many upper edges the days exceed."""
    return pl.sum_horizontal(pl.col(days) > edge for edge in policy.bucket_upper_days).cast(pl.Int8)


def bucket(number: pl.Expr) -> pl.Expr:
    """M0 … M7."""
    return number.replace_strict(dict(enumerate(BUCKETS)), return_dtype=pl.String)


def account_standing(
    moments: pl.DataFrame, units: pl.DataFrame, versions: pl.DataFrame, rows: pl.DataFrame
) -> pl.DataFrame:
    """One row per account and day asked: its units together, its limit on the day and the three flags.

    Args:
        moments: distinct account_no, day.
        units: unit_no, account_no.
        versions: every version of the accounts with account_no, valid_from, order_no, credit_limit_cents.
        rows: figures of the units on those days: unit_no, day, FIGURES, and perhaps dpd and bucket_no.

    Returns:
        account_no, day, FIGURES without oldest_due_date, dpd and bucket_no if given, credit_limit_cents,
        available_credit_cents, NEGATIVE_FLAGS.
    """
    sums = [name for name in FIGURES if name != "oldest_due_date"]
    worst = [name for name in ("dpd", "bucket_no") if name in rows.columns]
    added = (
        rows.lazy()
        .join(units.lazy().select("unit_no", "account_no"), on="unit_no")
        .group_by("account_no", "day")
        .agg(pl.col(sums).sum(), pl.col(worst).max())
    )
    limits = versions.lazy().select("account_no", "valid_from", "order_no", "credit_limit_cents")
    charged = pl.col("outstanding_principal_cents") + pl.col("past_due_charges_cents")
    return (
        _limits_on(moments.lazy().select("account_no", "day"), limits)
        .join(added, on=["account_no", "day"], how="left")
        .with_columns(pl.col(*sums, *worst).fill_null(0))
        .with_columns(available_credit_cents=pl.col("credit_limit_cents") - charged)
        .with_columns(
            is_in_credit=pl.col("remaining_cents") < 0,
            is_over_limit=pl.col("available_credit_cents") < 0,
            is_past_due=pl.col("past_due_cents") > 0,
        )
        .sort("account_no", "day")
        .collect()
    )


def _limits_on(moments: pl.LazyFrame, limits: pl.LazyFrame) -> pl.LazyFrame:
    """The moments with the credit limit of the version valid then; before all versions, of the first to start."""
    limits = limits.sort("valid_from", "order_no")
    # of the versions that start first together, the last in order holds
    is_first = pl.col("valid_from") == pl.col("valid_from").min().over("account_no")
    first = limits.filter(is_first).unique("account_no", keep="last", maintain_order=True)
    several = limits.filter(pl.col("account_no").is_duplicated())
    later = (
        moments.join(several, on="account_no", how="semi")
        .sort("day")
        .join_asof(
            several, left_on="day", right_on="valid_from", by="account_no", strategy="backward", check_sortedness=False
        )
        .select("account_no", "day", "credit_limit_cents")
    )
    return (
        moments.join(first.select("account_no", first_limit_cents="credit_limit_cents"), on="account_no", how="left")
        .join(later, on=["account_no", "day"], how="left")
        .select("account_no", "day", credit_limit_cents=pl.coalesce("credit_limit_cents", "first_limit_cents"))
    )


def negative_since(
    settlement: Settlement, versions: pl.DataFrame, accounts: pl.DataFrame, last_day: date
) -> pl.DataFrame:
    """One row per account that is negative: account_no, negative_since.

    The first day of the unbroken spell of any of the three flags. They change only when coverage changes, when an item
    begins to be late, or when another limit begins to hold; only those days are looked at.

    Args:
        settlement: the settled ledger.
        versions: every version of the accounts with account_no.
        accounts: account_no of the accounts that are negative on the last day.
        last_day: the as-of date.
    """
    ledger = settlement.ledger
    units = ledger.units.join(accounts.select("account_no"), on="account_no", how="semi")
    scopes = units.select("scope_no", "account_no").unique()
    items = ledger.items.join(scopes, on="scope_no")
    days = pl.concat(
        [
            settlement.change_days(last_day).join(scopes, on="scope_no").select("account_no", "day"),
            items.select("account_no", day=pl.col("due_date") + pl.duration(days=1)),
            versions.join(accounts, on="account_no", how="semi").select("account_no", day="valid_from"),
        ]
    )
    days = days.filter(pl.col("day") <= last_day).unique()
    moments = units.select("unit_no", "account_no", "start").join(days, on="account_no")
    moments = moments.filter((pl.col("start") <= pl.col("day")).fill_null(value=True)).select("unit_no", "day")
    states = account_standing(days, units, versions, settlement.figures(moments))
    rows = states.lazy().with_columns(is_negative=pl.any_horizontal(NEGATIVE_FLAGS))
    last_good = pl.col("day").filter(~pl.col("is_negative")).max()
    since = pl.col("day").filter((pl.col("day") > last_good) | last_good.is_null()).min()
    return rows.group_by("account_no").agg(negative_since=since).drop_nulls().sort("account_no").collect()


def account_at(versions: pl.DataFrame, day: pl.Expr) -> pl.DataFrame:
    """One row per account that exists: the version valid on the day."""
    return valid_at(versions.lazy(), _ACCOUNTS, day).collect()
