"""Peers land the tables that a night publishes; one that does not is not timed. CSV and Parquet books say the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pytest

from bench import compare
from bench.peers import duckdb_peer, pandas_peer, portable_sql
from flows.invented import Book, write_book
from tests.nights import Bank

BOOK = Book(accounts=300, seed=3)
"""Every kind of repayment, second plans, deferrals and charge-offs are in it."""


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """A night on an invented book."""
    bank = Bank(tmp_path_factory.mktemp("book"))
    write_book(bank.landing, BOOK)
    write_book(bank.root / "parquet", replace(BOOK, file_format="parquet"))
    bank.night(BOOK.as_of.isoformat())
    return bank


@pytest.fixture(scope="module")
def landed(bank: Bank) -> Path:
    """What DuckDB lands of it."""
    out = bank.root / "landed"
    out.mkdir()
    duckdb_peer.run(bank.landing, out, BOOK.as_of, BOOK.first_date)
    return out


@pytest.mark.parametrize(
    ("run", "folder"),
    [(duckdb_peer.run, "landing"), (duckdb_peer.run, "parquet"), (pandas_peer.run, "landing")],
    ids=["duckdb-csv", "duckdb-parquet", "pandas-csv"],
)
def test_a_peer_lands_equal_tables(bank: Bank, tmp_path: Path, run: Callable[..., None], folder: str) -> None:
    run(bank.root / folder, tmp_path, BOOK.as_of, BOOK.first_date)
    counts = compare.check_equal(bank.warehouse / "tally.duckdb", tmp_path)
    assert list(counts) == list(portable_sql.RESULTS)
    assert counts["loan_status"] == 300
    assert min(counts.values()) > 10


def test_the_book_asks_for_everything_that_peers_must_know(bank: Bank) -> None:
    kinds = {
        kind for (kind,) in bank.ask("SELECT DISTINCT kind FROM core.repayments UNION FROM core.events SELECT kind")
    }
    assert {"chargeback", "reversal", "refund", "waiver", "recovery", "deferral", "restructure", "charge_off"} <= kinds


def test_months_in_rows_give_what_months_in_columns_give(bank: Bank, tmp_path: Path) -> None:
    with duckdb_peer.connect(str(tmp_path / duckdb_peer.FILE)) as connection:
        for feed in portable_sql.FEEDS:
            duckdb_peer.view(connection, feed, bank.landing)
        for name, query in portable_sql.statements(BOOK.first_date, BOOK.as_of, is_wide=False):
            connection.execute(f"CREATE TABLE {name} AS {query}")
    assert compare.check_equal(bank.warehouse / "tally.duckdb", tmp_path)


@pytest.mark.parametrize("name", portable_sql.RESULTS)
@pytest.mark.parametrize("mistake", ["a row too few", "a row twice", "another figure"])
def test_an_unequal_peer_is_caught(bank: Bank, landed: Path, tmp_path: Path, name: str, mistake: str) -> None:
    shutil.copy(landed / duckdb_peer.FILE, tmp_path)
    figure = compare.COMPARED[name].cents[0]
    change = {
        "a row too few": f"DELETE FROM {name} WHERE rowid = 3",
        "a row twice": f"INSERT INTO {name} SELECT * FROM {name} WHERE rowid = 3",
        "another figure": f"UPDATE {name} SET {figure} = coalesce({figure}, 0) + 1 WHERE rowid = 3",
    }
    with duckdb.connect(str(tmp_path / duckdb_peer.FILE)) as connection:
        connection.execute(change[mistake])
    with pytest.raises(compare.Unequal) as caught:
        compare.check_equal(bank.warehouse / "tally.duckdb", tmp_path, [name])
    assert str(caught.value).startswith(f"{name} (")
    assert len(str(caught.value).splitlines()) == (4 if mistake != "another figure" else 5)


def test_csv_and_parquet_say_the_same(bank: Bank) -> None:
    for path in bank.landing.rglob("*.csv"):
        text = pl.read_csv(path, infer_schema=False)
        held = pl.read_parquet(bank.root / "parquet" / path.parent.name / f"{path.stem}.parquet").cast(pl.String)
        assert held.select(text.columns).equals(text), path
