"""Invented feeds: repeatable, clean, varied as real ones; and a demo whose flaws stand where its list says."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from flows import invented
from flows.demo import DEMO_BOOK, DEMO_FLAWS, DEMO_NIGHTS, OUTCOMES, Flaw, write_demo
from flows.invented import Book, write_book, write_night
from transforms.feeds import CREDIT_FEEDS, CREDIT_KINDS, EVENT_KINDS, FEEDS, REPAYMENT_KINDS
from transforms.fields import Kind
from transforms.refusals import FileRefusal, Refusal

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


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Feeds:
    """The book."""
    return read(write_book(tmp_path_factory.mktemp("book"), BOOK))


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> list[Feeds]:
    """What two nights after it bring."""
    landing = tmp_path_factory.mktemp("nights")
    return [read(write_night(landing, BOOK, night, share=0.05)) for night in NIGHTS]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The landing folder of the demo, all nights written."""
    landing = tmp_path_factory.mktemp("demo")
    assert write_demo(landing) == list(DEMO_NIGHTS)
    return landing


def money(name: str) -> pl.Expr:
    """An amount as a decimal."""
    return pl.col(name).cast(pl.Decimal(18, 2))


def none_of(rows: pl.DataFrame, bad: pl.Expr) -> bool:
    """Whether no row is bad."""
    return rows.filter(bad.fill_null(value=False)).is_empty()


def all_in(rows: pl.DataFrame, others: pl.DataFrame, on: list[str]) -> bool:
    """Whether each row's values are found among the others'."""
    return rows.join(others, on=on, how="anti").is_empty()


# --- the same again ------------------------------------------------------------------------------------------------


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
    monkeypatch.setattr(invented, "BLOCK", 49)
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


# --- clean ---------------------------------------------------------------------------------------------------------


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


# --- varied as real ones -------------------------------------------------------------------------------------------


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


def test_every_kind_code_and_bucket_occurs(feeds: Feeds) -> None:
    assert set(feeds["repayments"]["kind"]) == set(REPAYMENT_KINDS)
    assert set(feeds["events"]["kind"]) == set(EVENT_KINDS)
    assert set(feeds["accounts"]["product_code"]) == set(BOOK.products)
    assert set(feeds["accounts"]["lender_id"]) == {BOOK.source, *invented.LENDERS}
    assert set(feeds["accounts"]["region_code"]) == set(invented.REGIONS)
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


# --- one more night ------------------------------------------------------------------------------------------------


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


# --- the demo ------------------------------------------------------------------------------------------------------


def contents(path: Path) -> bytes:
    """The file's bytes, unpacked."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def records(path: Path) -> list[list[str]]:
    """The file's fields by line, the header first; what is not UTF-8 as surrogates."""
    return list(csv.reader(contents(path).decode("utf-8", "surrogateescape").splitlines()))


def business_day(path: Path) -> date:
    """The date in the file's name."""
    found = re.search(r"_(\d{8})", path.name)
    assert found
    return date.fromisoformat(found[1])


@dataclass
class Case:
    """A flaw, and what stands where it points."""

    flaw: Flaw
    landing: Path

    @property
    def path(self) -> Path:
        """Its file."""
        return self.landing / self.flaw.path

    @property
    def fields(self) -> list[str]:
        """The fields of its line."""
        return records(self.path)[self.flaw.line_number - 1]

    @property
    def cells(self) -> dict[str, str]:
        """The cells of its line, by column."""
        return dict(zip(records(self.path)[0], self.fields, strict=True))

    @property
    def twins(self) -> list[dict[str, str]]:
        """Other rows of the feed with the same first cell, whichever file they are in."""
        feed = self.path.name.split("_")[0]
        found = []
        for path in sorted(self.path.parent.glob(f"{feed}_*.csv")):
            header, *rows = records(path)
            found += [
                {**dict(zip(header, row, strict=False)), "file": path.name}
                for number, row in enumerate(rows, start=2)
                if row[0] == self.flaw.row_id and (path, number) != (self.path, self.flaw.line_number)
            ]
        return found

    def control(self) -> dict[str, object]:
        """Its control file."""
        found: dict[str, object] = json.loads(self.path.with_suffix(".ctl").read_text(encoding="utf-8"))
        return found

    def figures(self) -> dict[str, object]:
        """What the control file should say."""
        header, *rows = records(self.path)
        total = sum(Decimal(row[header.index("amount")]) for row in rows)
        digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
        return {"rows": len(rows), "sha256": digest, "amount_total": str(total)}


