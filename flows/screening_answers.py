"""Answers of `tally share screen`: the published screenings as table, CSV, HTML and PDF."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flows.errors import WrongUse
from flows.screening_page import Page, html, page
from flows.spreadsheet import no_formula
from flows.stores.warehouse import Warehouse

Row = dict[str, Any]
TABLES = ("screening", "screening_amounts", "screening_persons", "screening_trend")
_SHOWN = (
    "company_id",
    "kind",
    "recipient",
    "grade",
    "is_complete",
    "person_count",
    "withheld_count",
    "dpd",
    "five_tier",
)


def screenings(warehouse: Path, company: str | None, recipient: str | None) -> dict[str, list[Row]]:
    """The rows of each screening table for a company and a recipient; None: all.

    Raises:
        WrongUse: nothing is published, or nobody asked that.
    """
    wanted = "(company_id = $company OR $company IS NULL) AND (recipient = $recipient OR $recipient IS NULL)"
    found: dict[str, list[Row]] = {}
    opened = Warehouse(warehouse)
    opened.published()
    with opened.reader() as connection:
        for name in TABLES:
            key = "source, screening_id"
            asked = connection.execute(
                f"SELECT t.* FROM share.{name} t SEMI JOIN"
                f" (FROM share.screening WHERE {wanted}) s USING ({key}) ORDER BY ALL",
                {"company": company, "recipient": recipient},
            )
            names = [column[0] for column in asked.description or ()]
            found[name] = [dict(zip(names, row, strict=True)) for row in asked.fetchall()]
    if not found["screening"]:
        raise WrongUse(
            'No screening is published for that: `tally query "SELECT company_id, recipient FROM core.screenings"`'
            " names those that were asked for."
        )
    return found


def show(found: dict[str, list[Row]]) -> None:
    """Prints one line a screening, and why."""
    from rich.console import Console

    from flows.report import table

    console = Console(width=None if Console().is_terminal else 200)
    headings = (*_SHOWN, "reasons")
    rows = [(*(_cell(row[name]) for name in _SHOWN), " ".join(row["grade_reasons_en"])) for row in found["screening"]]
    console.print(table(f"Screenings as of {found['screening'][0]['as_of']}", headings, rows))


def write_csv(found: dict[str, list[Row]], output: Path | None) -> list[Path]:
    """Writes every screening table into a folder, or share.screening alone to the terminal; the files."""
    if output is None:
        _write(sys.stdout, found["screening"])
        return []
    output.mkdir(parents=True, exist_ok=True)
    paths = [output / f"{name}.csv" for name in TABLES]
    for path in paths:
        with path.open("w", encoding="utf-8", newline="") as target:
            _write(target, found[path.stem])
    return paths


def write_pages(found: dict[str, list[Row]], kind: str, output: Path) -> list[Path]:
    """Writes one page a screening, `html` or `pdf`; the files."""
    output.mkdir(parents=True, exist_ok=True)
    written = []
    for row in found["screening"]:
        told = _page(row, found)
        # quoted: a lender's own numbers may hold what no file name may
        path = output / f"{quote(row['source'], safe='')}_{quote(row['screening_id'], safe='')}.{kind}"
        if kind == "pdf":
            from flows.screening_pdf import pdf

            pdf(told, path)
        else:
            path.write_text(html(told), encoding="utf-8")
        written.append(path)
    return written


def _page(row: Row, found: dict[str, list[Row]]) -> Page:
    amounts, persons, months = (
        [each for each in found[name] if all(each[part] == row[part] for part in ("source", "screening_id"))]
        for name in TABLES[1:]
    )
    return page(row, amounts, sorted(persons, key=lambda each: int(each["person_no"])), months)


def _write(target: Any, rows: Sequence[Row]) -> None:  # noqa: ANN401
    if not rows:
        return
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return ""
    text = "; ".join(value) if isinstance(value, list) else value
    return no_formula(text) if isinstance(text, str) else text
