"""One batch of accounts worked on in full, wherever a runner sends it: facts from the lake in, files of rows out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from flows.intake import account_feeds, delivery_order
from flows.refusing import key_text
from flows.stores import storage
from flows.stores.lake import Lake
from transforms.aggregates.all_risk import KEPT_COLUMNS, SOURCES, Published, kept_cells
from transforms.aggregates.kept import Cells
from transforms.book import Book, keep
from transforms.feeds import FEEDS, Feed
from transforms.policy import Policy

BATCH_ACCOUNTS = 16_384
"""Accounts worked on at once; bounds memory."""
FEW_BATCHES = 8
"""Where so many batches would be enough, they are so many times smaller: a night that goes on takes less memory."""
_HISTORY = "status.loan_history"
WAITING = "waiting"
"""Name of the rows whose references do not hold, beside the tables and states."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a worker needs to know; the rows it reads from the lake."""

    number: int
    accounts: pl.DataFrame
    """account_no, source, account_id, first_seen_run."""
    lake: Lake
    policy: Policy
    as_of: date
    into: Path
    """Folder for the results, where the worker and whoever asked can reach it."""
    is_summed: bool = False
    """Whether the sums by month of the accounts are wanted too."""


@dataclass(frozen=True, slots=True)
class Worked:
    """Files of one batch: rows by published table, state of the next night, and rows that wait."""

    number: int
    accounts: pl.DataFrame
    tables: dict[str, Path | None] = field(default_factory=dict)
    """Every table that accounts have rows in; None where these have none."""
    state: dict[str, Path | None] = field(default_factory=dict)
    sums: dict[str, Path | None] = field(default_factory=dict)
    """What the accounts add to each set of sums by month: see `transforms/aggregates/kept.py`."""
    waiting: Path | None = None


def batches(lake: Lake, accounts: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The accounts in batches: linked ones together, the others by number."""
    links = lake.scan("links").collect()
    linked = pl.concat([links.select("account_no"), links.select(account_no="other_no")]).unique()
    together = accounts.join(linked, on="account_no", how="semi")
    if together.height:
        yield together
    size = BATCH_ACCOUNTS if accounts.height > FEW_BATCHES * BATCH_ACCOUNTS else -(-BATCH_ACCOUNTS // FEW_BATCHES)
    yield from accounts.join(linked, on="account_no", how="anti").sort("account_no").iter_slices(size)


def work(batch: Batch) -> Worked:
    """Works on every account of the batch in full and writes what comes of it; the same again if done again."""
    book = keep(facts_of(batch.lake, batch.accounts), batch.policy, batch.as_of)
    seen = batch.accounts.select("source", "account_id", "first_seen_run")
    tables = {
        **book.tables,
        "core.accounts": book.tables["core.accounts"].join(seen, on=["source", "account_id"]),
        # as though nobody had said so before; see `transforms/restate.py`
        _HISTORY: book.tables[_HISTORY].with_columns(known_from=pl.lit(batch.as_of)),
    }
    waiting = [_waiting_rows(rows, FEEDS[name]) for name, rows in book.waiting.items() if rows.height]
    with tempfile.TemporaryDirectory() as scratch:
        return Worked(
            batch.number,
            batch.accounts,
            tables=_written(batch, Path(scratch), tables),
            state=_written(batch, Path(scratch), book.state),
            sums=_written(batch, Path(scratch), _sums(book, batch.as_of) if batch.is_summed else {}),
            waiting=_written(batch, Path(scratch), {WAITING: pl.concat(waiting)} if waiting else {}).get(WAITING),
        )


def _sums(book: Book, last_day: date) -> Cells:
    """What the accounts of a book add to the sums by month, while their rows are at hand."""
    return kept_cells(Published(**{part: book.tables[SOURCES[part]].lazy() for part in KEPT_COLUMNS}), last_day)


def _written(batch: Batch, scratch: Path, frames: dict[str, pl.DataFrame]) -> dict[str, Path | None]:
    """Files of the frames that have rows; a worker that dies leaves each whole or not at all."""
    paths: dict[str, Path | None] = dict.fromkeys(frames)
    for name, rows in frames.items():
        if rows.height:
            path = batch.into / f"{name.replace('/', '_')}.{batch.number}.parquet"
            written = scratch / path.name
            rows.write_parquet(written, compression="lz4", statistics=False)
            storage.hand_over(written, path)
            paths[name] = path
    return paths


def facts_of(lake: Lake, accounts: pl.DataFrame, known: int | None = None) -> dict[str, pl.DataFrame]:
    """Per feed of an account, every fact of the accounts with its place in the order of deliveries.

    Args:
        lake: the lake.
        accounts: their account_no.
        known: only what the runs up to this number knew; default: everything.
    """
    order = delivery_order(lake).lazy()
    numbers = accounts["account_no"]
    # the range passes over parts of files, the numbers over rows before their other columns are read
    is_wanted = pl.col("account_no").is_between(pl.lit(numbers.min()), pl.lit(numbers.max()))
    is_wanted &= pl.col("account_no").is_in(numbers.implode())
    scans = [
        known_facts(lake, feed.name, known).filter(is_wanted).join(order, on="delivery_no") for feed in account_feeds()
    ]
    return dict(zip((feed.name for feed in account_feeds()), pl.collect_all(scans), strict=True))


def known_facts(lake: Lake, feed: str, known: int | None = None) -> pl.LazyFrame:
    """The facts of a feed: all, or only those that the runs up to a number knew."""
    facts = lake.scan(f"facts/{feed}")
    return facts if known is None else facts.filter(pl.col("run_no") <= known)


def _waiting_rows(rows: pl.DataFrame, feed: Feed) -> pl.DataFrame:
    """Waiting rows of one feed in the layout of the state."""
    said = [name for name in feed.facts if name not in ("source", "is_deleted")]
    return rows.select(
        "account_no",
        pl.lit(feed.name).alias("feed"),
        "source",
        key_text(feed).alias("key"),
        "delivery_no",
        "line_number",
        pl.sum_horizontal(feed.amounts).cast(pl.Int64).alias("amount_cents"),
        "waits_for",
        pl.struct(said).struct.json_encode().alias("row"),
        pl.lit(None, pl.Date).alias("first_refused_on"),
    )
