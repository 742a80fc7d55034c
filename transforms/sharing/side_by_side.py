"""The standards side by side: ranges of days past due in which no standard changes its code."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.policy import Policy
from transforms.sharing.translation import standards
from transforms.sharing.translation_fields import STANDARDS
from transforms.tables import TABLES

_LAST_METRO2 = 180
"""From so many days on, Metro 2 has but one code."""


def side_by_side(policy: Policy, as_of: date) -> pl.DataFrame:
    """share.standards: one row per range of days, by the very rules that translate and that the night applies.

    Without arrears the monthly performance code is N; where nothing fell due, it is *.

    Args:
        policy: edges of buckets and classes, what default and a significant rise in risk are.
        as_of: stands on every row.
    """
    edges = (*policy.bucket_upper_days, *policy.five_tier.upper_days, policy.default.days, policy.loss.significant_days)
    days = pl.int_range(max(*edges, _LAST_METRO2) + 2, dtype=pl.Int32, eager=True)
    meanings = pl.DataFrame({"stated": [""] * len(days), "dpd_from": days, "dpd_to": days})
    told = standards(meanings, policy).select("dpd_from", *(pl.col(f"{name}_upper").alias(name) for name in STANDARDS))
    begins = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in STANDARDS)
    ranges = told.sort("dpd_from").filter(begins | (pl.col("dpd_from") == 0))
    return ranges.with_columns(
        as_of=pl.lit(as_of), dpd_to=pl.col("dpd_from").shift(-1) - 1, policy_version=pl.lit(policy.version)
    ).select(pl.col(name).cast(kind) for name, kind in TABLES["share.standards"].schema.items())
