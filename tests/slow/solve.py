"""The state tables, by looking at every account on every day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from transforms.feeds import CASH_KINDS
from transforms.policy import Policy
from transforms.tables import TABLES

from .books import Book, Item, Loan, books
from .deliveries import Customer, Delivery, Row
from .resolve import BEGINNING, Facts, Version, resolve, version_at
from .risk import buckets, portfolio
from .standings import (
    Standing,
    account_columns,
    customer_rows,
    default_rows,
    history_columns,
    loan_columns,
    standings,
)
from .walks import Walk, month_ends, walk


def solve(deliveries: Sequence[Delivery], policy: Policy, as_of: date) -> dict[str, list[Row]]:
    """The rows of every state table, each sorted by the table's key (None first), and of `waiting`.

    Columns are the table's inside, without those that depend on the sequence of nights; rates are floats, None where
    nothing is outstanding. `waiting`: source, feed, key (a tuple), business_date, seq, file_name, reasons (codes).
    """
    facts = resolve(deliveries, policy, as_of)
    walks = [walk(book, policy, as_of) for book in books(facts, policy, as_of)]
    customers = [_customer(version_at(versions, as_of)) for versions in facts.customers.values()]
    persons = {(str(row["source"]), str(row["customer_id"])): row["person_id"] for row in customers}
    made = standings(walks, persons, policy)  # type: ignore[arg-type]
    loans = [(each, loan) for each in made for loan in each.loans]
    accounts = [_account_status(each) for each in made]
    tables = {
        "core.accounts": [_account(each.book) for each in walks],
        "core.loans": [_loan(each.book, loan) for each in walks for loan in each.book.loans],
        "core.installments": [
            _installment(each, item) for each in walks for loan in each.book.loans for item in loan.items
        ],
        "core.chargebacks": [_chargeback(each, item) for each in walks for item in each.book.chargebacks],
        **_feed_tables(facts, {each.book.key: each.book for each in walks}),
        "core.customers": customers,
        "status.loan_status": [_loan_status(each, loan) for each, loan in loans],
        "status.loan_defaults": [row for each, loan in loans for row in default_rows(each, loan)],
        "status.account_status": accounts,
        "status.customer_status": customer_rows(made, accounts, policy, as_of),
        "status.loan_history": [row for each, loan in loans for row in _loan_history(each, loan)],
        "risk.portfolio": portfolio(made, policy, as_of),
        "risk.buckets": buckets(made, policy, as_of),
    }
    published = {name: _published(name, rows) for name, rows in tables.items()}
    return {**published, "waiting": _by(("source", "feed", "key", "business_date", "seq", "file_name"), facts.waiting)}


def _published(name: str, rows: Iterable[Row]) -> list[Row]:
    """The columns that the table declares, in its order and sorted by its key."""
    table = TABLES[name]
    columns = [column for column in table.schema if column not in table.night_columns]
    return _by(table.key, ({column: row[column] for column in columns} for row in rows))


def _by(key: Sequence[str], rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: _none_first([row[name] for name in key]))


def _none_first(values: Iterable[object]) -> tuple[object, ...]:
    """A key to sort by: None before everything else, at any depth."""
    return tuple((value is not None, _none_first(value) if isinstance(value, tuple) else value) for value in values)


def _account(book: Book) -> Row:
    return {**vars(book.account), "valid_from": book.version.start}


def _customer(version: Version[Customer]) -> Row:
    return {**vars(version.fact), "valid_from": None if version.start == BEGINNING else version.start}


def _feed_tables(facts: Facts, of: dict[tuple[str, str], Book]) -> dict[str, list[Row]]:
    """Repayments, events and orders that hold, each in the currency of its account."""

    def currency(source: str, account_id: str) -> Row:
        return {"currency": of[(source, account_id)].account.currency}

    return {
        "core.repayments": [
            {
                **vars(row),
                **currency(row.source, row.account_id),
                "is_void": (row.source, row.repayment_id) in facts.void,
            }
            for row in facts.repayments
        ],
        "core.events": [{**vars(row), **currency(row.source, row.account_id)} for row in facts.events],
        "core.orders": [{**vars(row), **currency(row.source, row.account_id)} for row in facts.orders],
    }


def _loan(book: Book, loan: Loan) -> Row:
    """A loan as its earliest plan promised."""
    return {
        **vars(book.account),
        "loan_id": loan.loan_id,
        "origination_date": loan.start,
        "installment_count": len(loan.earliest_plan),
        "principal_cents": sum(row.principal_cents for row in loan.earliest_plan),
        "due_cents": sum(row.due_cents for row in loan.earliest_plan),
    }


def _item(each: Walk, item: Item) -> Row:
    """What instalments and chargebacks have in common."""
    return {
        **vars(item),
        "source": each.book.source,
        "account_id": each.book.account_id,
        "currency": each.book.account.currency,
        "due_cents": item.due_cents,
        "paid_cents": each.paid_cents(item),
        "settled_date": each.settled_date(item),
    }


def _installment(each: Walk, item: Item) -> Row:
    is_replaced = item.replaced_on is not None and item.replaced_on <= each.as_of
    return {**_item(each, item), "replaced_on": item.replaced_on if is_replaced else None}


def _chargeback(each: Walk, item: Item) -> Row:
    row = next(row for row in each.book.repayments if row.repayment_id == item.repayment_id)
    return {**_item(each, item), "is_payout": row.refers_to is None}


def _status(each: Walk) -> Row:
    """What every row of an account's or loan's standing repeats."""
    return {**vars(each.book.account), "as_of": each.as_of, "policy_version": each.policy.version}


def _loan_status(standing: Standing, loan: Loan) -> Row:
    each = standing.walk
    figures = each.figures(loan, each.as_of)
    one_pot = each.book.rules.allocation == "account"
    return {
        **_status(each),
        **vars(figures),
        "loan_id": loan.loan_id,
        "bucket": each.bucket(figures.dpd),
        "last_paid_date": max(
            (
                row.paid_date
                for row in each.book.credits
                if row.kind in CASH_KINDS and row.paid_date <= each.as_of and (one_pot or row.loan_id == loan.loan_id)
            ),
            default=None,
        ),
        "is_past_due": figures.past_due_cents > 0,
        "is_in_credit": figures.remaining_cents < 0,
        "history_24m": each.history_24m(loan),
        **loan_columns(standing, loan),
    }


def _account_status(standing: Standing) -> Row:
    each = standing.walk
    picture = each.last
    histories = [each.history_24m(loan) for loan in each.started] or ["-" * 24]
    return {
        **_status(each),
        "loan_count": len(each.started),
        "dpd": picture.dpd,
        "bucket": each.bucket(picture.dpd),
        "past_due_cents": picture.past_due_cents,
        "outstanding_principal_cents": picture.outstanding_principal_cents,
        "remaining_cents": picture.remaining_cents,
        "surplus_cents": picture.surplus_cents,
        "credit_limit_cents": picture.credit_limit_cents,
        "available_credit_cents": picture.available_credit_cents,
        "is_in_credit": picture.remaining_cents < 0,
        "is_over_limit": picture.available_credit_cents < 0,
        "is_past_due": picture.past_due_cents > 0,
        "negative_since": each.negative_since(),
        "history_24m": "".join(max(digits) for digits in zip(*histories, strict=True)),
        **account_columns(standing),
    }


def _loan_history(standing: Standing, loan: Loan) -> list[Row]:
    each = standing.walk
    rows = []
    for end in month_ends(loan.start, each.as_of):
        figures = each.figures(loan, end)
        if each.has_history(loan, end):
            rows.append(
                {
                    **_status(each),
                    **vars(figures),
                    "loan_id": loan.loan_id,
                    "month_end": end,
                    "bucket": each.bucket(figures.dpd),
                    **history_columns(standing, loan, end),
                }
            )
    return rows