def is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def bad_dates(cells: dict[str, str]) -> list[str]:
    return [name for name, text in cells.items() if name.endswith("_date") and text and not is_day(text)]


def same(one: dict[str, str], two: dict[str, str], columns: Iterable[str]) -> bool:
    return all(one.get(name, "") == two.get(name, "") for name in columns)


def accounts_by_night(landing: Path, account_id: str) -> list[date]:
    paths = landing.rglob("accounts_*.csv")
    return sorted(business_day(path) for path in paths if any(row[0] == account_id for row in records(path)))


HOLDS: dict[str, Callable[[Case], bool]] = {
    "bad_date": lambda case: bad_dates(case.cells) != [],
    "bad_amount": lambda case: re.fullmatch(r"\d+(\.\d{1,2})?", case.cells["amount"]) is None,
    "bad_integer": lambda case: not case.cells["installment_no"].isdigit(),
    "bad_rate": lambda case: re.fullmatch(r"\d+(\.\d+)?", case.cells["share_rate"]) is None,
    "ambiguous": lambda case: "" not in (case.cells["customer_id"], case.cells["other_company_id"]),
    "bad_flag": lambda case: case.cells["is_deleted"] not in ("", "0", "1", "true", "false"),
    "bad_encoding": lambda case: any("\udc80" <= mark <= "\udcff" for mark in case.fields[-1]),
    "too_few_fields": lambda case: len(case.fields) < len(records(case.path)[0]),
    "too_many_fields": lambda case: len(case.fields) > len(records(case.path)[0]),
    "missing": lambda case: not case.cells.get("amount", case.cells.get("until_date")),
    "unknown_code": lambda case: case.cells["kind"] not in (*REPAYMENT_KINDS, *EVENT_KINDS),
    "unknown_currency": lambda case: case.cells["currency"] == "JPY",
    "negative_amount": lambda case: Decimal(case.cells["credit_limit"]) < 0,
    "not_positive": lambda case: Decimal(case.cells["amount"]) <= 0,
    "date_order": lambda case: (
        case.cells["closed_date"] < case.cells["opened_date"]
        if "closed_date" in case.cells
        else case.cells["until_date"] < case.cells["event_date"]
    ),
    "paid_in_future": lambda case: date.fromisoformat(case.cells["paid_date"]) > business_day(case.path) + timedelta(1),
    "conflict": lambda case: any(
        twin["file"] == case.path.name and not same(twin, case.cells, case.cells) for twin in case.twins
    ),
    "orphan": lambda case: accounts_by_night(case.landing, case.cells["account_id"]) == [],
    "no_loan": lambda case: case.cells["loan_id"] == "",
    "bad_reference": lambda case: (
        case.cells["kind"] == "reversal" and all(row["amount"] != case.cells["amount"] for row in named(case))
    ),
    "released": lambda case: accounts_by_night(case.landing, case.cells["account_id"]) > [business_day(case.path)],
    "duplicate": lambda case: (
        any(same(twin, case.cells, case.cells) for twin in case.twins)
        if case.flaw.line_number
        else contents(case.path) == contents(case.path.with_name(case.path.name.replace("20260929", "20260928")))
    ),
    "correction": lambda case: any(twin["file"] < case.path.name for twin in case.twins),
    "deletion": lambda case: case.cells["is_deleted"] == "true" and len(case.twins) == 1,
    "superseded": lambda case: any(twin["file"] > case.path.name for twin in case.twins),
    "late": lambda case: business_day(case.path) < DEMO_NIGHTS[0],
    "reversal": lambda case: [row["amount"] for row in named(case)] == [case.cells["amount"]],
    "deferral": lambda case: case.cells["until_date"] > str(DEMO_NIGHTS[-1]) >= case.cells["event_date"],
    "restructure": lambda case: case.cells["plan_date"] != "" and len(case.twins) > 3,
    "control_rows": lambda case: case.control()["rows"] != case.figures()["rows"],
    "mended": lambda case: case.control() == case.figures(),
    "unknown_column": lambda case: bool(
        set(records(case.path)[0]) - {column.name for column in FEEDS["orders"].columns}
    ),
    "too_many_refused": lambda case: sum(not is_day(row[2]) for row in records(case.path)[1:]) > 20,
    "twin": lambda case: contents(case.path) == contents(case.path.with_name("orders_20260928.csv")),
}


