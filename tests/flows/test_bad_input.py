"""What bad input gets: every reason of the closed vocabulary, with file, line and raw line; and nothing is lost.

A source is a world of its own, so one night tries many cases: each case is a source with an account, a loan, and a file
in which one thing is wrong.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest

from flows.nightly import Outcome
from tests.flows.small import ACCOUNTS, GOOD, HEADERS, MONEY, NIGHT, land_base, map_source
from tests.nights import Bank
from transforms.refusals import WAITING, FileRefusal, Refusal

# ---------------------------------------------------------------- rows

ROWS: dict[str, tuple[str, str | bytes, tuple[str, ...]]] = {
    # the record
    "too-few-fields": ("repayments", "P1,A,2026-02-10", ("too_few_fields",)),
    "too-many-fields": ("repayments", "P1,A,2026-02-10,1.00,payment,L,,,,", ("too_many_fields",)),
    "bytes-of-gb18030": ("repayments", "P1,A,2026-02-10,1.00,payment,借据,,".encode("gb18030"), ("bad_encoding",)),
    "quote-inside": ("repayments", 'P1,A,2026-02-10,1.00,"payment"s,L,,', ("bad_record",)),
    # its cells
    "no-such-day": ("repayments", "P1,A,2026-02-30,1.00,payment,L,,", ("bad_date",)),
    "no-leap-year": ("repayments", "P1,A,2025-02-29,1.00,payment,L,,", ("bad_date",)),
    "day-first": ("repayments", "P1,A,10/02/2026,1.00,payment,L,,", ("bad_date",)),
    "day-with-words": ("repayments", "P1,A,2026-02-10 or so,1.00,payment,L,,", ("bad_date",)),
    "three-places": ("repayments", "P1,A,2026-02-10,10.055,payment,L,,", ("bad_amount",)),
    "thousands": ("repayments", 'P1,A,2026-02-10,"1,000.00",payment,L,,', ("bad_amount",)),
    "exponent": ("repayments", "P1,A,2026-02-10,1e3,payment,L,,", ("bad_amount",)),
    "not-a-number": ("repayments", "P1,A,2026-02-10,NaN,payment,L,,", ("bad_amount",)),
    "sixteen-digits": ("repayments", "P1,A,2026-02-10,1000000000000000.00,payment,L,,", ("bad_amount",)),
    "no-amount": ("repayments", "P1,A,2026-02-10,,payment,L,,", ("missing",)),
    "blank-amount": ("repayments", "P1,A,2026-02-10,  ,payment,L,,", ("missing",)),
    "no-key": ("repayments", ",A,2026-02-10,1.00,payment,L,,", ("missing",)),
    "number-in-words": ("installments", "N,A,one,2026-02-10,50.00,1.00,0.50,2026-01-10,,", ("bad_integer",)),
    "half-instalment": ("installments", "N,A,1.5,2026-02-10,50.00,1.00,0.50,2026-01-10,,", ("bad_integer",)),
    "bad-interest": ("installments", "N,A,1,2026-02-10,50.00,1%,0.50,2026-01-10,,", ("bad_amount",)),
    "bad-plan": ("installments", "N,A,1,2026-02-10,50.00,1.00,0.50,2026-01-10,soon,", ("bad_date",)),
    "bad-birthday": ("customers", "C1,resident_id,1,n,1990-02-30,100.00,", ("bad_date",)),
    "neither-true-nor-false": ("orders", "O1,A,2026-02-10,1.00,food,,maybe", ("bad_flag",)),
    "deletion-of-nothing": ("repayments", ",,,,,,,true", ("missing",)),
    # its rules
    "nothing-paid": ("repayments", "P1,A,2026-02-10,0.00,payment,L,,", ("not_positive",)),
    "less-than-nothing": ("repayments", "P1,A,2026-02-10,-1.00,payment,L,,", ("not_positive",)),
    "order-of-nothing": ("orders", "O1,A,2026-02-10,0,food,,", ("not_positive",)),
    "kind-of-repayment": ("repayments", "P1,A,2026-02-10,1.00,gift,L,,", ("unknown_code",)),
    "kind-in-capitals": ("repayments", "P1,A,2026-02-10,1.00,PAYMENT,L,,", ("unknown_code",)),
    "kind-of-event": ("events", "E1,A,phone_call,2026-02-10,L,,,,", ("unknown_code",)),
    "paid-two-days-ahead": ("repayments", "P1,A,2026-02-12,1.00,payment,L,,", ("paid_in_future",)),
    "reversal-of-nothing": ("repayments", "P1,A,2026-02-10,1.00,reversal,L,,", ("missing",)),
    "limit-below-zero": ("accounts", "D1,C,baitiao,2026-01-01,-1.00,CNY,,", ("negative_amount",)),
    "yen": ("accounts", "D1,C,baitiao,2026-01-01,1.00,JPY,,", ("unknown_currency",)),
    "closed-before-opened": ("accounts", "D1,C,baitiao,2026-01-02,1.00,CNY,2026-01-01,", ("date_order",)),
    "principal-below-zero": ("installments", "N,A,1,2026-02-10,-1.00,,,2026-01-10,,", ("negative_amount",)),
    "ten-thousandth": ("installments", "N,A,10000,2026-02-10,50.00,,,2026-01-10,,", ("out_of_range",)),
    "due-before-ordered": ("installments", "N,A,1,2026-01-09,50.00,,,2026-01-10,,", ("date_order",)),
    "deferral-without-end": ("events", "E1,A,deferral,2026-02-10,L,,,,", ("missing",)),
    "deferral-ends-first": ("events", "E1,A,deferral,2026-02-10,L,2026-02-09,,,", ("date_order",)),
    "written-off-less": ("events", "E1,A,charge_off,2026-02-10,L,,-1.00,,", ("negative_amount",)),
    "income-below-zero": ("customers", "C1,resident_id,1,n,1990-01-01,-1.00,", ("negative_amount",)),
    "share-in-percent": ("relations", "V1,F,controller,C,,25%,,CNY,", ("bad_rate",)),
    "more-than-the-whole": ("relations", "V1,F,controller,C,,1.5,,CNY,", ("out_of_range",)),
    "person-and-company": ("relations", "V1,F,controller,C,G,0.5,,CNY,", ("ambiguous",)),
    "related-to-nobody": ("relations", "V1,F,controller,,,0.5,,CNY,", ("missing",)),
    # what it refers to
    "no-such-account": ("repayments", "P1,Z,2026-02-10,1.00,payment,L,,", ("orphan",)),
    "no-such-loan": ("repayments", "P1,A,2026-02-10,1.00,payment,Z,,", ("orphan",)),
    "loan-of-another": ("repayments", "P1,A,2026-02-10,1.00,payment,K,,", ("orphan",)),
    "no-such-repayment": ("repayments", "P1,A,2026-02-10,1.00,reversal,L,Z,", ("orphan",)),
    "repayment-of-another": ("repayments", "P1,B,2026-02-10,10.00,reversal,K,P,", ("orphan",)),
    "instalment-of-nobody": ("installments", "N,Z,1,2026-02-10,50.00,,,2026-01-10,,", ("orphan",)),
    "event-of-nobody": ("events", "E1,Z,reminder,2026-02-10,,,,,", ("orphan",)),
    "event-of-no-loan": ("events", "E1,A,reminder,2026-02-10,Z,,,,", ("orphan",)),
    "order-of-nobody": ("orders", "O1,Z,2026-02-10,1.00,food,,", ("orphan",)),
    "names-no-loan": ("repayments", "P1,A,2026-02-10,1.00,payment,,,", ("no_loan",)),
    "nobody-and-no-loan": ("repayments", "P1,A,2026-02-10,1.00,reversal,,Z,", ("no_loan", "orphan")),
    "reverses-another-amount": ("repayments", "P1,A,2026-02-10,9.99,reversal,L,P,", ("bad_reference",)),
    # every reason that applies
    "three-at-once": ("repayments", "P1,A,2026-02-30,10.055,gift,L,,", ("bad_amount", "bad_date", "unknown_code")),
    "two-cells-missing": ("accounts", "D1,,baitiao,2026-01-01,,JPY,,", ("missing", "unknown_currency")),
}
"""Slug: feed, line as delivered, its reasons. The line stands on line 3, behind a good one."""


def shown(feed: str, line: str | bytes) -> str:
    """The line as ops.refused_rows shows it."""
    content = line if isinstance(line, bytes) else line.encode()
    if feed == "customers":
        return f"[withheld: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}]"
    return content.decode("utf-8", "backslashreplace")


# ---------------------------------------------------------------- files


@dataclass(frozen=True)
class File:
    """A file that is refused whole."""

    reason: FileRefusal
    said: str
    """What the sentence must name."""
    content: str | bytes
    control: str | dict[str, object] | None = None
    name: str = "repayments_20260210.csv"
    received: int = 1
    rows_with_reasons: tuple[tuple[int, str], ...] = ()
    """Line and reason of the rows that are bad by themselves."""
    mapping: str = ""


ONE = MONEY + GOOD["repayments"] + "\n"
BAD_DAY = "P{},A,2026-02-30,1.00,payment,L,,\n"
HUGE_ROWS = 93_000
"""So many of the largest amount do not fit 64 bits."""
GZ, ZST, PARQUET = (f"repayments_20260210.{ending}" for ending in ("csv.gz", "csv.zst", "parquet"))
CAST = """
[files.accounts.feeds.accounts]
[files.installments.feeds.installments]
[files.repayments.feeds.repayments.columns]
amount = { expression = "CAST(amount AS INT)" }
"""


def parquet() -> bytes:
    """A small Parquet file."""
    buffer = io.BytesIO()
    pl.DataFrame({"repayment_id": ["P"]}).write_parquet(buffer)
    return buffer.getvalue()


def too_much_money(count: int) -> str:
    """A file of so many rows, each of the largest amount that can be read."""
    largest = GOOD["repayments"].replace("10.00", "9" * 12 + ".99")
    return MONEY + "".join(largest.replace("P,", f"H{number},", 1) + "\n" for number in range(count))


def bad_days(bad: int, good: int, letters: str = "PQ") -> str:
    """A file with so many bad rows, then so many good ones."""
    bads = (BAD_DAY.format(number).replace("P", letters[0], 1) for number in range(bad))
    goods = (GOOD["repayments"].replace("P,", f"{letters[1]}{number},", 1) + "\n" for number in range(good))
    return MONEY + "".join(bads) + "".join(goods)


FILES = {
    "no-date-column": File(
        FileRefusal.MISSING_COLUMN, "paid_date", "repayment_id,account_id,amount,kind\nP,A,1.00,payment\n"
    ),
    "empty-file": File(FileRefusal.MISSING_COLUMN, "repayment_id", "", received=0),
    "coupon-column": File(
        FileRefusal.UNKNOWN_COLUMN, "coupon", MONEY.strip() + ",coupon\n" + GOOD["repayments"] + ",X\n"
    ),
    "column-twice": File(
        FileRefusal.UNREADABLE, "Columns 4 and 9", MONEY.strip() + ",amount\n" + GOOD["repayments"] + ",1\n", received=0
    ),
    "header-in-gb18030": File(FileRefusal.UNREADABLE, "utf-8", ("借据," + ONE).encode("gb18030"), received=0),
    "no-gzip": File(FileRefusal.UNREADABLE, "gz", ONE, name=GZ, received=0),
    "cut-gzip": File(FileRefusal.UNREADABLE, "cut off", gzip.compress(ONE.encode())[:-9], name=GZ, received=0),
    "no-zstandard": File(FileRefusal.UNREADABLE, "zst", ONE, name=ZST, received=0),
    "no-parquet": File(FileRefusal.UNREADABLE, "Parquet", ONE, name=PARQUET, received=0),
    "cut-parquet": File(FileRefusal.UNREADABLE, "Parquet", parquet()[:-5], name=PARQUET, received=0),
    "strict-expression": File(
        FileRefusal.UNREADABLE, "expression", MONEY + "P,A,2026-02-10,ten,payment,L,,\n", received=0, mapping=CAST
    ),
    "control-in-words": File(FileRefusal.BAD_CONTROL, "JSON", ONE, control="rows: 1"),
    "control-with-more": File(FileRefusal.BAD_CONTROL, "lines", ONE, control={"lines": 1}),
    "control-with-places": File(FileRefusal.BAD_CONTROL, "amount_total", ONE, control={"amount_total": "10.001"}),
    "control-of-two-rows": File(FileRefusal.CONTROL_ROWS, "says 2 records, the file has 1", ONE, control={"rows": 2}),
    "control-of-other-bytes": File(FileRefusal.CONTROL_SHA256, "0" * 64, ONE, control={"sha256": "0" * 64}),
    "control-of-more-money": File(
        FileRefusal.CONTROL_AMOUNT, "says 10.01 in all, the file has 10.00", ONE, control={"amount_total": "10.01"}
    ),
    "control-of-unread-money": File(
        FileRefusal.CONTROL_AMOUNT,
        "10.00 and 1 that cannot be read",
        ONE + "P2,A,2026-02-10,ten,payment,L,,\n",
        control={"amount_total": "10.00"},
        received=2,
        rows_with_reasons=((3, "bad_amount"),),
    ),
    "control-of-three-mistakes": File(
        FileRefusal.CONTROL_ROWS, "SHA-256", ONE, control={"rows": 2, "sha256": "1" * 64, "amount_total": "1.00"}
    ),
    "beyond-any-book": File(
        FileRefusal.TOTAL_TOO_LARGE, "ten million million", too_much_money(HUGE_ROWS), received=HUGE_ROWS
    ),
    "twenty-one-of-30": File(
        FileRefusal.TOO_MANY_REFUSED,
        "21 of 30 rows",
        bad_days(21, 9),
        received=30,
        rows_with_reasons=tuple((line, "bad_date") for line in range(2, 23)),
    ),
    "twenty-two-of-439": File(
        FileRefusal.TOO_MANY_REFUSED,
        "22 of 439 rows",
        bad_days(22, 417),
        received=439,
        rows_with_reasons=tuple((line, "bad_date") for line in range(2, 24)),
    ),
}
PASSED_OVER = {"twins/repayments_resent_20260210.csv", "twins/repayments.csv", "twins/payments_20260210.csv"}
"""The same bytes again, a name without a date, and a name that begins with no feed."""
UNFOLDED = """
[files.accounts.feeds.accounts]
[files.loans.feeds.installments]
unfold = { index = "n", to = "term" }
[files.loans.feeds.installments.columns]
installment_no = { expression = "n" }
due_date = { column = "first_due", plus_days = "30 * (n - 1)" }
"""

# ---------------------------------------------------------------- the night


@dataclass
class Tried:
    """The night in which everything above is tried."""

    bank: Bank
    outcome: Outcome

    def file(self, path: str, columns: str) -> tuple[Any, ...]:
        """Columns of the one row of ops.files on that path."""
        (row,) = self.bank.ask(f"SELECT {columns} FROM ops.files WHERE path = '{path}'")
        return row

    def refused(self, source: str) -> list[tuple[Any, ...]]:
        """Path, line, raw line and reasons of the source's refused rows."""
        return self.bank.ask(
            "SELECT path, line_number, raw, list_sort(reasons) FROM ops.refused_rows"
            f" WHERE source = '{source}' ORDER BY path, line_number"
        )


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    bank = Bank(tmp_path_factory.mktemp("bad"))
    for source, (feed, line, _) in ROWS.items():
        land_base(bank, source)
        raw = line if isinstance(line, bytes) else line.encode()
        bank.land(f"{feed}_20260210_2.csv", f"{HEADERS[feed]}\n{GOOD[feed]}\n".encode() + raw + b"\n", source)
    for source, file in FILES.items():
        land_base(bank, source)
        bank.land(file.name, file.content, source)
        if file.control is not None:
            text = file.control if isinstance(file.control, str) else json.dumps(file.control)
            bank.land(file.name.split(".")[0] + ".ctl", text, source)
        if file.mapping:
            map_source(bank, source, file.mapping)
    land_others(bank)
    return Tried(bank, bank.night(NIGHT))


