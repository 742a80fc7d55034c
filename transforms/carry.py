"""Carrying over: how the accounts that nothing touched stand some days later, from a little kept state.

Without new facts coverage does not change; only days pass. An account is worked on in full again on its `next_change`
(`transforms/next_change.py`), so that between those days everything follows from days past due.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from transforms.charge_offs import is_charged_off
from transforms.loan_book import LoanBook
from transforms.months import new_ends
from transforms.next_change import Known, next_change
from transforms.performance import CODES
from transforms.policy import Policy
from transforms.settle import Settlement, parts_paid
from transforms.standing import bucket, bucket_no, days_past_due
from transforms.strings import LONG, METRO2_SETTLED, SHORT, metro2_code
from transforms.tables import own_schema

_LOAN = ("account_no", "source", "loan_id")
_BY_DAY = ("dpd", "contractual_dpd", "past_due_cents", "past_due_charges_cents", "oldest_due_date")
"""Columns of a loan's status that follow from the day."""
_CENTS = ("fee_cents", "interest_cents", "principal_cents")


def state(
    loans: LoanBook,
    settlement: Settlement,
    items: pl.DataFrame,
    account_versions: pl.DataFrame,
    accounts: pl.DataFrame,
    events: pl.DataFrame,
    policy: Policy,
    last_day: date,
) -> dict[str, pl.DataFrame]:
    """What the next night needs of these accounts, should nothing touch them.

    Args:
        loans: their loans on the last day.
        settlement: the settled ledger.
        items: its items with paid_cents.
        account_versions: every version of the accounts.
        accounts: the version valid on the last day.
        events: events that hold.
        policy: the rules.
        last_day: the as-of date.

    Returns:
        open_items: one row per item with more than the tolerance uncovered.
        paid_months: one row per loan and month-end to come in whose month something falls due that is paid already.
        deferred: one row per loan and stretch of deferred days.
        next_change: one row per account with such a day.
    """
    ledger = settlement.ledger
    exists = (pl.col("exists_from") <= last_day) & (pl.col("exists_to") > last_day).fill_null(value=True)
    charges = pl.col("fee_cents") + pl.col("interest_cents") - pl.col("fee_paid_cents") - pl.col("interest_paid_cents")
    existing = (
        items.select("unit_no", "due_date", "due_cents", "paid_cents", "exists_from", "exists_to", *_CENTS)
        .with_columns(ledger.of_units(items, "tolerance_cents"))
        .with_columns(uncovered_cents=pl.col("due_cents") - pl.col("paid_cents"))
        .with_columns(is_open=pl.col("uncovered_cents") > pl.col("tolerance_cents"))
        .filter(exists)
    )
    opened = existing.filter("is_open")
    open_items = (
        opened.with_columns(ledger.of_units(opened, *_LOAN, "fee_rank", "interest_rank", "principal_rank"))
        .with_columns(*parts_paid(pl.col("paid_cents")))
        .with_columns(uncovered_charges_cents=charges)
    )
    month_end = pl.col("due_date").dt.month_end()
    is_big = pl.col("due_cents") > pl.col("tolerance_cents")
    paid = existing.filter(~pl.col("is_open") & is_big & (pl.col("due_date") >= last_day.replace(day=1))).filter(
        month_end > last_day
    )
    paid = paid.with_columns(ledger.of_units(paid, *_LOAN))
    units = ledger.units.select(*_LOAN, "unit_no")
    known = Known(loans, settlement, open_items, accounts, account_versions, events)
    return {
        "open_items": open_items.select(*_LOAN, "due_date", "uncovered_cents", "uncovered_charges_cents").sort(
            *_LOAN, "due_date", nulls_last=True
        ),
        "paid_months": paid.select(*_LOAN, month_end=month_end).unique().sort(*_LOAN, "month_end", nulls_last=True),
        "deferred": loans.story.deferred.join(units, on="unit_no").select(*_LOAN, "first_day", "last_day"),
        "next_change": next_change(known, policy, last_day),
    }


@dataclass(frozen=True, slots=True)
class Before:
    """The last published night, of the accounts that nothing touches."""

    last_day: date
    loan_status: pl.DataFrame
    """status.loan_status, with account_no."""
    account_status: pl.DataFrame
    """status.account_status, with account_no."""
    open_items: pl.DataFrame
    paid_months: pl.DataFrame
    deferred: pl.DataFrame


