"""`python -m bench`: what a first night and one more cost, by step, beside the floor and beside peers on the same work.

Every figure of every run is kept under bench/results; `--write-docs` puts the medians into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench import compare, report
from bench.measure import run_night, run_process
from flows.invented import Book, write_book, write_night

RESULTS = Path("bench/results")
PEERS = {"duckdb": "duckdb", "pandas": "pandas", "spark": "pyspark"}
"""Peers, and the package that each needs."""
LARGEST = {"pandas": 250_000, "spark": 100_000, "parts": 250_000}
"""Accounts beyond which a peer has not enough memory, or nobody the patience."""
SLOW = {"pandas": 0, "spark": 0, "duckdb": 1_000_000}
"""Accounts from which a peer takes minutes: it runs once."""
MATRIX_LOANS = 5_000
"""Loans that transitionMatrix is asked about: it walks event by event."""


def main() -> None:
    """Measures each size asked for, prints the figures, and keeps them."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--sizes", type=int, nargs="+", default=[250_000], help="accounts of the books")
    asked.add_argument("--runs", type=int, default=3)
    asked.add_argument("--peers", nargs="*", choices=list(PEERS), default=[], help="others to ask on the same work")
    asked.add_argument("--peer-python", default=sys.executable, help="Python that has what the peers need")
    asked.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md from all results kept")
    asked.add_argument("--first-only", action="store_true", help="no later nights, no peers: for the largest")
    asked.add_argument("--remark", help="kept beside the figures: what else the machine did, say")
    asked.add_argument("--missing", action="store_true", help="only the sizes without results; goes on after a break")
    asked.add_argument("--keep", action="store_true", help="keep the books and warehouses")
    options = asked.parse_args()
    for accounts in options.sizes:
        path = RESULTS / f"{accounts}.json"
        if options.missing and path.exists():
            print(f"{accounts:,} accounts: measured before, in {path}")
            continue
        if options.first_only:
            found = measure_first(accounts, options.runs, keep=options.keep)
        else:
            found = measure(accounts, options.runs, options.peers, options.peer_python, keep=options.keep)
        if options.remark:
            found["remark"] = options.remark
        RESULTS.mkdir(parents=True, exist_ok=True)
        before = json.loads(path.read_bytes()) if path.exists() else {}
        path.write_text(json.dumps({**before, **found}, indent=1))
        print(report.text(found))
    if options.write_docs:
        run_process([options.peer_python, "-m", "bench.report", str(RESULTS), "docs"])


def measure_first(accounts: int, runs: int, *, keep: bool) -> dict[str, Any]:
    """The floor and first nights of one size, from CSV."""
    folder, book = RESULTS / "work" / str(accounts), Book(accounts=accounts)
    found = _written(folder, book) | {"floor": [], "first": []}
    for _ in range(runs):
        shutil.rmtree(folder / "warehouse", ignore_errors=True)
        found["floor"].append(_floor(folder / "landing", folder / "scratch", "csv"))
        found["first"].append(run_night(book.as_of, folder / "landing", folder / "warehouse"))
    found |= _held(folder / "warehouse")
    if not keep:
        shutil.rmtree(folder)
    return found


def _written(folder: Path, book: Book) -> dict[str, Any]:
    """A book written as CSV into an empty folder, and what that took."""
    shutil.rmtree(folder, ignore_errors=True)
    clock = time.perf_counter()
    paths = write_book(folder / "landing", book)
    return {
        "accounts": book.accounts,
        "machine": report.machine(),
        "csv_bytes": sum(path.stat().st_size for path in paths),
        "generated_seconds": time.perf_counter() - clock,
    }


def _held(warehouse: Path) -> dict[str, int]:
    """What a warehouse and its lake hold."""
    return {
        "warehouse_bytes": (warehouse / "tally.duckdb").stat().st_size,
        "lake_bytes": sum(path.stat().st_size for path in (warehouse / "lake").rglob("*") if path.is_file()),
    }


