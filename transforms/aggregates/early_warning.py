"""Early warning: the last month's roll-forward against its own months before."""

from __future__ import annotations

import polars as pl

from transforms.aggregates.roll_rate import CHARGED_OFF
from transforms.aggregates.slices import CELL
from transforms.policy import Policy
from transforms.tables import BUCKETS

WATCHED = BUCKETS[:4]
MONTHS, LEAST_MONTHS = 12, 3
_NOISE = 1e-12


def early_warning(rolls: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """One row per slice and bucket M0 to M3: risk.early_warning but for as_of and policy_version.

    Args:
        rolls: risk.roll_rate.
        policy: how many standard deviations the control limits are away from the mean.
    """
    place = {name: number for number, name in enumerate((*BUCKETS, CHARGED_OFF))}
    worse = pl.col("to_state").replace_strict(place, default=-1, return_dtype=pl.Int8) > pl.col(
        "from_state"
    ).replace_strict(place, default=99, return_dtype=pl.Int8)
    key = [*CELL, "from_state"]
    monthly = (
        rolls.filter(pl.col("from_state").is_in(WATCHED))
        .group_by(*key, "month_end")
        .agg(rate=pl.col("loan_count").filter(worse).sum() / pl.col("loan_count").sum())
        .sort("month_end")
    )
    last = pl.lit(rolls["month_end"].max(), pl.Date)
    oldest = last.dt.offset_by(f"-{MONTHS}mo").dt.month_end()
    now = monthly.filter(pl.col("month_end") == last).select(*key, "month_end", roll_forward_rate="rate")
    earlier = (
        monthly.filter(pl.col("month_end").is_between(oldest, last, closed="left"))
        .group_by(key, maintain_order=True)
        .agg("rate")
        .with_columns(
            mean_rate=pl.col("rate").list.mean(),
            spread_rate=pl.col("rate").list.std(ddof=1),
            months_count=pl.col("rate").list.len().cast(pl.Int32),
        )
        .drop("rate")
    )
    reach = pl.col("spread_rate") * policy.loss.warning_sigmas
    # rates that are alike but for their last binary digits are no warning
    is_over = pl.col("roll_forward_rate") - pl.col("upper_limit_rate") > _NOISE
    return (
        now.join(earlier, on=key, how="left")
        .with_columns(
            pl.col("months_count").fill_null(0),
            lower_limit_rate=(pl.col("mean_rate") - reach).clip(0, 1),
            upper_limit_rate=(pl.col("mean_rate") + reach).clip(0, 1),
        )
        .with_columns(is_warning=((pl.col("months_count") >= LEAST_MONTHS) & is_over).fill_null(value=False))
    )
