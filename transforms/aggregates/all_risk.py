"""Every risk table of a night, from the published core and status tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import polars as pl
import polars.selectors as cs

from transforms.aggregates.collection import collection, collection_cells, recoveries
from transforms.aggregates.concentration import concentration, owed_by_person
from transforms.aggregates.early_warning import early_warning
from transforms.aggregates.expected_credit_loss import EXPOSED, expected_credit_loss, exposures
from transforms.aggregates.first_payment_default import first_payment_cells, first_payment_default
from transforms.aggregates.portfolio import BUCKET, bucket_cells, buckets, portfolio, portfolio_cells
from transforms.aggregates.roll_rate import MOVE, roll_rate, transitions
from transforms.aggregates.slices import CELL, added, started
from transforms.aggregates.vintage import AGE, vintage, vintage_cells
from transforms.policy import Policy
from transforms.tables import TABLES

SERIES = ("risk.portfolio", "risk.buckets", "risk.expected_credit_loss", "risk.concentration", "risk.early_warning")
"""Tables that keep the rows of earlier nights."""


@dataclass(frozen=True, slots=True)
class Published:
    """The tables that risk is told from, with inside names; all customers, and of some accounts everything else."""

    loan_status: pl.LazyFrame
    account_status: pl.LazyFrame
    loans: pl.LazyFrame
    history: pl.LazyFrame
    installments: pl.LazyFrame
    repayments: pl.LazyFrame
    customers: pl.LazyFrame
    defaults: pl.LazyFrame


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
COLUMNS: dict[str, tuple[str, ...]] = {
    "loan_status": (
        "as_of",
        "source",
        "loan_id",
        "account_id",
        "currency",
        "product_code",
        "dpd",
        "bucket",
        "past_due_amount",
        "outstanding_principal_amount",
        "remaining_amount",
        "is_settled",
        "past_due_charges_amount",
        "charged_off_on",
        "charged_off_amount",
        "five_tier",
        "ifrs9_stage",
        "first_over_30_on",
        "first_over_60_on",
        "first_over_90_on",
        "first_due_date",
        "first_late_7_on",
        "first_late_30_on",
        "last_due_date",
    ),
    "account_status": (
        "source",
        "account_id",
        "customer_id",
        "currency",
        "lender_id",
        "product_code",
        "region_code",
        "is_in_credit",
        "is_over_limit",
    ),
    "loans": ("source", "loan_id", "origination_date", "principal_amount"),
    "history": (
        "source",
        "loan_id",
        "month_end",
        "dpd",
        "bucket",
        "outstanding_principal_amount",
        "is_settled",
        "is_charged_off",
    ),
    "installments": ("source", "loan_id", "plan_date", "replaced_on", "due_date", "due_amount", "settled_date"),
    "repayments": ("source", "loan_id", "paid_date", "amount", "kind", "is_void"),
    "customers": ("source", "customer_id", "person_id"),
    "defaults": ("source", "loan_id", "default_since", "default_ends_on", "is_over"),
}
"""What of them is needed, by the names outside."""


_KEYS = {
    "portfolio": CELL,
    "buckets": BUCKET,
    "vintage": (*CELL, *AGE),
    "moves": (*CELL, *MOVE),
    "first_payment": (*CELL, "origination_month"),
    "exposures": (*CELL, *EXPOSED),
    "owed": (*CELL, "customer"),
    "collection": (*CELL, "month_end"),
}
"""Grain of the cells that the tables are made of; everything else in a cell is a sum."""


def cells(said: Published, last_day: date) -> dict[str, pl.DataFrame]:
    """What some accounts add to the risk tables, by the names of `_KEYS`.

    Args:
        said: the published rows of the accounts.
        last_day: the as-of date.
    """
    loans = started(said.loan_status, said.account_status, said.loans).lazy()
    came_back = recoveries(said.repayments, loans)
    frames = {
        "portfolio": portfolio_cells(loans, said.account_status),
        "buckets": bucket_cells(loans),
        "vintage": vintage_cells(loans, said.history, came_back, last_day),
        "first_payment": first_payment_cells(loans, last_day),
        "exposures": exposures(loans, last_day),
        "owed": owed_by_person(loans, said.customers),
        "collection": collection_cells(loans, said.installments, said.defaults, came_back, last_day),
    }
    told = {name: rows.cast({cs.categorical(): pl.String}).collect() for name, rows in frames.items()}
    moves = transitions(loans, said.history, last_day).cast({cs.categorical(): pl.String})
    return {**told, "moves": moves}


def risk(parts: Iterable[Published], policy: Policy, last_day: date) -> dict[str, pl.DataFrame]:
    """The rows of every risk table as of the day, each sorted by its key.

    Args:
        parts: the published tables, whole or in parts; all rows of an account stand in one part. At least one.
        policy: the rules.
        last_day: the as-of date.
    """
    told: dict[str, pl.DataFrame] = {}
    for said in parts:
        more = cells(said, last_day)
        told = {name: added([told[name], more[name]], key) if told else more[name] for name, key in _KEYS.items()}
    moves = told["moves"]
    rolls = roll_rate(moves)
    tables = {
        "risk.portfolio": portfolio(told["portfolio"].lazy()),
        "risk.buckets": buckets(told["buckets"].lazy()),
        "risk.vintage": vintage(told["vintage"].lazy()),
        "risk.roll_rate": rolls.lazy(),
        "risk.first_payment_default": first_payment_default(told["first_payment"].lazy()),
        "risk.expected_credit_loss": expected_credit_loss(told["exposures"], moves, policy, last_day).lazy(),
        "risk.concentration": concentration(told["owed"].lazy()),
        "risk.early_warning": early_warning(rolls, policy).lazy(),
        "risk.collection": collection(told["collection"].lazy()),
    }
    stamps = {"as_of": pl.lit(last_day), "policy_version": pl.lit(policy.version)}
    return {
        name: rows.with_columns(**stamps)
        .select(pl.col(column).cast(kind) for column, kind in TABLES[name].schema.items())
        .sort(TABLES[name].key)
        .collect()
        for name, rows in tables.items()
    }
