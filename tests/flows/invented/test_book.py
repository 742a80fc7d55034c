"""Invented books: repeatable, clean, varied as real ones, and about nobody."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flows.invented import Book, write_book, write_night, writing
from flows.invented.book import LENDERS, REGIONS
from tests.flows.invented.reading import (
    BOOK,
    NIGHTS,
    UPPER_BUCKET,
    Feeds,
    all_in,
    buckets,
    check_references,
    check_rows,
    check_rules,
    digests,
    ledgers,
    money,
    none_of,
    read,
)
from transforms.feeds import CREDIT_FEEDS, EVENT_KINDS, FEEDS, REPAYMENT_KINDS
from transforms.fields import Kind


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_the_same_book_and_night_are_the_same_bytes(tmp_path: Path, file_format: str) -> None:
    book = Book(accounts=300, loans=3, file_format="parquet" if file_format == "parquet" else "csv")
    for folder in ("one", "two"):
        write_book(tmp_path / folder, book)
        write_night(tmp_path / folder, book, NIGHTS[0], share=0.1)
    assert len(digests(tmp_path / "one")) == 12
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


@pytest.mark.parametrize("change", [{"seed": 8}, {"source": "haven"}])
def test_another_seed_or_source_is_another_book(tmp_path: Path, change: dict[str, str]) -> None:
    book = Book(accounts=50)
    paths = write_book(tmp_path / "one", book)
    others = write_book(tmp_path / "two", replace(book, **change))  # type: ignore[arg-type]
    assert [path.name for path in paths] == [path.name for path in others]
    assert all(one.read_bytes() != two.read_bytes() for one, two in zip(paths, others, strict=True))


def test_the_size_of_the_blocks_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book(accounts=120, loans=2)
    write_book(tmp_path / "one", book)
    monkeypatch.setattr(writing, "BLOCK", 49)
    write_book(tmp_path / "two", book)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_a_larger_book_begins_with_the_smaller(tmp_path: Path) -> None:
    small = write_book(tmp_path / "small", Book(accounts=100))
    large = write_book(tmp_path / "large", Book(accounts=150))
    assert all(two.read_bytes().startswith(one.read_bytes()) for one, two in zip(small, large, strict=True))


def test_parquet_says_what_csv_says(tmp_path: Path) -> None:
    book = Book(accounts=200)
    for text, typed in zip(
        write_book(tmp_path, book), write_book(tmp_path, replace(book, file_format="parquet")), strict=True
    ):
        rows = pl.read_parquet(typed)
        columns = FEEDS[text.name.split("_")[0]].columns
        assert {rows.schema[column.name] for column in columns if column.kind is Kind.AMOUNT} <= {pl.Decimal(18, 2)}
        assert rows.with_columns(pl.all().cast(pl.String)).equals(pl.read_csv(text, infer_schema=False))


def test_files_are_named_by_feed_date_and_sequence(tmp_path: Path) -> None:
    book = Book(accounts=20)
    written = write_book(tmp_path, book) + write_night(tmp_path, book, date(2026, 1, 1), seq=3)
    names = [path.relative_to(tmp_path).as_posix() for path in written]
    assert [name for name in names if "20251231" in name] == [
        f"harbour/{feed}_20251231.csv" for feed in sorted(CREDIT_FEEDS)
    ]
    assert "harbour/accounts_20260101_3.csv" in names
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("feed", CREDIT_FEEDS)
def test_every_row_can_be_read(feeds: Feeds, nights: list[Feeds], feed: str) -> None:
    check_rows(feed, feeds[feed], BOOK.as_of)
    for night, rows in zip(NIGHTS, nights, strict=True):
        check_rows(feed, rows[feed], night)


def test_no_row_breaks_a_rule(feeds: Feeds, nights: list[Feeds]) -> None:
    for delivered in (feeds, *nights):
        check_rules(delivered)


def test_references_hold(feeds: Feeds, nights: list[Feeds]) -> None:
    check_references(feeds)
    check_references({feed: pl.concat([feeds[feed], *(night[feed] for night in nights)]) for feed in CREDIT_FEEDS})


def test_every_kind_code_and_bucket_occurs(feeds: Feeds) -> None:
    assert set(feeds["repayments"]["kind"]) == set(REPAYMENT_KINDS)
    assert set(feeds["events"]["kind"]) == set(EVENT_KINDS)
    assert set(feeds["accounts"]["product_code"]) == set(BOOK.products)
    assert set(feeds["accounts"]["lender_id"]) == {BOOK.source, *LENDERS}
    assert set(feeds["accounts"]["region_code"]) == set(REGIONS)
    chargebacks = feeds["repayments"].filter(pl.col("kind") == "chargeback")
    assert 0 < chargebacks["refers_to"].null_count() < chargebacks.height
    found = buckets(feeds, BOOK.as_of)
    assert set(found) == set(range(UPPER_BUCKET + 1))
    share_in_order = found[0] / found.total()
    assert 0.8 < share_in_order < 0.95


def test_money_adds_up_plausibly(feeds: Feeds) -> None:
    original = feeds["installments"].filter(pl.col("plan_date").is_null())
    lent = original.group_by("loan_id").agg(lent=money("principal").sum())
    orders = feeds["orders"].join(lent, on="loan_id")
    assert orders.height == feeds["orders"].height
    assert none_of(orders, pl.col("lent") != money("amount"))
    due = original.filter(pl.col("due_date") < str(BOOK.as_of)).select(
        (money("principal") + money("interest") + money("fee")).sum()
    )
    paid = feeds["repayments"].filter(pl.col("kind") == "payment").select(money("amount").sum())
    assert 0.85 < float(paid.item()) / float(due.item()) < 1.05
    remaining = [sum(amount for _, amount in loan.dues) - loan.paid for loan in ledgers(feeds).values()]
    assert any(amount < 0 for amount in remaining)
    assert sum(amount == 0 for amount in remaining) > len(remaining) / 3


def test_the_benchmark_book_has_the_size_agreed(tmp_path: Path) -> None:
    book = read(write_book(tmp_path, Book(accounts=2000)))
    assert book["installments"].filter(pl.col("plan_date").is_null()).height == 24_000
    assert 20_000 < book["repayments"].height < 22_500
    assert book["orders"].height == 2_000


def test_a_second_plan_is_whole_and_repeats_what_was_paid(feeds: Feeds) -> None:
    plans = (
        feeds["installments"]
        .group_by("loan_id", "plan_date")
        .agg(pl.len(), money("principal").sum(), pl.col("due_date").min())
    )
    second = plans.filter(pl.col("plan_date").is_not_null())
    both = second.join(plans.filter(pl.col("plan_date").is_null()), on="loan_id", suffix="_first")
    assert both.height == second.height > 0
    assert none_of(both, (pl.col("len") != pl.col("len_first")) | (pl.col("principal") != pl.col("principal_first")))
    restructured = feeds["events"].filter(pl.col("kind") == "restructure")
    assert all_in(second, restructured.rename({"event_date": "plan_date"}), ["loan_id", "plan_date"])
    rows = feeds["installments"].join(second.select("loan_id", begins="plan_date"), on="loan_id")
    moved = rows.filter(pl.col("plan_date").is_not_null()).join(
        rows.filter(pl.col("plan_date").is_null()), on=["loan_id", "installment_no"], suffix="_first"
    )
    assert none_of(moved, (pl.col("due_date") != pl.col("due_date_first")) & (pl.col("due_date") <= pl.col("begins")))
    assert not none_of(moved, pl.col("due_date") > pl.col("due_date_first"))


def check_character(number: str) -> str:
    """The character with which a true identity number would end."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False)) % 11]


