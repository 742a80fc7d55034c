"""Invented feeds read back, and what must hold of every row, rule and reference."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl

from flows.invented import Book
from transforms.feeds import CREDIT_KINDS, EVENT_KINDS, FEEDS, REPAYMENT_KINDS
from transforms.fields import Kind

Feeds = dict[str, pl.DataFrame]
BOOK = Book(accounts=3000, loans=2, instalments=(3, 12))
NIGHTS = (BOOK.as_of + timedelta(days=1), BOOK.as_of + timedelta(days=2))
EDGES = (0, 30, 60, 90, 120, 150, 180)
UPPER_BUCKET = len(EDGES)


def read(paths: Iterable[Path]) -> Feeds:
    """Per feed the delivered rows as text, in the order of the files."""
    frames = defaultdict(list)
    for path in paths:
        frames[path.name.split("_")[0]].append(pl.read_csv(path, infer_schema=False))
    return {feed: pl.concat(parts) for feed, parts in frames.items()}


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below the folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*.*"))}


def money(name: str) -> pl.Expr:
    """An amount as a decimal."""
    return pl.col(name).cast(pl.Decimal(18, 2))


def none_of(rows: pl.DataFrame, bad: pl.Expr) -> bool:
    """Whether no row is bad."""
    return rows.filter(bad.fill_null(value=False)).is_empty()


def all_in(rows: pl.DataFrame, others: pl.DataFrame, on: list[str]) -> bool:
    """Whether each row's values are found among the others'."""
    return rows.join(others, on=on, how="anti").is_empty()


def check_rows(feed: str, rows: pl.DataFrame, last_day: date) -> None:
    """Every cell reads as what its column holds, and every key is there once."""
    declared = FEEDS[feed]
    assert rows.columns == [column.name for column in declared.columns if column.name != "is_deleted"]
    keys = [column.name for column in declared.columns if column.field in declared.key]
    assert not rows.select(keys).is_duplicated().any()
    for column in declared.columns:
        if column.name not in rows.columns:
            continue
        cells = rows[column.name]
        assert not (column.required and cells.null_count()), column.name
        if column.kind is Kind.AMOUNT:
            assert cells.drop_nulls().str.contains(r"^\d{1,12}\.\d\d$").all()
        elif column.kind is Kind.DATE:
            days = cells.drop_nulls().str.to_date("%Y-%m-%d")
            assert column.name in ("due_date", "until_date") or (days <= last_day).all()
        elif column.kind is Kind.INTEGER:
            assert cells.cast(pl.Int32).min() == 1


def check_rules(feeds: Feeds) -> None:
    """The rules of each feed hold."""
    assert none_of(feeds["accounts"], pl.col("closed_date") < pl.col("opened_date"))
    assert none_of(feeds["accounts"], pl.col("currency") != "CNY")
    assert none_of(feeds["installments"], pl.col("due_date") < pl.col("order_date"))
    assert none_of(feeds["installments"], money("principal") <= 0)
    assert none_of(feeds["repayments"], (money("amount") <= 0) | ~pl.col("kind").is_in(REPAYMENT_KINDS))
    assert none_of(feeds["repayments"], (pl.col("kind") == "reversal") & pl.col("refers_to").is_null())
    assert none_of(feeds["events"], ~pl.col("kind").is_in(EVENT_KINDS))
    assert none_of(feeds["events"], (pl.col("kind") == "deferral") & pl.col("until_date").is_null())
    assert none_of(feeds["events"], pl.col("until_date") < pl.col("event_date"))
    assert none_of(feeds["orders"], money("amount") <= 0)


def check_references(feeds: Feeds) -> None:
    """Everything that is named is there, and belongs to the account that names it."""
    accounts = feeds["accounts"].select("account_id")
    loans = feeds["installments"].select("loan_id", "account_id").unique()
    assert loans["loan_id"].is_unique().all()
    for feed in ("installments", "repayments", "events", "orders"):
        assert all_in(feeds[feed], accounts, ["account_id"])
        assert all_in(feeds[feed].filter(pl.col("loan_id").is_not_null()), loans, ["loan_id", "account_id"])
    assert feeds["repayments"]["loan_id"].null_count() == 0
    assert all_in(feeds["accounts"], feeds["customers"], ["customer_id"])

    named = feeds["repayments"].select(
        "loan_id", refers_to="repayment_id", named_kind="kind", named_amount="amount", named_date="paid_date"
    )
    referring = feeds["repayments"].filter(pl.col("refers_to").is_not_null())
    found = referring.join(named, on=["refers_to", "loan_id"])
    assert found.height == referring.height > 0
    assert none_of(found, ~pl.col("named_kind").is_in(CREDIT_KINDS) | (pl.col("named_date") > pl.col("paid_date")))
    assert none_of(found, (pl.col("kind") == "reversal") & (money("amount") != money("named_amount")))


@dataclass
class Loan:
    """One loan's items and credits, as (day, amount)."""

    dues: list[tuple[date, Decimal]]
    paid: Decimal = Decimal(0)

    def oldest_late(self, day: date) -> date | None:
        """Due date of the first item that the credits do not cover and that is late."""
        left = self.paid
        for due_date, amount in sorted(self.dues):
            left -= amount
            if left < 0:
                return due_date if due_date < day else None
        return None


def ledgers(feeds: Feeds) -> dict[str, Loan]:
    """Loans by id under their latest plan, with what was paid; deferrals are left out."""
    plans: dict[str, dict[str, list[tuple[date, Decimal]]]] = defaultdict(lambda: defaultdict(list))
    for row in feeds["installments"].iter_rows(named=True):
        amount = Decimal(row["principal"]) + Decimal(row["interest"]) + Decimal(row["fee"])
        plans[row["loan_id"]][row["plan_date"] or ""].append((date.fromisoformat(row["due_date"]), amount))
    loans = {loan_id: Loan(dues[max(dues)]) for loan_id, dues in plans.items()}
    voided = set(feeds["repayments"].filter(pl.col("kind") == "reversal")["refers_to"])
    for row in feeds["repayments"].iter_rows(named=True):
        loan, amount = loans[row["loan_id"]], Decimal(row["amount"])
        if row["kind"] == "chargeback":
            loan.dues.append((date.fromisoformat(row["paid_date"]), amount))
        elif row["kind"] in CREDIT_KINDS and row["repayment_id"] not in voided:
            loan.paid += amount
    return loans


def buckets(feeds: Feeds, day: date) -> Counter[int]:
    """Loans by bucket, M0 as 0."""
    found: Counter[int] = Counter()
    for loan in ledgers(feeds).values():
        oldest = loan.oldest_late(day)
        dpd = (day - oldest).days if oldest else 0
        found[sum(dpd > edge for edge in EDGES)] += 1
    return found