def land_others(bank: Bank) -> None:
    """Sources for what a table cannot say."""
    for source in ("passes", "equal", "jsonl-rows", "waits", "twins"):
        land_base(bank, source)
    # at most max(20, 5 %) may be refused; those that wait do not count
    bank.land("repayments_20260210_1.csv", bad_days(20, 5), "passes")
    bank.land("repayments_20260210_2.csv", bad_days(21, 399, "RS"), "passes")
    orphans = "".join(f"W{number},Z,2026-02-10,1.00,payment,Z,,\n" for number in range(30))
    bank.land("repayments_20260210.csv", MONEY + orphans, "waits")
    twice = GOOD["repayments"] + "\n"
    two = "Q,A,2026-02-10,1.00,payment,L,,\nQ,A,2026-02-10,2.00,payment,L,,\n"
    bank.land("repayments_20260210.csv", MONEY + twice + twice + two, "equal")
    bank.land(
        "repayments_20260210.jsonl",
        '{"repayment_id": "P", "account_id": "A", "paid_date": "2026-02-10", "amount": 10.00, "kind": "payment",'
        ' "loan_id": "L"}\n{"repayment_id": "P2", "amount": {"CNY": 1}}\n["P3"]\n{"repayment_id": "P4"\n',
        "jsonl-rows",
    )
    bank.land("accounts_20260210.csv", ACCOUNTS, "unfold")
    bank.land(
        "loans_20260210.csv",
        "loan_id,account_id,order_date,principal,first_due,term\n"
        "M,A,2026-01-01,30.00,2026-02-01,3\nN,A,2026-01-01,30.00,2026-02-01,many\nO,A,2026-01-01,30.00,2026-02-01,0\n",
        "unfold",
    )
    map_source(bank, "unfold", UNFOLDED)
    for name in (
        "repayments_20260210.csv",
        "repayments_resent_20260210.csv",
        "repayments.csv",
        "payments_20260210.csv",
    ):
        bank.land(name, ONE, "twins")


