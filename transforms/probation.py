"""Probation: since when a loan has been clean under its plan, and when that has held long enough.

Default, the held five-tier class and the observation of restructured loans all end this way.
"""

from __future__ import annotations

import polars as pl

from transforms.course import Course
from transforms.spells import FOREVER


def held(begun: pl.DataFrame, story: Course, instalments: int, since: pl.Expr, target: pl.Expr) -> pl.DataFrame:
    """One row per clean spell behind each beginning and plan in force in it: since when it counts and when it has held.

    Args:
        begun: one row per loan: unit_no, begun_on.
        story: the course of the loans.
        instalments: how many instalments due from `since` on `met_on` waits for.
        since: the day from which the spell counts, of clean_from, begun_on, first_due, is_restructured.
        target: the day on which it has held, of since, met_on (the day behind the due date of the last of those
            instalments; null when so many are not left), is_restructured; null: never.

    Returns:
        unit_no, plan_from, since, held_on (later than begun_on), holds_until (the last day on which spell and plan may
        say so), is_held, runs_on_last_day.
    """
    clean = story.clean.rename({"first_day": "clean_from", "end_day": "late_on"})
    plans = story.plans.rename({"first_day": "plan_from", "end_day": "plan_until"})
    late_on, plan_until = (pl.col(name).fill_null(FOREVER) for name in ("late_on", "plan_until"))
    pieces = (
        clean.join(begun, on="unit_no")
        .filter(pl.col("begun_on") < late_on)
        .join(plans, on="unit_no")
        .filter(
            (pl.col("plan_from") < late_on) & (pl.col("clean_from") < plan_until) & (pl.col("begun_on") < plan_until)
        )
        .with_columns(since=since)
        .with_row_index("piece")
    )
    # behind the plan's last day the next plan's rule decides; the day on which it has held may itself be late
    holds_until = pl.min_horizontal(late_on, plan_until - pl.duration(days=1))
    runs = (pl.max_horizontal("clean_from", "plan_from") <= story.last_day) & (
        pl.min_horizontal(late_on, plan_until) > story.last_day
    )
    held_on = pl.max_horizontal("target", "plan_from", pl.col("begun_on") + pl.duration(days=1))
    return (
        pieces.join(_met(pieces, story.dues, instalments), on="piece", how="left")
        .with_columns(target=target, holds_until=holds_until, runs_on_last_day=runs)
        .with_columns(held_on=pl.when(pl.col("target").is_not_null()).then(held_on))
        .with_columns(is_held=(pl.col("held_on") <= pl.col("holds_until")).fill_null(value=False))
        .select("unit_no", "plan_from", "since", "held_on", "holds_until", "is_held", "runs_on_last_day")
    )


def _met(pieces: pl.DataFrame, dues: pl.DataFrame, count: int) -> pl.DataFrame:
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


def settled_behind(begun: pl.DataFrame, story: Course) -> pl.DataFrame:
    """One row per settled spell behind a beginning: unit_no, settled_on (later than begun_on), holds_until."""
    end_day = pl.col("end_day").fill_null(FOREVER)
    return (
        story.settled.join(begun, on="unit_no")
        .with_columns(settled_on=pl.max_horizontal("first_day", pl.col("begun_on") + pl.duration(days=1)))
        .filter((pl.col("settled_on") < end_day) & (pl.col("settled_on") <= story.last_day))
        .select("unit_no", "settled_on", holds_until=end_day - pl.duration(days=1))
    )
