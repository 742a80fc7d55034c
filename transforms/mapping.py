"""Source mapping: how one lender's files become canonical feeds, read from one TOML file a source.

A new lender is a new TOML file and no code. The schema names a mistake by its place.
"""

from __future__ import annotations

import codecs
import hashlib
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from transforms.feeds import FEEDS
from transforms.policy import mistakes

IdRule = Literal["row_hash", "delivery_line"]


class MappingError(ValueError):
    """A mapping that does not fit the schema; the message lists each mistake with its place."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _root_names(expression: str) -> list[str]:
    """Delivered columns that a SQL expression reads."""
    try:
        return pl.sql_expr(expression).meta.root_names()
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"not an expression that can be read: {error}") from None


class Reading(_Frozen):
    """How the cells of a file are written; a column may say otherwise for itself."""

    amount_unit: Literal["major", "minor"] = "major"
    """major: decimals with at most two places; minor: whole cents."""
    date_format: Annotated[str, Field(min_length=2)] = "%Y-%m-%d"
    """strptime layout of dates; a time of day behind the default layout is understood as well."""
    timestamps: Literal["cut", "convert"] = "cut"
    """cut: the date as written; convert: the date in the policy's time zone (needs an offset)."""
    decimal_mark: Annotated[str, Field(min_length=1, max_length=1)] = "."
    thousands_mark: Annotated[str, Field(max_length=1)] = ""

    @model_validator(mode="after")
    def _marks_differ(self) -> Reading:
        if self.thousands_mark == self.decimal_mark:
            raise ValueError("thousands_mark and decimal_mark must differ")
        return self


class Value(_Frozen):
    """Where one feed column comes from: a delivered column, a constant, a SQL expression, or a made id."""

    column: str | None = None
    constant: str | None = None
    """A value for every row; an amount is in major units unless amount_unit says otherwise."""
    expression: str | None = None
    """SQL over the delivered columns (text) and the unfolding index (whole number)."""
    id: IdRule | None = None
    """row_hash: the row's hash with its occurrence number; delivery_line: business date, seq and line."""
    plus_days: str | None = None
    """SQL for a whole number of days to add to the date."""
    amount_unit: Literal["major", "minor"] | None = None
    date_format: str | None = None
    timestamps: Literal["cut", "convert"] | None = None
    decimal_mark: str | None = None
    thousands_mark: str | None = None

    @field_validator("constant", mode="before")
    @classmethod
    def _numbers_as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("expression", "plus_days")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is not None:
            _root_names(value)
        return value

    @model_validator(mode="after")
    def _one_origin(self) -> Value:
        origins = [name for name in ("column", "constant", "expression", "id") if getattr(self, name) is not None]
        if len(origins) != 1:
            raise ValueError("give exactly one of column, constant, expression or id")
        return self

    def reading(self, default: Reading) -> Reading:
        """How this column's cells are written."""
        own = {name: getattr(self, name) for name in Reading.model_fields if getattr(self, name) is not None}
        return default.model_copy(update=own)

    def reads(self) -> set[str]:
        """Delivered columns (and perhaps the unfolding index) that the value is made from."""
        names = {self.column} if self.column is not None else set()
        for sql in (self.expression, self.plus_days):
            names |= set(_root_names(sql)) if sql is not None else set()
        return names


class Unfold(_Frozen):
    """One delivered row becomes many: the index runs from `from` to `to`, both included."""

    index: str = "n"
    first: Annotated[int, Field(alias="from")] = 1
    last: Annotated[str, Field(alias="to")]
    """Delivered column, or SQL, that gives the last index."""

    @field_validator("last")
    @classmethod
    def _readable(cls, value: str) -> str:
        _root_names(value)
        return value


class FeedMapping(_Frozen):
    """How one file gives one canonical feed.

    A feed column that is not listed comes from the delivered column of the same name, if there is one.
    """

    columns: dict[str, Value] = {}
    codes: dict[str, dict[str, str]] = {}
    """Per feed column: the lender's code -> ours."""
    unfold: Unfold | None = None

    @field_validator("columns", mode="before")
    @classmethod
    def _names_are_renames(cls, value: object) -> object:
        if isinstance(value, dict):
            return {name: {"column": origin} if isinstance(origin, str) else origin for name, origin in value.items()}
        return value

    def value(self, column: str) -> Value:
        """Where the feed column comes from."""
        return self.columns.get(column) or Value(column=column)

    def reads(self) -> set[str]:
        """Delivered columns that the listed values are made from."""
        names: set[str] = set().union(*(value.reads() for value in self.columns.values()))
        if self.unfold is not None:
            names = (names | set(_root_names(self.unfold.last))) - {self.unfold.index}
        return names


class Position(_Frozen):
    """A column of a fixed-width file: first character (from 1) and length."""

    name: str
    start: Annotated[int, Field(ge=1)]
    length: Annotated[int, Field(ge=1)]


