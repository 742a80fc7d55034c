"""What Metro 2 asks of a loan's items and payments: how late they are, when it was paid, what is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from transforms.feeds import CASH_KINDS
from transforms.policy import PARTS, Policy
from transforms.spells import aged, union
from transforms.standing import days_past_due, deferrals

LOAN = ("source", "loan_id")
DELINQUENT_DAYS = 30
"""An item is past due in Metro 2's sense from so many days on."""


@dataclass(frozen=True, slots=True)
class Book:
    """The loans of a month-end, numbered, with their items."""

    loans: pl.DataFrame
    """One row per loan: unit_no, source, loan_id, account_id, start, grace_days, is_settled."""
    items: pl.DataFrame
    """One row per item that ever was in force: unit_no, due_date, first_day, end_day (late from, and until; null: it
    still is or will be), uncovered_cents, to_come_cents (interest and fees in it, not yet due), due_cents,
    is_in_force, grace_days, settled_date."""
    deferred: pl.DataFrame
    """Stretches of deferred days: unit_no, first_day, last_day."""
    month_end: date


def book_of(tables: dict[str, pl.DataFrame], policy: Policy, month_end: date) -> Book:
    """Numbers the loans of the month-end and gathers their items.

    Args:
        tables: core.loans, core.installments, core.chargebacks, core.events and status.loan_status of the month-end.
        policy: days of grace, order of payment.
        month_end: the day.
    """
    status = tables["status.loan_status"]
    grace = policy.product_frame(status["product_code"].unique()).select("product_code", "grace_days")
    loans = (
        status.select(*LOAN, "account_id", "product_code", "is_settled")
        .join(tables["core.loans"].select(*LOAN, start="origination_date"), on=LOAN, how="left")
        .join(grace, on="product_code", how="left")
        .sort(LOAN)
        .with_row_index("unit_no")
    )
    events = tables["core.events"].filter(pl.col("event_date") <= month_end)
    items = _items(tables, policy, month_end).join(loans.select("unit_no", *LOAN, "grace_days"), on=LOAN)
    return Book(loans, items, deferrals(events, loans), month_end)


def _items(tables: dict[str, pl.DataFrame], policy: Policy, month_end: date) -> pl.DataFrame:
    """Instalments of every plan that has been in force, and chargebacks."""
    products = tables["core.loans"].select(*LOAN, "product_code")
    rules = policy.product_frame(products["product_code"].unique())
    parts = {part: f"{part}_cents" for part in PARTS}
    # what is paid before principal leaves less for it
    before = pl.sum_horizontal(
        pl.when(pl.col(f"{part}_rank") < pl.col("principal_rank")).then(column).otherwise(0)
        for part, column in parts.items()
    )
    on_principal = (pl.col("paid_cents") - before).clip(0).clip(upper_bound=pl.col("principal_cents"))
    uncovered = pl.col("due_cents") - pl.col("paid_cents")
    is_in_force = pl.col("replaced_on").is_null()
    charges = uncovered - (pl.col("principal_cents") - on_principal)
    instalments = (
        tables["core.installments"]
        .filter((pl.col("plan_date") <= month_end).fill_null(value=True))
        .join(products, on=LOAN)
        .join(rules, on="product_code", how="left")
        .select(
            *LOAN,
            "due_date",
            "due_cents",
            "settled_date",
            "plan_date",
            "replaced_on",
            uncovered_cents=uncovered,
            to_come_cents=pl.when(pl.col("due_date") > month_end).then(charges).otherwise(0),
        )
    )
    chargebacks = (
        tables["core.chargebacks"]
        .filter(pl.col("loan_id").is_not_null() & (pl.col("due_date") <= month_end))
        .select(
            *LOAN,
            "due_date",
            "due_cents",
            "settled_date",
            plan_date=pl.lit(None, pl.Date),
            replaced_on=pl.lit(None, pl.Date),
            uncovered_cents=uncovered,
            to_come_cents=pl.lit(0, pl.Int64),
        )
    )
    late_from = pl.max_horizontal(pl.col("due_date") + pl.duration(days=1), "plan_date")
    return pl.concat([instalments, chargebacks]).select(
        *LOAN,
        "due_date",
        "due_cents",
        "settled_date",
        "uncovered_cents",
        "to_come_cents",
        first_day=late_from,
        end_day=pl.min_horizontal("settled_date", "replaced_on"),
        is_in_force=is_in_force,
    )


