"""From accepted rows to facts in the lake: numbers for accounts, duplicates, and which accounts to work on."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from flows.run import Run, name_of
from flows.stores.lake import DATASETS, Lake, LakeWriter
from transforms.arrivals import Held, added, links, mark
from transforms.feeds import FEEDS, Feed

_COUNTED: dict[str, pl.DataType] = {
    "feed": pl.String(),
    "file_no": pl.Int32(),
    "rows_duplicate": pl.Int64(),
    "amount_duplicate_cents": pl.Int64(),
}


@dataclass(frozen=True, slots=True)
class Intake:
    """What a night adds to the lake."""

    writer: LakeWriter
    touched: pl.DataFrame
    """account_no of the accounts that a new fact is about."""
    customers: pl.DataFrame
    """source, customer_id of the customers that a new fact is about."""
    duplicates: pl.DataFrame
    """One row per feed and file with duplicates: feed, file_no, rows_duplicate, amount_duplicate_cents."""
    deliveries: pl.DataFrame
    """One row per accepted delivery: file_no, delivery_no, path, sha256."""


def take_in(run: Run, deliveries: pl.DataFrame, accepted: dict[str, pl.LazyFrame]) -> Intake:
    """Adds the accepted rows to the lake.

    Args:
        run: the run.
        deliveries: one row per accepted delivery: file_no and the columns of the dataset but delivery_no and run_no.
        accepted: per feed, the accepted rows: file_no, line_number, row_no, row_amount_cents and the fact columns but
            source.
    """
    writer = LakeWriter(run.lake, run.run_id, run.run_no, run.workplace("lake"))
    if "customers" in accepted:
        writer.person_key = name_of(run.person_key)
    registry = _register(run, writer, deliveries)
    order = delivery_order(writer.now())
    placed = registry.select("file_no", "delivery_no", "source").join(order, on="delivery_no").lazy()
    news = {
        name: rows.join(placed, on="file_no", maintain_order="left").with_columns(run_no=pl.lit(run.run_no, pl.Int32))
        for name, rows in accepted.items()
    }
    numbers = _number_accounts(run, writer, news)
    duplicates = [pl.DataFrame(schema=_COUNTED)]
    for name, rows in news.items():
        feed = FEEDS[name]
        held = _held(run.lake, feed, order, rows)
        marked = mark(rows, held)
        if feed.of_account:
            # what is delivered in the order of accounts stays in it, and need not be put in it
            marked = marked.join(numbers.lazy(), on=["source", "account_id"], how="left", maintain_order="left")
        facts = added(marked, held)
        duplicates.append(_counted(marked, name))
        writer.add(f"repeats/{name}", marked.filter("is_duplicate"))
        writer.add(f"facts/{name}", facts)
    writer.add("links", _links(run, writer.now()))
    return Intake(
        writer=writer,
        touched=_touched(run, writer.now()),
        customers=new_facts(run, writer.now(), "customers").select("source", "customer_id").unique().collect(),
        duplicates=pl.concat(duplicates),
        deliveries=registry.select("file_no", "delivery_no", "path", "sha256"),
    )


def delivery_order(lake: Lake) -> pl.DataFrame:
    """One row per delivery: order_no, its place by business date, seq and file name, and business_date."""
    return (
        lake.scan("deliveries")
        .sort("business_date", "seq", "file_name", "source", "delivery_no")
        .with_row_index("order_no")
        .select("delivery_no", "business_date", pl.col("order_no").cast(pl.Int32))
        .collect()
    )


def account_feeds() -> list[Feed]:
    """The feeds whose rows belong to an account."""
    return [feed for feed in FEEDS.values() if feed.of_account]


def register_feeds() -> list[Feed]:
    """The feeds that belong to no account and whose latest row holds."""
    return [feed for feed in FEEDS.values() if feed.is_register]


def new_facts(run: Run, lake: Lake, feed: str) -> pl.LazyFrame:
    """The facts of a feed that this run added."""
    return lake.scan(f"facts/{feed}").filter(pl.col("run_no") == run.run_no)


def _register(run: Run, writer: LakeWriter, deliveries: pl.DataFrame) -> pl.DataFrame:
    """Numbers the accepted deliveries and adds them to the lake."""
    first = run.lake.manifest.deliveries if run.lake.manifest else 0
    registry = (
        deliveries.sort("business_date", "seq", "file_name", "source")
        .with_row_index("delivery_no", offset=first + 1)
        .with_columns(pl.col("delivery_no").cast(pl.Int32))
    )
    writer.add("deliveries", registry)
    return registry


def _number_accounts(run: Run, writer: LakeWriter, news: dict[str, pl.LazyFrame]) -> pl.DataFrame:
    """A dense number for every account, given when any feed first names it: account_no, source, account_id."""
    key = ["source", "account_id"]
    known = run.lake.scan("accounts").select("account_no", *key)
    named = [rows.select(key).drop_nulls().unique() for name, rows in news.items() if FEEDS[name].of_account]
    fresh = (
        pl.concat([known.select(key).clear(), *named])
        .unique()
        .join(known, on=key, how="anti")
        .sort(key)
        .with_row_index("account_no", offset=run.lake.manifest.accounts if run.lake.manifest else 0)
        .with_columns(pl.col("account_no").cast(pl.Int32), first_seen_run=pl.lit(run.run_id))
        .collect()
    )
    writer.add("accounts", fresh)
    return pl.concat([known.collect(), fresh.select("account_no", *key)])


def _held(lake: Lake, feed: Feed, order: pl.DataFrame, rows: pl.LazyFrame) -> Held:
    """What the lake holds of the keys that occur in the rows."""
    has_any = bool(lake.paths(f"facts/{feed.name}"))
    keys = rows.select("source", *feed.key).unique().collect(engine="streaming").lazy() if has_any else None

    def of(dataset: str) -> pl.LazyFrame:
        held = lake.scan(f"{dataset}/{feed.name}")
        if keys is not None:
            held = held.join(keys, on=["source", *feed.key], how="semi", nulls_equal=True)
        return held.join(order.lazy(), on="delivery_no").collect(engine="streaming").lazy()

    return Held(feed, of("facts"), of("repeats"))


def _counted(marked: pl.LazyFrame, feed: str) -> pl.DataFrame:
    """Duplicates by file, in rows and cents."""
    return (
        marked.filter("is_duplicate")
        .group_by("file_no")
        .agg(rows_duplicate=pl.len(), amount_duplicate_cents=pl.col("row_amount_cents").sum())
        .with_columns(feed=pl.lit(feed))
        .select(pl.col(name).cast(kind) for name, kind in _COUNTED.items())
        .collect()
    )


def _touched(run: Run, lake: Lake) -> pl.DataFrame:
    """account_no of every account with a new fact."""
    facts = [new_facts(run, lake, feed.name).select("account_no") for feed in account_feeds()]
    return pl.concat(facts).unique().drop_nulls().collect()


def _links(run: Run, lake: Lake) -> pl.DataFrame:
    """New pairs of accounts that share a key or a loan id: what one says may decide about the other."""
    keys = [(name, ["source", *FEEDS[name].key]) for name in ("repayments", "events", "orders")]
    # who shares an instalment shares its loan
    keys.append(("installments", ["source", "loan_id"]))
    pairs = []
    for feed, key in keys:
        new = new_facts(run, lake, feed) if run.lake.paths(f"facts/{feed}") else None
        pairs.append(links(new, lake.scan(f"facts/{feed}"), key).collect(engine="streaming").lazy())
    known = run.lake.scan("links")
    return pl.concat(pairs).unique().join(known, on=list(DATASETS["links"]), how="anti").sort("account_no").collect()


def with_linked(lake: Lake, touched: pl.DataFrame) -> pl.DataFrame:
    """The accounts and all that are linked with them, however many links away."""
    pairs = lake.scan("links").collect()
    both = pl.concat([pairs, pairs.select(account_no="other_no", other_no="account_no")])
    while True:
        reached = both.join(touched, on="account_no", how="semi").select(account_no="other_no")
        more = pl.concat([touched, reached]).unique()
        if more.height == touched.height:
            return touched.sort("account_no")
        touched = more
