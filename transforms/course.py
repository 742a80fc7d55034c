"""The course of loans: when items were open and late, which plan was in force, what happened to them.

Status rules are made of these spells (`transforms/spells.py`); most loans need none but their late items.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from transforms.ledger import Ledger
from transforms.policy import Policy
from transforms.settle import Settlement
from transforms.spells import FOREVER, aged, gaps, union

DELINQUENT_DAYS = 30
"""Days past due from which a loan counts as delinquent: the first status code of Metro 2."""
DEFAULT_EVENTS = ("charge_off", "settled_in_kind", "guarantor_paid")
_TELLING_EVENTS = (*DEFAULT_EVENTS, "restructure")


@dataclass(frozen=True, slots=True)
class Course:
    """What happened to the loans of a ledger up to the last day."""

    loans: pl.DataFrame
    """One row per loan that has started: unit_no, scope_no, account_no, start and the product's rules."""
    late: pl.DataFrame
    """Late spells of items: unit_no, due_date, first_day, end_day, grace_days."""
    delinquent: pl.DataFrame
    """Spells of 30 and more days past due: unit_no, first_day, end_day."""
    clean: pl.DataFrame
    """Of eventful loans: spells in which nothing is past due, from the start on."""
    settled: pl.DataFrame
    """Of eventful loans: spells in which every item is settled."""
    deferred: pl.DataFrame
    """Stretches of deferred days: unit_no, first_day, last_day."""
    events: pl.DataFrame
    """Events of each loan: unit_no, event_id, kind, event_date, amount_cents, is_shared; those for all loans spread."""
    waivers: pl.DataFrame
    """Days on which a waiver is credited in the scope of a loan: unit_no, day."""
    plans: pl.DataFrame
    """Plans in force of eventful loans: unit_no, first_day, end_day, is_restructured, first_due (of a restructured
    plan, the first due date of a big item on or after its plan_date)."""
    dues: pl.DataFrame
    """Due dates of big items of eventful loans: unit_no, plan_from, due_date."""
    last_day: date


def course(
    settlement: Settlement,
    items: pl.DataFrame,
    deferred: pl.DataFrame,
    events: pl.DataFrame,
    policy: Policy,
    last_day: date,
) -> Course:
    """Collects what happened to the loans that have started.

    A loan is *eventful* when it was ever so late that a rule may look at it again, has a restructured plan or a telling
    event, or was waived something: only then do the rules need to know when it was clean and settled.

    Args:
        settlement: the settled ledger.
        items: every item with settled_date.
        deferred: merged stretches of deferred days.
        events: events that hold: core.events.
        policy: the days from which on rules look at a loan.
        last_day: the as-of date.
    """
    ledger = settlement.ledger
    loans = ledger.units.filter(pl.col("loan_id").is_not_null() & (pl.col("start") <= last_day))
    opened = _open_spells(settlement, items, last_day).join(
        loans.select("unit_no", "grace_days"), on="unit_no", how="inner"
    )
    late = _late_spells(opened, last_day)
    delinquent = union(aged(late.lazy(), deferred.lazy(), DELINQUENT_DAYS, last_day)).collect()
    least = min(DELINQUENT_DAYS, policy.default.days + 1, policy.five_tier.upper_days[1] + 1)
    old = aged(late.lazy(), deferred.lazy(), least, last_day).select("unit_no").collect()
    happened = _of_loans(events, loans).filter(pl.col("event_date") <= last_day)
    waivers = (
        ledger.credits.filter((pl.col("kind") == "waiver") & (pl.col("paid_date") <= last_day))
        .join(loans.select("scope_no", loan_no="unit_no"), on="scope_no")
        .select(unit_no="loan_no", day="paid_date")
        .unique()
    )
    plans = _in_force(ledger, loans, last_day)
    eventful = pl.concat(
        [
            old,
            happened.filter(pl.col("kind").is_in(_TELLING_EVENTS)).select("unit_no"),
            waivers.select("unit_no"),
            plans.filter(~pl.col("is_original")).select("unit_no"),
        ]
    ).unique()
    plans, dues = _plans(ledger, plans.join(eventful, on="unit_no", how="semi"))
    starts = loans.join(eventful, on="unit_no", how="semi").lazy().select("unit_no", "start")
    past_due = union(late.join(eventful, on="unit_no", how="semi").lazy())
    unsettled = union(opened.join(eventful, on="unit_no", how="semi").lazy())
    return Course(
        loans=loans,
        late=late,
        delinquent=delinquent,
        clean=gaps(past_due, starts).collect(),
        settled=gaps(unsettled, starts).collect(),
        deferred=deferred,
        events=happened,
        waivers=waivers,
        plans=plans,
        dues=dues,
        last_day=last_day,
    )


