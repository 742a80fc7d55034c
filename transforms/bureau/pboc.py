"""Account records of a month in the second-generation style (二代征信): made, judged, and told as XML and as rows.

Our own layout of public facts; the official interface text is not public.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from transforms.bureau.pboc_amounts import due_in_month, overdue, paid_in_month
from transforms.bureau.pboc_fields import BANDS, KEY, SCHEMA, SPECIAL
from transforms.bureau.pboc_flat import flat
from transforms.bureau.pboc_rules import violations
from transforms.bureau.pboc_subjects import Tables, subjects
from transforms.bureau.pboc_transactions import special_transactions
from transforms.bureau.pboc_xml import written
from transforms.policy import Policy

_NO_CHANGES = pl.DataFrame(schema={name: pl.String() for name in (*KEY, "action", "reason")})
_AMOUNTS = ("overdue_principal_cents", *(f"overdue_principal_{band}_cents" for band in BANDS), "due_this_month_cents")


@dataclass(frozen=True, slots=True)
class PbocReport:
    """What is told of a month, and what is not."""

    records: pl.DataFrame
    """One row per record that may leave: SCHEMA of pboc_fields; its subject is KEY."""
    xml: bytes
    """The same as XML, valid by the published XSD."""
    rows: pl.DataFrame
    """The same as flat rows for CSV and Parquet, valid by the published JSON Schema."""
    violations: pl.DataFrame
    """One row per subject and broken rule: KEY, field, rule; such subjects are not in the records."""
    closed_before: pl.DataFrame
    """Subjects that ended before the month and are told no more: KEY."""
    held_back: pl.DataFrame
    """Subjects that may not be told: KEY."""


def report_of(
    tables: Tables,
    identities: pl.DataFrame,
    policy: Policy,
    month_end: date,
    changes: pl.DataFrame | None = None,
    only: pl.DataFrame | None = None,
) -> PbocReport:
    """The report of a month; with changes the corrections and deletions alone.

    Subjects are records + those with a violation + those closed before the month + those held back; with changes, as
    many as these name.

    Args:
        tables: the published tables as of the month-end by name, with inside names: core.accounts, core.loans,
            core.installments, core.chargebacks, core.repayments, core.events, status.loan_status,
            status.account_status.
        identities: source, customer_id, name, id_type, id_number in clear.
        policy: the policy in force.
        month_end: last day of the month told of.
        changes: source, account_id, loan_id (null: an account), action (correction or deletion), reason.
        only: KEY of the subjects that may be told in a plain report; None: every one.

    Raises:
        PbocError: what was written is not valid by the published schemas.
    """
    first = month_end.replace(day=1)
    made = records_of(tables, identities, policy, month_end)
    held = made.clear()
    if changes is None:
        if only is not None:
            held = made.join(only, on=KEY, how="anti", nulls_equal=True)
            made = made.join(only.select(KEY), on=KEY, how="semi", nulls_equal=True)
        gone = made.filter(pl.col("closed_date") < first)
        told = made.filter((pl.col("closed_date") >= first).fill_null(value=True))
    else:
        gone = made.clear()
        told = _changed(made, changes, month_end)
    broken = violations(told)
    kept = told.join(broken, on=KEY, how="anti", nulls_equal=True).sort(KEY, nulls_last=True)
    return PbocReport(
        kept, written(kept, month_end, policy.version), flat(kept), broken, gone.select(KEY), held.select(KEY)
    )


def records_of(tables: Tables, identities: pl.DataFrame, policy: Policy, month_end: date) -> pl.DataFrame:
    """One row per subject, closed ones too: SCHEMA of pboc_fields, as a plain report would tell it."""
    first = month_end.replace(day=1)
    whose = subjects(tables, policy, month_end).with_row_index("subject_no")
    who = identities.select("source", "customer_id", "name", "id_type", "id_number")
    rows = (
        whose.join(who, on=["source", "customer_id"], how="left")
        .join(overdue(tables, whose, policy, month_end), on="subject_no", how="left")
        .join(due_in_month(tables, whose, first, month_end), on="subject_no", how="left")
        .join(paid_in_month(tables, whose, first, month_end), on="subject_no", how="left")
        .join(special_transactions(tables, whose, first, month_end), on="subject_no", how="left")
        .with_columns(pl.col(_AMOUNTS).fill_null(0), pl.col(SPECIAL).fill_null([]))
        .with_columns(
            action=pl.lit("report"),
            reason=pl.lit(None, pl.String),
            month_end=pl.lit(month_end),
            account_type="pboc_type",
            account_status=account_status(),
            performance=pl.col("pboc_24m").str.tail(1),
            balance_cents="outstanding_principal_cents",
            dispute=pl.when("is_disputed").then(pl.lit("1")),
        )
    )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()).sort(KEY, nulls_last=True)


def account_status() -> pl.Expr:
    """Status of the account: 4 bad debt, 3 settled, 2 overdue, 5 stopped by the bank (R1 alone), 1 normal.

    From credit_status, closed_date, dpd, pboc_type and is_frozen; the first that applies in that order.
    """
    return (
        pl.when(pl.col("credit_status") == "charged_off")
        .then(pl.lit("4"))
        .when(pl.col("closed_date").is_not_null())
        .then(pl.lit("3"))
        .when(pl.col("dpd") > 0)
        .then(pl.lit("2"))
        .when((pl.col("pboc_type") == "R1") & pl.col("is_frozen"))
        .then(pl.lit("5"))
        .otherwise(pl.lit("1"))
    )


def _changed(made: pl.DataFrame, changes: pl.DataFrame, month_end: date) -> pl.DataFrame:
    """Corrections with the record as it is now, and deletions with their key alone; each with its reason."""
    asked = changes.select(*KEY, "action", "reason")
    corrected = (
        made.drop("action", "reason")
        .join(asked.filter(pl.col("action") != "deletion"), on=KEY, how="right", nulls_equal=True)
        .with_columns(pl.col("month_end").fill_null(month_end))
    )
    deleted = asked.filter(pl.col("action") == "deletion").with_columns(month_end=pl.lit(month_end))
    return pl.concat([made.clear(), corrected.select(made.columns), deleted], how="diagonal").with_columns(
        pl.col(SPECIAL).fill_null([])
    )
