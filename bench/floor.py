"""`python -m bench.floor LANDING SCRATCH KIND`: rewrites every file as Parquet with polars, and says in what time."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import polars as pl


def main() -> None:
    """Rewrites the files and prints the seconds as JSON."""
    landing, scratch, kind = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    clock = time.perf_counter()
    for path in sorted(landing.rglob(f"*.{kind}")):
        rows = pl.scan_csv(path, infer_schema=False) if kind == "csv" else pl.scan_parquet(path)
        rows.sink_parquet(scratch / f"{path.stem}.parquet")
    print(json.dumps({"seconds": time.perf_counter() - clock}))


if __name__ == "__main__":
    main()
