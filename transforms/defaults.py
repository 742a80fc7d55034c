"""Default, probation, observation and the classes that stick, worked out over spells, never day by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from transforms.ledger import Ledger
from transforms.policy import Policy
from transforms.settle import Settlement
from transforms.spells import FOREVER, aged, gaps, union

DEFAULT_EVENTS = ("charge_off", "settled_in_kind", "guarantor_paid")


@dataclass(frozen=True, slots=True)
class Course:
    """What happened to the loans of a ledger up to the last day."""

    loans: pl.DataFrame
    """One row per loan that has started: unit_no, start."""
    late: pl.DataFrame
    """Late spells of items: unit_no, due_date, first_day, end_day."""
    past_due: pl.DataFrame
    """Unions: spells in which anything is past due."""
    clean: pl.DataFrame
    """Spells in which nothing is past due, from the start on."""
    settled: pl.DataFrame
    """Spells in which every item is settled."""
    deferred: pl.DataFrame
    """Stretches of deferred days: unit_no, first_day, last_day."""
    events: pl.DataFrame
    """Events of each loan: unit_no, kind, event_date, amount_cents, until_date; those for a whole account spread."""
    plans: pl.DataFrame
    """Plans in force: unit_no, first_day, end_day, is_restructured, first_due (of a restructured plan, the first that
    falls due from its plan_date on)."""
    dues: pl.DataFrame
    """Due dates of items of more than the tolerance: unit_no, plan_from, due_date."""
    last_day: date


def course(
    settlement: Settlement,
    opened: pl.DataFrame,
    late: pl.DataFrame,
    deferred: pl.DataFrame,
    events: pl.DataFrame,
    last_day: date,
) -> Course:
    """Collects the spells of the loans that have started.

    Args:
        settlement: the settled ledger.
        opened: open spells of items.
        late: late spells of items.
        deferred: merged stretches of deferred days.
        events: events that hold: core.events.
        last_day: the as-of date.
    """
    ledger = settlement.ledger
    loans = ledger.units.filter(pl.col("loan_id").is_not_null() & (pl.col("start") <= last_day)).select(
        "unit_no", "start", "source", "account_id", "loan_id"
    )
    past_due = union(late.lazy()).collect()
    unsettled = union(opened.lazy()).collect()
    starts = loans.lazy().select("unit_no", "start")
    plans, dues = _plans(ledger, loans, last_day)
    return Course(
        loans=loans.select("unit_no", "start"),
        late=late.join(loans, on="unit_no", how="semi"),
        past_due=past_due.join(loans, on="unit_no", how="semi"),
        clean=gaps(past_due.lazy(), starts).collect(),
        settled=gaps(unsettled.lazy(), starts).collect(),
        deferred=deferred,
        events=of_loans(events, loans).filter(pl.col("event_date") <= last_day),
        plans=plans,
        dues=dues,
        last_day=last_day,
    )


def of_loans(events: pl.DataFrame, loans: pl.DataFrame) -> pl.DataFrame:
    """One row per event and loan it is for: one without a loan is for all of the account started by its date.

    Args:
        events: core.events with account_id and loan_id.
        loans: unit_no, start, source, account_id, loan_id.
    """
    columns = ("unit_no", "event_id", "kind", "event_date", "until_date", "amount_cents", "is_shared")
    named = (
        events.filter(pl.col("loan_id").is_not_null())
        .join(loans, on=["source", "account_id", "loan_id"])
        .with_columns(is_shared=pl.lit(value=False))
    )
    for_all = (
        events.filter(pl.col("loan_id").is_null())
        .drop("loan_id")
        .join(loans, on=["source", "account_id"])
        .filter(pl.col("start") <= pl.col("event_date"))
        .with_columns(is_shared=pl.lit(value=True))
    )
    return pl.concat([named.select(columns), for_all.select(columns)]).sort("unit_no", "event_date", "event_id")


def _plans(ledger: Ledger, loans: pl.DataFrame, last_day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Plans that have been in force by the last day, and the due dates of their items."""
    numbered = ledger.plans.join(loans.select("unit_no", "source", "loan_id"), on=["source", "loan_id"]).filter(
        (pl.col("exists_from") <= last_day) & (pl.col("exists_from") < pl.col("exists_to").fill_null(FOREVER))
    )
    tolerance = ledger.units.select("unit_no", "tolerance_cents")
    dues = (
        ledger.items.filter(~pl.col("is_chargeback"))
        .join(tolerance, on="unit_no")
        .filter(pl.col("due_cents") > pl.col("tolerance_cents"))
        .join(numbered.select("unit_no", "plan_date", "is_original"), on=["unit_no", "plan_date"], nulls_equal=True)
        .select("unit_no", "due_date", "plan_date", "is_original", plan_from="exists_from")
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


def default_triggers(story: Course, settlement: Settlement, policy: Policy) -> pl.DataFrame:
    """Spells on whose every day a loan would enter default: unit_no, first_day, end_day; merged."""
    rules = policy.default
    old = union(aged(story.late.lazy(), story.deferred.lazy(), rules.days + 1)).collect()
    if rules.materiality_cents or rules.materiality_share:
        old = _material(old, story, settlement, policy)
    marked = (
        story.events.filter(pl.col("kind").is_in(DEFAULT_EVENTS))
        .join(story.loans, on="unit_no")
        .with_columns(first_day=pl.max_horizontal("event_date", "start"))
        .select("unit_no", "first_day", end_day=pl.col("first_day") + pl.duration(days=1))
    )
    return union(pl.concat([old, marked]).lazy()).collect()


def _material(old: pl.DataFrame, story: Course, settlement: Settlement, policy: Policy) -> pl.DataFrame:
    """The parts of the spells in which what is past due exceeds both thresholds; amounts change on few days."""
    rules = policy.default
    scopes = settlement.ledger.units.select("unit_no", "scope_no")
    changes = pl.concat(
        [
            story.late.select("unit_no", day="first_day"),
            story.past_due.select("unit_no", day="end_day").drop_nulls(),
            old.select("unit_no", day="first_day"),
            settlement.change_days(story.last_day).join(scopes, on="scope_no").select("unit_no", "day"),
        ]
    ).unique()
    days = (
        changes.join(old, on="unit_no")
        .filter((pl.col("day") >= pl.col("first_day")) & (pl.col("day") < pl.col("end_day").fill_null(FOREVER)))
        .filter(pl.col("day") <= story.last_day)
        .select("unit_no", "day", until="end_day")
        .sort("unit_no", "day")
        .with_columns(next_day=pl.col("day").shift(-1).over("unit_no", "until"))
        .with_columns(
            end_day=pl.min_horizontal(pl.col("next_day").fill_null(FOREVER), pl.col("until").fill_null(FOREVER))
        )
    )
    base = pl.col("outstanding_principal_cents") + pl.col("past_due_charges_cents")
    exceeds = (pl.col("past_due_cents") > rules.materiality_cents) & (
        pl.col("past_due_cents") > base * rules.materiality_share
    )
    return (
        settlement.figures(days.select("unit_no", "day").unique())
        .filter(exceeds)
        .join(days, on=["unit_no", "day"])
        .select("unit_no", first_day="day", end_day=pl.when(pl.col("end_day") < FOREVER).then("end_day"))
    )


def default_episodes(story: Course, triggers: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """One row per default of a loan: unit_no, default_since, probation_since, default_ends_on, is_over.

    Found in rounds: the first default of every loan, then the next of those whose first is over, and so on.
    probation_since and default_ends_on are of the present probation; null while something is past due.
    """
    search = triggers.select("unit_no", search_from=pl.lit(date.min)).unique()
    rounds = []
    while search.height:
        begun = (
            triggers.join(search, on="unit_no")
            .with_columns(default_since=pl.max_horizontal("first_day", "search_from"))
            .filter(pl.col("default_since") < pl.col("end_day").fill_null(FOREVER))
            .filter(pl.col("default_since") <= story.last_day)
            .group_by("unit_no")
            .agg(pl.col("default_since").min())
        )
        ended = _end(begun, story, policy)
        rounds.append(ended)
        search = ended.filter("is_over").select("unit_no", search_from="default_ends_on")
    return pl.concat([_no_episodes(), *rounds]).sort("unit_no", "default_since")


def _no_episodes() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "unit_no": pl.UInt32,
            "default_since": pl.Date,
            "probation_since": pl.Date,
            "default_ends_on": pl.Date,
            "is_over": pl.Boolean,
        }
    )


