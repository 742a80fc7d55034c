"""A later night: about its share of the accounts, and nothing that was said before."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from flows.invented import Book, write_book, write_night
from tests.flows.invented.reading import BOOK, NIGHTS, Feeds, ledgers, none_of, read
from transforms.feeds import FEEDS


def test_a_night_is_about_its_share_of_the_accounts(feeds: Feeds, nights: list[Feeds]) -> None:
    for day, night in zip(NIGHTS, nights, strict=True):
        share = BOOK.accounts * 0.05
        assert night["repayments"].height == pytest.approx(share, rel=0.3)
        assert set(night["repayments"]["kind"]) == {"payment"}
        assert night["repayments"]["account_id"].is_unique().all()
        known = night["accounts"].join(feeds["accounts"], on="account_id", how="semi")
        fresh = night["accounts"].join(feeds["accounts"], on="account_id", how="anti")
        assert known.height == fresh.height == round(share / 10)
        assert set(known["valid_from"]) == {str(day)}
        assert night["installments"]["loan_id"].n_unique() == night["orders"].height > fresh.height
        assert set(night["orders"]["order_date"]) == {str(day)}


def test_a_night_repeats_no_key_but_for_new_versions(feeds: Feeds, nights: list[Feeds]) -> None:
    for feed in ("installments", "repayments", "events", "orders"):
        rows = pl.concat([feeds[feed], *(night[feed] for night in nights)])
        columns = [column.name for column in FEEDS[feed].columns if column.field in FEEDS[feed].key]
        assert not rows.select(columns).is_duplicated().any()


def test_a_new_version_differs_in_what_changed_alone(feeds: Feeds, nights: list[Feeds]) -> None:
    for feed, amount, others in (("accounts", "credit_limit", ()), ("customers", "income_monthly", ("income_date",))):
        key = FEEDS[feed].key[0]
        both = nights[0][feed].join(feeds[feed], on=key, suffix="_before")
        assert both.height > 0
        for name in set(feeds[feed].columns) - {key, amount, "valid_from", *others}:
            assert both[name].equals(both[f"{name}_before"], check_names=False), name
        assert not none_of(both, pl.col(amount) != pl.col(f"{amount}_before"))


def test_a_payment_of_the_night_meets_a_debt(feeds: Feeds, nights: list[Feeds]) -> None:
    loans = ledgers(feeds)
    moved = set(feeds["installments"].drop_nulls("plan_date")["loan_id"])
    for row in nights[0]["repayments"].iter_rows(named=True):
        loan = loans[row["loan_id"]]
        if row["loan_id"] not in moved:
            assert 0 < Decimal(row["amount"]) <= sum(amount for _, amount in loan.dues) - loan.paid


@pytest.mark.parametrize("accounts", [1, 7])
def test_the_smallest_books_have_nights_too(tmp_path: Path, accounts: int) -> None:
    book = Book(accounts=accounts, instalments=(1,))
    assert len(write_book(tmp_path, book)) >= 5
    night = read(write_night(tmp_path, book, NIGHTS[0], share=0.0))
    assert night["accounts"]["account_id"].to_list() == [f"A{accounts + 1:07}"]


@pytest.mark.parametrize("days", [-1, 0, 50])
def test_a_night_follows_the_book(tmp_path: Path, days: int) -> None:
    with pytest.raises(ValueError, match="1 to 49 days after"):
        write_night(tmp_path, BOOK, BOOK.as_of + timedelta(days=days))
