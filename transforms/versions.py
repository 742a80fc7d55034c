"""Versions of facts: which row of a key holds, and from which day on, however the deliveries came in.

Everything here is a function of the set of rows: the order is (business date, seq, file name) of the deliveries
(`order_no`), never the night in which a row was taken.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.feeds import Feed

BEGINNING = pl.date(1, 1, 1)
"""Start of a version that holds from the beginning of time."""


def content(feed: Feed) -> list[str]:
    """Columns that make two rows of one key equal."""
    return [name for name in feed.facts if name not in ("source", *feed.key)]


def is_repeat(feed: Feed) -> pl.Expr:
    """True for a row equal to the row before it; for frames sorted by key and order."""
    same_key = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in ("source", *feed.key))
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in content(feed))
    return (same_key & same & (pl.int_range(pl.len()) > 0)).fill_null(value=False)


def mark_duplicates(new: pl.LazyFrame, held: pl.LazyFrame, feed: Feed) -> pl.LazyFrame:
    """One row per row of `new`, with `is_duplicate`: equal to the version before it in order.

    Args:
        new: accepted rows of the night: source, fact columns, order_no, line_number, row_no (tells the rows apart) and
            whatever else.
        held: every row held so far for keys that occur in `new`: source, fact columns, order_no, line_number.
        feed: the feed of both.
    """
    key = ["source", *feed.key]
    known = pl.concat([held.select(key), repeated(new, key)]).unique().collect(engine="streaming")
    if known.is_empty():
        return new.with_columns(is_duplicate=pl.lit(value=False))
    columns = [*feed.facts, "order_no", "line_number", "row_no"]
    mixed = pl.concat(
        [
            held.with_columns(row_no=pl.lit(None, pl.Int64)).select(columns),
            new.join(known.lazy(), on=key, how="semi", nulls_equal=True).select(columns),
        ]
    )
    repeats = (
        mixed.sort(*key, "order_no", "line_number", "row_no", nulls_last=False)
        .filter(is_repeat(feed) & pl.col("row_no").is_not_null())
        .select("row_no")
        .collect(engine="streaming")
    )
    return new.with_columns(is_duplicate=pl.col("row_no").is_in(repeats["row_no"].implode()))


def repeated(rows: pl.LazyFrame, key: list[str]) -> pl.LazyFrame:
    """The keys that stand more than once: found by their hashes, then by themselves."""
    by_hash = rows.select(hash=hashed(key)).group_by("hash").len()
    hashes = by_hash.filter(pl.col("len") > 1).collect(engine="streaming")
    if hashes.is_empty():
        return rows.select(key).clear()
    suspects = rows.select(key).filter(hashed(key).is_in(hashes["hash"].implode()))
    return suspects.group_by(key).len().filter(pl.col("len") > 1).select(key)


def hashed(key: list[str]) -> pl.Expr:
    """A number for a key, for this process alone: equal keys have equal numbers, and others hardly ever."""
    return pl.struct(key).hash()


def stands_alone(rows: pl.DataFrame, feed: Feed) -> pl.Series:
    """Per row: whether no other row has its key.

    Keys are told apart by their hash, which is cheap; of two that share one by chance both count as not alone.
    """
    hashes = rows.select(hashed(["source", *feed.key])).to_series()
    ordered = hashes.sort()
    repeated = ordered.filter(ordered == ordered.shift(1)).unique()
    return ~hashes.is_in(repeated.implode())


def latest(rows: pl.LazyFrame, feed: Feed) -> pl.LazyFrame:
    """One row per key: the latest in order, unless that is a deletion; all columns kept."""
    key = ["source", *feed.key]
    return (
        rows.sort("order_no", "line_number").unique(key, keep="last", maintain_order=True).filter(~pl.col("is_deleted"))
    )


def spans(rows: pl.DataFrame, feed: Feed) -> pl.DataFrame:
    """One row per version of a key: what it says and `valid_from`, the first day on which it holds; in no order.

    Rows up to the last deletion are gone; equal neighbours are one version, placed where the first of them stands.
    A version holds from its valid_from, else its business date; the first one from opened_date (a customer's from the
    beginning of time). Columns as in `rows`. Only keys that several rows have are put in order.
    """
    is_alone = stands_alone(rows, feed)
    first_start = pl.col("opened_date") if "opened_date" in feed.facts else BEGINNING
    start = pl.coalesce("valid_from", first_start, "business_date")
    alone = rows.filter(is_alone & ~rows["is_deleted"]).with_columns(valid_from=start)
    return pl.concat([alone, _spans(rows.filter(~is_alone).lazy(), feed, first_start).collect()])


def _spans(rows: pl.LazyFrame, feed: Feed, first_start: pl.Expr) -> pl.LazyFrame:
    """The same of any keys."""
    key = ["source", *feed.key]
    last_deletion = rows.filter("is_deleted").group_by(key).agg(deleted_in=pl.col("order_no").max())
    living = (
        rows.join(last_deletion, on=key, how="left")
        .filter((pl.col("order_no") > pl.col("deleted_in")) | pl.col("deleted_in").is_null())
        .drop("deleted_in")
        .sort(*key, "order_no", "line_number")
        .filter(~is_repeat(feed))
    )
    # the rows are sorted by key here
    is_first = pl.any_horizontal(pl.col(name) != pl.col(name).shift(1) for name in key).fill_null(value=True)
    start = pl.coalesce("valid_from", pl.when(is_first).then(first_start), "business_date")
    return living.with_columns(valid_from=start)


def valid_at(versions: pl.DataFrame, feed: Feed, day: date) -> pl.DataFrame:
    """One row per key: the version valid on the day; before the first start, the version that starts first.

    Of versions with one start the latest in order holds; the only version of a key always does.
    """
    is_alone = stands_alone(versions, feed)
    return pl.concat([versions.filter(is_alone), _valid_at(versions.filter(~is_alone).lazy(), feed, day).collect()])


def _valid_at(versions: pl.LazyFrame, feed: Feed, day: date) -> pl.LazyFrame:
    """The same of any keys."""
    key = ["source", *feed.key]
    has_started = pl.col("valid_from") <= day
    earliest = pl.col("valid_from").min().over(key)
    return (
        versions.with_columns(has_started=has_started)
        .filter(pl.col("has_started") | (~pl.col("has_started").any().over(key) & (pl.col("valid_from") == earliest)))
        .sort("valid_from", "order_no")
        .unique(key, keep="last", maintain_order=True)
        .drop("has_started")
    )
