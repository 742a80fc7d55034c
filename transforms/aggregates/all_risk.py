"""Every risk table of a night, from the published core and status tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl
import polars.selectors as cs

from transforms.aggregates.collection import collection, collection_cells, recoveries
from transforms.aggregates.concentration import concentration, spread_over_persons, spread_together
from transforms.aggregates.early_warning import early_warning
from transforms.aggregates.expected_credit_loss import LOSS, expected_credit_loss, exposures, loss_cells
from transforms.aggregates.first_payment_default import first_payment_cells, first_payment_default
from transforms.aggregates.kept import KEPT, Cells, over, shaped
from transforms.aggregates.portfolio import BUCKET, bucket_cells, buckets, portfolio, portfolio_cells
from transforms.aggregates.roll_rate import roll_rate, transitions
from transforms.aggregates.slices import CELL, added, started
from transforms.aggregates.vintage import vintage, vintage_cells
from transforms.months import last_month_end
from transforms.policy import Policy
from transforms.tables import TABLES

SERIES = ("risk.portfolio", "risk.buckets", "risk.expected_credit_loss", "risk.concentration", "risk.early_warning")
"""Tables that keep the rows of earlier nights."""


@dataclass(frozen=True, slots=True)
class Published:
    """The tables that risk is told from, of some accounts and their customers, with inside names.

    What is not asked for may be left out.
    """

    loan_status: pl.LazyFrame
    account_status: pl.LazyFrame
    loans: pl.LazyFrame
    history: pl.LazyFrame = field(default_factory=pl.LazyFrame)
    installments: pl.LazyFrame = field(default_factory=pl.LazyFrame)
    repayments: pl.LazyFrame = field(default_factory=pl.LazyFrame)
    customers: pl.LazyFrame = field(default_factory=pl.LazyFrame)
    defaults: pl.LazyFrame = field(default_factory=pl.LazyFrame)


SOURCES: dict[str, str] = {
    "loan_status": "status.loan_status",
    "account_status": "status.account_status",
    "loans": "core.loans",
    "history": "status.loan_history",
    "installments": "core.installments",
    "repayments": "core.repayments",
    "customers": "core.customers",
    "defaults": "status.loan_defaults",
}
"""Where each part of `Published` comes from."""
BY_MONTH = {"history": "month_end", "installments": "due_date", "repayments": "paid_date"}
"""The day by which a row belongs to a month.

