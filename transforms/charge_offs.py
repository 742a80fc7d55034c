"""Charge-offs: what was written off of each loan, and what came in since; the claim itself goes on."""

from __future__ import annotations

import polars as pl

from transforms.course import Course
from transforms.feeds import CASH_KINDS
from transforms.settle import Settlement

_EVENT = ("account_no", "event_id")


def is_charged_off() -> pl.Expr:
    """Charged off and not settled since, from charged_off_on, remaining_cents and is_settled."""
    return pl.col("charged_off_on").is_not_null() & (pl.col("remaining_cents") > 0) & ~pl.col("is_settled")


def charge_offs(story: Course, settlement: Settlement) -> pl.DataFrame:
    """One row per loan charged off by the last day: unit_no, charged_off_on, charged_off_cents, recovered_cents."""
    events = (
        story.events.filter(pl.col("kind") == "charge_off")
        .with_columns(day=pl.max_horizontal("event_date", "start"))
        .join(_outstanding(story, settlement), on=["unit_no", "day"], how="left")
    )
    written_off = (
        pl.concat([_named(events), _shared(events)])
        .group_by("unit_no")
        .agg(charged_off_on=pl.col("day").min(), charged_off_cents=pl.col("share_cents").sum())
    )
    return written_off.join(_recovered(story, settlement, written_off), on="unit_no", how="left").with_columns(
        pl.col("recovered_cents").fill_null(0)
    )


def _outstanding(story: Course, settlement: Settlement) -> pl.DataFrame:
    """Outstanding principal on the days of charge-offs: unit_no, day, outstanding_principal_cents."""
    events = story.events.filter(pl.col("kind") == "charge_off")
    days = events.select("unit_no", day=pl.max_horizontal("event_date", "start")).unique()
    return settlement.figures(days).select("unit_no", "day", "outstanding_principal_cents")


def _named(events: pl.DataFrame) -> pl.DataFrame:
    """What is written off of the loan that the event names, or of each loan where the event tells no amount."""
    own = events.filter(~pl.col("is_shared") | pl.col("amount_cents").is_null())
    return own.select("unit_no", "day", share_cents=pl.coalesce("amount_cents", "outstanding_principal_cents"))


def _shared(events: pl.DataFrame) -> pl.DataFrame:
    """Amounts for all loans of an account, shared by outstanding principal; the largest remainders take the rest."""
    weight, total = pl.col("weight"), pl.col("weight").sum().over(_EVENT)
    exact = pl.col("amount_cents").cast(pl.Int128) * weight
    remainder = exact % total
    missing = pl.col("amount_cents") - pl.col("share_cents").sum().over(_EVENT)
    return (
        events.filter(pl.col("is_shared") & pl.col("amount_cents").is_not_null())
        .with_columns(weight=pl.col("outstanding_principal_cents").cast(pl.Int128))
        .with_columns(weight=pl.when(total > 0).then("weight").otherwise(1))
        .with_columns(share_cents=(exact // total).cast(pl.Int64), remainder=remainder)
        .sort(*_EVENT, "remainder", "loan_id", descending=[False, False, True, False])
        .with_columns(place=pl.int_range(pl.len()).over(_EVENT), missing=missing)
        .select(
            "unit_no",
            "day",
            share_cents=pl.col("share_cents") + (pl.col("place") < pl.col("missing")).cast(pl.Int64),
        )
    )


def _recovered(story: Course, settlement: Settlement, written_off: pl.DataFrame) -> pl.DataFrame:
    """Cash that names the loan since its charge-off: unit_no, recovered_cents."""
    return (
        _cash(story, settlement)
        .join(written_off.select("unit_no", "charged_off_on"), on="unit_no")
        .filter(pl.col("paid_date") >= pl.col("charged_off_on"))
        .group_by("unit_no")
        .agg(recovered_cents=pl.col("amount_cents").sum())
    )


def _cash(story: Course, settlement: Settlement) -> pl.DataFrame:
    is_cash = pl.col("kind").is_in(CASH_KINDS) & (pl.col("paid_date") <= story.last_day)
    return settlement.ledger.credits.filter(is_cash)


def recovered_in_pot(story: Course, settlement: Settlement, written_off: pl.DataFrame) -> pl.DataFrame:
    """Cash in a common pot that names no loan, since the account's first charge-off: account_no, in_pot_cents."""
    since = (
        written_off.join(story.loans.select("unit_no", "account_no", "scope_no"), on="unit_no")
        .group_by("account_no", "scope_no")
        .agg(pl.col("charged_off_on").min())
    )
    return (
        _cash(story, settlement)
        .filter(pl.col("unit_no").is_null())
        .join(since, on="scope_no")
        .filter(pl.col("paid_date") >= pl.col("charged_off_on"))
        .group_by("account_no")
        .agg(in_pot_cents=pl.col("amount_cents").sum())
    )
