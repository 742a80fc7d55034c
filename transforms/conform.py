"""Text rows -> typed canonical rows: renames, codes, unfolding, made ids, cells read strictly; nothing is dropped."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from transforms.feeds import FEEDS, IDENTITIES, Feed, FeedColumn
from transforms.fields import Kind
from transforms.mapping import FeedMapping, FileMapping, Reading, Unfold, Value
from transforms.persons import PersonKey, person_id
from transforms.refusals import Refusal, parse_marks

MAX_UNFOLDED = 1000
FIRST_YEAR, LAST_YEAR = 1900, 2199
_TIME_OF_DAY = r"^[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?$"
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_DEFAULT_ZERO = ("interest", "fee")

RECORD_COLUMNS = ("line_number", "line_span", "damage")
"""Columns of text rows beside the delivered ones."""


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What the rows of one delivery take from around them."""

    source: str
    business_date: date
    seq: int
    time_zone: str
    currency: str
    person_key: PersonKey
    """Key of the hash that stands for a person."""


def missing_columns(file: FileMapping, delivered: Iterable[str]) -> list[str]:
    """Delivered columns that a required feed column needs and the file lacks, each with what needs it."""
    there = set(delivered)
    lines = []
    for name, feed in file.feeds.items():
        index = {feed.unfold.index} if feed.unfold else set()
        for column in FEEDS[name].columns:
            lacking = sorted(feed.value(column.name).reads() - there - index)
            if lacking and (column.required or column.name in feed.columns):
                lines.append(f"{', '.join(lacking)} (for {name}.{column.name})")
        if feed.unfold and (lacking := sorted(_reads(feed.unfold) - there)):
            lines.append(f"{', '.join(lacking)} (to unfold {name})")
    return lines


def unknown_columns(file: FileMapping, delivered: Iterable[str]) -> list[str]:
    """Delivered columns that the mapping neither reads nor ignores."""
    known = file.known_columns()
    return [name for name in delivered if name not in known]


def conform(
    records: pl.LazyFrame, feed_name: str, mapping: FeedMapping, reading: Reading, context: DeliveryContext
) -> pl.LazyFrame:
    """One row per canonical row of the feed.

    Args:
        records: text rows with RECORD_COLUMNS and the delivered columns as text.
        feed_name: the canonical feed.
        mapping: how the file gives the feed.
        reading: how its cells are written.
        context: what the delivery says for every row.

    Returns:
        line_number, line_span, reasons (Int64: the bits of `parse_marks(feed_name)`), row_amount_cents (what can be
        read of the row's amount), unreadable_count, and the feed's fact columns but `source`.
    """
    rows = _typed(records, FEEDS[feed_name], mapping, reading, context)
    if feed_name == "customers":
        rows = rows.with_columns(person_id("text id_type", "text id_number", context.person_key))
    rows = _living(rows.with_columns(_defaults(feed_name, context)), FEEDS[feed_name])
    facts = [name for name in FEEDS[feed_name].facts if name != "source"]
    return rows.select("line_number", "line_span", "reasons", "row_amount_cents", "unreadable_count", *facts)


def identities(records: pl.LazyFrame, mapping: FeedMapping, reading: Reading, context: DeliveryContext) -> pl.LazyFrame:
    """One row per row that `conform` makes of `customers`: line_number, and the columns of IDENTITIES but `source`."""
    rows = _living(_typed(records, FEEDS["customers"], mapping, reading, context), IDENTITIES)
    return rows.select("line_number", *(name for name in IDENTITIES.facts if name != "source"))


def _typed(
    records: pl.LazyFrame, feed: Feed, mapping: FeedMapping, reading: Reading, context: DeliveryContext
) -> pl.LazyFrame:
    """The rows with the feed's columns, typed, and with what is wrong with each."""
    delivered = [name for name in records.collect_schema().names() if name not in RECORD_COLUMNS]
    rows = _unfold(records, mapping.unfold) if mapping.unfold else records.with_columns(is_unfolded=True)
    names = {*delivered, *((mapping.unfold.index,) if mapping.unfold else ())}
    texts = [_text(column, mapping, names, delivered, context).alias(f"text {column.name}") for column in feed.columns]
    rows = rows.with_columns(texts)
    rows = rows.with_columns(_cell(column, mapping, reading, context) for column in feed.columns)
    rows = rows.with_columns(_reasons(feed, names, mapping), *_amounts(feed))
    return rows.with_columns(is_deleted=pl.col("is_deleted").fill_null(value=False))


