"""The lawful gate before a file of a bureau: every loan and account of a month with its reasons to be held back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import polars as pl

from transforms.policy import SharingPolicy
from transforms.sharing.lawful import Asked, HeldBack, gate, subjects_of
from transforms.sharing.sent import KEY, LeftOut

_NEGATIVE = {"pboc_60m": "[1-7MDZB]", "metro2_24m": "[1-6GHJKL]"}
"""Codes of a history that tell of bad behaviour, by the column."""


@dataclass(frozen=True, slots=True)
class Register:
    """What is known of who agreed, who was told, and what must not be told again."""

    consents: pl.DataFrame = field(repr=False)
    """core.consents."""
    notices: pl.DataFrame = field(repr=False)
    """core.notices."""
    fraud: pl.DataFrame = field(repr=False)
    """KEY of the subjects deleted at this recipient as opened by fraud."""


def judge(
    tables: dict[str, pl.DataFrame],
    register: Register,
    rules: SharingPolicy,
    asked: Asked,
    month_end: date,
    history: str,
) -> pl.DataFrame:
    """One row per loan and per account (loan_id is null): KEY, customer_id, reasons to hold it back.

    Beyond the law's own reasons: a loan whose history would still show what may be told no more, and a subject that was
    deleted at this recipient as opened by fraud.

    Args:
        tables: the month-end's.
        register: consents, notices and frauds.
        rules: the policy's.
        asked: recipient, purpose and day of handing on.
        month_end: the month-end.
        history: column of the string that the layout tells.
    """
    shown = tables["status.loan_status"].select(
        "source", "loan_id", shows_bad=pl.col(history).str.contains(_NEGATIVE[history])
    )
    loans = gate(subjects_of(tables, month_end), register.consents, register.notices, rules, asked)
    still_shown = pl.col("is_expired") & pl.col("shows_bad").fill_null(value=False)
    expired = pl.lit(HeldBack.RETENTION_ENDED.value)
    told = loans.join(shown, on=["source", "loan_id"], how="left").with_columns(
        reasons=pl.when(still_shown)
        .then(pl.concat_list("reasons", expired).list.unique(maintain_order=True))
        .otherwise("reasons")
    )
    accounts = tables["status.account_status"].select(
        "source",
        "account_id",
        "customer_id",
        loan_id=pl.lit(None, pl.String),
        began_on=pl.lit(None, pl.Date),
        ended_on=pl.lit(None, pl.Date),
        delinquent_since=pl.lit(None, pl.Date),
        is_closed=pl.lit(value=False),
    )
    whole = gate(accounts, register.consents, register.notices, rules, asked)
    rows = pl.concat([each.select(*KEY, "customer_id", "reasons") for each in (told, whole)])
    is_fraud = register.fraud.select(KEY).unique().with_columns(is_fraud=pl.lit(value=True))
    marked = rows.join(is_fraud, on=KEY, how="left", nulls_equal=True)
    return marked.with_columns(
        reasons=pl.when(pl.col("is_fraud").fill_null(value=False))
        .then(pl.concat_list("reasons", pl.lit(LeftOut.FRAUD.value)))
        .otherwise("reasons")
    ).drop("is_fraud")