@pytest.mark.parametrize("source", list(ROWS))
def test_row_is_refused_with_every_reason(tried: Tried, source: str) -> None:
    feed, line, reasons = ROWS[source]
    path = f"{source}/{feed}_20260210_2.csv"
    assert tried.refused(source) == [(path, 3, shown(feed, line), sorted(reasons))]
    counts = "outcome, line_count, rows_received, rows_accepted, rows_refused, rows_duplicate"
    assert tried.file(path, counts) == ("accepted", 2, 2, 1, 1, 0)
    waits, details = tried.bank.ask(f"SELECT is_waiting, details FROM ops.refused_rows WHERE source = '{source}'")[0]
    assert waits == (reasons[0] in WAITING)
    sentences = {reason.sentence for reason in Refusal if reason.value in reasons}
    assert {next(each for each in sentences if detail.endswith(each)) for detail in details} == sentences


@pytest.mark.parametrize("source", list(FILES))
def test_file_is_refused_whole(tried: Tried, source: str) -> None:
    file = FILES[source]
    outcome, reason, *rows = tried.file(
        f"{source}/{file.name}",
        "outcome, reason, rows_received, rows_refused, amount_received - amount_refused, rows_accepted",
    )
    assert (outcome, rows) == ("refused", [file.received, file.received, 0, 0])
    assert file.said in reason
    assert [(line, told) for _, line, _, (told,) in tried.refused(source)] == list(file.rows_with_reasons)
    assert tried.bank.ask(f"SELECT count(*) FROM core.repayments WHERE source = '{source}'") == [(0,)]


