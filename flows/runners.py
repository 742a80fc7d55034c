"""Where batches of accounts are worked on: in this process, in processes beside it, or on a Dask cluster.

A runner calls one function once for each task and hands back what it returns as it comes, in any order. Functions and
tasks are sent to other processes, so both must be importable and small: rows travel as files.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar

from flows.errors import TryAgain, WrongUse

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")
R = TypeVar("R")

DASK = "dask://"
HERE = "here"
PROCESSES = "processes"
RETRIES = 3
"""How often a task of a cluster that failed is tried again; one whose worker died is given to another in any case."""
AHEAD = 2
"""Tasks sent to a cluster for each of its threads; the others wait here, so that no scheduler holds them all."""
DECIDING = ("tallystick", "polars", "numpy")
"""Packages that a worker must have in the version of the run."""
WORKERS = {
    "POLARS_MAX_THREADS": "1",
    # memory is kept for some seconds: asking for the same again and again was a tenth of the work
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:5000,muzzy_decay_ms:-1",
}
"""Environment of processes that work on batches: one thread for frames, and an allocator that keeps what it has."""


class Runner(Protocol):
    """Calls a function once for each task."""

    def map(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        """What the function returns for the tasks, as it comes."""


@dataclass(frozen=True, slots=True)
class Here:
    """One task after the other in this process."""

    def map(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        """What the function returns for the tasks, in order."""
        yield from map(function, tasks)


@dataclass(frozen=True, slots=True)
class Processes:
    """As many tasks at a time as there are processors, each in a process with one thread for its frames.

    Many small steps on middling frames leave most threads idle; whole tasks side by side do not.
    """

    count: int

    def map(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        """What the function returns for the tasks, as it comes; one task alone stays in this process.

        Raises:
            TryAgain: a process was killed.
        """
        if self.count < 2 or len(tasks) < 2:
            yield from Here().map(function, tasks)
            return
        with (
            _for_workers(),
            ProcessPoolExecutor(min(self.count, len(tasks)), multiprocessing.get_context("spawn")) as pool,
        ):
            futures: list[Future[R]] = [pool.submit(function, task) for task in tasks]
            try:
                for future in as_completed(futures):
                    yield future.result()
            except BrokenProcessPool:
                raise TryAgain(
                    "A process that worked on accounts was killed, mostly for want of memory; run the command again, "
                    f"with --runner {HERE} if need be."
                ) from None


@contextmanager
def _for_workers() -> Iterator[None]:
    """What processes started meanwhile find in their environment, which polars reads when it is imported."""
    before = {name: os.environ.get(name) for name in WORKERS}
    os.environ |= WORKERS
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@dataclass(frozen=True, slots=True)
class Dask:
    """Every task on some worker of an existing Dask cluster; one that dies is replaced by another."""

    address: str
    patience: float = 30.0
    """Seconds for which a cluster may be without any worker, or not answer at all."""

    def map(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        """What the function returns for the tasks, as it comes; only so many are sent ahead as keep workers busy.

        Raises:
            WrongUse: there is no client of Dask in this environment, or a worker has another program than this run.
            TryAgain: there is no cluster at the address, it ends amid the work, or it lost a task too often.
        """
        try:
            from distributed import KilledWorker
            from distributed.client import CancelledError
            from distributed.comm import CommClosedError
        except ImportError:
            raise WrongUse("A Dask runner needs the extra `scale`: pip install 'tallystick[scale]'.") from None
        with self._client() as client:
            try:
                self._must_have_workers(client)
                self._must_be_alike(client)
                yield from self._results(client, function, tasks)
            except KilledWorker as error:
                raise TryAgain(
                    f"The Dask cluster at {self.address} lost a task too often, mostly for want of memory: {error}."
                ) from None
            except (CancelledError, CommClosedError):
                raise TryAgain(f"The Dask cluster at {self.address} ended amid the work; start it again.") from None

    def _client(self) -> Client:
        from distributed import Client

        try:
            return Client(self.address, timeout=self.patience)
        except (OSError, TimeoutError) as error:
            raise TryAgain(
                f"There is no Dask scheduler at {self.address} ({error}); start it, or name another."
            ) from None

    def _must_have_workers(self, client: Client) -> None:
        try:
            client.wait_for_workers(1, timeout=self.patience)
        except TimeoutError:
            raise TryAgain(f"The Dask cluster at {self.address} has no worker; start some and try again.") from None

    def _must_be_alike(self, client: Client) -> None:
        """Other versions of what works out the tables might work out others."""
        told = client.get_versions(packages=list(DECIDING))
        mine = told["client"]["packages"]
        for worker, said in told["workers"].items():
            for package in DECIDING:
                if (theirs := said["packages"].get(package)) != mine[package]:
                    raise WrongUse(
                        f"The Dask worker {worker} has {package} {theirs or 'not at all'}, and this run has "
                        f"{mine[package]}; install the same for both."
                    )

    def _results(self, client: Client, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        from distributed import wait

        waiting = iter(tasks)
        under_way: set[Future[R]] = set()
        while True:
            room = AHEAD * sum(client.nthreads().values()) - len(under_way)
            under_way |= {
                client.submit(function, task, pure=False, retries=RETRIES) for task in islice(waiting, max(room, 0))
            }
            if not under_way:
                return
            try:
                done = wait(under_way, timeout=self.patience, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                self._must_have_workers(client)
                continue
            under_way -= done
            for future in done:
                yield self._result(future)

    def _result(self, future: Future[R]) -> R:
        try:
            return future.result()
        except FileNotFoundError as error:
            raise TryAgain(
                f"A worker of the Dask cluster at {self.address} does not find what the run wrote ({error}); the lake "
                "must lie where run and workers see it under the same name."
            ) from None


def runner(named: str) -> Runner:
    """The runner of that name: `here`, `processes`, or `dask://host:port`.

    Raises:
        WrongUse: there is none of that name.
    """
    if named == HERE:
        return Here()
    if named == PROCESSES:
        return Processes(_processors())
    if named.startswith(DASK) and named != DASK:
        return Dask(f"tcp://{named.removeprefix(DASK)}")
    raise WrongUse(f"There is no runner {named}: use {HERE}, {PROCESSES} or {DASK}host:port.")


def _processors() -> int:
    """Processors that this process may use; where the system does not tell, those of the machine."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1
