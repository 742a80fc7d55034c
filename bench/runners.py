"""`python -m bench.runners ACCOUNTS [dask://host:port …]`: the books of one first night by runner, in turns.

A cluster is started beforehand, as docs/scale.md says; its workers are not in the CPU seconds of the run.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import run_night
from bench.report import steps
from flows.invented import Book, write_book
from flows.runners import HERE, PROCESSES

RUNS = 3


def main() -> None:
    """Prints medians of the step and of the whole night, and the speed-up over one process."""
    book = Book(accounts=int(sys.argv[1]))
    runners = (HERE, PROCESSES, *sys.argv[2:])
    found: dict[str, list[dict[str, Any]]] = {named: [] for named in runners}
    with tempfile.TemporaryDirectory() as folder:
        landing, warehouse = Path(folder) / "landing", Path(folder) / "warehouse"
        write_book(landing, book)
        for _ in range(RUNS):
            for named in runners:
                shutil.rmtree(warehouse, ignore_errors=True)
                found[named].append(run_night(book.as_of, landing, warehouse, "--runner", named))
    alone = steps(found[HERE])["keep the books"][0]
    print(f"{book.accounts:,} accounts, medians of {RUNS}\n")
    print("| runner | books: wall s | CPU s | speed-up | night: wall s |")
    print("| --- | --- | --- | --- | --- |")
    for named, nights in found.items():
        wall, cpu, _ = steps(nights)["keep the books"]
        night = median(each["wall_seconds"] for each in nights)
        print(f"| {named} | {wall:.1f} | {cpu:.1f} | {alone / wall:.2f} | {night:.1f} |")


if __name__ == "__main__":
    main()