def test_every_reason_is_tried() -> None:
    in_tables = {reason for _, _, reasons in ROWS.values() for reason in reasons}
    assert in_tables | {"conflict", "bad_unfold"} == {reason.value for reason in Refusal}
    of_files = {file.reason for file in FILES.values()}
    assert of_files | {FileRefusal.MISSING_CONTROL} == set(FileRefusal)


def test_each_refused_file_has_its_check(tried: Tried) -> None:
    """The suite over the files, which Data Docs show, names as many files as are refused for each reason."""
    failed = dict(
        tried.bank.ask(
            "SELECT column_name, unexpected_count FROM ops.checks WHERE suite = 'deliveries' AND NOT success"
        )
    )
    meant: dict[str, int] = {}
    for file in FILES.values():
        meant[file.reason.value] = meant.get(file.reason.value, 0) + 1
    meant["control_sha256"] += 1  # of three mistakes at once
    meant["control_amount"] += 1
    assert {reason: failed.get(reason) for reason in meant} == meant


def test_lines_that_are_no_json_objects(tried: Tried) -> None:
    assert [(line, reasons) for _, line, _, reasons in tried.refused("jsonl-rows")] == [
        (2, ["bad_record"]),
        (3, ["bad_record"]),
        (4, ["bad_record"]),
    ]