def test_nobody_real_has_such_an_identity_number(feeds: Feeds, demo: Path) -> None:
    by_hand = pl.read_csv(demo / "harbour/customers_20260928_2.csv", infer_schema=False)
    numbers = [*feeds["customers"]["id_number"].drop_nulls(), *by_hand["id_number"].str.slice(0, 18)]
    assert all(re.fullmatch(r"99\d{15}[\dX]", number) for number in numbers)
    assert all(number[-1] != check_character(number) for number in numbers)
    born = feeds["customers"].drop_nulls("id_number")
    assert (born["id_number"].str.slice(6, 8) == born["birth_date"].str.replace_all("-", "")).all()
    assert 0 < feeds["customers"]["id_number"].null_count() < BOOK.accounts / 10


def test_some_persons_are_customers_of_two_sources(tmp_path: Path) -> None:
    first = read(write_book(tmp_path, Book(accounts=1000)))["customers"].drop_nulls("id_number")
    second = read(write_book(tmp_path, Book(accounts=1000, source="haven")))["customers"].drop_nulls("id_number")
    shared = first.join(second, on=["id_number", "name", "birth_date"])
    assert 20 < shared.height < 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"accounts": 0}, "has accounts"),
        ({"loans": 51}, "1 to 50 loans"),
        ({"products": ()}, "products"),
        ({"instalments": (12, 37)}, "1 to 36 instalments"),
        ({"instalments": ()}, "1 to 36 instalments"),
        ({"last_date": date(2026, 1, 1)}, "follow one another"),
    ],
)
def test_an_impossible_book_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(BOOK, **change)  # type: ignore[arg-type]
