"""The data dictionary: every table, column, feed and reason, from their declarations, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.feeds import FEEDS
from transforms.fields import FIELDS
from transforms.refusals import FileRefusal, Refusal
from transforms.tables import TABLES, Table


def dictionary() -> str:
    """The data dictionary as Markdown."""
    return "\n".join([*_head(), *_tables(), *_feeds(), *_reasons()]) + "\n"


def _head() -> Iterator[str]:
    yield "# Data dictionary 数据字典"
    yield ""
    yield "Made by `tally dictionary` from the declarations in `transforms/`; a check fails when it is out of date."
    yield "Amounts are decimals with two places in the row's currency, rates shares from 0 to 1, days calendar days."
    yield "*State* tables follow from facts, policy and date alone; *night* tables also from the sequence of nights."
    yield ""


def _tables() -> Iterator[str]:
    yield "## Tables 表"
    yield ""
    for table in TABLES.values():
        yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    yield f"### `{table.name}`"
    yield ""
    yield f"{table.en} {table.zh}"
    yield ""
    yield f"Kind: {table.scope}. Key: {', '.join(f'`{name}`' for name in table.key)}."
    yield ""
    yield "| column | type | meaning | 含义 |"
    yield "| --- | --- | --- | --- |"
    for field in table.fields:
        yield f"| `{field.name}` | {field.duckdb_type} | {field.en} | {field.zh} |"
    yield ""


def _feeds() -> Iterator[str]:
    yield "## Feeds 数据源"
    yield ""
    for feed in FEEDS.values():
        yield f"### Feed `{feed.name}`"
        yield ""
        yield f"Key: {', '.join(f'`{name}`' for name in feed.key)}."
        yield ""
        yield "| column | required | becomes | meaning | 含义 |"
        yield "| --- | --- | --- | --- | --- |"
        for column in feed.columns:
            field = FIELDS[column.field]
            required = "yes" if column.required else ""
            yield f"| `{column.name}` | {required} | `{column.field}` | {field.en} | {field.zh} |"
        yield ""


def _reasons() -> Iterator[str]:
    for title, reasons in (
        ("Why a row is refused 拒收行原因", Refusal),
        ("Why a file is refused 拒收文件原因", FileRefusal),
    ):
        yield f"## {title}"
        yield ""
        yield "| code | sentence |"
        yield "| --- | --- |"
        for reason in reasons:
            yield f"| `{reason.value}` | {reason.sentence} |"
        yield ""
