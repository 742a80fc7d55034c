"""Standing on a day: days past due, buckets, and an account's three ways of being negative."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from transforms.policy import Policy
from transforms.settle import FIGURES, Settlement
from transforms.spells import containing, union
from transforms.tables import BUCKETS

NEGATIVE_FLAGS = ("is_in_credit", "is_over_limit", "is_past_due")
_IS_NEGATIVE = pl.any_horizontal(NEGATIVE_FLAGS)


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
    rows = settlement.figures(moments)
    graces = settlement.ledger.of_units(rows, "grace_days")
    return days_past_due(rows.with_columns(graces), deferred, policy)


def days_past_due(
    rows: pl.DataFrame, deferred: pl.DataFrame, policy: Policy, by: Sequence[str] = ("unit_no",)
) -> pl.DataFrame:
    """The rows (whose, day, oldest_due_date, grace_days) in order, with contractual_dpd, dpd and bucket_no.

    Args:
        rows: one row per loan and day.
        deferred: stretches of deferred days: whose, first_day, last_day.
        policy: gives the edges of the buckets.
        by: the columns that say whose row it is.

    Returns:
        The columns of the rows but grace_days, and those three.
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
            contractual_dpd=(pl.col("day").to_physical() - pl.col("oldest_due_date").to_physical()).fill_null(0)
        )
        .join(deferred_days, on=[*by, "day"], how="left", maintain_order="left")
        .with_columns(dpd=counted)
        .with_columns(dpd=pl.when(pl.col("dpd") > pl.col("grace_days")).then("dpd").otherwise(0))
        .with_columns(bucket_no=bucket_no(policy))
        .drop("grace_days", "deferred_days")
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
        rows.join(units.select("unit_no", "account_no"), on="unit_no")
        .group_by("account_no", "day")
        .agg(pl.col(sums).sum(), pl.col(worst).max())
    )
    charged = pl.col("outstanding_principal_cents") + pl.col("past_due_charges_cents")
    return (
        _limits_on(moments.select("account_no", "day"), versions)
        .lazy()
        .join(added.lazy(), on=["account_no", "day"], how="left")
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


def _limits_on(moments: pl.DataFrame, versions: pl.DataFrame) -> pl.DataFrame:
    """The moments with the credit limit of the version valid then; before all versions, of the first to start."""
    limit = "credit_limit_cents"
    limits = versions.select("account_no", "valid_from", "order_no", limit).join(moments, on="account_no", how="semi")
    is_one = pl.col("account_no").is_unique()
    several = limits.filter(~is_one).sort("valid_from", "order_no")
    alone = limits.filter(is_one).select("account_no", limit)
    rows = moments.join(several, on="account_no", how="anti").join(alone, on="account_no", how="left")
    if several.is_empty():
        return rows
    # of the versions that start first together, the last in order holds
    is_first = pl.col("valid_from") == pl.col("valid_from").min().over("account_no")
    first = several.filter(is_first).unique("account_no", keep="last", maintain_order=True)
    by_day = (
        moments.join(first.select("account_no", first_limit=limit), on="account_no")
        .sort("day")
        .join_asof(
            several, left_on="day", right_on="valid_from", by="account_no", strategy="backward", check_sortedness=False
        )
        .select("account_no", "day", pl.coalesce(limit, "first_limit"))
    )
    return pl.concat([rows, by_day])


def negative_since(
    settlement: Settlement, late: pl.DataFrame, versions: pl.DataFrame, accounts: pl.DataFrame, last_day: date
) -> pl.DataFrame:
    """One row per account that is negative: account_no, negative_since.

    The first day of the unbroken spell of any of the three flags. An account whose loans are late is negative for as
    long as one of them is; unless it was so the day before for another reason, that is the spell.

    Args:
        settlement: the settled ledger.
        late: late spells of loans up to the last day: unit_no, first_day, end_day.
        versions: every version of the accounts with account_no.
        accounts: account_no of the accounts that are negative on the last day.
        last_day: the as-of date.
    """
    units = settlement.ledger.units.join(accounts.select("account_no"), on="account_no", how="semi")
    whose = units.select("unit_no", "account_no")
    spells = union(late.join(whose, on="unit_no").lazy(), by="account_no")
    since = containing(spells, last_day, by="account_no").select("account_no", negative_since="first_day").collect()
    eve = since.select("account_no", day=pl.col("negative_since") - pl.duration(days=1))
    before = _states(settlement, versions, units, eve).filter(_IS_NEGATIVE)
    short = since.join(before, on="account_no", how="anti")
    others = accounts.select("account_no").join(short, on="account_no", how="anti")
    return pl.concat([short, negative_by_days(settlement, versions, others, last_day)]).sort("account_no")


def negative_by_days(
    settlement: Settlement, versions: pl.DataFrame, accounts: pl.DataFrame, last_day: date
) -> pl.DataFrame:
    """The same by asking on every day on which a flag may change.

    That is when coverage changes, when an item begins to be late, or when another limit begins to hold.
    """
    ledger = settlement.ledger
    units = ledger.units.join(accounts, on="account_no", how="semi")
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
    rows = _states(settlement, versions, units, days).lazy().with_columns(is_negative=_IS_NEGATIVE)
    last_good = pl.col("day").filter(~pl.col("is_negative")).max()
    since = pl.col("day").filter((pl.col("day") > last_good) | last_good.is_null()).min()
    return rows.group_by("account_no").agg(negative_since=since).drop_nulls().collect()


def _states(settlement: Settlement, versions: pl.DataFrame, units: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """The accounts of some units on some days (account_no, day): see `account_standing`."""
    moments = units.select("unit_no", "account_no", "start").join(days, on="account_no")
    moments = moments.filter((pl.col("start") <= pl.col("day")).fill_null(value=True)).select("unit_no", "day")
    return account_standing(days, units, versions, settlement.figures(moments))
