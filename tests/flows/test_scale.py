"""Beyond one machine: a lake in an object store, and batches on a cluster, give the tables of one machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from subprocess import Popen
from unittest import mock

import pytest

from flows import batching
from flows.batching import Batch, Worked
from flows.errors import TryAgain, WrongUse
from flows.inspecting import Question, status
from flows.invented import Book, write_book, write_night
from flows.rebuild import replay
from flows.runners import Dask, Here, Processes, runner
from flows.stores import storage
from tests.flows.servers import cluster, store
from tests.nights import Bank

BOOK = Book(accounts=120, as_of=date(2025, 12, 31))
NEXT = date(2026, 1, 1)
SMALL = mock.patch.object(batching, "BATCH_ACCOUNTS", 50)
"""Three batches and more from a small book."""


def bank_at(root: Path, **options: str) -> Bank:
    """A bank whose persons have the same key wherever it is."""
    return Bank(root, {"person_key": "the same everywhere", **options})


def two_nights(bank: Bank) -> Bank:
    """The invented book, and what is new the night after."""
    write_book(bank.landing, BOOK)
    bank.night(BOOK.as_of.isoformat())
    write_night(bank.landing, BOOK, NEXT, share=0.1)
    bank.night(NEXT.isoformat())
    return bank


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """The nights on one machine, in one process."""
    with SMALL:
        return two_nights(bank_at(tmp_path_factory.mktemp("here"), runner="here"))


def test_a_lake_in_a_store_gives_the_same_tables(tmp_path: Path, here: Bank) -> None:
    with store(tmp_path, "tally") as lake, SMALL:
        bank = two_nights(bank_at(tmp_path / "bank", runner="here", lake=lake))
        assert not (bank.warehouse / "lake").exists()
        assert bank.tables() == here.tables()
        root = storage.place(lake)
        assert not list(storage.files_below(root / "work"))
        assert bank.night(NEXT.isoformat()).run is None
        # what nobody names is swept, and what is there is as it was written
        storage.write(root / "facts" / "stray.parquet", b"left over")
        assert bank.night(NEXT.isoformat()).run is None
        assert not (root / "facts" / "stray.parquet").exists()
        (account,) = bank.ask("SELECT min(account_id) FROM core.accounts")[0]
        answers = [
            status(each.settings, Question("account", account, None, BOOK.as_of, BOOK.as_of)) for each in (bank, here)
        ]
        assert answers[0].standing.accounts.equals(answers[1].standing.accounts)
        replay(bank.settings)
        assert bank.tables() == here.tables()


def test_processes_give_the_same_tables(tmp_path: Path, here: Bank) -> None:
    with SMALL:
        assert two_nights(bank_at(tmp_path, runner="processes")).tables() == here.tables()


def test_a_cluster_gives_the_same_tables(tmp_path: Path, here: Bank) -> None:
    with cluster(tmp_path, 2) as (address, _), SMALL:
        assert two_nights(bank_at(tmp_path / "bank", runner=address)).tables() == here.tables()


@dataclass(frozen=True, slots=True)
class Dying:
    """A cluster of which a worker is killed while it works."""

    cluster: Dask
    worker: Popen[bytes]

    def map(self, function: Callable[[Batch], Worked], tasks: Sequence[Batch]) -> Iterator[Worked]:
        """Kills the worker once the first batch has come back, with others under way."""
        for number, worked in enumerate(self.cluster.map(function, tasks)):
            if number == 0:
                self.worker.kill()
            yield worked


def test_a_killed_worker_changes_nothing(tmp_path: Path, here: Bank) -> None:
    with cluster(tmp_path, 2) as (address, workers), mock.patch.object(batching, "BATCH_ACCOUNTS", 15):
        found = runner(address)
        assert isinstance(found, Dask)
        with mock.patch("flows.run.runner", return_value=Dying(found, workers[0])):
            bank = two_nights(bank_at(tmp_path / "bank", runner=address))
        assert workers[0].wait() != 0
        assert workers[1].poll() is None
        assert bank.tables() == here.tables()


def test_a_runner_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(WrongUse, match=r"There is no runner spark: use here, processes or dask://host:port\."):
        runner("spark")
    with pytest.raises(WrongUse, match="neither"):
        storage.place("ftp://host/lake")
    assert list(Here().map(abs, [-1, 2])) == [1, 2]
    assert list(Processes(2).map(abs, [-1])) == [1]
    assert sorted(Processes(2).map(abs, [-1, 2, -3])) == [1, 2, 3]
    with pytest.raises(TryAgain, match="There is no Dask scheduler at tcp://127"):
        list(Dask("tcp://127.0.0.1:1").map(abs, [1]))
