"""Guarantees for a counterparty, of persons who agreed and of companies, and those that stand against a default."""

from __future__ import annotations

import polars as pl

from transforms.sharing.consent import SCREENING
from transforms.sharing.grading import KEY_KINDS

_PERSON = [*SCREENING, "person"]


def guarantees(
    asked: pl.DataFrame,
    told: pl.DataFrame,
    relations: pl.DataFrame,
    defaulted: pl.DataFrame,
    bad_loans: pl.DataFrame,
) -> pl.DataFrame:
    """source, screening_id, currency, guarantee_cents, guarantee_default_cents: guarantees for the counterparty itself.

    A guarantee stands against a default when its guarantor is in default, or the guaranteed loan is and its borrower
    agreed. A company is in default as a guarantor when somebody is who leads it and agreed.

    Args:
        asked: screenings with source, screening_id, company_id.
        told: persons that may be looked at: source, screening_id, person, relation_id, kind, depth.
        relations: core.relations in force.
        defaulted: source, screening_id, person of those in default.
        bad_loans: source, screening_id, loan_id of loans in default whose borrower agreed.
    """
    given = pl.concat([_by_persons(told, defaulted), _by_companies(asked, told, relations, defaulted)])
    is_against = pl.col("is_by_defaulted") | pl.col("by_loan").fill_null(value=False)
    return (
        given.join(
            relations.select("source", "relation_id", "amount_cents", "currency", "loan_id"),
            on=["source", "relation_id"],
        )
        .drop_nulls("amount_cents")
        .join(bad_loans.unique().with_columns(by_loan=True), on=[*SCREENING, "loan_id"], how="left")
        .group_by(*SCREENING, "currency")
        .agg(
            guarantee_cents=pl.col("amount_cents").sum(),
            guarantee_default_cents=pl.col("amount_cents").filter(is_against).sum(),
        )
    )


def _by_persons(told: pl.DataFrame, defaulted: pl.DataFrame) -> pl.DataFrame:
    """source, screening_id, relation_id, is_by_defaulted."""
    return _marked(
        told.filter((pl.col("kind") == "guarantor") & (pl.col("depth") == 1)).select(*_PERSON, "relation_id"),
        defaulted,
        _PERSON,
    )


def _by_companies(
    asked: pl.DataFrame, told: pl.DataFrame, relations: pl.DataFrame, defaulted: pl.DataFrame
) -> pl.DataFrame:
    """source, screening_id, relation_id, is_by_defaulted."""
    given = asked.select(*SCREENING, "company_id").join(
        relations.filter(pl.col("kind") == "guarantor").drop_nulls("other_company_id"), on=["source", "company_id"]
    )
    led = (
        told.filter(pl.col("kind").is_in(KEY_KINDS))
        .join(defaulted, on=_PERSON, how="semi")
        .join(relations.select("source", "relation_id", guarantor="company_id"), on=["source", "relation_id"])
        .select(*SCREENING, "guarantor")
    )
    return _marked(
        given.select(*SCREENING, "relation_id", guarantor="other_company_id"), led, [*SCREENING, "guarantor"]
    )


def _marked(given: pl.DataFrame, defaulted: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    marks = defaulted.select(by).unique().with_columns(is_by_defaulted=True)
    return given.join(marks, on=by, how="left").select(
        *SCREENING, "relation_id", pl.col("is_by_defaulted").fill_null(value=False)
    )
