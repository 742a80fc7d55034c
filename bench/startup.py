"""`python -m bench.startup`: what commands cost before they do any work, with Prefect's embedded server and a kept one.

Medians of several runs, kept in bench/results/startup.json; docs/benchmarks.md is written from it as well.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import run_night, run_process
from flows.invented import Book, write_book

RESULT = Path("bench/results/startup.json")
RUNS = 5
ACCOUNTS = 1_000
PATIENCE_SECONDS = 120
_TALLY = [str(Path(sys.executable).with_name("tally"))]
"""The command as it is installed beside this Python."""
_EMPTY = [sys.executable, "-c", "from prefect import flow\nflow(lambda: None, name='empty')()"]
_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(PATIENCE_SECONDS),
}


def main() -> None:
    """Measures each command and prints wall and CPU seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = measure(folder, RUNS)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1))
    print("\n".join(table(found)))


def measure(folder: Path, runs: int) -> dict[str, list[dict[str, Any]]]:
    """Figures of each run by what was run; the first start of a server, which makes its database, is not among them."""
    book, landing, warehouse = Book(accounts=ACCOUNTS), folder / "landing", folder / "warehouse"
    os.environ |= {"PREFECT_HOME": str(folder / "prefect"), **_QUIET}
    write_book(landing, book)
    run_night(book.as_of, landing, warehouse)
    nothing = [*_TALLY, "nightly", "--as-of", book.as_of.isoformat(), "--landing", str(landing), "-w", str(warehouse)]
    asked = [*_TALLY, "query", "SELECT count(*) FROM core.loans", "-w", str(warehouse)]
    found: dict[str, list[dict[str, Any]]] = {}
    alone = {"tally --help": [*_TALLY, "--help"], "tally query": asked}
    served = {"an empty flow": _EMPTY, "tally nightly with nothing new": nothing}
    for title, command in alone.items():
        found[title] = [run_process(command).figures for _ in range(runs)]
    for title, command in served.items():
        found[f"{title}, embedded server"] = [run_process(command).figures for _ in range(runs)]
    with _server() as address:
        for title, command in served.items():
            found[f"{title}, kept server"] = [
                run_process(command, PREFECT_API_URL=address).figures for _ in range(runs)
            ]
    return found


@contextmanager
def _server() -> Iterator[str]:
    """A server of Prefect that stays, ended with the block: its address."""
    from prefect.server.api.server import SubprocessASGIServer  # noqa: PLC0415 - after PREFECT_HOME is set

    server = SubprocessASGIServer()
    server.start(timeout=PATIENCE_SECONDS)
    try:
        yield server.api_url
    finally:
        server.stop()


def table(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The medians, for people."""
    lines = ["| what | wall s | CPU s | peak GB |", "| --- | --- | --- | --- |"]
    for title, runs in found.items():
        wall, cpu, peak = (
            float(median(run[name] for run in runs)) for name in ("wall_seconds", "cpu_seconds", "peak_bytes")
        )
        lines.append(f"| {title} | {wall:.2f} | {cpu:.2f} | {peak / 1e9:.2f} |")
    return lines


if __name__ == "__main__":
    main()
