"""Expected credit loss: probability of default from the roll-rate chain, loss given default from the policy."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from transforms.aggregates.roll_rate import CHARGED_OFF, NEW, PAID_OFF
from transforms.aggregates.slices import CELL, in_book, one_at_a_time, rate
from transforms.months import last_month_end, month_number
from transforms.policy import Policy
from transforms.tables import BUCKETS

STATES = (*BUCKETS[:4], "default", PAID_OFF)
_DEFAULT = STATES.index("default")
_LIVING = 4
_YEAR = 12
_PERFORMING, _IN_DEFAULT = 1, 3
_EXACT_DIGITS = 7
"""Digits of a cent that are told; what lies behind them is the noise of binary fractions."""
LOSS = (*CELL, "ifrs9_stage", "stress_factor")
EXPOSED = ("ifrs9_stage", "state", "horizon", "exposure_cents")


def exposures(loans: pl.LazyFrame, last_day: date) -> pl.LazyFrame:
    """One row per CELL, stage, state, months that count and exposure: how many loans in the book are alike in them.

    Args:
        loans: `slices.started`.
        last_day: the as-of date.
    """
    months_left = month_number(pl.col("last_due_date")) - (last_day.year * _YEAR + last_day.month)
    lifetime = months_left.fill_null(1).clip(1, None)
    is_performing = pl.col("ifrs9_stage") == _PERFORMING
    exposure = (pl.col("outstanding_principal_cents") + pl.col("past_due_charges_cents")).clip(0, None)
    return (
        in_book(loans)
        .select(
            *CELL,
            "ifrs9_stage",
            state="bucket",
            horizon=pl.when(is_performing).then(lifetime.clip(1, _YEAR)).otherwise(lifetime).cast(pl.Int32),
            exposure_cents=exposure,
        )
        .group_by(*CELL, *EXPOSED)
        .agg(loan_count=pl.len().cast(pl.Int64))
    )


def loss_cells(loans: pl.DataFrame, moves: pl.DataFrame, policy: Policy, last_day: date) -> pl.DataFrame:
    """One row per LOSS: loans, their exposure and their expected loss, which is rounded to cents loan by loan.

    Args:
        loans: `exposures`.
        moves: `roll_rate.transitions`, of all loans.
        policy: loss given default by product, months pooled, discount rate, stress factors.
        last_day: the as-of date.
    """
    rules = policy.product_frame(loans["product_code"].unique()).select("product_code", "loss_given_default")
    chances = _chances(loans, pooled(moves, policy, last_day), policy)
    is_default = (pl.col("ifrs9_stage") == _IN_DEFAULT) | ~pl.col("state").is_in(STATES[:_LIVING])
    known = (
        loans.join(rules, on="product_code", how="left")
        .join(chances, on=["currency", "product_code", "state", "horizon"], how="left")
        .with_columns(chance=pl.when(is_default).then(1.0).otherwise(pl.col("chance").fill_null(0.0)))
    )
    parts = []
    for factor in policy.loss.stress_factors:
        chance = (pl.col("chance") * factor).clip(0, 1)
        loss = chance * pl.col("loss_given_default") * pl.col("exposure_cents")
        # what is half a cent by the numbers of the policy is so here too, whatever their binary digits
        rounded = loss.round(_EXACT_DIGITS).round(0, mode="half_to_even").cast(pl.Int64)
        parts.append(
            known.group_by(*CELL, "ifrs9_stage", stress_factor=pl.lit(factor)).agg(
                pl.col("loan_count").sum(),
                exposure_cents=(pl.col("exposure_cents") * pl.col("loan_count")).sum(),
                expected_loss_cents=(rounded * pl.col("loan_count")).sum(),
            )
        )
    return pl.concat(parts)


def expected_credit_loss(cells: pl.LazyFrame) -> pl.LazyFrame:
    """One row per slice, stage and stress factor: risk.expected_credit_loss but for as_of and policy_version.

    Args:
        cells: `loss_cells`.
    """
    return one_at_a_time(cells, LOSS[len(CELL) :]).with_columns(
        coverage_rate=rate("expected_loss_cents", "exposure_cents")
    )


def pooled(moves: pl.DataFrame, policy: Policy, last_day: date) -> pl.DataFrame:
    """One row per currency, product and pair of chain states: loan_count of the last months pooled.

    Args:
        moves: `roll_rate.transitions`.
        policy: how many months.
        last_day: the as-of date.
    """
    oldest = pl.lit(last_month_end(last_day)).dt.offset_by(f"-{policy.loss.history_months}mo").dt.month_end()
    chain = {**{name: name for name in STATES}, CHARGED_OFF: "default", **dict.fromkeys(BUCKETS[_LIVING:], "default")}
    return (
        moves.filter((pl.col("month_end") > oldest) & (pl.col("from_state") != NEW))
        .with_columns(pl.col(name).replace_strict(chain, return_dtype=pl.String) for name in ("from_state", "to_state"))
        .filter(pl.col("from_state").is_in(STATES[:_LIVING]))
        .group_by("currency", "product_code", "from_state", "to_state")
        .agg(pl.col("loan_count").sum())
    )


def _chances(loans: pl.DataFrame, counts: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Probability of default by currency, product, state and horizon, for every horizon that a loan has."""
    rows: list[tuple[object, ...]] = []
    for (currency, product), group in loans.group_by("currency", "product_code"):
        same = counts.filter(pl.col("currency") == currency)
        own = _matrix(same.filter(pl.col("product_code") == product))
        everyone = _matrix(same)
        chain = np.where(own.sum(axis=1, keepdims=True) > 0, own, everyone)
        longest = group["horizon"].max()
        reached = _reach(chain, longest if isinstance(longest, int) else 1, policy.loss.discount_rate)
        rows.extend(
            (currency, product, STATES[number], horizon, float(reached[horizon][number]))
            for horizon in group["horizon"].unique().to_list()
            for number in range(_LIVING)
        )
    schema = {
        "currency": pl.String,
        "product_code": pl.String,
        "state": pl.String,
        "horizon": pl.Int32,
        "chance": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _matrix(counts: pl.DataFrame) -> np.ndarray:
    """Counts of moves between the states; default and paid off hold what they have."""
    matrix = np.zeros((len(STATES), len(STATES)))
    totals = counts.group_by("from_state", "to_state").agg(pl.col("loan_count").sum())
    for origin, target, count in totals.iter_rows():
        matrix[STATES.index(origin), STATES.index(target)] = count
    for absorbing in range(_LIVING, len(STATES)):
        matrix[absorbing, absorbing] = 1
    return matrix


def _reach(counts: np.ndarray, longest: int, discount_rate: float) -> list[np.ndarray]:
    """Per horizon 0 … longest: the chance of each state to be in default by then, discounted month by month.

    A state of which nothing is known stays where it is.
    """
    totals = counts.sum(axis=1, keepdims=True)
    chain = np.where(totals > 0, counts / np.where(totals > 0, totals, 1), np.eye(len(STATES)))
    power = np.eye(len(STATES))
    before = power[:, _DEFAULT]
    chance = np.zeros(len(STATES))
    reached = [chance]
    for month in range(1, longest + 1):
        power = power @ chain
        chance = chance + (power[:, _DEFAULT] - before) / (1 + discount_rate) ** (month / _YEAR)
        before = power[:, _DEFAULT]
        reached.append(chance)
    return reached
