"""Every kind of bad input gets the reason that feeds.md promises, with file, line, raw line and all its reasons."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import polars as pl
import pytest
import zstandard

from tests.nights import Bank

ACCOUNTS = """account_id,customer_id,product_code,opened_date,credit_limit
A,C,baitiao,2026-01-01,500.00
"""
LOANS = """loan_id,account_id,installment_no,due_date,principal,order_date
L,A,1,2026-02-10,100.00,2026-01-10
"""
MONEY = "repayment_id,account_id,paid_date,amount,kind,loan_id,refers_to\n"
GOOD = "P,A,2026-02-10,10.00,payment,L,\n"
NIGHT = "2026-02-10"
FEW = "accounts_20260210.csv", "installments_20260210.csv", "repayments_20260210.csv"

ROWS: dict[str, tuple[str | bytes, list[str]]] = {
    "too few fields": ("P1,A,2026-02-10", ["too_few_fields"]),
    "too many fields": ("P1,A,2026-02-10,1.00,payment,L,,,", ["too_many_fields"]),
    "no calendar date": ("P1,A,2026-02-30,1.00,payment,L,", ["bad_date"]),
    "another date layout": ("P1,A,10/02/2026,1.00,payment,L,", ["bad_date"]),
    "three decimals": ("P1,A,2026-02-10,10.055,payment,L,", ["bad_amount"]),
    "words for money": ("P1,A,2026-02-10,ten,payment,L,", ["bad_amount"]),
    "bytes of another encoding": (b"P1,A,2026-02-10,1.00,payment,\xce\xa2\xff,", ["bad_encoding"]),
    "empty amount": ("P1,A,2026-02-10,,payment,L,", ["missing"]),
    "nothing paid": ("P1,A,2026-02-10,0.00,payment,L,", ["not_positive"]),
    "less than nothing": ("P1,A,2026-02-10,-1.00,payment,L,", ["not_positive"]),
    "unknown kind": ("P1,A,2026-02-10,1.00,gift,L,", ["unknown_code"]),
    "paid in the future": ("P1,A,2026-02-12,1.00,payment,L,", ["paid_in_future"]),
    "a reversal of nothing named": ("P1,A,2026-02-10,1.00,reversal,L,", ["missing"]),
    "no such account": ("P1,B,2026-02-10,1.00,payment,L,", ["orphan"]),
    "no such loan": ("P1,A,2026-02-10,1.00,payment,M,", ["orphan"]),
    "no loan named": ("P1,A,2026-02-10,1.00,payment,,", ["no_loan"]),
    "no such repayment": ("P1,A,2026-02-10,1.00,reversal,L,X", ["orphan"]),
    "reversal of another amount": ("P1,A,2026-02-10,1.00,reversal,L,P", ["bad_reference"]),
    "three things at once": ("P1,A,2026-02-30,10.055,gift,L,", ["bad_amount", "bad_date", "unknown_code"]),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """One night in which each bad row comes in a file of its own, behind a good one."""
    bank = Bank(tmp_path_factory.mktemp("rows"))
    bank.land(FEW[0], ACCOUNTS)
    bank.land(FEW[1], LOANS)
    for number, (line, _) in enumerate(ROWS.values(), 1):
        raw = line if isinstance(line, bytes) else line.encode()
        good = GOOD.replace("P,", "P,") if number == 1 else GOOD
        bank.land(f"repayments_20260210_{number}.csv", MONEY.encode() + good.encode() + raw + b"\n")
    bank.night(NIGHT)
    return bank


@pytest.mark.parametrize(("number", "case"), list(enumerate(ROWS, 1)), ids=list(ROWS))
def test_row_is_refused_with_every_reason(refused: Bank, number: int, case: str) -> None:
    line, reasons = ROWS[case]
    path = f"bank/repayments_20260210_{number}.csv"
    found = refused.ask(f"SELECT line_number, raw, reasons, details FROM ops.refused_rows WHERE path = '{path}'")
    assert len(found) == 1
    line_number, raw, told, details = found[0]
    assert (line_number, sorted(told)) == (3, reasons)
    assert len(details) == len(told)
    assert all(detail.endswith((".", ")")) or ":" in detail for detail in details)
    if isinstance(line, str):
        assert raw == line
    received, accepted, turned_down, again = refused.ask(
        f"SELECT rows_received, rows_accepted, rows_refused, rows_duplicate FROM ops.files WHERE path = '{path}'"
    )[0]
    assert (received, turned_down, accepted + again) == (2, 1, 1)


def test_rows_and_cents_balance(refused: Bank) -> None:
    unbalanced = """
