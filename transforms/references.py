"""References: which rows hold because what they name is there, and which wait for it.

A row that waits never replaces an older one; it is tried again whenever its account is worked on.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from transforms.feeds import CREDIT_KINDS, FEEDS
from transforms.lookup import looked_up
from transforms.refusals import Refusal
from transforms.versions import hashed, latest, stands_alone

_FEEDS = ("installments", "repayments", "events", "orders")
_REPAYMENTS = FEEDS["repayments"]
_Rule = tuple[Refusal, pl.Expr]
_HOLDS = pl.col("waits_for").list.len() == 0


@dataclass(frozen=True, slots=True)
class Resolved:
    """The facts that hold, one row per key, and every row that waits."""

    loans: pl.DataFrame
    """One row per loan: loan_no (dense, by account_no and loan_id), account_no, source, account_id, loan_id."""
    installments: pl.DataFrame
    """With loan_no."""
    repayments: pl.DataFrame
    """With loan_no, is_void and, for chargebacks, target_loan_no: the loan of the repayment they refer to."""
    events: pl.DataFrame
    orders: pl.DataFrame
    waiting: dict[str, pl.DataFrame]
    """Per feed: rows whose references do not hold, with `waits_for` (codes of the reasons, sorted)."""


def resolve(facts: dict[str, pl.DataFrame], accounts: pl.DataFrame) -> Resolved:
    """Which rows of the four feeds of an account hold.

    Args:
        facts: every row of installments, repayments, events and orders of some accounts, with account_no and order_no.
        accounts: one row per account that exists: account_no, allocation.
    """
    known = accounts.select("account_no", "allocation")
    rows = {feed: facts[feed].with_columns(looked_up(facts[feed], known, ["account_no"])) for feed in _FEEDS}
    installments, loans, waiting_installments = _installments(rows["installments"])
    repayments, waiting_repayments = _repayments(_with_loan(rows["repayments"], loans))
    events, waiting_events = _parted(_with_loan(rows["events"], loans), _MISSES_ACCOUNT, _MISSES_LOAN)
    orders, waiting_orders = _parted(rows["orders"], _MISSES_ACCOUNT)
    return Resolved(
        loans=loans,
        installments=installments,
        repayments=repayments,
        events=_latest(events, "events"),
        orders=_latest(orders, "orders"),
        waiting={
            "installments": waiting_installments,
            "repayments": waiting_repayments,
            "events": waiting_events,
            "orders": waiting_orders,
        },
    )


_MISSES_ACCOUNT = (Refusal.ORPHAN, pl.col("allocation").is_null())
_MISSES_LOAN = (Refusal.ORPHAN, pl.col("loan_id").is_not_null() & pl.col("loan_no").is_null())
_NAMES_NO_LOAN = (Refusal.NO_LOAN, pl.col("loan_id").is_null() & (pl.col("allocation") == "loan"))


def _fails(*rules: _Rule) -> pl.Expr:
    """Whether any rule applies to the row; a deletion needs no reference."""
    return pl.any_horizontal(rule for _, rule in rules).fill_null(value=False) & ~pl.col("is_deleted")


def _reasons(*rules: _Rule) -> pl.Expr:
    """The codes of the reasons that apply, sorted and each once; a deletion needs no reference."""
    codes = [
        pl.when(pl.any_horizontal(rule for code, rule in rules if code is refusal).fill_null(value=False))
        .then(pl.lit(refusal.value))
        .otherwise(None)
        for refusal in sorted({code for code, _ in rules})
    ]
    found = pl.concat_list(codes).list.drop_nulls()
    return pl.when(pl.col("is_deleted")).then(pl.lit([], pl.List(pl.String))).otherwise(found).alias("waits_for")


def _parted(rows: pl.DataFrame, *rules: _Rule) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that hold, and those that wait, with `waits_for`."""
    fails = rows.select(_fails(*rules)).to_series()
    return rows.filter(~fails), rows.filter(fails).with_columns(_reasons(*rules))