def test_counts_that_cannot_be_unfolded(tried: Tried) -> None:
    assert [(line, reasons) for _, line, _, reasons in tried.refused("unfold")] == [
        (3, ["bad_unfold"]),
        (4, ["bad_unfold"]),
    ]
    rows = "line_count, rows_received, rows_accepted, rows_refused, amount_received, amount_refused"
    assert tried.file("unfold/loans_20260210.csv", rows) == (3, 5, 3, 2, 150, 60)


def test_no_more_than_twenty_or_a_twentieth_are_refused(tried: Tried) -> None:
    files = [
        tried.file(f"passes/repayments_20260210_{seq}.csv", "outcome, rows_received, rows_refused") for seq in (1, 2)
    ]
    assert files == [("accepted", 25, 20), ("accepted", 420, 21)]


def test_rows_that_wait_are_not_held_against_their_file(tried: Tried) -> None:
    counts = "outcome, rows_received, rows_refused, amount_refused"
    assert tried.file("waits/repayments_20260210.csv", counts) == ("accepted", 30, 30, 30)


def test_a_conflict_refuses_both_and_a_repeat_is_a_duplicate(tried: Tried) -> None:
    assert [(line, reasons) for _, line, _, reasons in tried.refused("equal")] == [(4, ["conflict"]), (5, ["conflict"])]
    counted = "rows_accepted, rows_refused, rows_duplicate, amount_accepted, amount_refused, amount_duplicate"
    assert tried.file("equal/repayments_20260210.csv", counted) == (1, 2, 1, 10, 3, 10)