def measure(accounts: int, runs: int, peers: list[str], python: str, *, keep: bool) -> dict[str, Any]:
    """All figures of one size."""
    folder, book = RESULTS / "work" / str(accounts), Book(accounts=accounts)
    found = _written(folder, book)
    write_book(folder / "parquet", replace(book, file_format="parquet"))
    next_day, later = (book.as_of + timedelta(days=days) for days in (1, 2))
    write_night(folder / "turn", book, next_day)
    write_night(folder / "later", book, later)
    found |= {"floor": [], "floor_parquet": [], "first": [], "turn": [], "next": [], "nothing": []}
    warehouse, first = folder / "warehouse", folder / "first.duckdb"
    for _ in range(runs):
        shutil.rmtree(warehouse, ignore_errors=True)
        found["floor"].append(_floor(folder / "landing", folder / "scratch", "csv"))
        found["floor_parquet"].append(_floor(folder / "parquet", folder / "scratch", "parquet"))
        found["first"].append(run_night(book.as_of, folder / "landing", warehouse))
        first.unlink(missing_ok=True)
        first.hardlink_to(warehouse / "tally.duckdb")  # the next night puts another file in its place
        found["turn"].append(run_night(next_day, folder / "turn", warehouse))
        found["next"].append(run_night(later, folder / "later", warehouse))
        found["nothing"].append(run_night(later, folder / "later", warehouse))
    if accounts <= LARGEST["parts"]:
        alone = folder / "alone"  # in one process, whose parts can be seen
        here = ("--runner", "here")
        found["alone"] = [run_night(book.as_of, folder / "landing", alone, *here, program="bench.staged_night")]
    found |= _held(warehouse)
    if peers:
        found["peers"] = _peers(folder, first, book, runs, peers, python)
        found["validation"] = _validation(folder / "landing" / book.source)
        found["matrix"] = _matrix(first, python)
    if not keep:
        shutil.rmtree(folder)
    return found


def _floor(landing: Path, scratch: Path, kind: str) -> float:
    """Seconds of rewriting every file as Parquet with polars: the least that any reading of the feeds can cost (F)."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    command = [sys.executable, "-m", "bench.floor", str(landing), str(scratch), kind]
    return float(json.loads(run_process(command).output)["seconds"])


def _peers(folder: Path, published: Path, book: Book, runs: int, peers: list[str], python: str) -> dict[str, Any]:
    """Each peer on the same files: held against what our first night published, then timed."""
    found: dict[str, Any] = {}
    for peer in peers:
        if not _is_there(python, PEERS[peer]):
            print(f"{peer} is left out: {python} has no {PEERS[peer]}; `make bench` sets up one that has.")
        elif peer == "spark" and shutil.which("java") is None:
            print("spark is left out: there is no java.")
        elif book.accounts > LARGEST.get(peer, book.accounts):
            print(f"{peer} is left out at {book.accounts:,} accounts.")
        else:
            found[peer] = _peer(python, peer, folder, published, book, runs)
    return found


def _peer(python: str, peer: str, folder: Path, published: Path, book: Book, runs: int) -> dict[str, Any]:
    """A peer from CSV; then from Parquet, which leaves what settling, standing, history and aggregates cost alone.

    Raises:
        Unequal: one of its tables is not ours.
    """
    out = folder / peer
    days = (book.as_of.isoformat(), book.first_date.isoformat())
    found: dict[str, Any] = {}
    for name, landing in (("runs", folder / "landing"), ("from_parquet", folder / "parquet")):
        command = [python, "-m", "bench.peers", peer, str(landing / book.source), str(out), *days]
        found[name] = []
        for _ in range(1 if book.accounts >= SLOW[peer] else runs):
            shutil.rmtree(out, ignore_errors=True)
            figures = run_process(command).figures
            found["equal_rows"] = sum(compare.check_equal(published, out).values())
            found[name].append(figures)
    shutil.rmtree(out)
    return found


def _validation(landing: Path) -> dict[str, Any]:
    """Great Expectations alone, each rule by its stock expectation on the raw columns."""
    done = run_process([sys.executable, "-W", "ignore", "-m", "bench.validation", str(landing)])
    told: dict[str, Any] = json.loads(done.output.splitlines()[0])
    return {**told, **done.figures}


def _matrix(published: Path, python: str) -> dict[str, Any] | None:
    """TransitionMatrix against our roll rates, when it is installed."""
    if not _is_there(python, "transitionMatrix"):
        print(f"transitionMatrix is left out: {python} does not have it; `make bench` sets up one that has.")
        return None
    command = [python, "-W", "ignore", "-m", "bench.transition", str(published), str(MATRIX_LOANS)]
    told: dict[str, Any] = json.loads(run_process(command).output.splitlines()[0])
    return told


def _is_there(python: str, package: str) -> bool:
    """Whether a Python has a package."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec('{package}') is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0


if __name__ == "__main__":
    os.environ.setdefault("DO_NOT_TRACK", "1")
    main()
