"""Peers land the tables that a night publishes; one that does not is not timed. CSV and Parquet books say the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from bench import compare
from bench.peers import duckdb_peer, pandas_peer
from bench.peers.work import month_ends
from bench.plain import write_plain
from flows.invented import Book, write_book
from tests.nights import Bank

BOOK = Book(accounts=300)
ENDS = month_ends(BOOK.first_date, BOOK.as_of)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """A night on a plain book."""
    bank = Bank(tmp_path_factory.mktemp("plain"))
    write_book(bank.root / "full", BOOK)
    write_plain(bank.root / "full" / BOOK.source, bank.landing / BOOK.source)
    bank.night(BOOK.as_of.isoformat())
    return bank


@pytest.mark.parametrize("peer", [duckdb_peer, pandas_peer])
def test_a_peer_lands_equal_tables(bank: Bank, tmp_path: Path, peer: object) -> None:
    run = peer.run  # type: ignore[attr-defined]
    run(bank.landing / BOOK.source, tmp_path, BOOK.as_of, ENDS)
    expected, found = compare.ours(bank.warehouse), compare.theirs(tmp_path)
    assert compare.check("peer", expected, found) == sum(rows.height for rows in expected.values()) > 2000
    for name in expected:
        wrong = found | {name: found[name].tail(-1)}
        with pytest.raises(compare.Unequal, match=f"peer: 1 rows of {name} differ"):
            compare.check("peer", expected, wrong)


def test_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    write_book(tmp_path / "csv", BOOK)
    write_book(tmp_path / "parquet", replace(BOOK, file_format="parquet"))
    for path in (tmp_path / "csv").rglob("*.csv"):
        text = pl.read_csv(path, infer_schema=False)
        held = pl.read_parquet(tmp_path / "parquet" / path.parent.name / f"{path.stem}.parquet").cast(pl.String)
        assert held.select(text.columns).equals(text), path


def test_month_ends_run_to_the_last_one_that_is_over() -> None:
    assert month_ends(date(2024, 1, 31), date(2024, 3, 30)) == [date(2024, 1, 31), date(2024, 2, 29)]