def _end(begun: pl.DataFrame, story: Course, policy: Policy) -> pl.DataFrame:
    """When each default ends: by probation held, or by full repayment; or how its probation stands."""
    rules = policy.default
    last_day = pl.lit(story.last_day)
    held = _held(begun, story, rules.probation_days, rules.restructured_probation_days, rules.instalments_on_time)
    over = held.filter(pl.col("is_held") & (pl.col("held_on") <= last_day))
    by_probation = over.group_by("unit_no").agg(
        ends_on=pl.col("held_on").min(), since=pl.col("since").sort_by("held_on").first()
    )
    repaid = (
        story.settled.join(begun, on="unit_no")
        .with_columns(repaid_on=pl.max_horizontal("first_day", "default_since"))
        .filter((pl.col("repaid_on") < pl.col("end_day").fill_null(FOREVER)) & (pl.col("repaid_on") <= last_day))
        .group_by("unit_no")
        .agg(pl.col("repaid_on").min())
    )
    running = held.filter(pl.col("runs_on_last_day") & (pl.col("since") <= last_day)).select(
        "unit_no", now_since="since", planned="held_on"
    )
    is_over = pl.col("ends_on").is_not_null()
    return (
        begun.join(by_probation, on="unit_no", how="left")
        .join(repaid, on="unit_no", how="left")
        .join(running, on="unit_no", how="left")
        .with_columns(
            since=pl.when(pl.col("repaid_on") <= pl.col("ends_on").fill_null(FOREVER)).then(None).otherwise("since"),
            ends_on=pl.min_horizontal("ends_on", "repaid_on"),
        )
        .select(
            "unit_no",
            "default_since",
            probation_since=pl.when(is_over).then("since").otherwise("now_since"),
            default_ends_on=pl.when(is_over).then("ends_on").otherwise("planned"),
            is_over=is_over,
        )
    )


