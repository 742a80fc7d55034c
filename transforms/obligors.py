"""Loans, accounts and persons side by side: contagion, class, stage and credit status, told of all of them together."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from transforms.charge_offs import is_charged_off
from transforms.five_tier import NON_PERFORMING
from transforms.policy import FiveTierPolicy, Policy
from transforms.standing import bucket, bucket_no
from transforms.tables import ALL, TABLES, own_schema

_ACCOUNT = ["source", "account_id"]
_SEVERE = ("charged_off", "in_default", "probation", "forborne")
"""Statuses that an account has when one of its loans has it, worst first."""
PERSON_ORDER = (*_SEVERE, "past_due", "over_limit", "in_credit", "current", "settled", "closed", "not_started")
_SUMS = (
    "loan_count",
    "past_due_cents",
    "outstanding_principal_cents",
    "remaining_cents",
    "credit_limit_cents",
    "available_credit_cents",
    "past_due_charges_cents",
    "charged_off_cents",
    "recovered_cents",
)
_FIRST_DAYS = ("negative_since", "default_since", "delinquent_since")
_FLAGS = ("is_in_credit", "is_over_limit", "is_past_due", "is_forborne", "is_disputed")
_WORST = ("dpd", "five_tier", "ifrs9_stage")


@dataclass(frozen=True, slots=True)
class Standings:
    """The three status tables of a night, with the columns of the tables."""

    loans: pl.LazyFrame
    accounts: pl.LazyFrame
    customers: pl.LazyFrame


def finish(loans: pl.LazyFrame, accounts: pl.LazyFrame, customers: pl.LazyFrame, policy: Policy) -> Standings:
    """All loans and accounts with the columns of `tables.FINISHED`, and the standing of persons.

    Args:
        loans: status.loan_status without them.
        accounts: status.account_status without them.
        customers: core.customers.
        policy: the rules.
    """
    finished_loans = finish_loans(loans, accounts, customers, policy)
    finished_accounts = finish_accounts(accounts, finished_loans, policy)
    return Standings(finished_loans, finished_accounts, persons(finished_accounts, customers, policy))


def finish_loans(loans: pl.LazyFrame, accounts: pl.LazyFrame, customers: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """status.loan_status; arguments as of `finish`."""
    obliged = _with_obligor(_with_tolerance(accounts, policy), customers)
    known = obliged.select(*_ACCOUNT, "closed_date", "tolerance_cents", "obligor")
    rows = loans.join(known, on=_ACCOUNT, how="left").with_columns(is_obligor_default=_by_obligor(policy))
    return classes(rows, policy).select(TABLES["status.loan_status"].schema.keys())


def finish_accounts(accounts: pl.LazyFrame, loans: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """status.account_status.

    Args:
        accounts: status.account_status without the columns of `tables.FINISHED`.
        loans: what `finish_loans` told.
        policy: the rules.
    """
    told = _accounts(_with_tolerance(accounts, policy), loans)
    return told.select(TABLES["status.account_status"].schema.keys())


def persons(accounts: pl.LazyFrame, customers: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """status.customer_status: persons across sources, other customers within theirs.

    Args:
        accounts: what `finish_accounts` told.
        customers: core.customers.
        policy: the rules.
    """
    return _customers(_with_obligor(accounts, customers), policy)


def _with_tolerance(accounts: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """The accounts with tolerance_cents of their product."""
    codes = accounts.select("product_code").unique().collect()["product_code"].to_list()
    tolerance = policy.product_frame(codes).lazy().select("product_code", "tolerance_cents")
    return accounts.join(tolerance, on="product_code", how="left")


def told_together(
    changed: pl.LazyFrame, customers: pl.LazyFrame, accounts: pl.LazyFrame, before: pl.LazyFrame, now: pl.LazyFrame
) -> pl.LazyFrame:
    """source, account_id: the accounts that change, and all whose customer or person is or was that of one of them.

    `finish` tells these apart from all others: nothing that it tells reaches further than an account and its obligor.

    Args:
        changed: source, account_id, customer_id of accounts that change, as they are now.
        customers: source, customer_id of customers that change; their accounts do as well.
        accounts: source, account_id, customer_id of all accounts as told last.
        before: core.customers as told last.
        now: core.customers as it is now.
    """
    customer = ["source", "customer_id"]
    columns = [*_ACCOUNT, "customer_id"]
    by_customer = accounts.join(customers, on=customer, how="semi").join(changed, on=_ACCOUNT, how="anti")
    moved = pl.concat([changed.select(columns), by_customer.select(columns)])
    was = _with_obligor(accounts, before)
    obligors = pl.concat(
        [was.join(moved, on=_ACCOUNT, how="semi").select("obligor"), _with_obligor(moved, now).select("obligor")]
    ).unique()
    theirs = was.join(obligors, on="obligor", how="semi")
    return pl.concat([moved.select(_ACCOUNT), theirs.select(_ACCOUNT)]).unique()


def customer_keys(accounts: pl.LazyFrame, customers: pl.LazyFrame) -> pl.LazyFrame:
    """source, person_id, customer_id: the rows of status.customer_status, of any currency, that accounts belong to.

    Args:
        accounts: source, account_id, customer_id.
        customers: core.customers.
    """
    return _as_customers(_with_obligor(accounts, customers)).select("source", "person_id", "customer_id").unique()


def by_account_alone(loans: pl.LazyFrame, accounts: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """status.account_status as it would be if a default reached no further than its account.

    Args:
        loans: status.loan_status.
        accounts: status.account_status.
        policy: the rules.
    """
    own_loans = loans.select(own_schema("status.loan_status").keys())
    own_accounts = accounts.select(own_schema("status.account_status").keys())
    nobody = pl.LazyFrame(schema=TABLES["core.customers"].schema)
    rules = policy.model_copy(update={"contagion": "account"})
    return finish(own_loans, own_accounts, nobody, rules).accounts


def _with_obligor(accounts: pl.LazyFrame, customers: pl.LazyFrame) -> pl.LazyFrame:
    """The accounts with person_id, and with `obligor`: the person, else the customer of the source."""
    persons = customers.select("source", "customer_id", "person_id")
    customer = pl.concat_str("source", "customer_id", separator="\x1f")
    return accounts.join(persons, on=["source", "customer_id"], how="left").with_columns(
        obligor=pl.coalesce(pl.lit("\x1e") + pl.col("person_id"), customer)
    )


def _by_obligor(policy: Policy) -> pl.Expr:
    """Whether a loan is in default by another one of its account or person, as the policy says."""
    if policy.contagion == "loan":
        return pl.lit(value=False)
    whose = _ACCOUNT if policy.contagion == "account" else ["obligor"]
    spreads = pl.col("default_since").is_not_null().any().over(whose)
    return spreads & pl.col("default_since").is_null() & ~is_charged_off() & ~pl.col("is_settled")


def class_by_days(rules: FiveTierPolicy) -> pl.Expr:
    """The five-tier class that `dpd` alone gives: 1 to 5."""
    return 1 + pl.sum_horizontal((pl.col("dpd") > edge).cast(pl.Int32) for edge in rules.upper_days)


def classes(loans: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """Loans with five_tier, ifrs9_stage and credit_status.

    From dpd, default_since, is_obligor_default, five_tier_floor, is_observed, charged_off_on, past_due_cents,
    remaining_cents, tolerance_cents, is_settled, is_forborne, is_past_due, is_in_credit, closed_date and as_of.
    """
    rules = policy.five_tier
    in_default = pl.col("default_since").is_not_null() | pl.col("is_obligor_default")
    by_days = class_by_days(rules)
    by_default = pl.when(in_default & pl.lit(rules.follows_status)).then(NON_PERFORMING).otherwise(1)
    is_significant = (pl.col("dpd") > policy.loss.significant_days) | pl.col("is_observed")
    status = (
        pl.when(is_charged_off())
        .then(pl.lit("charged_off"))
        .when(in_default & ((pl.col("past_due_cents") > 0) | pl.col("is_obligor_default")))
        .then(pl.lit("in_default"))
        .when(in_default)
        .then(pl.lit("probation"))
        .when("is_forborne")
        .then(pl.lit("forborne"))
        .when("is_past_due")
        .then(pl.lit("past_due"))
        .when("is_in_credit")
        .then(pl.lit("in_credit"))
        .when(pl.col("is_settled") & (pl.col("remaining_cents") <= pl.col("tolerance_cents")))
        .then(pl.lit("settled"))
        .when(pl.col("closed_date") <= pl.col("as_of"))
        .then(pl.lit("closed"))
        .otherwise(pl.lit("current"))
    )
    return loans.with_columns(
        five_tier=pl.max_horizontal(by_days, by_default, "five_tier_floor").cast(pl.Int32),
        ifrs9_stage=pl.when(in_default).then(3).when(is_significant).then(2).otherwise(1).cast(pl.Int32),
        credit_status=status,
    )


def _accounts(accounts: pl.LazyFrame, loans: pl.LazyFrame) -> pl.LazyFrame:
    """Accounts with the worst of their loans, and a status of their own."""
    worst = loans.group_by(_ACCOUNT).agg(
        *(pl.col("credit_status").eq(name).any().alias(f"has_{name}") for name in _SEVERE),
        pl.col("five_tier", "ifrs9_stage").max(),
        pl.col("default_since", "delinquent_since").min(),
        pl.col("is_forborne", "is_disputed").any(),
        pl.col("charged_off_cents").sum(),
        all_settled=pl.col("is_settled").all(),
    )
    flags = ("is_forborne", "is_disputed", "all_settled", *(f"has_{name}" for name in _SEVERE))
    severe = pl.coalesce(pl.when(f"has_{name}").then(pl.lit(name)) for name in _SEVERE)
    return (
        accounts.join(worst, on=_ACCOUNT, how="left")
        .with_columns(
            pl.col(flags).fill_null(value=False),
            pl.col("five_tier", "ifrs9_stage").fill_null(1),
            pl.col("charged_off_cents").fill_null(0),
        )
        .with_columns(
            credit_status=pl.when(severe.is_not_null())
            .then(severe)
            .when("is_past_due")
            .then(pl.lit("past_due"))
            .when("is_in_credit")
            .then(pl.lit("in_credit"))
            .when("is_over_limit")
            .then(pl.lit("over_limit"))
            .when(pl.col("all_settled") & (pl.col("remaining_cents") <= pl.col("tolerance_cents")))
            .then(pl.lit("settled"))
            .when(pl.col("closed_date") <= pl.col("as_of"))
            .then(pl.lit("closed"))
            .when(pl.col("loan_count") > 0)
            .then(pl.lit("current"))
            .otherwise(pl.lit("not_started"))
        )
    )


def _as_customers(accounts: pl.LazyFrame) -> pl.LazyFrame:
    """The accounts under the name of their person across sources or, where it is not known, of their customer."""
    is_known = pl.col("person_id").is_not_null()
    return accounts.with_columns(
        source=pl.when(is_known).then(pl.lit(ALL)).otherwise("source"),
        customer_id=pl.when(is_known).then(None).otherwise("customer_id"),
    )


def _customers(accounts: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """One row per person, or customer of a source where the person is not known, and currency."""
    place = pl.col("credit_status").replace_strict(
        {name: number for number, name in enumerate(PERSON_ORDER)}, return_dtype=pl.Int8
    )
    return (
        _as_customers(accounts)
        .with_columns(place=place)
        .group_by("source", "person_id", "customer_id", "currency")
        .agg(
            pl.col("as_of", "policy_version").first(),
            pl.col(_SUMS).sum(),
            pl.col(*_WORST).max(),
            pl.col(_FIRST_DAYS).min(),
            pl.col(_FLAGS).any(),
            pl.col("place").min(),
            account_count=pl.len().cast(pl.Int64),
            lender_count=pl.col("lender_id").n_unique().cast(pl.Int64),
        )
        .with_columns(
            bucket=bucket(bucket_no(policy)),
            credit_status=pl.col("place").replace_strict(dict(enumerate(PERSON_ORDER)), return_dtype=pl.String),
        )
        .select(TABLES["status.customer_status"].schema.keys())
        .sort(TABLES["status.customer_status"].key, nulls_last=False)
    )