def figures(book: Book) -> pl.DataFrame:
    """One row per loan, by unit_no.

    Columns: to_come_cents (interest and fees not yet due), delinquent_cents (uncovered part of items 30 days late and
    more), scheduled_cents (due in the month, else next), gap_days (usual days between due dates; null with one),
    paid_on (day on which a settled loan was), dpd_when_paid (days past due on the day before), paid_spell_since (first
    day of the spell of 30 and more days past due that the last payment ended).
    """
    late = book.items.filter((pl.col("first_day") < pl.col("end_day")).fill_null(value=True))
    late = late.filter(pl.col("first_day") <= book.month_end).with_row_index("item_no")
    old = aged(late.lazy(), book.deferred.lazy(), DELINQUENT_DAYS, book.month_end).collect()
    still = old.filter(pl.col("is_in_force") & (pl.col("end_day") > book.month_end).fill_null(value=True))
    delinquent = still.group_by("unit_no").agg(delinquent_cents=pl.col("uncovered_cents").sum())
    spells = union(old.lazy().select("unit_no", "first_day", "end_day")).collect()
    in_force = book.items.filter("is_in_force")
    sums = in_force.group_by("unit_no").agg(
        to_come_cents=pl.col("to_come_cents").sum(), last_settled=pl.col("settled_date").max()
    )
    paid = (
        book.loans.filter("is_settled")
        .join(sums, on="unit_no")
        .select("unit_no", "grace_days", paid_on=pl.max_horizontal("last_settled", "start"))
        .drop_nulls("paid_on")
    )
    return (
        book.loans.select("unit_no")
        .join(sums.select("unit_no", "to_come_cents"), on="unit_no", how="left")
        .join(delinquent, on="unit_no", how="left")
        .join(_schedule(in_force, book.month_end), on="unit_no", how="left")
        .join(_when_paid(paid, late, spells, book), on="unit_no", how="left")
        .with_columns(pl.col("to_come_cents", "delinquent_cents", "scheduled_cents").fill_null(0))
    )


def _when_paid(paid: pl.DataFrame, late: pl.DataFrame, spells: pl.DataFrame, book: Book) -> pl.DataFrame:
    """One row per settled loan: unit_no, paid_on, dpd_when_paid, paid_spell_since."""
    # counted on the day before: on the day itself nothing is late any more
    asked = paid.with_columns(day=pl.col("paid_on") - pl.duration(days=1))
    was_late = (pl.col("first_day") <= pl.col("day")) & (pl.col("end_day") > pl.col("day")).fill_null(value=True)
    oldest = (
        late.join(asked.select("unit_no", "day"), on="unit_no")
        .filter(was_late)
        .group_by("unit_no")
        .agg(oldest_due_date=pl.col("due_date").min())
    )
    # the buckets of the default policy are not asked for, only the days
    counted = days_past_due(asked.join(oldest, on="unit_no", how="left"), book.deferred, Policy(version="-"))
    ended = spells.filter(pl.col("end_day").is_not_null()).select(
        "unit_no", paid_on=pl.col("end_day"), paid_spell_since="first_day"
    )
    return (
        counted.select("unit_no", "paid_on", dpd_when_paid="dpd")
        .join(ended, on=["unit_no", "paid_on"], how="left")
        .unique("unit_no", keep="first", maintain_order=True)
    )


def _schedule(in_force: pl.DataFrame, month_end: date) -> pl.DataFrame:
    """One row per loan: unit_no, scheduled_cents, gap_days."""
    dues = in_force.group_by("unit_no", "due_date").agg(pl.col("due_cents").sum()).sort("unit_no", "due_date")
    month = month_end.replace(day=1)
    now = dues.filter(pl.col("due_date").is_between(month, month_end))
    following = dues.filter(pl.col("due_date") > month_end).unique("unit_no", keep="first", maintain_order=True)
    due_now = now.group_by("unit_no").agg(now_cents=pl.col("due_cents").sum())
    is_same = pl.col("unit_no") == pl.col("unit_no").shift(1)
    between = dues.with_columns(gap=pl.when(is_same).then(pl.col("due_date").diff().dt.total_days()))
    gaps = between.group_by("unit_no").agg(gap_days=pl.col("gap").median())
    return (
        gaps.join(due_now, on="unit_no", how="left")
        .join(following.select("unit_no", next_cents="due_cents"), on="unit_no", how="left")
        .select("unit_no", "gap_days", scheduled_cents=pl.coalesce("now_cents", "next_cents"))
    )


def payments(tables: dict[str, pl.DataFrame], month_end: date, by: tuple[str, ...]) -> pl.DataFrame:
    """One row per loan or account with money received up to the month-end.

    Columns: `by`, paid_in_month_cents (payments and recoveries of the month), has_paid (there was one ever), waived_on
    (day of the last waiver).

    Args:
        tables: core.repayments.
        month_end: last day.
        by: source and loan_id, or source and account_id.
    """
    is_cash = pl.col("kind").is_in(CASH_KINDS)
    in_month = pl.col("paid_date") >= month_end.replace(day=1)
    return (
        tables["core.repayments"]
        .filter(~pl.col("is_void") & (pl.col("paid_date") <= month_end))
        .drop_nulls(list(by))
        .group_by(by)
        .agg(
            paid_in_month_cents=pl.col("amount_cents").filter(is_cash & in_month).sum(),
            has_paid=is_cash.any(),
            waived_on=pl.col("paid_date").filter(pl.col("kind") == "waiver").max(),
        )
    )


def of_loans(events: pl.DataFrame, loans: pl.DataFrame) -> pl.DataFrame:
    """One row per event and loan it is for: one without a loan is for all of the account started by its date.

    Args:
        events: core.events, or some of them.
        loans: source, account_id, loan_id, start.
    """
    named = events.drop_nulls("loan_id").join(loans.select(*LOAN), on=LOAN)
    for_all = (
        events.filter(pl.col("loan_id").is_null())
        .drop("loan_id")
        .join(loans.select(*LOAN, "account_id", "start"), on=["source", "account_id"])
        .filter(pl.col("start") <= pl.col("event_date"))
        .select(events.columns)
    )
    return pl.concat([named.select(events.columns), for_all])
