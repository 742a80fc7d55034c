"""Beyond one machine: a lake in an object store, and batches on a cluster, give the tables of one machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from subprocess import Popen
from typing import cast
from unittest import mock

import pytest

from flows import batching
from flows.batching import Batch, Worked
from flows.errors import WrongUse
from flows.inspecting import Question, status
from flows.invented import Book, write_book, write_night
from flows.rebuild import replay
from flows.runners import Dask, Runner, runner
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


@contextmanager
def killing(address: str, worker: Popen[bytes]) -> Iterator[None]:
    """Kills the worker as soon as the cluster at the address has worked on one batch."""

    def with_death(named: str) -> Runner:
        found = runner(named)
        if named == address and isinstance(found, Dask):
            return cast("Runner", Dying(found, worker))
        return found

    with mock.patch("flows.run.runner", with_death):
        yield


def test_a_worker_killed_amid_a_night_on_a_store_changes_nothing(tmp_path: Path) -> None:
    """One night, everything at once: the lake in a store, the batches on a cluster that loses one of two workers."""
    banks = [bank_at(tmp_path / "here", runner="here")]
    with store(tmp_path, "tally") as lake, cluster(tmp_path, 2) as (address, workers):
        banks.append(bank_at(tmp_path / "bank", runner=address, lake=lake))
        with mock.patch.object(batching, "BATCH_ACCOUNTS", 8), killing(address, workers[0]):
            for bank in banks:
                write_book(bank.landing, Book(accounts=64, as_of=BOOK.as_of))
                bank.night(BOOK.as_of.isoformat())
        assert workers[0].wait() != 0
        assert workers[1].poll() is None
        assert not (banks[1].warehouse / "lake").exists()
        assert not list(storage.files_below(storage.place(lake) / "work"))
    assert banks[1].tables() == banks[0].tables()


def test_a_lake_of_another_warehouse_is_left_alone(tmp_path: Path) -> None:
    manifest = tmp_path / "lake" / "manifests" / "2025-12-31.1.json"
    storage.write(manifest, b"{}")
    with pytest.raises(WrongUse, match=r"holds nights of another warehouse \(2025-12-31\.1\)"):
        bank_at(tmp_path / "bank", lake=str(tmp_path / "lake")).night("2026-01-01")
    assert manifest.exists()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """The nights on one machine, in one process."""
    with SMALL:
        return two_nights(bank_at(tmp_path_factory.mktemp("here"), runner="here"))


@pytest.mark.slow
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


@pytest.mark.slow
def test_processes_give_the_same_tables(tmp_path: Path, here: Bank) -> None:
    with SMALL:
        assert two_nights(bank_at(tmp_path, runner="processes")).tables() == here.tables()


@pytest.mark.slow
def test_a_cluster_gives_the_same_tables(tmp_path: Path, here: Bank) -> None:
    with cluster(tmp_path, 2) as (address, _), SMALL:
        assert two_nights(bank_at(tmp_path / "bank", runner=address)).tables() == here.tables()


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(tmp_path: Path, here: Bank) -> None:
    with cluster(tmp_path, 2) as (address, workers), mock.patch.object(batching, "BATCH_ACCOUNTS", 15):
        with killing(address, workers[0]):
            bank = two_nights(bank_at(tmp_path / "bank", runner=address))
        assert workers[0].wait() != 0
        assert workers[1].poll() is None
        assert bank.tables() == here.tables()
