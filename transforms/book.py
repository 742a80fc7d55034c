"""The book of a set of accounts at a date: every core and status row that follows from their facts.

The facts of an account decide its rows alone, so a night works on the accounts that something touched, in batches.
What depends on other accounts as well (`tables.FINISHED`) is added by `transforms/obligors.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from transforms import carry, ledger, loan_book, references, settle, standing, strings, versions
from transforms.charge_offs import recovered_in_pot
from transforms.feeds import FEEDS
from transforms.loan_book import LoanBook
from transforms.lookup import looked_up
from transforms.months import last_month_end, month_number
from transforms.performance import account_months
from transforms.policy import Policy
from transforms.tables import TABLES, own_schema

_ACCOUNTS = FEEDS["accounts"]


@dataclass(frozen=True, slots=True)
class Book:
    """Rows by published table (inside names, without night columns), and the rows of each feed that wait."""

    tables: dict[str, pl.DataFrame]
    waiting: dict[str, pl.DataFrame]
    """Per feed: the rows as given, with `waits_for`."""
    state: dict[str, pl.DataFrame]
    """What the next night needs of accounts that nothing touches: see `transforms/carry.py`."""


@dataclass(frozen=True, slots=True)
class Working:
    """What the book is made of, before it is put into tables."""

    accounts: pl.DataFrame
    """The version of each account valid on the last day."""
    account_versions: pl.DataFrame
    resolved: references.Resolved
    settlement: settle.Settlement
    items: pl.DataFrame
    """Every item with paid_cents and settled_date."""
    loans: LoanBook


def work(facts: dict[str, pl.DataFrame], policy: Policy, last_day: date) -> Working:
    """Works through all accounts that occur in the facts; arguments as of `keep`."""
    account_versions = versions.spans(facts["accounts"], _ACCOUNTS)
    accounts = versions.valid_at(account_versions, _ACCOUNTS, last_day)
    allocation = policy.product_frame(accounts["product_code"].to_list()).select("product_code", "allocation")
    resolved = references.resolve(facts, accounts.join(allocation, on="product_code", how="left"))
    settlement = settle.settle(ledger.build(resolved, accounts, policy), last_day)
    items = _covered_items(settlement, accounts.select("account_no", "currency"), last_day)
    loans = loan_book.keep(settlement, items, resolved.events, policy, last_day)
    return Working(accounts, account_versions, resolved, settlement, items, loans)


def keep(facts: dict[str, pl.DataFrame], policy: Policy, last_day: date) -> Book:
    """The book at the end of `last_day` of all accounts that occur in the facts.

    Args:
        facts: per feed of an account, every row of those accounts: fact columns, account_no, order_no, business_date,
            line_number.
        policy: the rules.
        last_day: the as-of date.
    """
    return book(work(facts, policy, last_day), policy, last_day)


def book(working: Working, policy: Policy, last_day: date) -> Book:
    """The tables, waiting rows and state of what was worked through."""
    accounts, account_versions, resolved = working.accounts, working.account_versions, working.resolved
    settlement, items, loans = working.settlement, working.items, working.loans
    entries = settlement.ledger
    by_account = accounts.select("source", "account_id", "account_no", "currency")
    currencies = accounts.select("account_no", "currency")
    tables = {
        "core.accounts": accounts,
        "core.loans": _loans(entries, accounts),
        "core.installments": items.filter(~pl.col("is_chargeback")),
        "core.chargebacks": items.filter("is_chargeback"),
        **{
            f"core.{feed}": rows.with_columns(looked_up(rows, currencies, ["account_no"]))
            for feed, rows in (
                ("repayments", resolved.repayments),
                ("events", resolved.events),
                ("orders", resolved.orders),
            )
        },
        "status.loan_status": loans.status.join(
            accounts.select("source", "account_id", "currency", "lender_id", "product_code"),
            on=["source", "account_id"],
        ),
        "status.account_status": _account_status(settlement, loans, account_versions, accounts, policy, last_day),
        **{
            name: rows.join(by_account, on=["source", "account_id"])
            for name, rows in (("status.loan_history", loans.history), ("status.loan_defaults", loans.defaults))
        },
    }
    return Book(
        tables={name: _shaped(name, rows, policy, last_day) for name, rows in tables.items()},
        waiting=resolved.waiting,
        state=carry.state(loans, settlement, items, account_versions, accounts, resolved.events, policy, last_day),
    )


def _shaped(name: str, rows: pl.DataFrame, policy: Policy, last_day: date) -> pl.DataFrame:
    """The rows with the table's columns (not those of the nights, nor of all loans together), as they lie.

    That is by account, more or less; to put them in the order of the key would cost 8 % of the book.
    """
    table = TABLES[name]
    constants = {"as_of": pl.lit(last_day), "policy_version": pl.lit(policy.version)}
    rows = rows.with_columns(**{name: value for name, value in constants.items() if name in table.columns})
    columns = (pl.col(column).cast(kind) for column, kind in own_schema(name).items())
    return rows.select(columns)


def _covered_items(settlement: settle.Settlement, currencies: pl.DataFrame, last_day: date) -> pl.DataFrame:
    """Every item with what covers it on the last day and the day it was settled on."""
    items = settlement.ledger.items
    covered = settlement.covered(last_day).rename({"covered_cents": "paid_cents"})
    account_no = settlement.ledger.of_units(items, "account_no")
    return items.with_columns(
        *account_no,
        *looked_up(items, covered, ["item_no"]),
        *looked_up(items, settlement.settled_dates(), ["item_no"]),
        *looked_up(account_no, currencies, ["account_no"]),
    ).with_columns(
        paid_cents=pl.col("paid_cents").fill_null(0),
        replaced_on=pl.when(pl.col("exists_to") <= last_day).then("exists_to"),
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


def _account_status(
    settlement: settle.Settlement,
    loans: LoanBook,
    account_versions: pl.DataFrame,
    accounts: pl.DataFrame,
    policy: Policy,
    last_day: date,
) -> pl.DataFrame:
    """Accounts on the last day."""
    entries = settlement.ledger
    moments = accounts.select("account_no", day=pl.lit(last_day))
    rows = standing.account_standing(moments, entries.units, account_versions, loans.today)
    negative = rows.filter(pl.any_horizontal(standing.NEGATIVE_FLAGS)).select("account_no")
    since = standing.negative_since(settlement, loans.story.late, account_versions, negative, last_day)
    started = loans.story.loans
    counted = started.group_by("account_no").agg(loan_count=pl.len().cast(pl.Int64), start=pl.col("start").min())
    starts = accounts.select("account_no").join(counted, on="account_no", how="left")
    by_month = loans.months.with_columns(entries.of_units(loans.months, "account_no"))
    recovered = (
        loans.charged_off.join(started.select("unit_no", "account_no"), on="unit_no")
        .group_by("account_no")
        .agg(pl.col("recovered_cents").sum())
    )
    in_pot = recovered_in_pot(loans.story, settlement, loans.charged_off)
    return (
        accounts.drop("credit_limit_cents")
        .join(rows, on="account_no")
        .join(starts.drop("start"), on="account_no", how="left")
        .join(since, on="account_no", how="left")
        .join(recovered, on="account_no", how="left")
        .join(in_pot, on="account_no", how="left")
        .join(
            strings.history_24m(by_month, starts, last_month_end(last_day), "account_no"), on="account_no", how="left"
        )
        .join(_account_pboc(loans, by_month, accounts, policy, last_day), on="account_no", how="left")
        .with_columns(
            bucket=standing.bucket(pl.col("bucket_no")),
            loan_count=pl.col("loan_count").fill_null(0),
            recovered_cents=pl.col("recovered_cents").fill_null(0) + pl.col("in_pot_cents").fill_null(0),
        )
    )


def _account_pboc(
    loans: LoanBook, by_month: pl.DataFrame, accounts: pl.DataFrame, policy: Policy, last_day: date
) -> pl.DataFrame:
    """Strings of the accounts whose product keeps them by account: account_no, pboc_24m, pboc_60m."""
    grains = policy.product_frame(accounts["product_code"].to_list()).select("product_code", "pboc_grain")
    kept = accounts.join(grains, on="product_code").filter(pl.col("pboc_grain") == "account")
    first_off = (
        loans.charged_off.join(loans.story.loans.select("unit_no", "account_no"), on="unit_no")
        .group_by("account_no")
        .agg(pl.col("charged_off_on").min())
    )
    first_start = loans.story.loans.group_by("account_no").agg(pl.col("start").min())
    whose = (
        kept.select("account_no", "closed_date", "opened_date")
        .join(first_start, on="account_no", how="left")
        .join(first_off, on="account_no", how="left")
        .with_columns(start=pl.min_horizontal("opened_date", "start"))
    )
    end = last_month_end(last_day)
    rows, closed = account_months(by_month.join(kept, on="account_no", how="semi"), whose, end)
    rows = rows.with_columns(month_no=month_number(pl.col("month_end")))
    return strings.pboc(rows, whose.join(closed, on="account_no", how="left"), end, "account_no")
