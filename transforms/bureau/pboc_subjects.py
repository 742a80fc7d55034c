"""Whom a report in the second-generation style is about: loans, or accounts, as the product's policy says."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.bureau.pboc_fields import KEY
from transforms.policy import Policy

ACCOUNT = ("source", "account_id")
LOAN = ("source", "loan_id")
_STATUS = (
    "currency",
    "lender_id",
    "product_code",
    "dpd",
    "past_due_cents",
    "past_due_charges_cents",
    "outstanding_principal_cents",
    "remaining_cents",
    "credit_status",
    "five_tier",
    "pboc_24m",
    "pboc_60m",
    "is_disputed",
)

Tables = dict[str, pl.DataFrame]


def subjects(tables: Tables, policy: Policy, month_end: date) -> pl.DataFrame:
    """One row per subject: a loan, or an account whose product keeps its performance by account.

    Args:
        tables: the published tables as of the month-end, with inside names.
        policy: `pboc_type`, `pboc_grain` and `allocation` of its products.
        month_end: the month-end.

    Returns:
        source, account_id, loan_id (null: an account), customer_id, pboc_type, allocation, opened_date, expiry_date,
        closed_date (null: open), granted_cents, last_paid_date, is_frozen and the columns of its status.
    """
    codes = tables["status.account_status"]["product_code"].to_list() + tables["core.loans"]["product_code"].to_list()
    rules = policy.product_frame(codes).select("product_code", "pboc_type", "pboc_grain", "allocation")
    frozen = (
        tables["core.events"]
        .filter((pl.col("kind") == "account_frozen") & (pl.col("event_date") <= month_end))
        .select(*ACCOUNT, is_frozen=pl.lit(value=True))
        .unique()
    )
    both = [
        _loans(tables).join(rules, on="product_code").filter(pl.col("pboc_grain") == "loan"),
        _accounts(tables, month_end).join(rules, on="product_code").filter(pl.col("pboc_grain") == "account"),
    ]
    return (
        pl.concat(both, how="diagonal")
        .join(frozen, on=ACCOUNT, how="left")
        .with_columns(pl.col("is_frozen").fill_null(value=False))
        .sort(KEY, nulls_last=True)
    )


def in_force(tables: Tables) -> pl.DataFrame:
    """One row per item of the plans in force and per chargeback, with parts in cents.

    Columns: source, account_id, loan_id (null: a chargeback of the account), due_date, due_cents, principal_cents,
    interest_cents, fee_cents, paid_cents, settled_date, is_chargeback.
    """
    instalments = tables["core.installments"].filter(pl.col("replaced_on").is_null())
    chargebacks = tables["core.chargebacks"].with_columns(
        principal_cents="due_cents", interest_cents=pl.lit(0, pl.Int64), fee_cents=pl.lit(0, pl.Int64)
    )
    names = ("due_date", "due_cents", "principal_cents", "interest_cents", "fee_cents", "paid_cents", "settled_date")
    return pl.concat(
        [
            rows.select(*KEY, *names, is_chargeback=pl.lit(is_chargeback))
            for rows, is_chargeback in ((instalments, False), (chargebacks, True))
        ]
    )


def of_subjects(rows: pl.DataFrame, whose: pl.DataFrame) -> pl.DataFrame:
    """The rows (source, account_id, loan_id, …) of each subject: of its loan, or of all loans of its account.

    Returns:
        The rows with subject_no in the place of their key; those that belong to no subject are left out.
    """
    numbers = whose.select(*KEY, "subject_no")
    by_loan = numbers.filter(pl.col("loan_id").is_not_null())
    by_account = numbers.filter(pl.col("loan_id").is_null()).drop("loan_id")
    named = rows.join(by_loan.drop("account_id"), on=LOAN)
    whole = rows.join(by_account, on=ACCOUNT)
    return pl.concat([named.drop(KEY), whole.drop(KEY)])


def _loans(tables: Tables) -> pl.DataFrame:
    """One row per loan that has started."""
    settled = (
        in_force(tables)
        .drop_nulls("loan_id")
        .group_by(LOAN)
        .agg(settled_date=pl.col("settled_date").max())
        .join(tables["status.loan_status"].filter("is_settled").select(LOAN), on=LOAN)
    )
    promised = tables["core.loans"].select(
        *LOAN, "customer_id", opened_date="origination_date", granted_cents="principal_cents"
    )
    return (
        tables["status.loan_status"]
        .select(*KEY, *_STATUS, "last_paid_date", expiry_date="last_due_date")
        .join(promised, on=LOAN, how="left")
        .join(settled.rename({"settled_date": "closed_date"}), on=LOAN, how="left")
    )


def _accounts(tables: Tables, month_end: date) -> pl.DataFrame:
    """One row per account; it is closed on its day, or on the later one on which nothing was owed any more."""
    of_loans = (
        tables["status.loan_status"]
        .group_by(ACCOUNT)
        .agg(
            pl.col("last_paid_date").max(),
            expiry_date=pl.col("last_due_date").max(),
            all_settled=pl.col("is_settled").all(),
        )
    )
    last_settled = in_force(tables).group_by(ACCOUNT).agg(last_settled=pl.col("settled_date").max())
    is_over = (pl.col("closed_date") <= month_end) & pl.col("all_settled").fill_null(value=True)
    return (
        tables["status.account_status"]
        .select(*ACCOUNT, "customer_id", *_STATUS, "closed_date", granted_cents="credit_limit_cents")
        .join(tables["core.accounts"].select(*ACCOUNT, "opened_date"), on=ACCOUNT, how="left")
        .join(of_loans, on=ACCOUNT, how="left")
        .join(last_settled, on=ACCOUNT, how="left")
        .with_columns(closed_date=pl.when(is_over).then(pl.max_horizontal("closed_date", "last_settled")))
        .drop("all_settled", "last_settled")
    )
