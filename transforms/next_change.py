"""Next change: the first later day on which an account that nothing touches needs to be worked on in full again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from transforms.course import DELINQUENT_DAYS
from transforms.delinquency import OVER_DAYS
from transforms.loan_book import LoanBook
from transforms.months import last_month_end, next_month_end
from transforms.policy import Policy
from transforms.settle import Settlement
from transforms.spells import reached

_UNIT_DAY = ("unit_no", "day")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a set of accounts on the last day."""

    loans: LoanBook
    settlement: Settlement
    open_items: pl.DataFrame
    """Items with more than the tolerance uncovered: unit_no, due_date."""
    accounts: pl.DataFrame
    """account_no, product_code, opened_date, closed_date."""
    account_versions: pl.DataFrame
    events: pl.DataFrame
    """With account_no."""


def next_change(known: Known, policy: Policy, last_day: date) -> pl.DataFrame:
    """One row per account: account_no, next_change, the first day after the last one on which something counts anew.

    Without new facts coverage does not change; but money, items, plans, limits and events that are known already may
    begin to count, days past due reach an edge, and a default, a class or an observation may end.
    """
    units = known.settlement.ledger.units.select("unit_no", "account_no")
    by_unit = [
        *_edges(known, policy),
        *_held(known, policy, last_day),
        *_deferrals(known),
        *_month_end(known, last_day),
        known.loans.first.select("unit_no", day="next_late_on"),
        known.loans.story.plans.select("unit_no", day="first_due"),
    ]
    scopes = known.settlement.ledger.units.select("scope_no", "account_no").unique()
    is_later = pl.col("day") > last_day
    moments = pl.concat([rows.select(_UNIT_DAY).filter(is_later) for rows in by_unit])
    changes = known.settlement.change_days(date.max).filter(is_later)
    by_account = [
        moments.join(units, on="unit_no").select("account_no", "day"),
        changes.join(scopes, on="scope_no").select("account_no", "day"),
        known.account_versions.select("account_no", day="valid_from"),
        known.events.select("account_no", day="event_date"),
        *_account_days(known, policy, last_day),
    ]
    return (
        pl.concat([rows.cast({"account_no": pl.Int32}) for rows in by_account])
        .filter(is_later)
        .group_by("account_no")
        .agg(next_change=pl.col("day").min())
        .sort("account_no")
    )


def _edges(known: Known, policy: Policy) -> list[pl.DataFrame]:
    """Days on which the oldest open item of a loan reaches an edge that is remembered."""
    days = {
        DELINQUENT_DAYS,
        *(edge + 1 for edge in OVER_DAYS),
        policy.default.days + 1,
        policy.five_tier.upper_days[1] + 1,
    }
    story = known.loans.story
    oldest = (
        known.open_items.group_by("unit_no")
        .agg(pl.col("due_date").min())
        .join(story.loans.select("unit_no", "grace_days"), on="unit_no")
        .lazy()
    )
    return [
        reached(oldest, story.deferred.lazy(), edge).select("unit_no", day="reached_on").collect()
        for edge in sorted(days)
    ]


def _held(known: Known, policy: Policy, last_day: date) -> list[pl.DataFrame]:
    """Of loans that a rule holds, or would: the days on which it may give way, and on which something falls late."""
    loans = known.loans
    running = loans.episodes.filter(~pl.col("is_over"))
    marked = [running.select("unit_no"), loans.floors.filter(pl.col("five_tier_floor") > 1).select("unit_no")]
    marked.append(loans.floors.filter("is_observed").select("unit_no"))
    if policy.default.materiality_cents or policy.default.materiality_share:
        marked.append(loans.today.filter(pl.col("dpd") > policy.default.days).select("unit_no"))
    late_next = (
        known.open_items.join(pl.concat(marked).unique(), on="unit_no", how="semi")
        .with_columns(day=pl.col("due_date") + pl.duration(days=1))
        .filter(pl.col("day") > last_day)
    )
    return [
        late_next.select(_UNIT_DAY),
        running.select("unit_no", day="default_ends_on"),
        loans.floors.select("unit_no", day="ends_on"),
    ]


def _deferrals(known: Known) -> list[pl.DataFrame]:
    """First and last days of deferrals."""
    deferred = known.loans.story.deferred
    return [
        deferred.select("unit_no", day="first_day"),
        deferred.select("unit_no", day=pl.col("last_day") + pl.duration(days=1)),
    ]


def _month_end(known: Known, last_day: date) -> list[pl.DataFrame]:
    """Loans whose month-end to come does not follow from days past due alone."""
    end = next_month_end(last_day)
    is_this_month = pl.col("day").is_between(end.replace(day=1), last_day)
    story = known.loans.story
    today = known.loans.today
    paid_late = story.late.filter(pl.col("end_day").is_not_null()).select("unit_no", day="due_date")
    told = story.events.filter(pl.col("kind").is_in(["guarantor_paid", "settled_in_kind"]))
    unknown = story.events.filter(pl.col("kind") == "restructure").select("unit_no")
    # a loan closed in the running month still has a row at its end, and none after
    closed = today.filter((pl.col("open_count") == 0) & (pl.col("remaining_cents") >= 0)).select("unit_no")
    changed = (
        known.settlement.change_days(last_day)
        .join(known.settlement.ledger.units.select("unit_no", "scope_no"), on="scope_no")
        .join(today.filter(pl.col("open_count") == 0), on="unit_no", how="semi")
    )
    return [
        rows.select("unit_no", day=pl.lit(end))
        for rows in (
            paid_late.filter(is_this_month),
            told.select("unit_no", day="event_date").filter(is_this_month),
            unknown.join(closed, on="unit_no", how="anti"),
            changed.filter(is_this_month),
        )
    ]


def _account_days(known: Known, policy: Policy, last_day: date) -> list[pl.DataFrame]:
    """Closings and openings of accounts, and month-ends of those that are about to close in their own string."""
    grains = policy.product_frame(known.accounts["product_code"].to_list()).select("product_code", "pboc_grain")
    by_account = known.accounts.join(grains, on="product_code").filter(pl.col("pboc_grain") == "account")
    story = known.loans.story
    last_end = last_month_end(last_day)
    closed_before = known.loans.months.filter((pl.col("month_end") == last_end) & ~pl.col("is_settled")).join(
        story.loans.select("unit_no", "account_no"), on="unit_no"
    )
    has_ended = pl.col("closed_date") <= last_end
    closing = pl.concat(
        [
            by_account.filter(pl.col("closed_date").is_not_null() & ~has_ended).select("account_no"),
            by_account.filter(has_ended).join(closed_before, on="account_no", how="semi").select("account_no"),
            by_account.filter(pl.col("opened_date") > last_day).select("account_no"),
        ]
    )
    return [
        known.accounts.select("account_no", day="closed_date"),
        closing.select("account_no", day=pl.lit(next_month_end(last_day))),
    ]