def _living(rows: pl.LazyFrame, feed: Feed) -> pl.LazyFrame:
    """The rows, of a deletion nothing but its key."""
    blank = [name for name in feed.facts if name not in ("source", "is_deleted", *feed.key)]
    return rows.with_columns(pl.when(~pl.col("is_deleted")).then(pl.col(name)).alias(name) for name in blank)


def _reads(unfold: Unfold) -> set[str]:
    return set(pl.sql_expr(unfold.last).meta.root_names())


def _unfold(records: pl.LazyFrame, unfold: Unfold) -> pl.LazyFrame:
    """Each row as often as its index runs; a row whose count cannot be read stays once, marked."""
    last = pl.sql_expr(unfold.last).cast(pl.String).str.strip_chars().cast(pl.Int64, strict=False)
    count = last - unfold.first + 1
    is_good = count.is_between(1, MAX_UNFOLDED).fill_null(value=False)
    index = pl.int_ranges(unfold.first, pl.when(is_good).then(last + 1).otherwise(unfold.first + 1), dtype=pl.Int64)
    return (
        records.with_columns(index.alias(unfold.index), is_unfolded=is_good)
        .explode(unfold.index)
        .with_columns(pl.when("is_unfolded").then(pl.col(unfold.index)).alias(unfold.index))
    )


def _text(
    column: FeedColumn, mapping: FeedMapping, names: set[str], delivered: list[str], context: DeliveryContext
) -> pl.Expr:
    """The cell's text without surrounding space; null when empty or not delivered."""
    value = mapping.value(column.name)
    if not value.reads() <= names:
        return pl.lit(None, pl.String)
    text = _origin(value, delivered, context)
    text = text.str.strip_chars()
    text = pl.when(text != "").then(text)
    codes = mapping.codes.get(column.name)
    return _translated(text, codes) if codes else text


def _translated(text: pl.Expr, codes: Mapping[str, str]) -> pl.Expr:
    """The text, or what a code of the source is called here.

    A chain of comparisons: polars collects a whole file before it replaces by a table.
    """
    return pl.coalesce(*(pl.when(text == code).then(pl.lit(name)) for code, name in codes.items()), text)


def _origin(value: Value, delivered: list[str], context: DeliveryContext) -> pl.Expr:
    if value.constant is not None:
        return pl.lit(value.constant)
    if value.expression is not None:
        return pl.sql_expr(value.expression).cast(pl.String)
    if value.id == "row_hash":
        return _row_hash(delivered)
    if value.id == "delivery_line":
        return pl.format(f"{context.business_date:%Y%m%d}-{context.seq}-{{}}", pl.col("line_number"))
    assert value.column is not None  # noqa: S101 - the schema demands exactly one origin
    return pl.col(value.column)


def _row_hash(delivered: list[str]) -> pl.Expr:
    """Half a SHA-256 of the row's cells, and which of its equals in the file the row is."""
    row = pl.concat_str([pl.col(name).str.strip_chars().fill_null("") for name in delivered], separator="\x1f")
    digest = row.map_batches(
        lambda texts: _each(texts, lambda text: hashlib.sha256(text.encode()).hexdigest()[:32]),
        return_dtype=pl.String,
        is_elementwise=True,
    )
    return pl.format("{}-{}", digest, pl.int_range(1, pl.len() + 1).over(row))


def _each(texts: pl.Series, function: Callable[[str], str]) -> pl.Series:
    return pl.Series(texts.name, [None if text is None else function(text) for text in texts], dtype=pl.String)


