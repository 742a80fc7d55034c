"""What each step of a run took: wall and CPU seconds, and the most memory held meanwhile, workers included."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import resource
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import psutil

from flows.progress import logger

P = ParamSpec("P")
R = TypeVar("R")

SAMPLE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Measure:
    """One step."""

    step: str
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


measures: list[Measure] = []
"""Every step of this process, in order."""


def measured(function: Callable[P, R], step: str) -> Callable[P, R]:
    """The function, its cost noted and logged each time it is called."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with _Peak() as peak:
            wall, cpu = time.perf_counter(), _cpu_seconds()
            try:
                return function(*args, **kwargs)
            finally:
                measure = Measure(step, time.perf_counter() - wall, _cpu_seconds() - cpu, peak.reached())
                measures.append(measure)
                logger.info(
                    "%s: %.2f s, %.2f s of CPU, %.2f GB at most",
                    step,
                    measure.wall_seconds,
                    measure.cpu_seconds,
                    measure.peak_bytes / 1e9,
                )

    return call


def _cpu_seconds() -> float:
    """CPU seconds of this process and of the ones it started that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def _held_bytes(process: psutil.Process) -> int:
    """Memory of this process and of those that work for it."""
    held = int(process.memory_info().rss)
    for worker in multiprocessing.active_children():
        with contextlib.suppress(psutil.Error):
            held += psutil.Process(worker.pid).memory_info().rss
    return held


class _Peak:
    """Looks at the memory of the process and its workers every few milliseconds."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.is_set():
            self.reached()
            self._ended.wait(SAMPLE_SECONDS)

    def reached(self) -> int:
        """The most bytes held so far."""
        self._peak = max(self._peak, _held_bytes(self._process))
        return self._peak
