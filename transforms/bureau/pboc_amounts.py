"""Amounts of a record: overdue principal by age, what fell due in the month and what was paid."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.bureau.pboc_fields import BANDS, KEY
from transforms.bureau.pboc_subjects import ACCOUNT, LOAN, Tables, in_force, of_subjects
from transforms.feeds import CASH_KINDS
from transforms.policy import Policy
from transforms.standing import days_past_due, deferrals
from transforms.unrolled import parts_paid


def overdue(tables: Tables, whose: pl.DataFrame, policy: Policy, month_end: date) -> pl.DataFrame:
    """One row per subject with something late: overdue_principal_cents, and of it each band of BANDS.

    An item's days are counted as the loan's are: less deferred days, and 0 within grace. What is late without any
    day counted is in the sum and in no band.

    Args:
        tables: the published tables as of the month-end.
        whose: subjects with subject_no.
        policy: tolerance, grace and order of payment of the products.
        month_end: the month-end.
    """
    items = _late_items(tables, policy, month_end)
    dated = items.select("item_no", "grace_days", day=pl.lit(month_end), oldest_due_date="due_date")
    days = days_past_due(dated, _deferred(tables, items), policy, by=("item_no",)).select("item_no", "dpd")
    principal = pl.col("principal_cents") - pl.col("principal_paid_cents")
    rows = items.with_columns(parts_paid(pl.col("paid_cents"))).join(days, on="item_no")
    bands = {
        f"overdue_principal_{band}_cents": principal.filter(pl.col("dpd").is_between(first, last or 2**31 - 1)).sum()
        for band, (first, last) in BANDS.items()
    }
    return of_subjects(rows, whose).group_by("subject_no").agg(overdue_principal_cents=principal.sum(), **bands)


def due_in_month(tables: Tables, whose: pl.DataFrame, first: date, month_end: date) -> pl.DataFrame:
    """One row per subject to which something fell due: due_this_month_cents, chargebacks included."""
    rows = in_force(tables).filter(pl.col("due_date").is_between(first, month_end))
    return of_subjects(rows, whose).group_by("subject_no").agg(due_this_month_cents=pl.col("due_cents").sum())


def paid_in_month(tables: Tables, whose: pl.DataFrame, first: date, month_end: date) -> pl.DataFrame:
    """One row per subject whose payments are its own: paid_this_month_cents.

    Voided payments count nothing, nor do those that bounced within the month. A loan in an account's common pot has no
    row: its payments need not name it.
    """
    here = pl.col("paid_date").is_between(first, month_end) & ~pl.col("is_void")
    rows = tables["core.repayments"].filter(here)
    bounced = rows.filter((pl.col("kind") == "chargeback") & pl.col("refers_to").is_not_null())
    cash = rows.filter(pl.col("kind").is_in(CASH_KINDS)).join(
        bounced.select("source", repayment_id="refers_to"), on=["source", "repayment_id"], how="anti"
    )
    own = whose.filter(pl.col("loan_id").is_null() | (pl.col("allocation") == "loan"))
    paid = (
        of_subjects(cash.select(*KEY, "amount_cents"), own)
        .group_by("subject_no")
        .agg(paid_this_month_cents=pl.col("amount_cents").sum())
    )
    return (
        own.select("subject_no")
        .join(paid, on="subject_no", how="left")
        .with_columns(pl.col("paid_this_month_cents").fill_null(0))
    )


def _late_items(tables: Tables, policy: Policy, month_end: date) -> pl.DataFrame:
    """Items due before the month-end with more than the tolerance uncovered, with item_no and their product's rules."""
    products = pl.concat(
        [
            tables["core.loans"].select(*LOAN, "product_code", account_id=pl.lit(None, pl.String)),
            tables["core.accounts"].select(*ACCOUNT, "product_code", loan_id=pl.lit(None, pl.String)),
        ],
        how="diagonal",
    )
    rules = policy.product_frame(products["product_code"].to_list()).select(
        "product_code", "tolerance_cents", "grace_days", "fee_rank", "interest_rank", "principal_rank"
    )
    of_loan = products.drop_nulls("loan_id").select(*LOAN, loan_product="product_code")
    of_account = products.drop_nulls("account_id").select(*ACCOUNT, account_product="product_code")
    return (
        in_force(tables)
        .filter(pl.col("due_date") < month_end)
        .join(of_loan, on=LOAN, how="left")
        .join(of_account, on=ACCOUNT, how="left")
        .with_columns(product_code=pl.coalesce("loan_product", "account_product"))
        .join(rules, on="product_code", how="left")
        .filter(pl.col("due_cents") - pl.col("paid_cents") > pl.col("tolerance_cents"))
        .with_row_index("item_no")
    )


def _deferred(tables: Tables, items: pl.DataFrame) -> pl.DataFrame:
    """Stretches of deferred days of each late item: item_no, first_day, last_day."""
    loans = tables["core.loans"].select(*KEY, start="origination_date").with_row_index("unit_no")
    stretches = deferrals(tables["core.events"], loans)
    numbers = items.select("item_no", *LOAN).join(loans.select(*LOAN, "unit_no"), on=LOAN)
    return numbers.join(stretches, on="unit_no").select("item_no", "first_day", "last_day")
