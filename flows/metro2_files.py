"""Metro 2 files that somebody sent: what is in them, what can't be read, and what does not fit together."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
from rich.console import RenderableType

from flows.errors import WrongUse
from flows.report import show, table
from transforms.bureau.metro2_codes import STATUSES
from transforms.bureau.metro2_records import Metro2File, read, split
from transforms.bureau.metro2_rules import check, check_form

_SHOWN = 20
"""Lines of a kind that the terminal shows; the other formats have all."""


def read_metro2(path: Path) -> dict[str, pl.DataFrame]:
    """The tables of a Metro 2 file by name: header, base, J1 to N1, trailer, unreadable, inconsistencies.

    Raises:
        WrongUse: the file is not there, can't be read, or holds no record of the format.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WrongUse(f"{path} can't be read: {error.strerror}.") from None
    rows = split(content)
    file = read(rows)
    if file.base.is_empty() and file.header.is_empty():
        raise WrongUse(
            f"{path} holds no Metro 2 record in character format; see docs/sharing-metro2.md for its layout."
        )
    return tables_of(file, rows)


def tables_of(file: Metro2File, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Every table of a file that was read from those rows (line_number, raw), and what does not fit together."""
    found = pl.concat([check(file), check_form(file, rows)]).sort("line_number", nulls_last=True, maintain_order=True)
    return {
        "header": file.header,
        "base": file.base,
        **file.segments,
        "trailer": file.trailer,
        "unreadable": file.unreadable,
        "inconsistencies": found,
    }


def show_metro2(tables: dict[str, pl.DataFrame]) -> None:
    """Prints totals, lines that can't be read, and inconsistencies by rule; no name and no number of a person."""
    base = tables["base"]
    parts = [(name, rows.height) for name, rows in tables.items() if rows.height and name != "inconsistencies"]
    show(table("What the file holds", ("", "lines or segments"), parts))
    show(_totals(base))
    if tables["unreadable"].height:
        shown = tables["unreadable"].select("line_number", "reason").head(_SHOWN).rows()
        show(table("Lines that can't be read", ("line", "why"), shown))
    show(_inconsistencies(tables["inconsistencies"]))


def _totals(base: pl.DataFrame) -> RenderableType:
    """By status and in all: records, balances, what is past due and on how many accounts."""
    figures = (
        pl.len(),
        pl.col("current_balance").sum().alias("balance"),
        pl.col("amount_past_due").sum().alias("past_due"),
        (pl.col("amount_past_due") > 0).sum().alias("with_past_due"),
    )
    by_status = base.group_by("account_status").agg(*figures).sort("account_status")
    rows = [(code, STATUSES[code], *said) for code, *said in by_status.rows()]
    rows.append(("all", "", *base.select(*figures).row(0)))
    headings = ("status", "", "records", "balance", "past due", "records past due")
    return table("Whole units, by status", headings, rows)


def _inconsistencies(found: pl.DataFrame) -> RenderableType:
    """By rule: how often it is broken, and on which line first."""
    by_rule = found.group_by("severity", "rule", maintain_order=True).agg(
        pl.col("line_number").count().alias("records"),
        pl.col("line_number").min().alias("first"),
        pl.col("sentence").first(),
    )
    rows = by_rule.sort("severity", "records", descending=[False, True], maintain_order=True).rows()
    title = "What does not fit together" if rows else "Everything fits together"
    return table(title, ("severity", "rule", "records", "first line", "what should hold"), rows)


def document(tables: dict[str, pl.DataFrame]) -> str:
    """All tables as one JSON document."""
    return json.dumps({name: rows.to_dicts() for name, rows in tables.items()}, default=str, ensure_ascii=False)


def write_tables(tables: dict[str, pl.DataFrame], kind: str, folder: Path) -> list[Path]:
    """Writes every table that has rows into a folder, `<name>.csv` or `<name>.parquet`; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, rows in tables.items():
        if rows.is_empty():
            continue
        path = folder / f"{name}.{kind}"
        if kind == "csv":
            rows.write_csv(path)
        else:
            rows.write_parquet(path)
        written.append(path)
    return written
