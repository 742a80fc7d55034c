"""Commands as processes of their own: wall and CPU seconds and memory of the whole tree, and the steps of nights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psutil

SAMPLE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Done:
    """A finished process."""

    output: str
    figures: dict[str, Any]
    """wall_seconds, cpu_seconds, peak_bytes of the process and everything it started."""


def run_process(command: list[str], **environment: str) -> Done:
    """Runs a command to its end.

    Raises:
        SystemExit: it failed; with the end of what it said.
    """
    clock, before = time.perf_counter(), os.times()
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    watch = _Watch(process.pid)
    out, err = process.communicate()
    wall, after = time.perf_counter() - clock, os.times()
    watch.stop()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{out[-3000:]}\n{err[-3000:]}")
    reaped = after.children_user + after.children_system - before.children_user - before.children_system
    # one that nobody waits for, as PySpark's Java, is not among those reaped, and a short one not among those seen
    cpu = max(reaped, watch.seconds)
    return Done(out, {"wall_seconds": wall, "cpu_seconds": cpu, "peak_bytes": watch.peak_bytes})


class _Watch:
    """Looks at the memory and CPU seconds of a process and everything it started, again and again."""

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._seconds: dict[int, float] = {}
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """CPU seconds of all processes, each as it was seen last."""
        return sum(self._seconds.values())

    def stop(self) -> None:
        """Looks no more."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            held = 0
            try:
                root = psutil.Process(self._pid)
                for process in (root, *root.children(recursive=True)):
                    held += process.memory_info().rss
                    spent = process.cpu_times()
                    self._seconds[process.pid] = spent.user + spent.system
            except psutil.Error:
                continue
            self.peak_bytes = max(self.peak_bytes, held)


def run_night(as_of: date, landing: Path, warehouse: Path, *options: str, program: str = "flows.cli") -> dict[str, Any]:
    """Runs `tally nightly`: the figures of the process, and of each step as the run itself measured it.

    With `bench.staged_night` as the program, of the parts of the steps as well.
    """
    timings = warehouse.parent / f"timings-{warehouse.name}-{as_of}.json"
    timings.unlink(missing_ok=True)
    command = [sys.executable, "-m", program, "nightly", "--as-of", as_of.isoformat()]
    command += ["--landing", str(landing), "--warehouse", str(warehouse), *options]
    quiet = {"PREFECT_LOGGING_LEVEL": "ERROR", "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"}
    done = run_process(command, TALLY_TIMINGS=str(timings), **quiet)
    return {**done.figures, "steps": json.loads(timings.read_bytes()) if timings.exists() else []}
