"""The ledger of some accounts: units that owe, items owed and credits, numbered densely for the arithmetic.

A *unit* is what stands somewhere: a loan, or what an account with one common pot owes outside any loan.
A *scope* is where credits meet items: the unit itself, or all units of an account (policy `allocation = "account"`).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from transforms.feeds import CREDIT_KINDS
from transforms.policy import Policy
from transforms.references import Resolved

ITEM_ORDER = ("scope_no", "due_date", "is_chargeback", "unit_no", "installment_no", "repayment_id")
"""Order in which the items of a scope are filled."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Units, items and credits of a set of accounts."""

    units: pl.DataFrame
    """One row per unit: unit_no, scope_no, account_no, source, account_id, loan_id (null: the account's own), start
    (null: own), and the product's rules (allocation, tolerance_cents, grace_days, pboc_grain,
    refund_to_own_loan, *_rank)."""
    plans: pl.DataFrame
    """One row per plan of a loan: source, loan_id, plan_date, is_original, exists_from, exists_to and its sums."""
    items: pl.DataFrame
    """One row per instalment or chargeback, in ITEM_ORDER: item_no, unit_no, scope_no, due_date, due_cents and its
    parts, exists_from, exists_to (first day without the item; null: stays), is_chargeback and its keys."""
    credits: pl.DataFrame
    """One row per credit that is not void: scope_no, unit_no (of the loan it names; null: none), repayment_id,
    paid_date, amount_cents, kind."""


def build(resolved: Resolved, accounts: pl.DataFrame, policy: Policy) -> Ledger:
    """The ledger of the accounts.

    Args:
        resolved: the facts that hold.
        accounts: one row per account: account_no, source, account_id, product_code.
        policy: gives the rules of each product.
    """
    rules = policy.product_frame(accounts["product_code"].unique().to_list())
    plans = _plans(resolved.installments)
    units = _units(plans, accounts.join(rules, on="product_code", how="left"))
    items = _items(resolved, plans, units)
    return Ledger(units=units, plans=plans, items=items, credits=_credits(resolved.repayments, units))


def _plans(installments: pl.DataFrame) -> pl.DataFrame:
    """One row per plan, with the days between which its items exist."""
    loan = ["source", "loan_id"]
    plans = (
        installments.group_by(*loan, "plan_date")
        .agg(
            pl.col("account_id").first(),
            pl.col("order_date").min(),
            first_due=pl.col("due_date").min(),
            installment_count=pl.len().cast(pl.Int64),
            principal_cents=pl.col("principal_cents").sum(),
            due_cents=(pl.col("principal_cents") + pl.col("interest_cents") + pl.col("fee_cents")).sum(),
        )
        .sort(*loan, "plan_date", nulls_last=False)
    )
    start = pl.coalesce("order_date", "first_due").first().over(loan)
    is_original = pl.int_range(pl.len()).over(loan) == 0
    return plans.with_columns(start=start, is_original=is_original).with_columns(
        exists_from=pl.when("is_original").then("start").otherwise(pl.max_horizontal("plan_date", "start")),
        exists_to=pl.col("plan_date").shift(-1).over(loan),
    )


def _units(plans: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Loans, and one unit of its own for each account with a common pot; numbered by account, then loan id."""
    account = accounts.select(
        "account_no",
        "source",
        "account_id",
        "allocation",
        "tolerance_cents",
        "grace_days",
        "pboc_grain",
        "refund_to_own_loan",
        "fee_rank",
        "interest_rank",
        "principal_rank",
    )
    loans = plans.filter("is_original").select("source", "account_id", "loan_id", "start")
    return (
        pl.concat(
            [
                account.join(loans, on=["source", "account_id"], how="inner"),
                account.filter(pl.col("allocation") == "account"),
            ],
            how="diagonal",
        )
        .sort("account_no", "loan_id", nulls_last=True)
        .with_row_index("unit_no")
        .with_columns(
            scope_no=pl.when(pl.col("allocation") == "account")
            .then(pl.col("unit_no").max().over("account_no"))
            .otherwise("unit_no")
        )
    )


def _items(resolved: Resolved, plans: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Instalments of every plan and chargebacks that are not void."""
    spans = plans.select("source", "loan_id", "plan_date", "exists_from", "exists_to")
    unit = units.select("source", "account_id", "loan_id", "unit_no", "scope_no", "start")
    installments = (
        resolved.installments.join(spans, on=["source", "loan_id", "plan_date"], how="left", nulls_equal=True)
        .join(unit, on=["source", "account_id", "loan_id"], how="inner")
        .with_columns(is_chargeback=pl.lit(value=False))
    )
    chargebacks = (
        resolved.repayments.filter((pl.col("kind") == "chargeback") & ~pl.col("is_void"))
        .with_columns(loan_id=pl.coalesce("loan_id", "target_loan"))
        .join(unit, on=["source", "account_id", "loan_id"], how="inner", nulls_equal=True)
        .with_columns(
            due_date="paid_date",
            principal_cents="amount_cents",
            interest_cents=pl.lit(0, pl.Int64),
            fee_cents=pl.lit(0, pl.Int64),
            exists_from=pl.max_horizontal("paid_date", "start"),
            is_chargeback=pl.lit(value=True),
            is_payout=pl.col("refers_to").is_null(),
        )
    )
    columns = (
        "unit_no",
        "scope_no",
        "source",
        "account_id",
        "loan_id",
        "plan_date",
        "installment_no",
        "repayment_id",
        "due_date",
        "fee_cents",
        "interest_cents",
        "principal_cents",
        "exists_from",
        "exists_to",
        "is_chargeback",
        "is_payout",
    )
    both = pl.concat([installments, chargebacks], how="diagonal")
    return (
        both.select(columns)
        .with_columns(due_cents=pl.col("fee_cents") + pl.col("interest_cents") + pl.col("principal_cents"))
        .sort(ITEM_ORDER, nulls_last=True)
        .with_row_index("item_no")
    )


def _credits(repayments: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Credits with the scope they fall into: the loan's where it has its own, else the account's."""
    rows = repayments.filter(pl.col("kind").is_in(CREDIT_KINDS) & ~pl.col("is_void"))
    loans = units.select("source", "account_id", "loan_id", "unit_no", loan_scope="scope_no")
    pots = units.filter(pl.col("loan_id").is_null()).select("source", "account_id", pot="scope_no")
    return (
        rows.join(loans, on=["source", "account_id", "loan_id"], how="left")
        .join(pots, on=["source", "account_id"], how="left")
        .with_columns(scope_no=pl.coalesce("pot", "loan_scope"))
        .select("scope_no", "unit_no", "repayment_id", "paid_date", "amount_cents", "kind")
        .sort("scope_no", "paid_date", "repayment_id")
    )
