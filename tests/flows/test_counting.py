"""Checks counted by plain SQL say what Great Expectations says, of a night with wrong rows and references."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from flows.invented import Book, write_book, write_night
from tests.nights import Bank

BOOK = Book(accounts=60)
NEXT = date(2026, 1, 1)
WRONG = """repayment_id,account_id,paid_date,amount,kind,loan_id,refers_to
X1,A0000001,2026-01-01,-5,payment,,
X2,A0000001,never,5.00,payment,,
X3,nobody,2026-01-01,5.00,payment,nothing,
X4,A0000001,2026-01-01,5.00,reversal,,unheard
"""


def checks_of(root: Path, *, judged: bool) -> list[tuple[object, ...]]:
    bank = Bank(root, {"person_key": "the same everywhere"}, judged=judged)
    write_book(bank.landing, BOOK)
    bank.night(BOOK.as_of.isoformat())
    write_night(bank.landing, BOOK, NEXT, share=0.1)
    bank.land("repayments_20260101_2.csv", WRONG, BOOK.source)
    bank.night(NEXT.isoformat())
    return bank.ask("FROM ops.checks ORDER BY run_id, suite, why, column_name")


def test_both_ways_say_the_same(tmp_path: Path) -> None:
    counted, judged = (checks_of(tmp_path / name, judged=name == "judged") for name in ("counted", "judged"))
    assert counted == judged
    assert any(False in row for row in judged), "nothing failed: the test proves nothing"
