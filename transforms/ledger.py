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
    """One row per unit: unit_no, scope_no, account_no, source, account_id, loan_id and loan_no (null: the account's
    own), start (null: own), and the product's rules (allocation, tolerance_cents, grace_days, pboc_grain,
    refund_to_own_loan, *_rank)."""
    plans: pl.DataFrame
    """One row per plan of a loan: unit_no, source, account_id, loan_id, plan_date, is_original, exists_from, exists_to
    and its sums."""
    items: pl.DataFrame
    """One row per instalment or chargeback, in ITEM_ORDER: item_no, unit_no, scope_no, due_date, due_cents and its
    parts, exists_from, exists_to (first day without the item; null: stays), is_chargeback and its keys."""
    credits: pl.DataFrame
    """One row per credit that is not void: scope_no, unit_no (of the loan it names; null: none), repayment_id,
    paid_date, amount_cents, kind."""

    def of_units(self, rows: pl.DataFrame, *names: str) -> pl.DataFrame:
        """Columns of the units that the rows (unit_no) are of, in the order of the rows."""
        return self.units.select(pl.col(names).gather(rows["unit_no"]))


def build(resolved: Resolved, accounts: pl.DataFrame, policy: Policy) -> Ledger:
    """The ledger of the accounts.

    Args:
        resolved: the facts that hold.
        accounts: one row per account: account_no, source, account_id, product_code.
        policy: gives the rules of each product.
    """
    rules = policy.product_frame(accounts["product_code"].unique().to_list())
    plans = _plans(resolved.installments)
    units = _units(plans, resolved.loans, accounts.join(rules, on="product_code", how="left"))
    plans = plans.join(units.select("loan_no", "unit_no", "source", "account_id", "loan_id"), on="loan_no")
    items = _items(resolved, plans, units)
    return Ledger(units=units, plans=plans, items=items, credits=_credits(resolved.repayments, units))


def _plans(installments: pl.DataFrame) -> pl.DataFrame:
    """One row per plan, with the days between which its items exist."""
    plans = (
        installments.group_by("loan_no", "plan_date")
        .agg(
            pl.col("order_date").min(),
            first_due=pl.col("due_date").min(),
            installment_count=pl.len().cast(pl.Int64),
            principal_cents=pl.col("principal_cents").sum(),
            due_cents=(pl.col("principal_cents") + pl.col("interest_cents") + pl.col("fee_cents")).sum(),
        )
        .sort("loan_no", "plan_date", nulls_last=False)
    )
    is_original = pl.col("loan_no").is_first_distinct()
    start = pl.coalesce("order_date", "first_due").filter(is_original).gather(pl.col("loan_no"))
    is_followed = pl.col("loan_no") == pl.col("loan_no").shift(-1)
    return plans.with_columns(start=start, is_original=is_original).with_columns(
        exists_from=pl.when("is_original").then("start").otherwise(pl.max_horizontal("plan_date", "start")),
        exists_to=pl.when(is_followed).then(pl.col("plan_date").shift(-1)),
    )


def _units(plans: pl.DataFrame, loans: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
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
    started = plans.filter("is_original").select("loan_no", "start")
    numbered = loans.select("account_no", "loan_id", "loan_no").join(started, on="loan_no")
    return (
        pl.concat(
            [
                account.join(numbered, on="account_no", how="inner"),
                account.filter(pl.col("allocation") == "account"),
            ],
            how="diagonal",
        )
        .sort("account_no", "loan_no", nulls_last=True)
        .with_row_index("unit_no")
        .with_columns(
            scope_no=pl.when(pl.col("allocation") == "account")
            .then(pl.col("unit_no").max().over("account_no"))
            .otherwise("unit_no")
        )
    )


def _items(resolved: Resolved, plans: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Instalments of every plan and chargebacks that are not void."""
    scopes = units.select("unit_no", "scope_no")
    spans = plans.select("loan_no", "plan_date", "unit_no", "exists_from", "exists_to").join(scopes, on="unit_no")
    installments = resolved.installments.join(
        spans, on=["loan_no", "plan_date"], how="inner", nulls_equal=True
    ).with_columns(is_chargeback=pl.lit(value=False))
    chargebacks = (
        resolved.repayments.filter((pl.col("kind") == "chargeback") & ~pl.col("is_void"))
        .with_columns(loan_no=pl.coalesce("loan_no", "target_loan_no"))
        .drop("loan_id")
        .join(
            units.select("account_no", "loan_no", "loan_id", "unit_no", "scope_no", "start"),
            on=["account_no", "loan_no"],
            how="inner",
            nulls_equal=True,
        )
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
    loans = units.select("loan_no", "unit_no", loan_scope="scope_no").drop_nulls("loan_no")
    pots = units.filter(pl.col("loan_no").is_null()).select("account_no", pot="scope_no")
    return (
        rows.join(loans, on="loan_no", how="left")
        .join(pots, on="account_no", how="left")
        .with_columns(scope_no=pl.coalesce("pot", "loan_scope"))
        .select("scope_no", "unit_no", "repayment_id", "paid_date", "amount_cents", "kind")
        .sort("scope_no", "paid_date", "repayment_id")
    )