def test_every_row_and_cent_is_accounted_for(tried: Tried) -> None:
    unbalanced = tried.bank.ask("""
SELECT path, feed FROM ops.files WHERE rows_received <> rows_accepted + rows_refused + rows_duplicate
    OR amount_received <> amount_accepted + amount_refused + amount_duplicate""")
    assert unbalanced == []
    landing = tried.bank.landing
    landed = {path.relative_to(landing).as_posix() for path in landing.rglob("*") if path.is_file()}
    told = {path for (path,) in tried.bank.ask("SELECT path FROM ops.files")}
    assert landed - told == {path for path in landed if path.endswith(".ctl")} | PASSED_OVER


def test_amounts_that_cannot_be_read_are_counted(tried: Tried) -> None:
    unread = {source for (source,) in tried.bank.ask("SELECT source FROM ops.files WHERE amount_unreadable_count > 0")}
    unreadable = {"bad_amount", "too_few_fields", "too_many_fields", "bad_encoding", "bad_record"}
    of_money = {source for source, (feed, _, why) in ROWS.items() if feed != "customers" and unreadable & {*why}}
    empty = {"no-amount", "blank-amount", "two-cells-missing"}
    assert unread == of_money | empty | {"control-of-unread-money", "jsonl-rows"}


def test_files_that_are_none_and_twins_are_told(tried: Tried) -> None:
    notes = dict(note.split(": ", 1) for note in tried.outcome.notes)
    assert notes.keys() == PASSED_OVER
    assert "same bytes as twins/repayments_20260210.csv" in notes["twins/repayments_resent_20260210.csv"]
    assert tried.bank.ask("SELECT count(*) FROM core.repayments WHERE source = 'twins'") == [(1,)]