def _cell(column: FeedColumn, mapping: FeedMapping, default: Reading, context: DeliveryContext) -> pl.Expr:
    """The typed value; null when the text is empty or cannot be read."""
    text = pl.col(f"text {column.name}")
    value = mapping.value(column.name)
    reading = value.reading(default)
    match column.kind:
        case Kind.DATE:
            cell = _date(text, reading, context.time_zone)
            if value.plus_days is not None:
                cell = cell + pl.duration(days=pl.sql_expr(value.plus_days).cast(pl.Int64, strict=False))
        case Kind.AMOUNT:
            unit = "major" if value.constant is not None and value.amount_unit is None else reading.amount_unit
            cell = cents(text, reading, unit)
        case Kind.INTEGER:
            cell = integer(text)
        case Kind.RATE:
            cell = pl.when(text.str.contains(r"^\d{1,3}(\.\d{1,9})?$")).then(text).cast(pl.Float64, strict=False)
        case Kind.FLAG:
            lowered = text.str.to_lowercase()
            cell = pl.coalesce(pl.when(lowered == flag).then(pl.lit(value)) for flag, value in _FLAGS.items())
        case _:
            cell = text
    return cell.alias(column.inside)


def _date(text: pl.Expr, reading: Reading, time_zone: str) -> pl.Expr:
    """The calendar day; a time of day is cut off or, on `convert`, moved to the policy's time zone first."""
    if reading.date_format != "%Y-%m-%d":
        day = _date_by_layout(text, reading, time_zone)
    else:
        tail = text.str.slice(10)
        is_moment = tail.str.contains(_TIME_OF_DAY)
        is_good = (text.str.len_bytes() == 10) | is_moment
        day = pl.when(is_good).then(text.str.slice(0, 10)).str.to_date("%Y-%m-%d", strict=False, cache=False)
        if reading.timestamps == "convert":
            day = (
                pl.when(is_moment & tail.str.contains(r"(Z|[+-]\d{2}(:?\d{2})?)$"))
                .then(_converted(text, time_zone))
                .otherwise(day)
            )
    return pl.when(day.dt.year().is_between(FIRST_YEAR, LAST_YEAR)).then(day)


def _converted(text: pl.Expr, time_zone: str) -> pl.Expr:
    """The day in the time zone, of a moment whose text ends with an offset."""
    parts = text.str.extract_groups(
        r"^(?<day>\d{4}-\d{2}-\d{2})[T ](?<minute>\d{2}:\d{2})(?<second>:\d{2})?(?:\.\d+)? ?"
        r"(?:Z|(?<hours>[+-]\d{2}):?(?<minutes>\d{2})?)$"
    )
    whole = pl.concat_str(
        parts.struct.field("day"),
        pl.lit("T"),
        parts.struct.field("minute"),
        parts.struct.field("second").fill_null(":00"),
        parts.struct.field("hours").fill_null("+00"),
        parts.struct.field("minutes").fill_null("00"),
    )
    moment = whole.str.to_datetime("%Y-%m-%dT%H:%M:%S%z", strict=False, time_zone="UTC")
    return moment.dt.convert_time_zone(time_zone).dt.date()


def _date_by_layout(text: pl.Expr, reading: Reading, time_zone: str) -> pl.Expr:
    layout = reading.date_format
    if "%z" in layout:
        if reading.timestamps == "convert":
            moment = text.str.to_datetime(layout, strict=False, time_zone="UTC")
            return moment.dt.convert_time_zone(time_zone).dt.date()
        text = text.str.replace(r"\s*(Z|[+-]\d{2}:?\d{2})$", "")
        layout = layout.replace("%z", "").strip()
    if any(mark in layout for mark in ("%H", "%I", "%M", "%S", "%T", "%R", "%X", "%f")):
        return text.str.to_datetime(layout, strict=False).dt.date()
    return text.str.to_date(layout, strict=False)


def integer(text: pl.Expr) -> pl.Expr:
    """A whole number of at most nine digits; null for anything else."""
    return pl.when(text.str.contains(r"^[+-]?\d{1,9}$")).then(text).cast(pl.Int32, strict=False)


