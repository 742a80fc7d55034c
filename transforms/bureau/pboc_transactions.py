"""Special transactions of a month: what the facts tell of extensions, guarantors, early payments and debt relief.

Nothing is delivered of courts, carve-outs, transfers or personalised instalments: 8, 12, 13, 14 and 16 never stand.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.bureau.pboc_fields import KEY, SPECIAL, TRANSACTION_TYPE
from transforms.bureau.pboc_subjects import ACCOUNT, LOAN, Tables, in_force, of_subjects
from transforms.months import month_number

_EVENTS = {"deferral": "1", "guarantor_paid": "2", "settled_in_kind": "3", "restructure": "9"}
_PREPAID, _SETTLED_EARLY, _RELIEVED = "4", "5", "11"
_COLUMNS = (*KEY, "transaction_type", "transaction_date", "transaction_cents", "term_change_months")


def special_transactions(tables: Tables, whose: pl.DataFrame, first: date, month_end: date) -> pl.DataFrame:
    """One row per subject with special transactions in the month: SPECIAL, a list in the order of day and type.

    Transactions of one type and day are one, their amounts added.

    Args:
        tables: the published tables as of the month-end.
        whose: subjects with subject_no.
        first: first day of the month.
        month_end: its last.
    """
    rows = pl.concat([_told(tables), _relieved(tables), _early(tables)]).filter(
        pl.col("transaction_date").is_between(first, month_end)
    )
    amount = pl.when(pl.col("transaction_cents").count() > 0).then(pl.col("transaction_cents").sum())
    return (
        of_subjects(rows, whose)
        .group_by("subject_no", "transaction_type", "transaction_date")
        .agg(transaction_cents=amount, term_change_months=pl.col("term_change_months").max())
        .sort("subject_no", "transaction_date", pl.col("transaction_type").cast(pl.Int8))
        .group_by("subject_no", maintain_order=True)
        .agg(pl.struct(list(TRANSACTION_TYPE.to_schema())).alias(SPECIAL))
    )


def _told(tables: Tables) -> pl.DataFrame:
    """Events that are special transactions; one without a loan is for all loans of the account started by its day."""
    events = tables["core.events"].filter(pl.col("kind").is_in(list(_EVENTS)))
    loans = tables["core.loans"].select(*KEY, "origination_date")
    shared = (
        events.filter(pl.col("loan_id").is_null())
        .drop("loan_id")
        .join(loans, on=ACCOUNT)
        .filter(pl.col("origination_date") <= pl.col("event_date"))
        # an amount for all loans is nobody's own
        .with_columns(amount_cents=pl.lit(None, pl.Int64))
    )
    months = month_number(pl.col("until_date")) - month_number(pl.col("event_date"))
    return pl.concat([events.drop_nulls("loan_id"), shared], how="diagonal").select(
        *KEY,
        transaction_type=pl.col("kind").replace_strict(_EVENTS, return_dtype=pl.String),
        transaction_date="event_date",
        transaction_cents="amount_cents",
        term_change_months=pl.when(pl.col("kind") == "deferral").then(months).cast(pl.Int32),
    )


def _relieved(tables: Tables) -> pl.DataFrame:
    """Waivers that are not void."""
    waivers = tables["core.repayments"].filter((pl.col("kind") == "waiver") & ~pl.col("is_void"))
    return waivers.select(
        *KEY,
        transaction_type=pl.lit(_RELIEVED),
        transaction_date="paid_date",
        transaction_cents="amount_cents",
        term_change_months=pl.lit(None, pl.Int32),
    )


def _early(tables: Tables) -> pl.DataFrame:
    """Instalments settled in an earlier month than they fall due: of a loan settled before its end, or of another.

    An instalment paid ahead in part counts in the month in which it is settled; one settled on the day of a waiver is
    debt relief. Settling the loan early takes in everything settled on that day.
    """
    items = in_force(tables).filter(~pl.col("is_chargeback") & (pl.col("due_cents") > 0))
    settled = tables["status.loan_status"].filter("is_settled").select(LOAN, is_settled=pl.lit(value=True))
    waived = tables["core.repayments"].filter((pl.col("kind") == "waiver") & ~pl.col("is_void"))
    relief = waived.select(*ACCOUNT, settled_date="paid_date").unique()
    ends = items.group_by(LOAN).agg(settled_on=pl.col("settled_date").max(), last_due=pl.col("due_date").max())
    origins = tables["core.loans"].select(*LOAN, "origination_date")
    rows = (
        items.drop_nulls("settled_date")
        .join(relief, on=[*ACCOUNT, "settled_date"], how="anti")
        .join(settled, on=LOAN, how="left")
        .join(ends, on=LOAN)
        .join(origins, on=LOAN, how="left")
        .filter(pl.col("settled_date") > pl.col("origination_date"))
        .with_columns(
            is_last=pl.col("is_settled").fill_null(value=False)
            & (pl.col("settled_date") == pl.col("settled_on"))
            & (pl.col("last_due") > pl.col("settled_on"))
        )
        .filter(
            (month_number(pl.col("due_date")) > month_number(pl.col("settled_date")))
            | (pl.col("is_last") & (pl.col("due_date") > pl.col("settled_date")))
        )
    )
    kind = pl.when("is_last").then(pl.lit(_SETTLED_EARLY)).otherwise(pl.lit(_PREPAID))
    shorter = month_number(pl.col("settled_on")) - month_number(pl.col("last_due"))
    return rows.select(
        *KEY,
        transaction_type=kind,
        transaction_date="settled_date",
        transaction_cents="paid_cents",
        term_change_months=pl.when("is_last").then(shorter).cast(pl.Int32),
    )