class FileFormat(_Frozen):
    """How the bytes of a file become records and fields."""

    type: Literal["auto", "delimited", "fixed", "jsonl", "parquet"] = "auto"
    """auto: by the file's ending (csv, tsv and txt are delimited)."""
    encoding: str = "utf-8"
    """Any encoding that Python names: utf-8, utf-8-sig, gb18030 …; a byte-order mark is understood by itself."""
    delimiter: Annotated[str, Field(max_length=1)] = ""
    """One character; empty: comma, and tab for .tsv."""
    quote: Annotated[str, Field(max_length=1)] = '"'
    """Character around fields that hold delimiters or line ends; empty: quotes mean nothing."""
    header: bool = True
    skip_lines: Annotated[int, Field(ge=0)] = 0
    """Lines before the header."""
    columns: tuple[str, ...] = ()
    """Names by position where there is no header."""
    positions: tuple[Position, ...] = ()
    """Columns of a fixed-width file."""

    @field_validator("columns", "positions", mode="before")
    @classmethod
    def _lists_are_tuples(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            return codecs.lookup(value).name
        except LookupError:
            raise ValueError("no such encoding") from None

    @model_validator(mode="after")
    def _columns_are_named(self) -> FileFormat:
        if self.type == "fixed" and not self.positions:
            raise ValueError("a fixed-width file needs positions = [{name, start, length}, …]")
        if self.type != "fixed" and not self.header and not self.columns:
            raise ValueError("a file without header needs columns = [names by position]")
        return self


class FileMapping(_Frozen):
    """One kind of file of a lender and the feeds it gives."""

    pattern: str = ""
    """Shell pattern for the file's name before the date; empty: whatever begins with the name of this table."""
    format: FileFormat = FileFormat()
    reading: Reading = Reading()
    ignore_columns: tuple[str, ...] = ()
    control_feed: str = ""
    """Feed whose amounts the control file totals; empty: the first listed."""
    feeds: dict[str, FeedMapping]

    @field_validator("ignore_columns", mode="before")
    @classmethod
    def _lists_are_tuples(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    def known_columns(self) -> set[str]:
        """Delivered columns that some feed reads, carries under its own name, or that are ignored."""
        known = set(self.ignore_columns)
        for name, feed in self.feeds.items():
            listed = set(feed.columns)
            known |= feed.reads() | {column.name for column in FEEDS[name].columns if column.name not in listed}
        return known


class Mapping(_Frozen):
    """Everything that turns one source's files into canonical feeds."""

    source: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    files: dict[str, FileMapping]

    @property
    def hash(self) -> str:
        """SHA-256 of the rules, whatever the layout of the file."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()

    def file_for(self, name: str) -> tuple[str, FileMapping] | None:
        """The kind of file that a name before the date belongs to; the longest fitting name wins."""
        fitting = [
            (kind, file)
            for kind, file in self.files.items()
            if (fnmatchcase(name, file.pattern) if file.pattern else name.startswith(kind))
        ]
        return max(fitting, key=lambda item: len(item[0]), default=None)


def canonical(source: str) -> Mapping:
    """The mapping of a source that delivers in the canonical layout."""
    return Mapping(source=source, files={name: FileMapping(feeds={name: FeedMapping()}) for name in FEEDS})


def parse_mapping(document: dict[str, Any], source: str) -> Mapping:
    """The mapping in a TOML document.

    Settings in a top-level `[reading]` and `[format]` hold for every file that does not say otherwise.

    Raises:
        MappingError: one line per mistake, each with its place.
    """
    document = {"source": source, **document}
    shared = {name: document.pop(name) for name in ("reading", "format") if name in document}
    files = document.get("files")
    if isinstance(files, dict):
        document["files"] = {
            kind: {**file, **{name: {**value, **file.get(name, {})} for name, value in shared.items()}}
            if isinstance(file, dict)
            else file
            for kind, file in files.items()
        }
    try:
        mapping = Mapping.model_validate(document)
    except ValidationError as error:
        raise MappingError("\n".join(mistakes(error))) from None
    wrong = [*_wrong_names(mapping)]
    if mapping.source != source:
        wrong.insert(0, f"source: says {mapping.source!r}, but the file is named {source}.toml")
    if wrong:
        raise MappingError("\n".join(wrong))
    return mapping


def _wrong_names(mapping: Mapping) -> list[str]:
    """Feeds and feed columns that do not exist, and feeds that can never be complete."""
    lines = []
    for kind, file in mapping.files.items():
        if file.control_feed and file.control_feed not in file.feeds:
            lines.append(f"files.{kind}.control_feed: the file gives no feed {file.control_feed!r}")
        for name, feed in file.feeds.items():
            place = f"files.{kind}.feeds.{name}"
            if name not in FEEDS:
                lines.append(f"{place}: there is no feed of this name{_suggestion(name, list(FEEDS))}")
                continue
            lines += [f"{place}.{mistake}" for mistake in _wrong_expressions(feed)]
            known = [column.name for column in FEEDS[name].columns]
            for table, columns in (("columns", feed.columns), ("codes", feed.codes)):
                lines += [
                    f"{place}.{table}.{column}: the feed {name} has no such column{_suggestion(column, known)}"
                    for column in columns
                    if column not in known
                ]
    return lines


def _wrong_expressions(feed: FeedMapping) -> list[str]:
    """Expressions that fit no file: delivered columns are text, the unfolding index is a whole number."""
    index: dict[str, pl.DataType] = {feed.unfold.index: pl.Int64()} if feed.unfold else {}
    texts = {name: value.expression for name, value in feed.columns.items() if value.expression is not None}
    texts |= {
        f"{name}.plus_days": value.plus_days for name, value in feed.columns.items() if value.plus_days is not None
    }
    lines = []
    for name, sql in texts.items():
        rows = pl.LazyFrame(schema={**dict.fromkeys(_root_names(sql), pl.String()), **index})
        try:
            rows.select(pl.sql_expr(sql)).collect()
        except pl.exceptions.PolarsError as error:
            lines.append(f"columns.{name}: {str(error).splitlines()[0]} (given: {sql!r})")
    return lines


def _suggestion(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]}?)" if close else f" (it knows {', '.join(known)})"
