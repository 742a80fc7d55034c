"""A month-end worked out from the facts that are known now: every core and status table that a bureau is told from."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from flows.batching import Batch, batches, work
from flows.bookkeeping import customers_at
from flows.errors import WrongUse
from flows.progress import follow
from flows.run import Run
from flows.stores import storage
from transforms.obligors import finish
from transforms.sharing.sent import MONTH_TABLES
from transforms.tables import TABLES, own_schema

_FINISHED = ("status.loan_status", "status.account_status")


def tables_at(run: Run, month_end: date) -> dict[str, pl.DataFrame]:
    """MONTH_TABLES of a month-end by published name, inside names; corrected by every fact that came in since.

    Raises:
        WrongUse: the books do not reach the month-end yet.
    """
    if run.published is None or run.published.as_of < month_end:
        reached = run.published.as_of if run.published else "nothing"
        raise WrongUse(
            f"The month that ends on {month_end} can be told once a night of that day or later is published;"
            f" the books reach {reached}. Run `tally nightly --as-of {month_end}` when its feeds are in."
        )
    accounts = run.lake.scan("accounts").collect()
    into, local = run.shared_place("month_end"), run.workplace("month_end")
    tasks = [
        Batch(number, each, run.lake, run.policy, month_end, into)
        for number, each in enumerate(batches(run.lake, accounts))
    ]
    paths: dict[str, list[tuple[int, Path]]] = {name: [] for name in MONTH_TABLES}
    for worked in follow(run.runner.map(work, tasks), len(tasks), "work out the month-end"):
        for name in MONTH_TABLES:
            if path := worked.tables.get(name):
                paths[name].append((worked.number, storage.fetch(path, local)))
    scans = {
        name: pl.scan_parquet([path for _, path in sorted(found)]) if found else pl.LazyFrame(schema=_schema(name))
        for name, found in paths.items()
    }
    customers = run.lake.scan("facts/customers").select("source", "customer_id").unique().collect()
    said = finish(
        scans["status.loan_status"],
        scans["status.account_status"],
        customers_at(run.lake, customers, month_end).lazy(),
        run.policy,
    )
    whole = {**scans, **dict(zip(_FINISHED, (said.loans, said.accounts), strict=True))}
    return dict(zip(whole, pl.collect_all(whole.values()), strict=True))


def _schema(table: str) -> dict[str, pl.DataType]:
    return own_schema(table) if table in _FINISHED else TABLES[table].schema