def _latest(rows: pl.DataFrame, feed: str) -> pl.DataFrame:
    """One row per key: the latest; only keys that several rows have are put in order."""
    is_alone = stands_alone(rows, FEEDS[feed])
    several = latest(rows.filter(~is_alone).lazy(), FEEDS[feed]).collect()
    return pl.concat([rows.filter(is_alone & ~rows["is_deleted"]), several])


def _with_loan(rows: pl.DataFrame, loans: pl.DataFrame) -> pl.DataFrame:
    loan = ["account_no", "loan_id"]
    return rows.with_columns(looked_up(rows, loans.select(*loan, "loan_no"), loan))


def _installments(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Winning instalments, their loans, and waiting ones; a loan is of the account that its latest one names."""
    holding, waiting = _parted(rows, _MISSES_ACCOUNT)
    winners = _latest(holding, "installments")
    loan = ["source", "loan_id"]
    named = winners.select("account_no", "source", "account_id", "loan_id").unique(["account_no", "loan_id"])
    contested = named.filter(pl.struct(loan).is_duplicated())
    owners = (
        winners.join(contested.select(loan).unique(), on=loan, how="semi")
        .sort("order_no", "plan_date", "installment_no", descending=[True, False, False], nulls_last=False)
        .unique(loan, keep="first", maintain_order=True)
    )
    others = contested.join(owners, on=["account_no", "loan_id"], how="anti").select("account_no", "loan_id")
    loans = (
        named.join(others, on=["account_no", "loan_id"], how="anti")
        .sort("account_no", "loan_id")
        .with_row_index("loan_no")
    )
    strays = winners.join(others, on=["account_no", "loan_id"], how="semi")
    waits_for = pl.lit([Refusal.ORPHAN.value], pl.List(pl.String))
    return (
        _with_loan(winners, loans).filter(pl.col("loan_no").is_not_null()),
        loans,
        pl.concat([waiting, strays.with_columns(waits_for=waits_for)]),
    )


def _repayments(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Winning repayments with is_void and target_loan_no, and waiting ones.

    A row that holds, has its key alone, names no other row and is named by none wins as it is.
    """
    rules = (_MISSES_ACCOUNT, _MISSES_LOAN, _NAMES_NO_LOAN)
    names_other = rows["refers_to"].is_not_null()
    key = ["source", "repayment_id"]
    named = rows.filter(names_other).select("source", repayment_id="refers_to").select(hashed(key)).to_series()
    # whose key shares a hash by chance is put with those that are named, which may hold anything
    is_named = rows.select(hashed(key)).to_series().is_in(named.unique().implode())
    is_plain = stands_alone(rows, _REPAYMENTS) & ~names_other & ~is_named & ~rows.select(_fails(*rules)).to_series()
    winners, waiting = _entangled(rows.filter(~is_plain).with_columns(_reasons(*rules)))
    alone = rows.filter(is_plain & ~rows["is_deleted"]).with_columns(
        is_void=pl.lit(value=False), target_loan_no=pl.lit(None, pl.UInt32)
    )
    return pl.concat([alone, winners.select(alone.columns)]), waiting


def _entangled(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The same of any rows, with `waits_for`: first what refers to nothing, then chargebacks, then reversals."""
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
    """With is_void: named by a reversal, or a chargeback of what is void; and target_loan_no of chargebacks."""
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
        pl.col("loan_no").alias("target_loan_no"),
    )
    is_chargeback = pl.col("kind") == "chargeback"
    return (
        marked.join(targets, on=["source", "refers_to"], how="left")
        .with_columns(
            is_void=pl.col("is_reversed") | (is_chargeback & pl.col("target_is_void").fill_null(value=False)),
            target_loan_no=pl.when(is_chargeback).then("target_loan_no"),
        )
        .drop("is_reversed", "target_is_void")
    )
