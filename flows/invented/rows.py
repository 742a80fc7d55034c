"""The rows of every feed about some accounts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from flows.invented.book import (
    ACCOUNT_CHANNELS,
    CATEGORIES,
    LENDERS,
    NOTES,
    PAYMENT_CHANNELS,
    REGIONS,
    SECOND_ACCOUNT,
    Book,
)
from flows.invented.columns import dates_of, ids_of, only_where, pick
from flows.invented.conduct import Conduct, Manner, conduct_of
from flows.invented.draws import Dice, Ints
from flows.invented.journal import NOTHING, Journal, book_contacts, book_credits, book_ends, book_payments
from flows.invented.loans import Loans, day_number, loans_of, product_of
from flows.invented.persons import customers_of
from transforms.feeds import EVENT_KINDS, REPAYMENT_KINDS

Frames = dict[str, pl.DataFrame]


def block_of(book: Book, accounts: Ints, ordinal: int = 0) -> Frames:
    """Per feed, everything about some accounts up to the book's as_of, with amounts in cents.

    Args:
        book: the lender's book.
        accounts: numbers of the accounts, ascending.
        ordinal: number of an account's first loan.
    """
    dice = Dice(f"{book.source}/{book.seed}")
    loans = loans_of(book, dice, accounts, ordinal)
    conduct = conduct_of(book, dice, loans, accounts)
    money, events = Journal(REPAYMENT_KINDS), Journal(EVENT_KINDS)
    book_payments(money, dice, loans, conduct)
    book_credits(money, dice, loans, conduct)
    book_ends(money, events, dice, loans, conduct)
    book_contacts(events, dice, loans, conduct)
    ids = _Ids(ids_of("A", accounts, 7), ids_of("L", loans.number, 9), loans.place)
    return {
        "accounts": _accounts(book, dice, accounts, loans, conduct),
        "installments": _installments(loans, conduct, ids),
        "repayments": _repayments(dice, money.until(day_number(book.as_of)), loans, ids),
        "events": _events(events.until(day_number(book.as_of)), loans, ids),
        "customers": customers_of(book, dice, accounts),
        "orders": _orders(dice, loans, ids),
    }


@dataclass(frozen=True, slots=True)
class _Ids:
    """Ids of accounts and of loans, and each loan's account."""

    account: pl.Series
    loan: pl.Series
    place: Ints

    def of(self, loan: Ints) -> dict[str, pl.Series]:
        """The columns loan_id and account_id for loans by their place."""
        return {"loan_id": self.loan.gather(loan), "account_id": self.account.gather(self.place[loan])}


