"""The loans of a set of accounts on a day: standing, month-ends, default, class, charge-off, strings, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from transforms import charge_offs, course, defaults, delinquency, five_tier, history, performance, standing, strings
from transforms.course import Course
from transforms.feeds import CASH_KINDS
from transforms.ledger import Ledger
from transforms.months import last_month_end
from transforms.policy import Policy
from transforms.settle import Settlement


@dataclass(frozen=True, slots=True)
class LoanBook:
    """What is known of the loans on the last day."""

    today: pl.DataFrame
    """Standing of every unit that has started."""
    months: pl.DataFrame
    """Month-ends of loans with their codes: unit_no, month_end, month_no, …, is_closing, plain_code, pboc_code."""
    story: Course
    episodes: pl.DataFrame
    """Defaults by unit_no."""
    floors: pl.DataFrame
    """Floors of the five-tier class by unit_no, with ends_on."""
    charged_off: pl.DataFrame
    """Charge-offs by unit_no."""
    first: pl.DataFrame
    """First instalments by unit_no, with next_late_on."""
    status: pl.DataFrame
    """status.loan_status but for the account's columns and what is told of all loans together."""
    history: pl.DataFrame
    """status.loan_history but for the account's columns."""
    defaults: pl.DataFrame
    """status.loan_defaults but for the account's columns."""


def keep(settlement: Settlement, items: pl.DataFrame, events: pl.DataFrame, policy: Policy, last_day: date) -> LoanBook:
    """Works out everything that is told of single loans.

    Args:
        settlement: the settled ledger.
        items: every item with paid_cents and settled_date.
        events: events that hold.
        policy: the rules.
        last_day: the as-of date.
    """
    entries = settlement.ledger
    deferred = standing.deferrals(events, entries.units)
    started = entries.units.filter((pl.col("start") <= last_day).fill_null(value=True))
    today = standing.standing(settlement, deferred, started.select("unit_no", day=pl.lit(last_day)), policy)
    story = course.course(settlement, items, deferred, events, policy, last_day)
    episodes = defaults.defaults(story, settlement, policy)
    floors = five_tier.floors(story, episodes, policy)
    charged_off = charge_offs.charge_offs(story, settlement)
    first = delinquency.first_instalment(entries, items, story)
    cells = history.grid(settlement, today, last_day)
    ends = history.history(settlement, cells, deferred, policy)
    months = performance.monthly(ends, cells, entries, items, story, charged_off)
    who = story.loans.select("unit_no", "source", "account_id", "loan_id")
    found = (
        episodes.filter(~pl.col("is_over")).drop("is_over", "default_cause"),
        floors.drop("ends_on"),
        charged_off,
        delinquency.first_over(story),
        delinquency.delinquent_since(story, charged_off),
        first.drop("next_late_on"),
        _disputed(story),
        _deferred_now(deferred, last_day),
        _last_due(items, last_day),
    )
    status = (
        today.join(story.loans.drop("grace_days"), on="unit_no")
        .join(_last_paid(entries, last_day), on="scope_no", how="left")
        .join(_strings(months, story, last_day), on="unit_no", how="left")
    )
    for rows in found:
        status = status.join(rows, on="unit_no", how="left")
    flags = ("is_observed", "is_disputed", "is_deferred")
    amounts = ("charged_off_cents", "recovered_cents")
    return LoanBook(
        today=today,
        months=months,
        story=story,
        episodes=episodes,
        floors=floors,
        charged_off=charged_off,
        first=first,
        status=status.with_columns(
            pl.col(flags).fill_null(value=False),
            pl.col(amounts).fill_null(0),
            pl.col("five_tier_floor").fill_null(1),
            bucket=standing.bucket(pl.col("bucket_no")),
            is_past_due=pl.col("past_due_cents") > 0,
            is_in_credit=pl.col("remaining_cents") < 0,
            is_settled=pl.col("open_count") == 0,
        ).with_columns(is_forborne=pl.col("is_observed") | pl.col("is_deferred")),
        history=months.with_columns(
            entries.of_units(months, "source", "account_id", "loan_id"), bucket=standing.bucket(pl.col("bucket_no"))
        ),
        defaults=episodes.join(who, on="unit_no"),
    )


def _strings(months: pl.DataFrame, story: Course, last_day: date) -> pl.DataFrame:
    """One row per loan: history_24m, pboc_24m, pboc_60m (null where the product keeps them by account), metro2_24m."""
    end = last_month_end(last_day)
    starts = story.loans.select("unit_no", "start")
    by_loan = story.loans.filter(pl.col("pboc_grain") == "loan").select("unit_no", "start")
    whose = by_loan.join(performance.closing_months(months), on="unit_no", how="left")
    codes = months.select("unit_no", "month_no", code="pboc_code")
    return (
        strings.history_24m(months, starts, end, "unit_no")
        .join(strings.pboc(codes, whose, end, "unit_no"), on="unit_no", how="left")
        .join(strings.metro2_24m(months, starts, last_day, "unit_no"), on="unit_no", how="left")
    )


def _last_paid(entries: Ledger, last_day: date) -> pl.DataFrame:
    """One row per scope with cash: last_paid_date."""
    cash = entries.credits.filter(pl.col("kind").is_in(CASH_KINDS) & (pl.col("paid_date") <= last_day))
    return cash.group_by("scope_no").agg(last_paid_date=pl.col("paid_date").max())


def _disputed(story: Course) -> pl.DataFrame:
    """Loans whose last word on a dispute is that it was opened: unit_no, is_disputed."""
    words = story.events.filter(pl.col("kind").is_in(["dispute_opened", "dispute_closed"]))
    last = words.sort("event_date", "event_id").unique("unit_no", keep="last", maintain_order=True)
    return last.select("unit_no", is_disputed=pl.col("kind") == "dispute_opened")


def _deferred_now(deferred: pl.DataFrame, last_day: date) -> pl.DataFrame:
    """Loans on whose last day a deferral runs: unit_no, is_deferred."""
    runs = deferred.filter((pl.col("first_day") <= last_day) & (pl.col("last_day") >= last_day))
    return runs.select("unit_no", is_deferred=pl.lit(value=True)).unique()


def _last_due(items: pl.DataFrame, last_day: date) -> pl.DataFrame:
    """One row per unit: last_due_date of the items that exist on the last day."""
    exists = (pl.col("exists_from") <= last_day) & (pl.col("exists_to") > last_day).fill_null(value=True)
    found = items.select("unit_no", "due_date", "exists_from", "exists_to").filter(exists)
    return found.group_by("unit_no").agg(last_due_date=pl.col("due_date").max())