def late_accounts(open_items: pl.LazyFrame, last_day: date) -> pl.LazyFrame:
    """account_no of the accounts with an item that is late on the day.

    Of accounts that nothing touches they are the only ones whose status differs from the night before, unless the
    month turns (`months.turns_a_month`); for the others no more than the date moves on.
    """
    return open_items.filter(pl.col("due_date") < last_day).select("account_no").unique()


def carry(before: Before, policy: Policy, last_day: date) -> dict[str, pl.DataFrame]:
    """The same accounts at the end of `last_day`: status.loan_status, status.account_status, new status.loan_history.

    Columns: `tables.own_schema`.
    """
    ends, past = new_ends(before.last_day, last_day)
    rules = policy.product_frame(before.loan_status["product_code"].to_list())
    loans = before.loan_status.join(
        rules.select("product_code", "grace_days", "pboc_grain"), on="product_code", how="left"
    )
    days = pl.concat([_on_day(loans, before, policy, day) for day in sorted({*ends, *past, last_day})])
    today = days.filter(pl.col("day") == last_day)
    months = _coded(days.filter(pl.col("day").is_in(ends)), before)
    in_book = months.filter(~pl.col("is_settled") | (pl.col("remaining_cents") < 0))
    status = {
        "status.loan_status": _loan_status(loans, today, months, days, ends, past, last_day, policy),
        "status.account_status": _account_status(before, today, in_book, ends, last_day, policy),
    }
    return {
        **{name: rows.select(own_schema(name).keys()) for name, rows in status.items()},
        "status.loan_history": in_book.with_columns(
            month_end="day",
            policy_version=pl.lit(policy.version),
            bucket=bucket(pl.col("bucket_no")),
            pboc_code="code",
        ).select(own_schema("status.loan_history").keys()),
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


def _on_day(loans: pl.DataFrame, before: Before, policy: Policy, day: date) -> pl.DataFrame:
    """The loans on one day."""
    rows = (
        loans.drop(_BY_DAY)
        .join(_late(before.open_items, list(_LOAN), day), on=_LOAN, how="left")
        .with_columns(
            pl.col("past_due_cents", "past_due_charges_cents").fill_null(0),
            day=pl.lit(day),
            is_charged_off=is_charged_off(),
        )
    )
    return days_past_due(rows, before.deferred, policy, _LOAN).select(
        *_LOAN,
        "day",
        "account_id",
        "currency",
        *_BY_DAY,
        "bucket_no",
        "outstanding_principal_cents",
        "remaining_cents",
        "is_settled",
        "is_charged_off",
    )


def _coded(months: pl.DataFrame, before: Before) -> pl.DataFrame:
    """Month-ends with the performance `code`; the others come with a full reckoning."""
    due = pl.concat(
        [
            before.open_items.select(*_LOAN, day=pl.col("due_date").dt.month_end()),
            before.paid_months.select(*_LOAN, day="month_end"),
        ]
    ).unique()
    code = (
        pl.when("is_charged_off")
        .then(pl.lit("B"))
        .when(pl.col("bucket_no") > 0)
        .then(pl.col("bucket_no").cast(pl.String))
        .when("is_due")
        .then(pl.lit("N"))
        .otherwise(pl.lit("*"))
    )
    return (
        months.join(due.with_columns(is_due=pl.lit(value=True)), on=[*_LOAN, "day"], how="left")
        .with_columns(code=code)
        .drop("is_due")
    )


def _in_row(months: pl.DataFrame, by: list[str], code: str, name: str) -> pl.DataFrame:
    """One row per loan or account: the codes of its months, oldest first."""
    return months.sort("day").group_by(by, maintain_order=True).agg(pl.col(code).str.join("").alias(name))


def _appended(string: str, codes: pl.Expr, width: int) -> pl.Expr:
    """The string with the new codes behind it, no longer than before."""
    return (pl.col(string) + codes).str.slice(-width)


def _loan_status(
    loans: pl.DataFrame,
    today: pl.DataFrame,
    months: pl.DataFrame,
    days: pl.DataFrame,
    ends: list[date],
    past: list[date],
    last_day: date,
    policy: Policy,
) -> pl.DataFrame:
    by = list(_LOAN)
    digits = months.select(*by, "day", "code", digit=pl.col("bucket_no").cast(pl.String))
    profile = days.filter(pl.col("day").is_in(past)).select(*by, "day", letter=metro2_code())
    no_codes = pl.lit("*" * len(ends))
    # a settled loan's string has ended with its closing month
    codes = pl.when(~pl.col("is_settled")).then(pl.col("codes").fill_null(no_codes)).otherwise(pl.lit(""))
    letters = pl.col("letters").fill_null(METRO2_SETTLED * len(past)).str.reverse()
    return (
        loans.drop(*_BY_DAY, "grace_days")
        .join(today.select(*_LOAN, *_BY_DAY, "bucket_no"), on=_LOAN)
        .join(_in_row(digits, by, "digit", "digits"), on=_LOAN, how="left")
        .join(_in_row(digits, by, "code", "codes"), on=_LOAN, how="left")
        .join(_in_row(profile, by, "letter", "letters"), on=_LOAN, how="left")
        .with_columns(
            as_of=pl.lit(last_day),
            policy_version=pl.lit(policy.version),
            bucket=bucket(pl.col("bucket_no")),
            is_past_due=pl.col("past_due_cents") > 0,
            history_24m=_appended("history_24m", pl.col("digits").fill_null("0" * len(ends)), SHORT),
            pboc_24m=_appended("pboc_24m", codes, SHORT),
            pboc_60m=_appended("pboc_60m", codes, LONG),
            metro2_24m=(letters + pl.col("metro2_24m")).str.slice(0, SHORT),
        )
        .drop("bucket_no", "digits", "codes", "letters", "pboc_grain")
    )


def _account_codes(months: pl.DataFrame, ends: list[date]) -> pl.DataFrame:
    """One row per account with loans on the book: digits and codes of the new month-ends, the worst of its loans'."""
    by = ["account_no"]
    rank = pl.col("code").replace_strict({code: place for place, code in enumerate(CODES)}, return_dtype=pl.Int8)
    worst = (
        months.group_by("account_no", "day")
        .agg(pl.col("bucket_no").max(), rank.min().alias("rank"))
        .with_columns(
            digit=pl.col("bucket_no").cast(pl.String),
            code=pl.col("rank").replace_strict(dict(enumerate(CODES)), return_dtype=pl.String),
        )
    )
    rows = _in_row(worst, by, "digit", "digits").join(_in_row(worst, by, "code", "codes"), on=by)
    return rows.filter(pl.col("digits").str.len_bytes() == len(ends))


def _account_status(
    before: Before, today: pl.DataFrame, months: pl.DataFrame, ends: list[date], last_day: date, policy: Policy
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
    new_late = before.open_items.filter(pl.col("due_date") < last_day)
    late_since = new_late.group_by("account_no").agg(late_since=(pl.col("due_date") + pl.duration(days=1)).min())
    charged = pl.col("outstanding_principal_cents") + pl.col("past_due_charges_cents")
    digits = pl.when(pl.col("loan_count") > 0).then(pl.col("digits").fill_null("0" * len(ends)))
    # a closed account's string has ended with its closing month
    is_kept = pl.col("closed_date").is_null()
    codes = pl.when(is_kept).then(pl.col("codes").fill_null("*" * len(ends))).otherwise(pl.lit(""))
    return (
        before.account_status.drop("dpd", "past_due_cents", "past_due_charges_cents")
        .join(late, on="account_no", how="left")
        .join(worst, on="account_no", how="left")
        .join(own, on="account_no", how="left")
        .join(_account_codes(months, ends), on="account_no", how="left")
        .join(late_since, on="account_no", how="left")
        .with_columns(
            pl.col("past_due_cents", "past_due_charges_cents").fill_null(0),
            as_of=pl.lit(last_day),
            policy_version=pl.lit(policy.version),
            dpd=pl.max_horizontal("dpd", "own_dpd").fill_null(0),
            history_24m=_appended("history_24m", digits.fill_null("-" * len(ends)), SHORT),
            pboc_24m=_appended("pboc_24m", codes, SHORT),
            pboc_60m=_appended("pboc_60m", codes, LONG),
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
    )