SELECT * FROM ops.files WHERE rows_received <> rows_accepted + rows_refused + rows_duplicate
    OR amount_received <> amount_accepted + amount_refused + amount_duplicate
"""
    assert refused.ask(unbalanced) == []
    assert refused.ask("SELECT sum(amount_unreadable_count) FROM ops.files") == [(7,)], (
        "four bad records, three bad amounts"
    )


def test_rows_that_wait_are_told_apart(refused: Bank) -> None:
    waiting = refused.ask("SELECT DISTINCT unnest(reasons) FROM ops.refused_rows WHERE is_waiting ORDER BY ALL")
    assert waiting == [("bad_reference",), ("no_loan",), ("orphan",)]


OTHER_FEEDS = {
    "limit below zero": (
        "accounts_20260210_9.csv",
        ACCOUNTS.splitlines()[0] + "\nB,C,baitiao,2026-01-01,-1.00\n",
        "negative_amount",
    ),
    "unknown currency": (
        "accounts_20260210_9.csv",
        "account_id,customer_id,product_code,opened_date,credit_limit,currency\nB,C,baitiao,2026-01-01,1.00,JPY\n",
        "unknown_currency",
    ),
    "closed before opened": (
        "accounts_20260210_9.csv",
        "account_id,customer_id,product_code,opened_date,credit_limit,closed_date\nB,C,x,2026-01-01,1.00,2025-12-31\n",
        "date_order",
    ),
    "due before ordered": (
        "installments_20260210_9.csv",
        LOANS.splitlines()[0] + "\nM,A,1,2026-01-09,100.00,2026-01-10\n",
        "date_order",
    ),
    "number in words": (
        "installments_20260210_9.csv",
        LOANS.splitlines()[0] + "\nM,A,one,2026-02-09,100.00,2026-01-10\n",
        "bad_integer",
    ),
    "deferral without an end": (
        "events_20260210_9.csv",
        "event_id,account_id,kind,event_date\nE,A,deferral,2026-02-10\n",
        "missing",
    ),
    "neither true nor false": (
        "orders_20260210_9.csv",
        "order_id,account_id,order_date,amount,is_deleted\nO,A,2026-02-10,1.00,maybe\n",
        "bad_flag",
    ),
}


@pytest.mark.parametrize("case", list(OTHER_FEEDS))
def test_rows_of_other_feeds(case: str, tmp_path: Path) -> None:
    name, text, reason = OTHER_FEEDS[case]
    bank = Bank(tmp_path)
    bank.land(FEW[0], ACCOUNTS)
    bank.land(name, text)
    bank.night(NIGHT)
    assert bank.ask(f"SELECT reasons FROM ops.refused_rows WHERE path = 'bank/{name}'") == [([reason],)]


SHA = hashlib.sha256((MONEY + GOOD).encode()).hexdigest()
FILES = {
    "missing_column": ("repayments_20260210.csv", "repayment_id,account_id,amount,kind\nP,A,1.00,payment\n", None),
    "unknown_column": ("repayments_20260210.csv", MONEY.strip() + ",coupon\n" + GOOD.strip() + ",X\n", None),
    "unreadable": ("repayments_20260210.csv.gz", "no gzip at all", None),
    "control_rows": ("repayments_20260210.csv", MONEY + GOOD, {"rows": 2}),
    "control_sha256": ("repayments_20260210.csv", MONEY + GOOD, {"sha256": "0" * 64}),
    "control_amount": ("repayments_20260210.csv", MONEY + GOOD, {"amount_total": "10.01"}),
    "too_many_refused": (
        "repayments_20260210.csv",
        MONEY + "".join(f"P{n},A,2026-02-30,1.00,payment,L,\n" for n in range(21)),
        None,
    ),
}


@pytest.mark.parametrize("reason", list(FILES))
def test_file_is_refused_whole(reason: str, tmp_path: Path) -> None:
    name, text, control = FILES[reason]
    bank = Bank(tmp_path)
    bank.land(FEW[0], ACCOUNTS)
    bank.land(FEW[1], LOANS)
    bank.land(name, text)
    if control:
        bank.control("repayments_20260210.ctl", **control)
    bank.night(NIGHT)
    found = bank.ask("SELECT outcome, reason, rows_received = rows_refused FROM ops.files WHERE feed = 'repayments'")
    assert len(found) == 1
    outcome, told, is_whole = found[0]
    assert (outcome, is_whole) == ("refused", True)
    assert told
    assert bank.ask("SELECT count(*) FROM core.repayments") == [(0,)]
    if reason == "control_rows":
        assert "2" in told
        assert "1" in told
        bank.control("repayments_20260210.ctl", rows=1, sha256=SHA, amount_total="10.00")
        bank.night("2026-02-11")
        assert bank.ask("SELECT count(*) FROM core.repayments") == [(1,)], "a mended control file lets it in"


def test_conflict_refuses_both_rows_and_a_repeat_is_a_duplicate(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    bank.land(FEW[0], ACCOUNTS)
    bank.land(FEW[1], LOANS)
    bank.land(FEW[2], MONEY + GOOD + GOOD + "Q,A,2026-02-10,1.00,payment,L,\nQ,A,2026-02-10,2.00,payment,L,\n")
    bank.night(NIGHT)
    assert bank.ask("SELECT line_number, reasons FROM ops.refused_rows ORDER BY ALL") == [
        (4, ["conflict"]),
        (5, ["conflict"]),
    ]
    assert bank.ask("SELECT rows_accepted, rows_refused, rows_duplicate FROM ops.files WHERE feed = 'repayments'") == [
        (1, 2, 1)
    ]


def test_versions_and_twins(tmp_path: Path) -> None:
    """A, then B, then A again ends with A; the same bytes on one date are taken once; an older row never wins."""
    bank = Bank(tmp_path)
    bank.land(FEW[0], ACCOUNTS)
    bank.land(FEW[1], LOANS)
    a, b = (MONEY + GOOD.replace("10.00", amount) for amount in ("10.00", "20.00"))
    bank.land("repayments_20260210.csv", a)
    bank.land("repayments_again_20260210.csv", a)
    bank.land("repayments_20260211.csv", b)
    bank.land("repayments_20260212.csv", a)
    bank.night("2026-02-12")
    assert bank.ask("SELECT amount FROM core.repayments") == [(10,)]
    assert bank.ask("SELECT count(*) FROM ops.files WHERE feed = 'repayments'") == [(3,)]
    bank.land("repayments_20260209.csv", MONEY + "P,A,2026-02-09,99.00,payment,L,\n")
    bank.night("2026-02-13")
    assert bank.ask("SELECT amount FROM core.repayments") == [(10,)], "superseded"


LINES = [
    ["repayment_id", "account_id", "paid_date", "amount", "kind", "loan_id", "channel_code"],
    ["P1", "A", "2026-02-10", "10.00", "payment", "L", "钱包"],
    ["P2", "A", "2026-02-10", "11.00", "payment", "L", 'wal,let\nof "two" lines'],
    ["P3", "A", "2026-02-30", "12.00", "payment", "L", ""],
]


def _csv(delimiter: str) -> str:
    quoted = [["" if not cell else '"' + cell.replace('"', '""') + '"' for cell in line] for line in LINES]
    return "".join(delimiter.join(line) + "\n" for line in quoted)


MAPPING = """
[[files]]
pattern = "repayments"
{options}
[files.feeds.repayments]
"""


def _formats() -> dict[str, tuple[str, bytes]]:
    plain = _csv(",").encode()
    rows = pl.DataFrame(LINES[1:], schema=LINES[0], orient="row")
    return {
        "csv": ("repayments_20260210.csv", plain),
        "tsv": ("repayments_20260210.tsv", _csv("\t").encode()),
        "gz": ("repayments_20260210.csv.gz", gzip.compress(plain)),
        "zst": ("repayments_20260210.csv.zst", zstandard.compress(plain)),
        "jsonl": ("repayments_20260210.jsonl", rows.write_ndjson().encode()),
    }


@pytest.mark.parametrize("name", list(_formats()))
def test_every_format_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    path, content = _formats()[name]
    bank = Bank(tmp_path)
    bank.land(FEW[0], ACCOUNTS)
    bank.land(FEW[1], LOANS)
    bank.land(path, content)
    bank.night(NIGHT)
    assert bank.ask("SELECT repayment_id, amount, channel_code FROM core.repayments ORDER BY ALL") == [
        ("P1", 10, "钱包"),
        ("P2", 11, 'wal,let\nof "two" lines'),
    ]
    begins = 4 if name == "jsonl" else 5
    begins = begins - 1 if name == "jsonl" else begins
    assert bank.ask("SELECT line_number, reasons FROM ops.refused_rows") == [(begins, ["bad_date"])]
