"""Carrying over: how the accounts that nothing touched stand some days later, from a little kept state.

Without new facts coverage does not change; only days pass. An account is worked on in full again on its `next_change`,
the first later day on which money, an item, a plan or a limit that is known already begins to count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from transforms.history import STRING_MONTHS, month_ends
from transforms.ledger import Ledger
from transforms.policy import Policy
from transforms.settle import change_days, parts_paid
from transforms.standing import bucket, bucket_no, days_past_due

_LOAN = ("account_no", "source", "loan_id")


def state(
    entries: Ledger,
    items: pl.DataFrame,
    deferred: pl.DataFrame,
    today: pl.DataFrame,
    account_versions: pl.DataFrame,
    last_day: date,
) -> dict[str, pl.DataFrame]:
    """What the next night needs of these accounts, should nothing touch them.

    Args:
        entries: the ledger.
        items: its items with paid_cents.
        deferred: stretches of deferred days by unit.
        today: standing of every unit that has started: unit_no, open_count, remaining_cents.
        account_versions: every version of the accounts.
        last_day: the as-of date.

    Returns:
        open_items: one row per item with more than the tolerance uncovered.
        deferred: one row per loan and stretch of deferred days.
        next_change: one row per account with such a day.
    """
    units = entries.units.select(*_LOAN, "unit_no", "tolerance_cents", "fee_rank", "interest_rank", "principal_rank")
    exists = (pl.col("exists_from") <= last_day) & (pl.col("exists_to") > last_day).fill_null(value=True)
    charges = pl.col("fee_cents") + pl.col("interest_cents") - pl.col("fee_paid_cents") - pl.col("interest_paid_cents")
    open_items = (
        items.filter(exists)
        .drop("source", "loan_id")
        .join(units, on="unit_no")
        .with_columns(*parts_paid(pl.col("paid_cents")))
        .with_columns(uncovered_cents=pl.col("due_cents") - pl.col("paid_cents"), uncovered_charges_cents=charges)
        .filter(pl.col("uncovered_cents") > pl.col("tolerance_cents"))
        .select(*_LOAN, "due_date", "uncovered_cents", "uncovered_charges_cents")
        .sort(*_LOAN, "due_date", nulls_last=True)
    )
    return {
        "open_items": open_items,
        "deferred": deferred.join(units, on="unit_no").select(*_LOAN, "first_day", "last_day"),
        "next_change": _next_change(entries, today, account_versions, last_day),
    }


def _next_change(entries: Ledger, today: pl.DataFrame, account_versions: pl.DataFrame, last_day: date) -> pl.DataFrame:
    """One row per account: the first day after the last one on which something known begins to count."""
    accounts = entries.units.select("scope_no", "account_no").unique()
    all_days = change_days(entries, pl.lit(date.max)).join(accounts, on="scope_no").select("account_no", day="day")
    versions = account_versions.select("account_no", day="valid_from")
    # a loan closed in the running month still has a row at its end, and none after
    closed = today.filter((pl.col("open_count") == 0) & (pl.col("remaining_cents") >= 0))
    last_change = change_days(entries, pl.lit(last_day)).group_by("scope_no").agg(day=pl.col("day").max())
    months = (
        entries.units.join(closed, on="unit_no", how="semi")
        .join(last_change, on="scope_no")
        .select("account_no", day=pl.col("day").dt.month_end())
    )
    return (
        pl.concat([all_days, versions, months])
        .filter(pl.col("day") > last_day)
        .group_by("account_no")
        .agg(next_change=pl.col("day").min())
        .sort("account_no")
    )


@dataclass(frozen=True, slots=True)
class Before:
    """The last published night, of the accounts that nothing touches."""

    last_day: date
    loan_status: pl.DataFrame
    """status.loan_status, with account_no."""
    account_status: pl.DataFrame
    """status.account_status, with account_no."""
    open_items: pl.DataFrame
    deferred: pl.DataFrame


def carry(before: Before, policy: Policy, last_day: date) -> dict[str, pl.DataFrame]:
    """The same accounts at the end of `last_day`: status.loan_status, status.account_status, new status.loan_history.

    Columns as in `before`; history: account_no, month_end and the table's columns but the nights'.
    """
    ends = [end for end in month_ends(before.last_day, last_day) if end > before.last_day]
    rules = policy.product_frame(before.loan_status["product_code"].to_list())
    loans = before.loan_status.join(rules.select("product_code", "grace_days"), on="product_code", how="left")
    open_loans = before.open_items.select(_LOAN).unique().with_columns(is_open=True)
    loans = loans.join(open_loans, on=_LOAN, how="left").with_columns(pl.col("is_open").fill_null(value=False))
    history = pl.concat([_history(loans, before, policy, day) for day in sorted({*ends, last_day})])
    today = history.filter(pl.col("day") == last_day)
    history = history.filter(pl.col("day").is_in(ends))
    digits = _digits(history, list(_LOAN), ends)
    return {
        "status.loan_status": _loan_status(loans, today, digits, ends, last_day, policy),
        "status.account_status": _account_status(before, today, history, ends, last_day, policy),
        "status.loan_history": history.filter(pl.col("is_open") | (pl.col("remaining_cents") < 0))
        .with_columns(month_end="day", policy_version=pl.lit(policy.version), bucket=bucket(pl.col("bucket_no")))
        .drop("is_open", "day", "bucket_no"),
    }


def _late(open_items: pl.DataFrame, by: list[str], day: date) -> pl.DataFrame:
    """One row per loan or account with late items on the day."""
    return (
        open_items.filter(pl.col("due_date") < day)
        .group_by(by)
        .agg(
            past_due_cents=pl.col("uncovered_cents").sum(),
            past_due_charges_cents=pl.col("uncovered_charges_cents").sum(),
            oldest_due_date=pl.col("due_date").min(),
        )
    )


def _history(loans: pl.DataFrame, before: Before, policy: Policy, day: date) -> pl.DataFrame:
    """The loans on one day."""
    late = _late(before.open_items, list(_LOAN), day)
    rows = (
        loans.drop("past_due_cents", "oldest_due_date", "dpd", "contractual_dpd")
        .join(late, on=_LOAN, how="left")
        .with_columns(pl.col("past_due_cents").fill_null(0), day=pl.lit(day))
    )
    return days_past_due(rows, before.deferred, policy, _LOAN).select(
        *_LOAN,
        "day",
        "account_id",
        "currency",
        "dpd",
        "contractual_dpd",
        "bucket_no",
        "past_due_cents",
        "oldest_due_date",
        "outstanding_principal_cents",
        "remaining_cents",
        "is_open",
    )


def _digits(history: pl.DataFrame, by: list[str], ends: list[date]) -> pl.DataFrame:
    """One row per loan or account: the digits of the new month-ends, oldest first."""
    worst = history.group_by(*by, "day").agg(pl.col("bucket_no").max())
    return (
        worst.sort("day")
        .group_by(by, maintain_order=True)
        .agg(digits=pl.col("bucket_no").cast(pl.String).str.join(""))
        .filter(pl.col("digits").str.len_bytes() == len(ends))
    )


def _appended(string: str, digits: pl.Expr) -> pl.Expr:
    """The string with the new digits behind it, no longer than before."""
    return (pl.col(string) + digits).str.slice(-STRING_MONTHS)


def _loan_status(
    loans: pl.DataFrame, today: pl.DataFrame, digits: pl.DataFrame, ends: list[date], last_day: date, policy: Policy
) -> pl.DataFrame:
    changed = today.select(*_LOAN, "dpd", "contractual_dpd", "bucket_no", "past_due_cents", "oldest_due_date")
    return (
        loans.drop("dpd", "contractual_dpd", "past_due_cents", "oldest_due_date", "grace_days", "is_open")
        .join(changed, on=_LOAN)
        .join(digits, on=_LOAN, how="left")
        .with_columns(
            as_of=pl.lit(last_day),
            policy_version=pl.lit(policy.version),
            bucket=bucket(pl.col("bucket_no")),
            is_past_due=pl.col("past_due_cents") > 0,
            history_24m=_appended("history_24m", pl.col("digits").fill_null("0" * len(ends))),
        )
        .drop("bucket_no", "digits")
    )


def _account_status(
    before: Before, today: pl.DataFrame, history: pl.DataFrame, ends: list[date], last_day: date, policy: Policy
) -> pl.DataFrame:
    late = _late(before.open_items, ["account_no"], last_day).drop("oldest_due_date")
    rules = policy.product_frame(before.account_status["product_code"].to_list())
    own_days = (pl.lit(last_day) - pl.col("oldest_due_date")).dt.total_days().cast(pl.Int32)
    own = (
        _late(before.open_items.filter(pl.col("loan_id").is_null()), ["account_no"], last_day)
        .join(before.account_status.select("account_no", "product_code"), on="account_no")
        .join(rules.select("product_code", "grace_days"), on="product_code")
        .select("account_no", own_dpd=pl.when(own_days > pl.col("grace_days")).then(own_days).otherwise(0))
    )
    worst = today.group_by("account_no").agg(pl.col("dpd").max())
    digits = _digits(history, ["account_no"], ends)
    new_late = before.open_items.filter(pl.col("due_date") < last_day)
    late_since = new_late.group_by("account_no").agg(late_since=(pl.col("due_date") + pl.duration(days=1)).min())
    charged = pl.col("outstanding_principal_cents") + pl.col("past_due_charges_cents")
    new_digits = pl.when(pl.col("loan_count") > 0).then(pl.col("digits").fill_null("0" * len(ends)))
    return (
        before.account_status.drop("dpd", "past_due_cents")
        .join(late, on="account_no", how="left")
        .join(worst, on="account_no", how="left")
        .join(own, on="account_no", how="left")
        .join(digits, on="account_no", how="left")
        .join(late_since, on="account_no", how="left")
        .with_columns(
            pl.col("past_due_cents", "past_due_charges_cents").fill_null(0),
            as_of=pl.lit(last_day),
            policy_version=pl.lit(policy.version),
            dpd=pl.max_horizontal("dpd", "own_dpd").fill_null(0),
            history_24m=_appended("history_24m", new_digits.fill_null("-" * len(ends))),
        )
        .with_columns(
            available_credit_cents=pl.col("credit_limit_cents") - charged,
            bucket=bucket(bucket_no(policy)),
            is_past_due=pl.col("past_due_cents") > 0,
        )
        .with_columns(
            is_over_limit=pl.col("available_credit_cents") < 0,
            negative_since=pl.coalesce("negative_since", "late_since"),
        )
        .select(before.account_status.columns)
    )