def _held(begun: pl.DataFrame, story: Course, days: int, restructured_days: int, instalments: int) -> pl.DataFrame:
    """One row per clean spell and plan in force in it, behind each beginning: since when it counts, when it has held.

    Args:
        begun: unit_no, default_since.
        story: the course of the loans.
        days: days that a loan of its original plan must stay clean.
        restructured_days: the same for a restructured loan.
        instalments: instalments that a restructured loan must have met meanwhile.

    Returns:
        unit_no, since, held_on, is_held (the spell lasts so long), runs_on_last_day.
    """
    clean = story.clean.rename({"first_day": "clean_from", "end_day": "late_on"})
    plans = story.plans.rename({"first_day": "plan_from", "end_day": "plan_until"})
    pieces = (
        clean.join(begun, on="unit_no")
        .filter(pl.col("default_since") < pl.col("late_on").fill_null(FOREVER))
        .join(plans, on="unit_no")
        .filter(
            (pl.col("plan_from") < pl.col("late_on").fill_null(FOREVER))
            & (pl.col("clean_from") < pl.col("plan_until").fill_null(FOREVER))
            & (pl.col("default_since") < pl.col("plan_until").fill_null(FOREVER))
        )
        .with_columns(
            since=pl.max_horizontal("clean_from", "default_since", pl.when("is_restructured").then("first_due"))
        )
        .with_row_index("piece")
    )
    # with too few instalments left a restructured loan can only be repaid
    observed = pl.when(pl.col("met_on").is_not_null()).then(
        pl.max_horizontal(pl.col("since") + pl.duration(days=restructured_days), "met_on")
    )
    target = pl.when("is_restructured").then(observed).otherwise(pl.col("since") + pl.duration(days=days))
    late_on, plan_until = (pl.col(name).fill_null(FOREVER) for name in ("late_on", "plan_until"))
    # behind the plan's last day the next plan's rule decides; on a late day the spell has held
    fits = (pl.col("held_on") <= late_on) & ((pl.col("held_on") < plan_until) | (plan_until == FOREVER))
    runs = (pl.max_horizontal("clean_from", "plan_from") <= story.last_day) & (
        pl.min_horizontal(late_on, plan_until) > story.last_day
    )
    return (
        pieces.join(_instalments_met(pieces, story.dues, instalments), on="piece", how="left")
        .with_columns(target=target)
        .with_columns(held_on=pl.when(pl.col("target").is_not_null()).then(pl.max_horizontal("target", "plan_from")))
        .with_columns(is_held=fits.fill_null(value=False), runs_on_last_day=runs)
        .select("unit_no", "since", "held_on", "is_held", "runs_on_last_day")
    )


def _instalments_met(pieces: pl.DataFrame, dues: pl.DataFrame, count: int) -> pl.DataFrame:
    """Per piece: the day behind the due date of the n-th instalment that falls due from `since` on: piece, met_on."""
    return (
        pieces.select("piece", "unit_no", "plan_from", "since")
        .join(dues, on=["unit_no", "plan_from"])
        .filter(pl.col("due_date") >= pl.col("since"))
        .sort("piece", "due_date")
        .group_by("piece", maintain_order=True)
        .agg(met_on=pl.col("due_date").slice(max(count - 1, 0), 1).first() + pl.duration(days=1))
        .drop_nulls()
    )
