"""Every risk table of a night, from the published core and status tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from transforms.aggregates.collection import collection, recoveries
from transforms.aggregates.concentration import concentration
from transforms.aggregates.early_warning import early_warning
from transforms.aggregates.expected_credit_loss import expected_credit_loss
from transforms.aggregates.first_payment_default import first_payment_default
from transforms.aggregates.portfolio import buckets, portfolio
from transforms.aggregates.roll_rate import roll_rate, transitions
from transforms.aggregates.vintage import vintage
from transforms.policy import Policy
from transforms.tables import TABLES

SERIES = ("risk.portfolio", "risk.buckets", "risk.expected_credit_loss", "risk.concentration", "risk.early_warning")
"""Tables that keep the rows of earlier nights."""


@dataclass(frozen=True, slots=True)
class Published:
    """The tables that risk is told from, with inside names."""

    loan_status: pl.LazyFrame
    account_status: pl.LazyFrame
    loans: pl.LazyFrame
    history: pl.LazyFrame
    installments: pl.LazyFrame
    repayments: pl.LazyFrame
    customers: pl.LazyFrame
    defaults: pl.LazyFrame


SOURCES = {
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


def risk(said: Published, policy: Policy, last_day: date) -> dict[str, pl.DataFrame]:
    """The rows of every risk table as of the day, each sorted by its key.

    Args:
        said: the published tables.
        policy: the rules.
        last_day: the as-of date.
    """
    status = (said.loan_status, said.account_status)
    moves = transitions(*status, said.loans, said.history, last_day)
    came_back = recoveries(said.repayments, said.loan_status)
    rolls = roll_rate(moves)
    tables = {
        "risk.portfolio": portfolio(*status),
        "risk.buckets": buckets(said.loan_status),
        "risk.vintage": vintage(*status, said.loans, said.history, came_back, last_day),
        "risk.roll_rate": rolls.lazy(),
        "risk.first_payment_default": first_payment_default(*status, said.loans, last_day),
        "risk.expected_credit_loss": expected_credit_loss(*status, moves, policy, last_day).lazy(),
        "risk.concentration": concentration(*status, said.customers),
        "risk.early_warning": early_warning(rolls, policy).lazy(),
        "risk.collection": collection(*status, said.installments, said.defaults, came_back, last_day),
    }
    stamps = {"as_of": pl.lit(last_day), "policy_version": pl.lit(policy.version)}
    return {
        name: rows.with_columns(**stamps)
        .select(pl.col(column).cast(kind) for column, kind in TABLES[name].schema.items())
        .sort(TABLES[name].key)
        .collect()
        for name, rows in tables.items()
    }
