"""References: which rows hold because what they name is there, and which wait for it.

A row that waits never replaces an older one; it is tried again whenever its account is worked on.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from transforms.feeds import CREDIT_KINDS, FEEDS
from transforms.refusals import Refusal
from transforms.versions import latest

_INSTALLMENTS, _REPAYMENTS, _EVENTS, _ORDERS = (
    FEEDS[name] for name in ("installments", "repayments", "events", "orders")
)
_HOLDS = pl.col("waits_for").list.len() == 0


@dataclass(frozen=True, slots=True)
class Resolved:
    """The facts that hold, one row per key, and every row that waits."""

    installments: pl.DataFrame
    repayments: pl.DataFrame
    """With is_void and, for chargebacks, target_loan: the loan of the repayment they refer to."""
    events: pl.DataFrame
    orders: pl.DataFrame
    waiting: dict[str, pl.DataFrame]
    """Per feed: rows whose references do not hold, with `waits_for` (codes of the reasons, sorted)."""


def resolve(facts: dict[str, pl.DataFrame], accounts: pl.DataFrame) -> Resolved:
    """Which rows of the four feeds of an account hold.

    Args:
        facts: every row of installments, repayments, events and orders of some accounts, with order_no.
        accounts: one row per account that exists: account_no, source, account_id, allocation.
    """
    known = accounts.select("source", "account_id", "allocation")
    installments, waiting_installments = _installments(_with_account(facts["installments"], known))
    loans = installments.select("source", "loan_id", "account_id").unique().with_columns(loan_holds=True)
    repayments = _with_loan(_with_account(facts["repayments"], known), loans)
    repayments = repayments.with_columns(_reasons(_MISSES_ACCOUNT, _MISSES_LOAN, _NAMES_NO_LOAN))
    holding, waiting_repayments = _repayments(repayments)
    events = _with_loan(_with_account(facts["events"], known), loans).with_columns(
        _reasons(_MISSES_ACCOUNT, _MISSES_LOAN)
    )
    orders = _with_account(facts["orders"], known).with_columns(_reasons(_MISSES_ACCOUNT))
    return Resolved(
        installments=installments,
        repayments=holding,
        events=_latest(events.filter(_HOLDS), "events"),
        orders=_latest(orders.filter(_HOLDS), "orders"),
        waiting={
            "installments": waiting_installments,
            "repayments": waiting_repayments,
            "events": events.filter(~_HOLDS),
            "orders": orders.filter(~_HOLDS),
        },
    )


_MISSES_ACCOUNT = (Refusal.ORPHAN, pl.col("allocation").is_null())
_MISSES_LOAN = (Refusal.ORPHAN, pl.col("loan_id").is_not_null() & pl.col("loan_holds").is_null())
_NAMES_NO_LOAN = (Refusal.NO_LOAN, pl.col("loan_id").is_null() & (pl.col("allocation") == "loan"))


def _reasons(*rules: tuple[Refusal, pl.Expr]) -> pl.Expr:
    """The codes of the reasons that apply, sorted and each once; a deletion needs no reference."""
    codes = [
        pl.when(pl.any_horizontal(rule for code, rule in rules if code is refusal).fill_null(value=False))
        .then(pl.lit(refusal.value))
        .otherwise(None)
        for refusal in sorted({code for code, _ in rules})
    ]
    found = pl.concat_list(codes).list.drop_nulls()
    return pl.when(pl.col("is_deleted")).then(pl.lit([], pl.List(pl.String))).otherwise(found).alias("waits_for")


def _latest(rows: pl.DataFrame, feed: str) -> pl.DataFrame:
    return latest(rows.lazy(), FEEDS[feed]).collect().drop("waits_for")


def _with_account(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The row with its account's allocation; null where there is no such account."""
    return rows.join(known, on=["source", "account_id"], how="left")


def _with_loan(rows: pl.DataFrame, loans: pl.DataFrame) -> pl.DataFrame:
    return rows.join(loans, on=["source", "loan_id", "account_id"], how="left")


