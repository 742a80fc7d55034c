"""`python -m bench`: writes an invented book, runs a first night and one more, and prints what each stage took."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from flows.invented import Book, write_book, write_night

FOLDER = Path("bench/results")


@dataclass(frozen=True, slots=True)
class Night:
    """One night as a process of its own."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    stages: list[dict[str, Any]]


def floor_seconds(landing: Path, scratch: Path) -> float:
    """Rewrites every CSV file as Parquet with polars: the least that any reading of the feeds can cost (F)."""
    started = time.perf_counter()
    for path in sorted(landing.rglob("*.csv")):
        pl.scan_csv(path, infer_schema=False).sink_parquet(scratch / f"{path.stem}.parquet")
    return time.perf_counter() - started


def run_night(as_of: str, landing: Path, warehouse: Path) -> Night:
    """Runs `tally nightly` and measures the process."""
    timings = warehouse.parent / f"timings-{as_of}.json"
    environment = {**os.environ, "TALLY_TIMINGS": str(timings), "PREFECT_LOGGING_LEVEL": "ERROR"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    command = [sys.executable, "-m", "flows.cli", "nightly", "--as-of", as_of]
    command += ["--landing", str(landing), "--warehouse", str(warehouse)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"tally nightly ended with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    stages = json.loads(timings.read_bytes())
    return Night(wall, cpu, max(stage["peak_bytes"] for stage in stages), stages)


def main() -> None:
    """Writes the book once, runs the nights as often as asked, and prints medians."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--accounts", type=int, default=250_000)
    asked.add_argument("--runs", type=int, default=3)
    asked.add_argument("--keep", action="store_true", help="keep the files")
    options = asked.parse_args()
    folder = FOLDER / str(options.accounts)
    shutil.rmtree(folder, ignore_errors=True)
    landing = folder / "landing"
    book = Book(accounts=options.accounts)
    started = time.perf_counter()
    paths = write_book(landing, book)
    size = sum(path.stat().st_size for path in paths)
    generated = time.perf_counter() - started
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"polars {pl.__version__}, duckdb {duckdb.__version__}")
    print(f"{options.accounts:,} accounts, {size / 1e9:.2f} GB of CSV, written in {generated:.1f} s")
    floors, firsts, seconds = [], [], []
    next_day = book.as_of + timedelta(days=1)
    for _ in range(options.runs):
        scratch = folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        warehouse = scratch / "warehouse"
        floors.append(floor_seconds(landing, scratch))
        firsts.append(run_night(book.as_of.isoformat(), landing, warehouse))
        later = scratch / "later"
        write_night(later, book, next_day)
        seconds.append(run_night(next_day.isoformat(), later, warehouse))
    floor = statistics.median(floors)
    print(f"floor F (CSV rewritten as Parquet): {floor:.2f} s")
    show("first night", firsts, floor)
    show("one more night, 1 % new", seconds, floor)
    warehouse_bytes = (scratch / "warehouse" / "tally.duckdb").stat().st_size
    print(f"\nwarehouse file: {warehouse_bytes / 1e9:.2f} GB")
    if not options.keep:
        shutil.rmtree(folder)


def show(title: str, nights: list[Night], floor: float) -> None:
    """Prints medians of whole nights and of their stages."""
    wall = statistics.median(night.wall_seconds for night in nights)
    cpu = statistics.median(night.cpu_seconds for night in nights)
    peak = statistics.median(night.peak_bytes for night in nights)
    work = statistics.median(sum(stage["wall_seconds"] for stage in night.stages) for night in nights)
    whole = f"{wall:.1f} s wall, {cpu:.1f} s CPU, {peak / 1e9:.2f} GB"
    print(f"\n{title}: {whole}; steps {work:.1f} s = {work / floor:.1f} F")
    print(f"  {'step':<28}{'wall s':>9}{'CPU s':>9}{'peak GB':>9}{'/ F':>7}")
    for name in dict.fromkeys(stage["step"] for stage in nights[0].stages):
        walls, cpus, peaks = [], [], []
        for night in nights:
            mine = [stage for stage in night.stages if stage["step"] == name]
            walls.append(sum(stage["wall_seconds"] for stage in mine))
            cpus.append(sum(stage["cpu_seconds"] for stage in mine))
            peaks.append(max(stage["peak_bytes"] for stage in mine))
        wall, cpu, peak = statistics.median(walls), statistics.median(cpus), statistics.median(peaks)
        print(f"  {name:<28}{wall:>9.2f}{cpu:>9.2f}{peak / 1e9:>9.2f}{wall / floor:>7.2f}")


if __name__ == "__main__":
    main()
