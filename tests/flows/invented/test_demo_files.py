"""The demo's flaws stand where its list says, and the rest of it is clean."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from flows.demo import DEMO_BOOK, DEMO_FLAWS, DEMO_NIGHTS, OUTCOMES, Flaw, write_demo
from tests.flows.invented.reading import UPPER_BUCKET, buckets, check_references, check_rows, check_rules, digests, read
from transforms.feeds import EVENT_KINDS, FEEDS, REPAYMENT_KINDS
from transforms.refusals import FileRefusal, Refusal


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
