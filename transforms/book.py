"""The book of a set of accounts at a date: every core and status row that follows from their facts.

The facts of an account decide its rows alone, so a night works on the accounts that something touched, in batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from transforms import carry, history, ledger, references, settle, standing, versions
from transforms.feeds import CASH_KINDS, FEEDS
from transforms.policy import Policy
from transforms.tables import TABLES

_ACCOUNTS = FEEDS["accounts"]


@dataclass(frozen=True, slots=True)
class Book:
    """Rows by published table (inside names, without night columns), and the rows of each feed that wait."""

    tables: dict[str, pl.DataFrame]
    waiting: dict[str, pl.DataFrame]
    """Per feed: the rows as given, with `waits_for`."""
    state: dict[str, pl.DataFrame]
    """What the next night needs of accounts that nothing touches: open_items, deferred, next_change."""


def keep(facts: dict[str, pl.DataFrame], policy: Policy, last_day: date) -> Book:
    """The book at the end of `last_day` of all accounts that occur in the facts.

    Args:
        facts: per feed of an account, every row of those accounts: fact columns, account_no, order_no, business_date,
            line_number.
        policy: the rules.
        last_day: the as-of date.
    """
    account_versions = versions.spans(facts["accounts"].lazy(), _ACCOUNTS).collect()
    accounts = standing.account_at(account_versions, pl.lit(last_day))
    allocation = policy.product_frame(accounts["product_code"].to_list()).select("product_code", "allocation")
    resolved = references.resolve(facts, accounts.join(allocation, on="product_code", how="left"))
    entries = ledger.build(resolved, accounts, policy)
    settlement = settle.settle(entries)
    deferred = standing.deferrals(resolved.events, entries.units)
    started = entries.units.filter((pl.col("start") <= last_day).fill_null(value=True))
    today = standing.standing(settlement, deferred, started.select("unit_no", day=pl.lit(last_day)), policy)
    months = history.history(settlement, today, deferred, policy, last_day)
    by_account = accounts.select("source", "account_id", "account_no", "currency")
    items = _covered_items(settlement, by_account, last_day)
    tables = {
        "core.accounts": accounts,
        "core.loans": _loans(entries, accounts),
        "core.installments": items.filter(~pl.col("is_chargeback")),
        "core.chargebacks": items.filter("is_chargeback"),
        **{
            f"core.{feed}": getattr(resolved, feed).join(by_account, on=["source", "account_id"], how="left")
            for feed in ("repayments", "events", "orders")
        },
        "status.loan_status": _loan_status(entries, today, months, accounts, last_day),
        "status.account_status": _account_status(settlement, account_versions, today, months, accounts, last_day),
        "status.loan_history": _loan_history(entries, months, by_account),
    }
    return Book(
        tables={name: _shaped(name, rows, policy, last_day) for name, rows in tables.items()},
        waiting=resolved.waiting,
        state=carry.state(entries, items, deferred, today, account_versions, last_day),
    )


def _shaped(name: str, rows: pl.DataFrame, policy: Policy, last_day: date) -> pl.DataFrame:
    """The rows with the table's columns (not those that depend on the nights), sorted by its key."""
    table = TABLES[name]
    constants = {"as_of": pl.lit(last_day), "policy_version": pl.lit(policy.version)}
    rows = rows.with_columns(**{name: value for name, value in constants.items() if name in table.columns})
    schema = {column: kind for column, kind in table.schema.items() if column not in table.night_columns}
    return rows.select(pl.col(column).cast(kind) for column, kind in schema.items()).sort(table.key, nulls_last=False)