def _open_spells(settlement: Settlement, items: pl.DataFrame, last_day: date) -> pl.DataFrame:
    """One row per big item and spell in which it is open: unit_no, due_date, first_day, end_day.

    In a regular scope an item is open once: until it is settled. A null end_day is open on the last day.
    """
    tolerances = settlement.ledger.of_units(items, "tolerance_cents").to_series()
    big = items.select("item_no", "unit_no", "scope_no", "due_date", "exists_from", "settled_date").filter(
        (items["due_cents"] > tolerances) & (items["exists_from"] <= last_day)
    )
    is_once = pl.Series(settlement.levels.is_regular[big["scope_no"].to_numpy()])
    once = big.filter(is_once).select("unit_no", "due_date", first_day="exists_from", end_day="settled_date")
    often = big.filter(~is_once).select("item_no", "unit_no", "due_date")
    often = often.join(settlement.open_spells, on="item_no").drop("item_no")
    return pl.concat([once, often]).filter((pl.col("first_day") < pl.col("end_day")).fill_null(value=True))


def _late_spells(opened: pl.DataFrame, last_day: date) -> pl.DataFrame:
    """The part of each open spell that lies behind the due date: the item is late; up to the last day."""
    late_from = pl.max_horizontal("first_day", pl.col("due_date") + pl.duration(days=1))
    return opened.with_columns(first_day=late_from).filter(
        (pl.col("first_day") < pl.col("end_day")).fill_null(value=True) & (pl.col("first_day") <= last_day)
    )


def _of_loans(events: pl.DataFrame, loans: pl.DataFrame) -> pl.DataFrame:
    """One row per event and loan it is for: one without a loan is for all of the account started by its date."""
    columns = ("unit_no", "loan_id", "account_no", "start", "event_id", "kind", "event_date", "amount_cents")
    known = loans.select("unit_no", "account_no", "source", "account_id", "loan_id", "start")
    named = (
        events.filter(pl.col("loan_id").is_not_null())
        .drop("account_no", strict=False)
        .join(known, on=["source", "account_id", "loan_id"])
        .select(*columns, is_shared=pl.lit(value=False))
    )
    for_all = (
        events.filter(pl.col("loan_id").is_null())
        .drop("loan_id", "account_no", strict=False)
        .join(known, on=["source", "account_id"])
        .filter(pl.col("start") <= pl.col("event_date"))
        .select(*columns, is_shared=pl.lit(value=True))
    )
    return pl.concat([named, for_all]).sort("unit_no", "event_date", "event_id")


def _in_force(ledger: Ledger, loans: pl.DataFrame, last_day: date) -> pl.DataFrame:
    """Plans that have been in force by the last day."""
    has_been = (pl.col("exists_from") <= last_day) & (pl.col("exists_from") < pl.col("exists_to").fill_null(FOREVER))
    return ledger.plans.filter(has_been).join(loans.select("unit_no"), on="unit_no", how="semi")


def _plans(ledger: Ledger, numbered: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Those plans as spells, and the due dates of their big items."""
    items = ledger.items.join(numbered.select("unit_no").unique(), on="unit_no", how="semi")
    dues = (
        items.with_columns(ledger.of_units(items, "tolerance_cents"))
        .filter(~pl.col("is_chargeback") & (pl.col("due_cents") > pl.col("tolerance_cents")))
        .join(
            numbered.select("unit_no", "plan_date", "is_original", plan_from="exists_from"),
            on=["unit_no", "plan_date"],
            nulls_equal=True,
        )
        .select("unit_no", "due_date", "plan_date", "is_original", "plan_from")
    )
    first_due = (
        dues.filter(~pl.col("is_original") & (pl.col("due_date") >= pl.col("plan_date")))
        .group_by("unit_no", "plan_from")
        .agg(first_due=pl.col("due_date").min())
    )
    plans = numbered.select(
        "unit_no", first_day="exists_from", end_day="exists_to", is_restructured=~pl.col("is_original")
    ).join(first_due, left_on=["unit_no", "first_day"], right_on=["unit_no", "plan_from"], how="left")
    return plans.sort("unit_no", "first_day"), dues.select("unit_no", "plan_from", "due_date").sort(
        "unit_no", "plan_from", "due_date"
    )
