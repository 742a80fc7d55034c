"""The plain book: the accounts of an invented book in which nothing but instalments and credits ever happened.

Peers need no more than running sums for it, so they can be asked for the very tables that a night publishes.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from bench.peers.work import CREDITS

_TELLING = ("deferral", "restructure", "charge_off", "guarantor_paid", "settled_in_kind")


def write_plain(landing: Path, target: Path) -> list[Path]:
    """Writes accounts, installments and repayments of the plain accounts below `target`; returns the files.

    Args:
        landing: folder of one source of an invented book, as CSV.
        target: folder of the same source.
    """
    files = {feed: next(landing.glob(f"{feed}_*.csv")) for feed in ("accounts", "installments", "repayments", "events")}
    rows = {feed: pl.scan_csv(path, infer_schema=False) for feed, path in files.items()}
    eventful = [
        rows["installments"].filter(pl.col("plan_date").is_not_null()),
        rows["repayments"].filter(~pl.col("kind").is_in(CREDITS)),
        rows["events"].filter(pl.col("kind").is_in(_TELLING)),
    ]
    others = pl.concat([each.select("account_id") for each in eventful]).unique().collect().lazy()
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for feed in ("accounts", "installments", "repayments"):
        path = target / files[feed].name
        rows[feed].join(others, on="account_id", how="anti").sink_csv(path)
        written.append(path)
    return written
