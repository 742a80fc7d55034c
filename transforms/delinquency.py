"""Delinquency: the date of the first, the first day over each edge, and how the first instalment went."""

from __future__ import annotations

import polars as pl

from transforms.course import Course
from transforms.ledger import Ledger
from transforms.spells import FOREVER, aged, containing, reached

OVER_DAYS = (30, 60, 90)
"""Edges of portfolio at risk and of vintages: more days past due than these."""
FIRST_LATE_DAYS = (7, 30)
"""Edges of first payment default."""


def first_over(story: Course) -> pl.DataFrame:
    """One row per loan that was ever more than 30 days past due: unit_no, first_over_30_on, _60_on, _90_on."""
    found = [
        aged(story.late.lazy(), story.deferred.lazy(), days + 1, story.last_day)
        .group_by("unit_no")
        .agg(pl.col("first_day").min().alias(f"first_over_{days}_on"))
        for days in OVER_DAYS
    ]
    rows = found[0]
    for more in found[1:]:
        rows = rows.join(more, on="unit_no", how="left")
    return rows.collect()


def delinquent_since(story: Course, charged_off: pl.DataFrame) -> pl.DataFrame:
    """One row per loan that is delinquent, or stays so: unit_no, delinquent_since.

    The first day of the present spell of 30 and more days past due. Kept from the charge-off on, and while the loan is
    settled if a waiver settled it.

    Args:
        story: the course of the loans.
        charged_off: unit_no, charged_off_on.
    """
    waived = (
        settled_by_waiver(story)
        .join(story.delinquent, left_on=["unit_no", "settled_on"], right_on=["unit_no", "end_day"])
        .select("unit_no", "first_day", end_day="settled_until")
    )
    spells = pl.concat([story.delinquent, waived])
    now = containing(spells.lazy(), story.last_day).select("unit_no", delinquent_since="first_day").collect()
    kept = (
        spells.join(charged_off.select("unit_no", "charged_off_on"), on="unit_no")
        # money that comes in on the day of the charge-off comes behind it
        .filter(pl.col("end_day").fill_null(FOREVER) >= pl.col("charged_off_on"))
        .group_by("unit_no")
        .agg(delinquent_since=pl.col("first_day").min())
    )
    return pl.concat([kept, now.join(charged_off, on="unit_no", how="anti").unique("unit_no")])


def settled_by_waiver(story: Course) -> pl.DataFrame:
    """One row per settled spell of a loan that begins on the day of a waiver: unit_no, settled_on, settled_until."""
    return story.settled.join(story.waivers, left_on=["unit_no", "first_day"], right_on=["unit_no", "day"]).select(
        "unit_no", settled_on="first_day", settled_until="end_day"
    )


def first_instalment(ledger: Ledger, items: pl.DataFrame, story: Course) -> pl.DataFrame:
    """One row per loan: unit_no, first_due_date, first_late_7_on, first_late_30_on, and reached_on days to come.

    Args:
        ledger: gives the original plans.
        items: every item with settled_date.
        story: the course of the loans.

    Returns:
        Besides: next_late_on, the first later day on which one of them will be reached if nothing changes.
    """
    original = ledger.plans.filter("is_original").select("unit_no", first_plan="plan_date")
    starts = story.loans.select("unit_no", "start")
    planned = items.select("item_no", "unit_no", "plan_date", "due_date").filter(~items["is_chargeback"])
    of_first = planned.join(original.join(starts, on="unit_no"), on="unit_no", maintain_order="left").filter(
        pl.col("plan_date").eq_missing(pl.col("first_plan"))
    )
    # within a loan items come by due date and number, so the first one found is the first one due
    is_behind = pl.col("due_date") > pl.col("start")
    chosen = of_first.group_by("unit_no").agg(
        first=pl.coalesce(pl.col("item_no").filter(is_behind).min(), pl.col("item_no").min())
    )
    rows = (
        items.select("item_no", "unit_no", "due_date", "settled_date", "exists_to", grace_days=pl.lit(0, pl.Int32))
        .join(chosen.select(item_no="first"), on="item_no", how="semi")
        .drop("item_no")
        .lazy()
    )
    end = pl.min_horizontal(pl.col("settled_date"), pl.col("exists_to") - pl.duration(days=1)).fill_null(FOREVER)
    for days in FIRST_LATE_DAYS:
        rows = reached(rows, story.deferred.lazy(), days + 1).rename({"reached_on": f"reached_{days}"})
    counts = {
        f"first_late_{days}_on": pl.when(
            (pl.col(f"reached_{days}") <= end) & (pl.col(f"reached_{days}") <= story.last_day)
        ).then(f"reached_{days}")
        for days in FIRST_LATE_DAYS
    }
    to_come = [
        pl.when((pl.col(f"reached_{days}") <= end) & (pl.col(f"reached_{days}") > story.last_day)).then(
            f"reached_{days}"
        )
        for days in FIRST_LATE_DAYS
    ]
    return rows.select(
        "unit_no", first_due_date="due_date", **counts, next_late_on=pl.min_horizontal(*to_come)
    ).collect()
