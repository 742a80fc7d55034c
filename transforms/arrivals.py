"""Arrivals: what newly accepted rows add to the facts held, so that the order of nights never matters.

A row equal to the version before it is only noted as a *repeat* (key and place). When a late row later comes between a
version and its repeat, the repeat becomes a version of its own. A deletion is kept once for every account that a
version of its key names, since accounts are worked on one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from transforms.feeds import Feed
from transforms.versions import content, hashed, mark_duplicates

PLACE = ("delivery_no", "line_number")
"""Where a row stands."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of one feed for the keys that arrive."""

    feed: Feed
    facts: pl.LazyFrame
    """Fact columns, account_no (feeds of an account), delivery_no, line_number, order_no, run_no."""
    repeats: pl.LazyFrame
    """Key columns, delivery_no, line_number, order_no, run_no."""

    @property
    def key(self) -> list[str]:
        """Columns of the key."""
        return ["source", *self.feed.key]

    @property
    def versions(self) -> pl.LazyFrame:
        """The facts, and every repeat as a row that says what the fact before it says (fact_order: its place)."""
        said = [*content(self.feed), *(["account_no"] if self.feed.of_account else [])]
        before = self.facts.select(*self.key, *said, fact_order="order_no")
        repeats = (
            self.repeats.join(self.facts, on=[*self.key, *PLACE], how="anti", nulls_equal=True)
            .join(before, on=self.key, nulls_equal=True)
            .filter(pl.col("fact_order") < pl.col("order_no"))
            .sort("fact_order")
            .unique([*self.key, *PLACE], keep="last", maintain_order=True)
        )
        facts = self.facts.with_columns(fact_order=pl.lit(None, pl.Int32))
        return pl.concat([facts, repeats.select(facts.collect_schema().names())], how="vertical_relaxed")


def mark(rows: pl.LazyFrame, held: Held) -> pl.LazyFrame:
    """The rows with is_duplicate.

    Args:
        rows: accepted rows: the columns of `held.facts` but account_no, row_no and any others; read more than once,
            so a row must have the same row_no each time: a scan or a frame, not a plan that numbers them.
        held: what is held of their keys.
    """
    return mark_duplicates(rows, held.versions, held.feed)


def added(marked: pl.LazyFrame, held: Held) -> pl.LazyFrame:
    """The facts to add.

    Args:
        marked: the rows with is_duplicate; read more than once, so better a scan than a plan.
        held: what is held of their keys.
    """
    columns = [name for name in held.facts.collect_schema().names() if name != "order_no"]
    new = marked.filter(~pl.col("is_duplicate"))
    facts = new.select(columns)
    if held.repeats.head(1).collect().height:
        facts = pl.concat([facts, _parted(new, held.versions, held).select(columns)])
    return _deletions_by_account(facts, held, columns) if held.feed.of_account else facts


def _parted(new: pl.LazyFrame, versions: pl.LazyFrame, held: Held) -> pl.LazyFrame:
    """The first repeat behind each row that came between it and the fact it repeats; known as such from this run on."""
    between = new.select(*held.key, new_order="order_no", now="run_no")
    return (
        versions.drop_nulls("fact_order")
        .join(between, on=held.key, nulls_equal=True)
        .filter((pl.col("fact_order") < pl.col("new_order")) & (pl.col("new_order") < pl.col("order_no")))
        .sort("order_no", "line_number")
        .unique([*held.key, "new_order"], keep="first", maintain_order=True)
        .unique([*held.key, *PLACE], keep="first", maintain_order=True)
        .with_columns(run_no="now")
    )


def _deletions_by_account(facts: pl.LazyFrame, held: Held, columns: list[str]) -> pl.LazyFrame:
    """The facts with each deletion once for every account that a version of its key names."""
    before = held.facts.select(columns)
    every = pl.concat([before, facts])
    deletions = every.filter("is_deleted").collect().lazy()
    if deletions.head(1).collect().is_empty():
        return facts
    deleted = deletions.select(held.key).unique()
    living = every.filter(~pl.col("is_deleted")).join(deleted, on=held.key, how="semi", nulls_equal=True)
    owners = living.select(*held.key, "account_no").unique().collect().lazy()
    owned = (
        deletions.drop("account_no")
        .unique([*held.key, *PLACE])
        .join(owners, on=held.key, nulls_equal=True)
        .join(before, on=[*held.key, *PLACE, "account_no"], how="anti", nulls_equal=True)
    )
    unowned = facts.filter("is_deleted").join(owners, on=held.key, how="anti", nulls_equal=True)
    return pl.concat([facts.filter(~pl.col("is_deleted")), unowned, owned.select(columns)])


def links(new: pl.LazyFrame | None, every: pl.LazyFrame, key: list[str]) -> pl.LazyFrame:
    """Pairs of accounts that share a value of the key with a new fact: account_no, the smallest of them, and other_no.

    Args:
        new: the new facts; None: all of them are.
        every: all facts, the new ones among them.
        key: what makes two accounts stand together.
    """
    owned = every.select(*key, "account_no", hash=hashed(key)).drop_nulls("account_no")
    of_new = owned.select("hash", "account_no")
    if new is not None:
        of_new = of_new.join(new.select(hash=hashed(key)).unique(), on="hash", how="semi")
    shared = (  # almost no key is, which its hash tells cheaply
        of_new.group_by("hash")
        .agg(first=pl.col("account_no").min(), last=pl.col("account_no").max())
        .filter(pl.col("first") != pl.col("last"))
        .collect(engine="streaming")
    )
    if shared.is_empty():
        return pl.LazyFrame(schema={"account_no": pl.Int32, "other_no": pl.Int32})
    suspects = owned.join(shared.lazy(), on="hash", how="semi")
    if new is not None:
        suspects = suspects.join(new.select(key).unique(), on=key, how="semi", nulls_equal=True)
    spread = (
        suspects.group_by(key)
        .agg(first=pl.col("account_no").min(), last=pl.col("account_no").max(), all=pl.col("account_no").unique())
        .filter(pl.col("first") != pl.col("last"))
    )
    return (
        spread.select(account_no="first", other_no="all")
        .explode("other_no")
        .filter(pl.col("account_no") != pl.col("other_no"))
        .unique()
    )
