"""Default: when it begins, its probation, when it is over; worked out over spells, never day by day."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.course import DEFAULT_EVENTS, Course
from transforms.policy import Policy
from transforms.probation import held, settled_behind
from transforms.settle import Settlement
from transforms.spells import FOREVER, aged, union

_EPISODE: dict[str, pl.DataType] = {
    "unit_no": pl.UInt32(),
    "default_since": pl.Date(),
    "probation_since": pl.Date(),
    "default_ends_on": pl.Date(),
    "is_over": pl.Boolean(),
}


def defaults(story: Course, settlement: Settlement, policy: Policy) -> pl.DataFrame:
    """One row per default of a loan up to the last day.

    Returns:
        unit_no, default_since, default_cause, probation_since and default_ends_on (of a default that is over, how it
        ended; of one that runs, its present probation and planned end, null while something is past due), is_over.
    """
    old = _by_days(story, settlement, policy)
    marked = _by_events(story)
    marks = marked.select("unit_no", "first_day", end_day=pl.col("first_day") + pl.duration(days=1))
    triggers = union(pl.concat([old, marks]).lazy()).collect()
    return _with_cause(_episodes(story, triggers, policy), old, marked)


def _by_days(story: Course, settlement: Settlement, policy: Policy) -> pl.DataFrame:
    """Spells on whose every day days and amounts alone would begin a default: unit_no, first_day, end_day."""
    rules = policy.default
    old = union(aged(story.late.lazy(), story.deferred.lazy(), rules.days + 1, story.last_day)).collect()
    return _material(old, story, settlement, policy) if rules.materiality_cents or rules.materiality_share else old


def _by_events(story: Course) -> pl.DataFrame:
    """Days on which an event begins a default: unit_no, first_day, kind."""
    return (
        story.events.filter(pl.col("kind").is_in(DEFAULT_EVENTS))
        .with_columns(first_day=pl.max_horizontal("event_date", "start"))
        .select("unit_no", "first_day", "kind")
    )


def _with_cause(episodes: pl.DataFrame, old: pl.DataFrame, marked: pl.DataFrame) -> pl.DataFrame:
    """The defaults with what began each: the days where they say so, else the event."""
    is_old = (pl.col("first_day") <= pl.col("default_since")) & (
        pl.col("default_since") < pl.col("end_day").fill_null(FOREVER)
    )
    by_days = (
        episodes.select("unit_no", "default_since")
        .join(old, on="unit_no")
        .filter(is_old)
        .select("unit_no", "default_since", by_days=pl.lit("days"))
        .unique()
    )
    kinds = pl.DataFrame({"kind": DEFAULT_EVENTS, "rank": list(range(len(DEFAULT_EVENTS)))})
    by_event = (
        marked.join(kinds, on="kind")
        .sort("rank")
        .unique(["unit_no", "first_day"], keep="first", maintain_order=True)
        .select("unit_no", default_since="first_day", by_event="kind")
    )
    here = ["unit_no", "default_since"]
    return (
        episodes.join(by_days, on=here, how="left")
        .join(by_event, on=here, how="left")
        .with_columns(default_cause=pl.coalesce("by_days", "by_event"))
        .drop("by_days", "by_event")
    )


def _material(old: pl.DataFrame, story: Course, settlement: Settlement, policy: Policy) -> pl.DataFrame:
    """The parts of the spells in which what is past due exceeds both thresholds; amounts change on few days."""
    rules = policy.default
    scopes = story.loans.select("unit_no", "scope_no")
    changes = pl.concat(
        [
            story.late.select("unit_no", day="first_day"),
            story.late.select("unit_no", day="end_day").drop_nulls(),
            old.select("unit_no", day="first_day"),
            settlement.change_days(story.last_day).join(scopes, on="scope_no").select("unit_no", "day"),
        ]
    ).unique()
    days = (
        changes.join(old, on="unit_no")
        .filter((pl.col("day") >= pl.col("first_day")) & (pl.col("day") < pl.col("end_day").fill_null(FOREVER)))
        .filter(pl.col("day") <= story.last_day)
        .select("unit_no", "day", until=pl.col("end_day").fill_null(FOREVER))
        .sort("unit_no", "day")
        .with_columns(next_day=pl.col("day").shift(-1).over("unit_no", "until"))
        .with_columns(end_day=pl.min_horizontal(pl.col("next_day").fill_null(FOREVER), "until"))
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


def _episodes(story: Course, triggers: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """One row per default: found in rounds, the first of every loan, then the next of those whose first is over."""
    search = triggers.select("unit_no", search_from=pl.lit(date.min)).unique()
    rounds = [pl.DataFrame(schema=_EPISODE)]
    while search.height:
        begun = (
            triggers.join(search, on="unit_no")
            .with_columns(begun_on=pl.max_horizontal("first_day", "search_from"))
            .filter(pl.col("begun_on") < pl.col("end_day").fill_null(FOREVER))
            .filter(pl.col("begun_on") <= story.last_day)
            .group_by("unit_no")
            .agg(pl.col("begun_on").min())
        )
        ended = _end(begun, story, policy)
        rounds.append(ended)
        search = ended.filter("is_over").select("unit_no", search_from="default_ends_on")
    return pl.concat(rounds).sort("unit_no", "default_since")


def _end(begun: pl.DataFrame, story: Course, policy: Policy) -> pl.DataFrame:
    """When each default ends: by probation held, or by full repayment; or how its probation stands."""
    rules = policy.default
    since = pl.max_horizontal("clean_from", "begun_on", pl.when("is_restructured").then("first_due"))
    # with too few instalments left a restructured loan can only be repaid
    observed = pl.when(pl.col("met_on").is_not_null()).then(
        pl.max_horizontal(pl.col("since") + pl.duration(days=rules.restructured_probation_days), "met_on")
    )
    target = (
        pl.when("is_restructured").then(observed).otherwise(pl.col("since") + pl.duration(days=rules.probation_days))
    )
    rows = held(begun, story, rules.instalments_on_time, since, target)
    over = rows.filter(pl.col("is_held") & (pl.col("held_on") <= story.last_day))
    by_probation = over.group_by("unit_no").agg(
        ends_on=pl.col("held_on").min(), since=pl.col("since").sort_by("held_on").first()
    )
    repaid = settled_behind(begun, story).group_by("unit_no").agg(pl.col("settled_on").min())
    running = rows.filter(pl.col("runs_on_last_day") & (pl.col("since") <= story.last_day)).select(
        "unit_no", now_since="since", planned="held_on"
    )
    is_over = pl.col("ends_on").is_not_null()
    is_repaid = pl.col("settled_on") < pl.col("ends_on").fill_null(FOREVER)
    return (
        begun.join(by_probation, on="unit_no", how="left")
        .join(repaid, on="unit_no", how="left")
        .join(running, on="unit_no", how="left")
        .with_columns(
            since=pl.when(~is_repaid.fill_null(value=False)).then("since"),
            ends_on=pl.min_horizontal("ends_on", "settled_on"),
        )
        .select(
            "unit_no",
            default_since="begun_on",
            probation_since=pl.when(is_over).then("since").otherwise("now_since"),
            default_ends_on=pl.when(is_over).then("ends_on").otherwise("planned"),
            is_over=is_over,
        )
        .select(pl.col(name).cast(kind) for name, kind in _EPISODE.items())
    )