def _accounts(book: Book, dice: Dice, accounts: Ints, loans: Loans, conduct: Conduct) -> pl.DataFrame:
    """One row per account."""
    first_loan = np.searchsorted(loans.place, np.arange(len(accounts)))
    start = np.minimum.reduceat(loans.start, first_loan)
    lent = np.add.reduceat(loans.principal.sum(axis=1), first_loan)
    limit = (lent * (90 + dice.below("limit", accounts, 160)) // 5_000_000 + 1) * 50_000
    limit = np.where(dice.chance("limit cut", accounts, 0.01), 50_000, limit)
    # every instalment of every loan paid, two months ago and more
    last_day = np.maximum.reduceat((conduct.day * conduct.is_paid).max(axis=1), first_loan)
    is_done = np.logical_and.reduceat(np.isin(conduct.manner, (Manner.PUNCTUAL, Manner.EARLY)), first_loan)
    is_closed = is_done & (last_day + 60 <= day_number(book.as_of)) & dice.chance("closed", accounts, 0.15)
    lenders = (book.source, *LENDERS)
    return pl.DataFrame(
        {
            "account_id": ids_of("A", accounts, 7),
            "customer_id": ids_of("C", accounts - (accounts % SECOND_ACCOUNT == 0), 7),
            "product_code": pick(book.products, product_of(book, dice, accounts)),
            "opened_date": dates_of(start - dice.skewed("opened", accounts, 400)),
            "credit_limit": limit,
            "currency": pick(("CNY",), np.zeros_like(accounts)),
            "region_code": pick(REGIONS, dice.skewed("region", accounts, len(REGIONS))),
            "channel_code": pick(ACCOUNT_CHANNELS, dice.skewed("channel", accounts, len(ACCOUNT_CHANNELS))),
            "lender_id": pick(lenders, dice.skewed("lender", accounts, len(lenders))),
            "closed_date": dates_of(last_day + 60, is_closed),
        }
    )


def _installments(loans: Loans, conduct: Conduct, ids: _Ids) -> pl.DataFrame:
    """One row per instalment of every plan; a second plan repeats what was paid before it."""
    is_there = loans.column < loans.count[:, None]
    loan, column = np.nonzero(is_there)
    second_loan, second_column = np.nonzero(is_there & (conduct.plan_day > 0)[:, None])
    due = np.concatenate([loans.due[loan, column], conduct.due[second_loan, second_column]])
    plan_day = np.concatenate([np.zeros_like(loan), conduct.plan_day[second_loan]])
    loan, column = np.concatenate([loan, second_loan]), np.concatenate([column, second_column])
    order = np.argsort(loan, kind="stable")
    loan, column, due, plan_day = (part[order] for part in (loan, column, due, plan_day))
    return pl.DataFrame(
        {
            **ids.of(loan),
            "installment_no": (column + 1).astype(np.int32),
            "due_date": dates_of(due),
            "principal": loans.principal[loan, column],
            "interest": loans.interest[loan, column],
            "fee": loans.fee[loan, column],
            "order_date": dates_of(loans.start).gather(loan),
            "plan_date": dates_of(plan_day, plan_day > 0),
        }
    )


def _repayments(dice: Dice, entries: dict[str, Ints], loans: Loans, ids: _Ids) -> pl.DataFrame:
    """One row per repayment."""
    number = loans.number[entries["loan"]] * 256
    refers = np.flatnonzero(entries["other"] != NOTHING)
    refers_to = pl.Series([None], dtype=pl.String).new_from_index(0, len(number))
    kind = pick(REPAYMENT_KINDS, entries["kind"])
    channel = pick(PAYMENT_CHANNELS, dice.skewed("payment channel", number + entries["slot"], len(PAYMENT_CHANNELS)))
    return pl.DataFrame(
        {
            "repayment_id": ids_of("R", number + entries["slot"], 10),
            "paid_date": dates_of(entries["day"]),
            "amount": entries["cents"],
            "kind": kind,
            **ids.of(entries["loan"]),
            "refers_to": refers_to.scatter(refers, ids_of("R", number[refers] + entries["other"][refers], 10)),
            "channel_code": channel.set(kind == "refund", "merchant"),
        }
    )


def _events(entries: dict[str, Ints], loans: Loans, ids: _Ids) -> pl.DataFrame:
    """One row per event; a frozen account and a reminder are for the account, the others name their loan."""
    kind = pick(EVENT_KINDS, entries["kind"])
    return pl.DataFrame(
        {
            "event_id": ids_of("E", loans.number[entries["loan"]] * 32 + entries["slot"], 10),
            **ids.of(entries["loan"]),
            "kind": kind,
            "event_date": dates_of(entries["day"]),
            "until_date": dates_of(entries["other"], entries["other"] != NOTHING),
            "amount": only_where(pl.Series(entries["cents"]), entries["cents"] > 0),
            "note": kind.replace_strict(NOTES),
        }
    ).with_columns(loan_id=pl.when(~pl.col("kind").is_in(("account_frozen", "reminder"))).then("loan_id"))


def _orders(dice: Dice, loans: Loans, ids: _Ids) -> pl.DataFrame:
    """One row per order: each loan pays for one."""
    return pl.DataFrame(
        {
            "order_id": ids_of("O", loans.number, 9),
            **ids.of(loans.loan),
            "order_date": dates_of(loans.start),
            "amount": loans.principal.sum(axis=1),
            "category_code": pick(CATEGORIES, dice.skewed("category", loans.number, len(CATEGORIES))),
        }
    )