def named(case: Case) -> list[dict[str, str]]:
    """Rows that the case's row refers to."""
    return Case(replace(case.flaw, row_id=case.cells["refers_to"]), case.landing).twins


@pytest.mark.parametrize("flaw", DEMO_FLAWS, ids=lambda flaw: f"{flaw.outcome}-{flaw.row_id or flaw.path}")
def test_each_flaw_stands_where_the_list_says(demo: Path, flaw: Flaw) -> None:
    case = Case(flaw, demo)
    if flaw.line_number:
        assert case.fields[0] == flaw.row_id
    assert HOLDS[flaw.outcome](case)
    assert flaw.meaning.endswith(".")


def test_the_demo_has_all_flaws_that_it_promises() -> None:
    outcomes = {flaw.outcome for flaw in DEMO_FLAWS}
    assert outcomes == set(HOLDS)
    refusals = {reason.value for reason in (*Refusal, *FileRefusal)}
    assert outcomes - refusals == set(OUTCOMES)


def test_the_rest_of_the_demo_is_clean(demo: Path) -> None:
    flawed = {flaw.path for flaw in DEMO_FLAWS}
    files = [*demo.rglob("*_1.csv"), *demo.rglob("*_20260928.csv")]
    clean = [path for path in files if path.relative_to(demo).as_posix() not in flawed]
    for path in clean:
        check_rows(path.name.split("_")[0], pl.read_csv(path, infer_schema=False), business_day(path))
    delivered = read(clean)
    check_rules(delivered)
    check_references(delivered)
    listed = {(flaw.path, flaw.line_number) for flaw in DEMO_FLAWS}
    for path in demo.rglob("*_2.csv"):
        if path.name == "orders_20260929_2.csv":
            continue
        header, *rows = records(path)
        for number, row in enumerate(rows, start=2):
            if (path.relative_to(demo).as_posix(), number) not in listed:
                assert len(row) == len(header)
                assert not bad_dates(dict(zip(header, row, strict=True)))


def test_files_with_flaws_stay_below_the_limit_but_for_the_one_meant() -> None:
    held_against = Counter(flaw.path for flaw in DEMO_FLAWS if flaw.outcome in set(Refusal))
    assert max(held_against.values()) <= 20


def test_one_file_is_packed_and_quotes_a_note_in_chinese(demo: Path) -> None:
    path = demo / "harbour/events_20260929_2.csv.gz"
    assert path.read_bytes().startswith(b"\x1f\x8b")
    assert records(path)[-1][-1] == "客户来电, 约定周五还款"


def test_written_night_by_night_the_demo_is_the_same(demo: Path, tmp_path: Path) -> None:
    late = next(flaw.path for flaw in DEMO_FLAWS if flaw.outcome == "late")
    for night in DEMO_NIGHTS:
        assert not (tmp_path / late).exists()
        assert write_demo(tmp_path, [night]) == [night]
    assert digests(tmp_path) == digests(demo)


def test_the_demo_reaches_back_and_has_every_bucket(demo: Path) -> None:
    feeds = read(sorted(demo.rglob("*_20260928.csv")))
    feeds = {feed: rows.unique(maintain_order=True) for feed, rows in feeds.items()}
    assert set(buckets(feeds, DEMO_BOOK.as_of)) == set(range(UPPER_BUCKET + 1))
    assert min(feeds["orders"]["order_date"]) < "2025-03-01"
    assert set(feeds["repayments"]["kind"]) == set(REPAYMENT_KINDS)
    assert {"deferral", "restructure", "charge_off"} <= set(feeds["events"]["kind"])