def _covered_items(settlement: settle.Settlement, by_account: pl.DataFrame, last_day: date) -> pl.DataFrame:
    """Every item with what covers it on the last day and the day it was settled on."""
    covered = settlement.covered(last_day).rename({"covered_cents": "paid_cents"})
    return (
        settlement.ledger.items.join(covered, on="item_no", how="left")
        .join(settlement.settled_dates(last_day), on="item_no", how="left")
        .join(by_account, on=["source", "account_id"], how="left")
        .with_columns(
            paid_cents=pl.col("paid_cents").fill_null(0),
            replaced_on=pl.when(pl.col("exists_to") <= last_day).then("exists_to"),
        )
    )


def _loans(entries: ledger.Ledger, accounts: pl.DataFrame) -> pl.DataFrame:
    """Loans as their original plan promised."""
    return (
        entries.plans.filter("is_original")
        .join(
            accounts.select("source", "account_id", "customer_id", "lender_id", "product_code", "currency"),
            on=["source", "account_id"],
        )
        .rename({"start": "origination_date"})
    )


def _loan_status(
    entries: ledger.Ledger,
    today: pl.DataFrame,
    months: pl.DataFrame,
    accounts: pl.DataFrame,
    last_day: date,
) -> pl.DataFrame:
    """Loans that have started, on the last day."""
    loans = entries.units.filter(pl.col("loan_id").is_not_null())
    return (
        today.join(loans.drop("grace_days"), on="unit_no")
        .join(_last_paid(entries, last_day), on="scope_no", how="left")
        .join(history.strings(months, loans, last_day, "unit_no"), on="unit_no", how="left")
        .join(
            accounts.select("source", "account_id", "currency", "lender_id", "product_code"),
            on=["source", "account_id"],
        )
        .with_columns(
            bucket=standing.bucket(pl.col("bucket_no")),
            is_past_due=pl.col("past_due_cents") > 0,
            is_in_credit=pl.col("remaining_cents") < 0,
        )
    )


def _last_paid(entries: ledger.Ledger, last_day: date) -> pl.DataFrame:
    """One row per scope with cash: last_paid_date."""
    cash = entries.credits.filter(pl.col("kind").is_in(CASH_KINDS) & (pl.col("paid_date") <= last_day))
    return cash.group_by("scope_no").agg(last_paid_date=pl.col("paid_date").max())


def _account_status(
    settlement: settle.Settlement,
    account_versions: pl.DataFrame,
    today: pl.DataFrame,
    months: pl.DataFrame,
    accounts: pl.DataFrame,
    last_day: date,
) -> pl.DataFrame:
    """Accounts on the last day."""
    entries = settlement.ledger
    moments = accounts.select("account_no", day=pl.lit(last_day))
    rows = standing.account_standing(moments, entries.units, account_versions, today)
    negative = rows.filter(pl.any_horizontal(standing.NEGATIVE_FLAGS)).select("account_no")
    since = standing.negative_since(settlement, account_versions, negative, pl.lit(last_day))
    loans = entries.units.filter(pl.col("loan_id").is_not_null() & (pl.col("start") <= last_day))
    counted = loans.group_by("account_no").agg(loan_count=pl.len().cast(pl.Int64), start=pl.col("start").min())
    starts = accounts.select("account_no").join(counted, on="account_no", how="left")
    by_month = months.join(loans.select("unit_no", "account_no"), on="unit_no")
    return (
        accounts.drop("credit_limit_cents")
        .join(rows, on="account_no")
        .join(starts, on="account_no")
        .join(since, on="account_no", how="left")
        .join(history.strings(by_month, starts, last_day, "account_no"), on="account_no")
        .with_columns(bucket=standing.bucket(pl.col("bucket_no")), loan_count=pl.col("loan_count").fill_null(0))
    )


def _loan_history(entries: ledger.Ledger, months: pl.DataFrame, by_account: pl.DataFrame) -> pl.DataFrame:
    """Loans at their month-ends."""
    return (
        months.join(entries.units.select("unit_no", "source", "account_id", "loan_id"), on="unit_no")
        .join(by_account, on=["source", "account_id"])
        .with_columns(bucket=standing.bucket(pl.col("bucket_no")))
    )
