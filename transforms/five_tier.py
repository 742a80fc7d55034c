"""The five-tier class between its days: how long a bad class is held, and how long a restructured loan is observed."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.course import Course
from transforms.policy import Policy
from transforms.probation import held, settled_behind
from transforms.spells import FOREVER, aged, containing, union

NON_PERFORMING = 3
"""From this class on a loan is non-performing (不良)."""
WATCHED = 2
"""A restructured loan that is observed is at least special-mention (关注)."""


def floors(story: Course, episodes: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """One row per loan that the rules hold on the last day: unit_no, five_tier_floor (2 or 3), is_observed, ends_on.

    ends_on: the next day on which the floor may give way if nothing falls late; null: not by itself.
    """
    observed = observation(story, policy)
    holding = _holding(story, episodes, policy) if policy.five_tier.follows_status else observed.clear()
    floor = pl.when("is_held").then(NON_PERFORMING).when("is_observed").then(WATCHED).otherwise(1)
    return (
        holding.select("unit_no", is_held=pl.lit(value=True), held_until="ends_on")
        .join(
            observed.select("unit_no", is_observed=pl.lit(value=True), observed_until="ends_on"),
            on="unit_no",
            how="full",
            coalesce=True,
        )
        .with_columns(pl.col("is_held", "is_observed").fill_null(value=False))
        .select(
            "unit_no",
            "is_observed",
            five_tier_floor=(floor if policy.five_tier.follows_status else pl.lit(1)).cast(pl.Int32),
            ends_on=pl.min_horizontal("held_until", "observed_until"),
        )
    )


def observation(story: Course, policy: Policy) -> pl.DataFrame:
    """One row per restructured loan that is observed on the last day: unit_no, ends_on (planned; null: not by time)."""
    rules = policy.five_tier
    plans = story.plans.filter("is_restructured").rename({"first_day": "plan_from", "end_day": "plan_until"})
    current = containing(
        plans.select("unit_no", first_day="plan_from", end_day="plan_until").lazy(), story.last_day
    ).collect()
    begun = (
        plans.join(current.select("unit_no", plan_from="first_day"), on=["unit_no", "plan_from"])
        .filter(pl.col("first_due") <= story.last_day)
        .select("unit_no", "plan_from", begun_on="first_due")
    )
    since = pl.max_horizontal("clean_from", "begun_on")
    target = pl.when(pl.col("met_on").is_not_null()).then(
        pl.max_horizontal(pl.col("since") + pl.duration(days=rules.observation_days), "met_on")
    )
    rows = held(begun.drop("plan_from"), story, rules.instalments_on_time, since, target).join(
        begun, on=["unit_no", "plan_from"]
    )
    over = pl.concat(
        [
            rows.filter(pl.col("is_held") & (pl.col("held_on") <= story.last_day)).select("unit_no"),
            _repaid(begun, story),
        ]
    )
    planned = rows.filter("runs_on_last_day").select("unit_no", ends_on="held_on")
    return (
        begun.join(over, on="unit_no", how="anti").join(planned, on="unit_no", how="left").select("unit_no", "ends_on")
    )


def _repaid(begun: pl.DataFrame, story: Course) -> pl.DataFrame:
    """Loans settled on a day on which they were observed: unit_no."""
    on_or_after = begun.select("unit_no", begun_on=pl.col("begun_on") - pl.duration(days=1))
    return settled_behind(on_or_after, story).select("unit_no").unique()


def _holding(story: Course, episodes: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """One row per loan whose class is held on the last day: unit_no, ends_on (planned; null: not by time alone)."""
    bad = _bad_days(story, episodes, policy)
    search = bad.select("unit_no", search_from=pl.lit(date.min)).unique()
    running = [pl.DataFrame(schema={"unit_no": pl.UInt32, "ends_on": pl.Date})]
    while search.height:
        begun = (
            bad.join(search, on="unit_no")
            .with_columns(begun_on=pl.max_horizontal("first_day", "search_from"))
            .filter(pl.col("begun_on") < pl.col("end_day").fill_null(FOREVER))
            .group_by("unit_no")
            .agg(pl.col("begun_on").min())
        )
        ended = _released(begun, bad, story, policy)
        is_over = pl.col("released_on") <= story.last_day
        running.append(ended.filter(~is_over.fill_null(value=False)).select("unit_no", ends_on="released_on"))
        search = ended.filter(is_over).select("unit_no", search_from="released_on")
    return pl.concat(running)


def _bad_days(story: Course, episodes: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Spells in which a loan is of class 3 or worse by its days, or in default, up to the last day."""
    old = aged(story.late.lazy(), story.deferred.lazy(), policy.five_tier.upper_days[1] + 1, story.last_day)
    in_default = episodes.lazy().select(
        "unit_no", first_day="default_since", end_day=pl.when("is_over").then("default_ends_on")
    )
    return union(pl.concat([old.select("unit_no", "first_day", "end_day"), in_default])).collect()


def _released(begun: pl.DataFrame, bad: pl.DataFrame, story: Course, policy: Policy) -> pl.DataFrame:
    """When each holding ends: unit_no, released_on; a day to come is planned, null means not by time alone."""
    rules = policy.five_tier
    since = pl.max_horizontal("clean_from", "begun_on")
    months = pl.col("since").dt.offset_by(f"{rules.upgrade_months}mo")
    target = pl.when(pl.col("met_on").is_not_null()).then(pl.max_horizontal(months, "met_on"))
    rows = held(begun, story, rules.instalments_on_time, since, target)
    planned = rows.filter(pl.col("is_held") | (pl.col("runs_on_last_day") & (pl.col("held_on") > story.last_day)))
    wanted = pl.concat(
        [
            planned.select("unit_no", "holds_until", released_on="held_on"),
            settled_behind(begun, story).select("unit_no", "holds_until", released_on="settled_on"),
        ]
    )
    # default may last longer than the class needs; the class is released with it
    in_bad = (
        wanted.join(bad, on="unit_no")
        .filter(
            (pl.col("first_day") <= pl.col("released_on"))
            & (pl.col("released_on") < pl.col("end_day").fill_null(FOREVER))
        )
        .select("unit_no", "released_on", until=pl.col("end_day").fill_null(FOREVER))
    )
    released_on = pl.coalesce("until", "released_on")
    free = (
        wanted.join(in_bad, on=["unit_no", "released_on"], how="left")
        .with_columns(released_on=released_on)
        .filter((pl.col("released_on") <= pl.col("holds_until")) & (pl.col("released_on") < FOREVER))
    )
    return begun.select("unit_no").join(
        free.group_by("unit_no").agg(pl.col("released_on").min()), on="unit_no", how="left"
    )