def _installments(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Winning instalments and waiting ones; a loan is of the account that its latest delivered instalment names."""
    rows = rows.with_columns(_reasons(_MISSES_ACCOUNT))
    winners = _latest(rows.filter(_HOLDS), "installments")
    loan = ["source", "loan_id"]
    owner = (
        winners.sort("order_no", "plan_date", "installment_no", descending=[True, False, False], nulls_last=False)
        .unique(loan, keep="first", maintain_order=True)
        .select(*loan, owner="account_id")
    )
    winners = winners.join(owner, on=loan, how="left")
    strays = winners.filter(pl.col("owner") != pl.col("account_id")).drop("owner")
    waiting = pl.concat(
        [rows.filter(~_HOLDS), strays.with_columns(waits_for=pl.lit([Refusal.ORPHAN.value], pl.List(pl.String)))],
        how="diagonal_relaxed",
    )
    return winners.filter(pl.col("owner") == pl.col("account_id")).drop("owner"), waiting


def _repayments(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Winning repayments with is_void, and waiting ones: first what refers to nothing, then chargebacks, reversals."""
    refers = pl.col("refers_to").is_not_null() & ~pl.col("is_deleted")
    is_chargeback = refers & (pl.col("kind") == "chargeback").fill_null(value=False)
    is_reversal = refers & (pl.col("kind") == "reversal").fill_null(value=False)
    plain = rows.filter(~is_chargeback & ~is_reversal)
    chargebacks = _refer(rows.filter(is_chargeback), _latest(plain.filter(_HOLDS), "repayments"))
    settled_so_far = pl.concat([plain, chargebacks], how="vertical_relaxed")
    targets = _latest(settled_so_far.filter(_HOLDS), "repayments")
    # another reversal is no target, but naming one is a different mistake than naming nothing that is there
    wrong = _latest(rows.filter(is_reversal), "repayments").join(targets, on=["source", "repayment_id"], how="anti")
    reversals = _refer(rows.filter(is_reversal), pl.concat([targets, wrong], how="vertical_relaxed"))
    everything = pl.concat([settled_so_far, reversals], how="vertical_relaxed")
    winners = _latest(everything.filter(_HOLDS), "repayments")
    return _voided(winners), everything.filter(~_HOLDS)


def _refer(rows: pl.DataFrame, targets: pl.DataFrame) -> pl.DataFrame:
    """The rows with what they miss in the repayment that they name added to `waits_for`."""
    named = targets.select(
        "source",
        pl.col("repayment_id").alias("refers_to"),
        pl.col("account_id").alias("target_account"),
        pl.col("loan_id").alias("target_loan"),
        pl.col("kind").alias("target_kind"),
        pl.col("amount_cents").alias("target_cents"),
    )
    is_orphan = (
        pl.col("target_account").is_null()
        | (pl.col("target_account") != pl.col("account_id"))
        | (pl.col("target_loan") != pl.col("loan_id")).fill_null(value=False)
    )
    fits = (
        pl.when(pl.col("kind") == "chargeback")
        .then(pl.col("target_kind").is_in(CREDIT_KINDS))
        .otherwise((pl.col("target_kind") != "reversal") & (pl.col("target_cents") == pl.col("amount_cents")))
    )
    reason = (
        pl.when(is_orphan)
        .then(pl.lit(Refusal.ORPHAN.value))
        .when(~fits)
        .then(pl.lit(Refusal.BAD_REFERENCE.value))
        .otherwise(None)
    )
    return (
        rows.join(named, on=["source", "refers_to"], how="left")
        .with_columns(waits_for=pl.concat_list("waits_for", reason).list.drop_nulls().list.unique().list.sort())
        .drop("target_account", "target_loan", "target_kind", "target_cents")
    )


def _voided(winners: pl.DataFrame) -> pl.DataFrame:
    """With is_void: named by a reversal, or a chargeback of what is void; and target_loan of chargebacks."""
    reversed_keys = (
        winners.filter(pl.col("kind") == "reversal")
        .select("source", repayment_id="refers_to")
        .unique()
        .with_columns(is_reversed=True)
    )
    marked = winners.join(reversed_keys, on=["source", "repayment_id"], how="left").with_columns(
        pl.col("is_reversed").fill_null(value=False)
    )
    targets = marked.select(
        "source",
        pl.col("repayment_id").alias("refers_to"),
        pl.col("is_reversed").alias("target_is_void"),
        pl.col("loan_id").alias("target_loan"),
    )
    is_chargeback = pl.col("kind") == "chargeback"
    return (
        marked.join(targets, on=["source", "refers_to"], how="left")
        .with_columns(
            is_void=pl.col("is_reversed") | (is_chargeback & pl.col("target_is_void").fill_null(value=False)),
            target_loan=pl.when(is_chargeback).then("target_loan"),
        )
        .drop("is_reversed", "target_is_void")
    )
