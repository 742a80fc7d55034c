"""`python -m bench.books WAREHOUSE`: seconds of CPU for the books of the first batch of accounts in its lake.

One thread (set POLARS_MAX_THREADS=1), facts already read; the median of five, user time and user and system time.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from statistics import median

from flows.batching import batches, facts_of
from flows.settings import Settings
from flows.stores.lake import Lake
from flows.stores.warehouse import Warehouse
from transforms.book import keep

TIMES = 5


def measure(warehouse: Path) -> tuple[int, float, float]:
    """Accounts of the batch, user seconds, user and system seconds."""
    settings = Settings(warehouse=warehouse)
    published = Warehouse(warehouse).published()
    if published is None:
        raise SystemExit(f"Nothing is published in {warehouse} yet.")
    lake = Lake(settings.lake_place()).at(published.manifest)
    accounts = next(batches(lake, lake.scan("accounts").collect()))
    facts = facts_of(lake, accounts)
    policy = settings.rules()
    user: list[float] = []
    both: list[float] = []
    for _ in range(TIMES + 1):
        before = resource.getrusage(resource.RUSAGE_SELF)
        keep(facts, policy, published.as_of)
        after = resource.getrusage(resource.RUSAGE_SELF)
        user.append(after.ru_utime - before.ru_utime)
        both.append(user[-1] + after.ru_stime - before.ru_stime)
    # the first one warms up
    return accounts.height, median(user[1:]), median(both[1:])


if __name__ == "__main__":
    count, user_seconds, seconds = measure(Path(sys.argv[1]))
    print(f"{count} accounts: {user_seconds:.2f} s user, {seconds:.2f} s user and system")
