"""Where batches of accounts are worked on: in this process, in processes beside it, or on a Dask cluster.

A runner calls one function once for each task and hands back what it returns as it comes, in any order. Functions and
tasks are sent to other processes, so both must be importable and small: rows travel as files.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from flows.errors import TryAgain, WrongUse

T = TypeVar("T")
R = TypeVar("R")

DASK = "dask://"
HERE = "here"
PROCESSES = "processes"
RETRIES = 3
"""How often a task is given to another worker of a cluster when the one that had it dies."""


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
        """What the function returns for the tasks, as it comes; a few tasks stay in this process."""
        if self.count < 2 or len(tasks) < 2:
            yield from Here().map(function, tasks)
            return
        with (
            _one_thread(),
            ProcessPoolExecutor(min(self.count, len(tasks)), multiprocessing.get_context("spawn")) as pool,
        ):
            futures: list[Future[R]] = [pool.submit(function, task) for task in tasks]
            for future in as_completed(futures):
                yield future.result()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes started meanwhile give their frames one thread: polars reads it when it is imported."""
    name = "POLARS_MAX_THREADS"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@dataclass(frozen=True, slots=True)
class Dask:
    """Every task on some worker of an existing Dask cluster; one that dies is replaced by another."""

    address: str

    def map(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        """What the function returns for the tasks, as it comes.

        Raises:
            WrongUse: there is no client of Dask in this environment.
            TryAgain: there is no cluster at the address, or it lost a task too often.
        """
        try:
            from distributed import Client
            from distributed import as_completed as as_they_come
            from distributed.scheduler import KilledWorker
        except ImportError:
            raise WrongUse("A Dask runner needs the extra `scale`: pip install 'tallystick[scale]'.") from None
        try:
            client = Client(self.address, timeout="20s")
        except (OSError, TimeoutError) as error:
            raise TryAgain(
                f"There is no Dask scheduler at {self.address} ({error}); start it, or name another."
            ) from None
        with client:
            futures = client.map(function, tasks, pure=False, retries=RETRIES)
            try:
                for future in as_they_come(futures):
                    yield future.result()
            except KilledWorker as error:
                raise TryAgain(f"The Dask cluster at {self.address} lost a task too often: {error}.") from None


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
