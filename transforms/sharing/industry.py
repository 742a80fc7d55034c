"""For the industry: the pooled portfolio, each lender against the pool, and people late at several lenders at once."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from transforms.aggregates.slices import SLICES, added
from transforms.policy import Policy
from transforms.sharing.suppression import suppressed
from transforms.tables import ALL, TABLES

RATES = ("par1_rate", "par30_rate", "par60_rate", "par90_rate", "npl_rate")
_NOW = ("as_of", "currency")
_FIGURES = ("loan_count", "account_count", "outstanding_principal_cents", "past_due_cents", *RATES)
_OVERLAP = ("lenders", "late_lenders")


def shared(risk_portfolio: pl.DataFrame, people: Sequence[pl.DataFrame], policy: Policy) -> dict[str, pl.DataFrame]:
    """Every shared aggregate of a day, as it is published.

    Args:
        risk_portfolio: risk.portfolio of that day.
        people: `people_cells`, of parts that are everybody together.
        policy: says how many people a cell must have.
    """
    least = policy.sharing.least_people
    pool = portfolio(risk_portfolio, least)
    tables = {
        "share.portfolio": pool,
        "share.lender_comparison": lender_comparison(pool),
        "share.overlap": overlap(people, least),
    }
    return {
        name: rows.with_columns(policy_version=pl.lit(policy.version))
        .select(pl.col(column).cast(kind) for column, kind in TABLES[name].schema.items())
        .sort(TABLES[name].key)
        for name, rows in tables.items()
    }


def portfolio(risk_portfolio: pl.DataFrame, least: int) -> pl.DataFrame:
    """One row per row of risk.portfolio, figures null where `suppression` says why.

    Args:
        risk_portfolio: risk.portfolio of one day.
        least: fewest accounts that a cell may show.
    """
    marked = suppressed(risk_portfolio, _NOW, SLICES, "account_count", least)
    return _hidden(marked, _FIGURES).select(*_NOW, *SLICES, *_FIGURES, "suppression")


def lender_comparison(shared: pl.DataFrame) -> pl.DataFrame:
    """One row per currency and lender: its rates beside those of the pool; only what `portfolio` shows.

    Args:
        shared: `portfolio`.
    """
    whole = shared.filter(pl.col("product_code") == ALL, pl.col("region_code") == ALL)
    pool = whole.filter(pl.col("lender_id") == ALL).select(
        *_NOW, *(pl.col(rate).alias(f"pool_{rate}") for rate in RATES)
    )
    return (
        whole.filter(pl.col("lender_id") != ALL)
        .join(pool, on=_NOW, how="left")
        .select(*_NOW, "lender_id", *RATES, *(f"pool_{rate}" for rate in RATES), "suppression")
    )


def people_cells(account_status: pl.DataFrame, customers: pl.DataFrame) -> pl.DataFrame:
    """One row per day, currency, lenders a person has loans at, and lenders it is late at: people and cents past due.

    A person is who has the same person_id everywhere; without one, a customer of one source is a person.

    Args:
        account_status: status.account_status of all accounts of some persons.
        customers: core.customers of these.
    """
    whose = pl.coalesce("person_id", pl.format("{}\n{}", "source", "customer_id"))
    people = (
        account_status.filter(pl.col("loan_count") > 0)
        .join(customers.select("source", "customer_id", "person_id"), on=["source", "customer_id"], how="left")
        .group_by(*_NOW, person=whose)
        .agg(
            lenders=pl.col("lender_id").n_unique(),
            late_lenders=pl.col("lender_id").filter("is_past_due").n_unique(),
            past_due_cents=pl.col("past_due_cents").sum(),
        )
        .with_columns(pl.col(_OVERLAP).cast(pl.String))
    )
    return people.group_by(*_NOW, *_OVERLAP).agg(
        person_count=pl.len().cast(pl.Int64), past_due_cents=pl.col("past_due_cents").sum()
    )


def overlap(people: Sequence[pl.DataFrame], least: int) -> pl.DataFrame:
    """One row per currency, lenders a person has loans at, and lenders the person is late at; and ALL of both.

    Args:
        people: `people_cells`, no person in two of them; one at least.
        least: fewest people that a cell may show.
    """
    told = pl.concat(people)
    cells = [
        added([told.with_columns(pl.lit(ALL).alias(name) for name in blanked)], (*_NOW, *_OVERLAP))
        for blanked in ((), ("lenders",), ("late_lenders",), _OVERLAP)
    ]
    marked = suppressed(pl.concat(cells), _NOW, _OVERLAP, "person_count", least)
    return _hidden(marked, ("person_count", "past_due_cents"))


def _hidden(marked: pl.DataFrame, figures: tuple[str, ...]) -> pl.DataFrame:
    """The rows without the figures that must not be shown."""
    return marked.with_columns(pl.when(pl.col("suppression").is_null()).then(name).alias(name) for name in figures)