def cents(text: pl.Expr, reading: Reading, unit: str) -> pl.Expr:
    """Whole cents, never through a float: "10.055" is no amount of money."""
    plain = text
    if reading.thousands_mark:
        plain = _ungrouped(text, reading)
    if reading.decimal_mark != ".":
        plain = plain.str.replace_all(".", " ", literal=True)  # a point is then no mark at all
        plain = plain.str.replace(reading.decimal_mark, ".", literal=True)
    if unit == "minor":
        return pl.when(plain.str.contains(r"^[+-]?\d{1,14}$")).then(plain).cast(pl.Int64, strict=False)
    is_good = plain.str.contains(r"^[+-]?\d{1,12}(\.\d{1,2})?$")
    digits = pl.when(is_good).then(plain.str.replace(".", "", literal=True)).cast(pl.Int64, strict=False)
    places = plain.str.len_bytes() - plain.str.find(".", literal=True) - 1
    return digits * pl.when(places == 2).then(1).when(places == 1).then(10).otherwise(100)


def _ungrouped(text: pl.Expr, reading: Reading) -> pl.Expr:
    """The amount without thousands marks; null where one stands before anything but a group: 1.50 is not 150.

    Groups may have two digits but for the last (1,00,000 in India).
    """
    thousands, decimal = re.escape(reading.thousands_mark), re.escape(reading.decimal_mark)
    layout = rf"^[+-]?(\d+|\d{{1,3}}({thousands}\d{{2,3}})*{thousands}\d{{3}})({decimal}\d*)?$"
    return pl.when(text.str.contains(layout)).then(text.str.replace_all(reading.thousands_mark, "", literal=True))


def _reasons(feed: Feed, names: set[str], mapping: FeedMapping) -> pl.Expr:
    """The bits of all marks that apply; a deletion is only asked for its key, a damaged record for nothing."""
    is_damaged = pl.col("damage").is_not_null()
    is_deleted = pl.col("is_deleted").fill_null(value=False)
    bits = []
    for bit, (reason, name) in enumerate(parse_marks(feed.name)):
        if name is None:
            applies = (
                ~is_damaged & ~pl.col("is_unfolded") if reason is Refusal.BAD_UNFOLD else pl.col("damage") == reason
            )
        else:
            column = feed.column(name)
            text, cell = pl.col(f"text {name}"), pl.col(column.inside)
            reads = mapping.value(name).reads()
            is_delivered = reads <= names
            if reason is Refusal.MISSING:
                applies = text.is_null() & ~is_damaged if is_delivered else pl.lit(value=False)
            else:
                applies = text.is_not_null() & cell.is_null()
            if mapping.unfold is not None and mapping.unfold.index in reads:
                applies = applies & pl.col("is_unfolded")  # without an index there is no value to judge
            if column.field not in feed.key and name != "is_deleted":
                applies = applies & ~is_deleted
        bits.append(pl.when(applies).then(1 << bit).otherwise(0))
    return pl.sum_horizontal(bits).cast(pl.Int64).alias("reasons")


def _amounts(feed: Feed) -> list[pl.Expr]:
    """What can be read of the row's amount, and how many amounts cannot; unreadable ones count 0."""
    columns = [column for column in feed.columns if column.inside in feed.amounts]
    if not columns:
        return [pl.lit(0, pl.Int64).alias("row_amount_cents"), pl.lit(0, pl.Int32).alias("unreadable_count")]
    unreadable = [
        pl.col(column.inside).is_null()
        & (
            pl.col(f"text {column.name}").is_not_null()
            | pl.lit(column.required) & ~pl.col("is_deleted").fill_null(value=False)
        )
        for column in columns
    ]
    damaged = pl.when(pl.col("damage").is_not_null()).then(1)
    return [
        pl.sum_horizontal(pl.col(column.inside) for column in columns).cast(pl.Int64).alias("row_amount_cents"),
        damaged.otherwise(pl.sum_horizontal(unreadable)).cast(pl.Int32).alias("unreadable_count"),
    ]


def _defaults(feed_name: str, context: DeliveryContext) -> list[pl.Expr]:
    if feed_name == "accounts":
        return [pl.col("currency").fill_null(context.currency), pl.col("lender_id").fill_null(context.source)]
    if feed_name == "relations":
        return [pl.col("currency").fill_null(context.currency)]
    if feed_name == "installments":
        # an empty cell is 0; one that cannot be read has its mark already
        return [pl.col(f"{name}_cents").fill_null(0) for name in _DEFAULT_ZERO]
    return []
