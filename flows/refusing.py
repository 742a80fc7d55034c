"""Refused rows as people read them: every reason named, the line as delivered or, if it may name a person, withheld."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import polars as pl

from expectations.feeds import RULES
from transforms.feeds import FEEDS, Feed
from transforms.tables import TABLES

_FOUND = ("file_no", "source", "feed", "path", "sha256", "line_number", "key", "reasons", "details")


def key_text(feed: Feed) -> pl.Expr:
    """The key of a row as one text; an empty part stays empty."""
    return pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in feed.key], separator="/")


def no_refused_rows() -> pl.DataFrame:
    """An empty frame of refused rows."""
    known = {**TABLES["ops.refused_rows"].schema, "file_no": pl.Int32()}
    return pl.DataFrame(schema={name: known[name] for name in (*_FOUND, "raw")})


def refused_rows(
    feed_name: str, rows: pl.LazyFrame, files: pl.DataFrame, raw: Mapping[tuple[int, int], str]
) -> pl.DataFrame:
    """Rows of one feed with reasons of their own: ops.refused_rows without run_id and dates, and file_no.

    Args:
        feed_name: the feed.
        rows: its refused rows, with all reasons.
        files: file_no, source, path, sha256.
        raw: the line as delivered by file_no and line number.
    """
    feed, rules = FEEDS[feed_name], RULES[feed_name]
    marks = [(1 << bit, rule) for bit, rule in enumerate(rules)]
    named = [
        (
            pl.when(pl.col("reasons") & bit != 0).then(pl.lit(rule.reason.value)),
            pl.when(pl.col("reasons") & bit != 0).then(
                pl.lit(f"{rule.column}: {rule.reason.sentence}" if rule.column else rule.reason.sentence)
            ),
        )
        for bit, rule in marks
    ]
    found = (
        rows.with_columns(
            feed=pl.lit(feed_name),
            key=key_text(feed),
            reasons=pl.concat_list(code for code, _ in named).list.drop_nulls().list.unique(maintain_order=True),
            details=pl.concat_list(sentence for _, sentence in named).list.drop_nulls(),
        )
        .join(files.lazy().select("file_no", "source", "path", "sha256"), on="file_no")
        .select(_FOUND)
        .sort("file_no", "line_number", "key")
        .collect()
    )
    lines = [raw.get((file_no, line)) for file_no, line in found.select("file_no", "line_number").iter_rows()]
    texts = [withheld(line) if feed_name == "customers" and line is not None else line for line in lines]
    return found.with_columns(raw=pl.Series(texts, dtype=pl.String))


def withheld(line: str) -> str:
    """What stands in place of a line that may name a person; itself, when it stands there already."""
    if line.startswith("[withheld: "):
        return line
    content = line.encode()
    return f"[withheld: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}]"