For what accounts add to a month, the rows from the end of the month before to its own are enough; of all other parts,
all rows.
"""
_LOAN = ("source", "loan_id")
_PROMISED = (*_LOAN, "origination_date", "principal_amount")
_PLACED = ("source", "account_id", "customer_id", "currency", "lender_id", "product_code", "region_code")
STANDING_COLUMNS: dict[str, tuple[str, ...]] = {
    "loan_status": (
        *_LOAN,
        "account_id",
        "dpd",
        "bucket",
        "past_due_amount",
        "outstanding_principal_amount",
        "remaining_amount",
        "is_settled",
        "past_due_charges_amount",
        "charged_off_on",
        "five_tier",
        "ifrs9_stage",
        "first_due_date",
        "first_late_7_on",
        "first_late_30_on",
        "last_due_date",
    ),
    "account_status": (
        *_PLACED,
        "is_in_credit",
        "is_over_limit",
        "as_of",
        "loan_count",
        "is_past_due",
        "past_due_amount",
    ),
    "loans": _PROMISED,
    "customers": ("source", "customer_id", "person_id"),
}
"""What `standing_cells` and `industry.people_cells` ask for, part by part, by the names outside."""
KEPT_COLUMNS: dict[str, tuple[str, ...]] = {
    "loan_status": (
        *_LOAN,
        "account_id",
        "as_of",
        "charged_off_on",
        "charged_off_amount",
        "first_over_30_on",
        "first_over_60_on",
        "first_over_90_on",
    ),
    "account_status": _PLACED,
    "loans": _PROMISED,
    "history": (
        *_LOAN,
        "month_end",
        "dpd",
        "bucket",
        "outstanding_principal_amount",
        "is_settled",
        "is_charged_off",
    ),
    "installments": (*_LOAN, "plan_date", "replaced_on", "due_date", "due_amount", "settled_date"),
    "repayments": (*_LOAN, "paid_date", "amount", "kind", "is_void"),
    "defaults": (*_LOAN, "default_since", "default_ends_on", "is_over"),
}
"""What `kept_sums` asks for."""


_STANDING = {
    "portfolio": CELL,
    "buckets": BUCKET,
    "first_payment": (*CELL, "origination_month"),
    "loss": LOSS,
}
"""Grain of the sums that are told from where loans stand on the day; everything else in a row is a sum."""


def standing_cells(said: Published, moves: pl.DataFrame, policy: Policy, last_day: date) -> Cells:
    """What the accounts of some persons add to the risk tables by where they stand on the day.

    By the names of `_STANDING`, and `persons`: `concentration.spread_over_persons`.

    Args:
        said: published rows of all accounts of these persons: STANDING_COLUMNS.
        moves: `roll_rate.transitions`, of everyone.
        policy: the rules.
        last_day: the as-of date.
    """
    loans = _started(said)
    exposed = _collected({"exposures": exposures(loans, last_day)})["exposures"]
    return _collected(
        {
            "loss": loss_cells(exposed, moves, policy, last_day).lazy(),
            "portfolio": portfolio_cells(loans, said.account_status),
            "buckets": bucket_cells(loans),
            "first_payment": first_payment_cells(loans, last_day),
            "persons": spread_over_persons(loans, said.customers),
        }
    )


def kept_cells(said: Published, last_day: date, behind: date | None = None) -> Cells:
    """What some accounts add to the sums by month that are kept from night to night: see `kept.KEPT`.

    Args:
        said: their published rows: KEPT_COLUMNS.
        last_day: the as-of date.
        behind: only what they add to months that were not over on this day. The rows that BY_MONTH names then suffice.
    """
    loans = _started(said)
    came_back = recoveries(said.repayments, loans)
    moves = transitions(loans, said.history, last_day)
    cells = {
        "vintage": vintage_cells(loans, said.history, came_back),
        "moves": shaped("moves", [moves.lazy().cast({cs.categorical(): pl.String})]),
        "collection": collection_cells(loans, said.installments, said.defaults, came_back, last_day),
    }
    return over(_collected(cells), last_day, behind)


def month_ended(before: date, last_day: date) -> bool:
    """Whether a month is over on the day that was not before, so that accounts that nothing touched add to it."""
    return last_month_end(before) < last_month_end(last_day)


def _started(said: Published) -> pl.LazyFrame:
    return started(said.loan_status, said.account_status, said.loans).lazy()


def _collected(frames: dict[str, pl.LazyFrame]) -> Cells:
    return {name: rows.cast({cs.categorical(): pl.String}).collect() for name, rows in frames.items()}


def standing(parts: Iterable[Cells]) -> Cells:
    """`standing_cells` of all parts together: one at least, and all accounts of a person stand in one."""
    told = list(parts)
    spread = spread_together(cells["persons"] for cells in told)
    return {**_summed(told, _STANDING), "persons": spread}


def kept_sums(parts: Iterable[Published], last_day: date, behind: date | None = None) -> Cells:
    """`kept_cells` of all parts together; all rows of an account stand in one part, and there is at least one."""
    keys = {name: each.key for name, each in KEPT.items()}
    return _summed((kept_cells(said, last_day, behind) for said in parts), keys)


def _summed(parts: Iterable[Cells], keys: Mapping[str, Collection[str]]) -> Cells:
    """Added up once, at the end."""
    told = list(parts)
    return {name: added([cells[name] for cells in told], key) for name, key in keys.items()}


def risk(standing: Cells, kept: Cells, policy: Policy, last_day: date) -> dict[str, pl.DataFrame]:
    """The rows of every risk table as of the day, each sorted by its key.

    Args:
        standing: what all accounts add by where they stand.
        kept: what they add to the sums by month.
        policy: the rules.
        last_day: the as-of date.
    """
    moves = kept["moves"]
    rolls = roll_rate(moves)
    tables = {
        "risk.portfolio": portfolio(standing["portfolio"].lazy()),
        "risk.buckets": buckets(standing["buckets"].lazy()),
        "risk.vintage": vintage(kept["vintage"].lazy(), last_day),
        "risk.roll_rate": rolls.lazy(),
        "risk.first_payment_default": first_payment_default(standing["first_payment"].lazy()),
        "risk.expected_credit_loss": expected_credit_loss(standing["loss"].lazy()),
        "risk.concentration": concentration(standing["persons"].lazy(), standing["portfolio"].lazy()),
        "risk.early_warning": early_warning(rolls, policy).lazy(),
        "risk.collection": collection(kept["collection"].lazy(), last_day),
    }
    stamps = {"as_of": pl.lit(last_day), "policy_version": pl.lit(policy.version)}
    return {
        name: rows.with_columns(**stamps)
        .select(pl.col(column).cast(kind) for column, kind in TABLES[name].schema.items())
        .sort(TABLES[name].key)
        .collect()
        for name, rows in tables.items()
    }
