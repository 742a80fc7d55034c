"""A file of another institution translated: read whatever its format, told in a table, CSV, JSON or Parquet."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import typer

from flows.errors import CheckFailed, WrongUse
from flows.report import show as print_report
from flows.report import table
from flows.spreadsheet import no_formulas
from flows.stores import records
from flows.stores.durable import write_durably
from transforms.policy import Policy
from transforms.sharing.institution import Institution
from transforms.sharing.translation import Translation, translate
from transforms.sharing.translation_fields import STANDARDS
from transforms.units import units

_SHOWN = 20
"""Refused rows that the terminal shows of a file that is refused whole, or in a summary."""
_HEADINGS = ("code", "rows", "days past due", *STANDARDS)


def translated(path: Path, institution: Institution, policy: Policy) -> Translation:
    """The rows of a file in every standard, and those refused.

    Raises:
        WrongUse: the file is not there, can't be read, or lacks a column that the institution names.
        CheckFailed: more rows are refused than the policy lets pass.
    """
    told = translate(_records(path, institution), institution, policy)
    if told.is_too_much_refused(policy):
        for line in _lines(told, path, _SHOWN):
            typer.echo(line, err=True)
        raise CheckFailed(
            f"{path}: {_account(told)}; the policy lets fewer pass (refused_rows_limit, refused_rows_share),"
            f" so nothing is translated. Check that these are the codes of {institution.institution}."
        )
    return told


def _records(path: Path, institution: Institution) -> pl.DataFrame:
    """Text rows of the columns that the institution names."""
    if not path.is_file():
        raise WrongUse(f"There is no file {path}.")
    with tempfile.TemporaryDirectory() as work:
        try:
            known = records.profile(path, institution.format)
            found = records.read(path, institution.format, Path(work), known)
        except records.Unreadable as error:
            raise WrongUse(f"{path} can't be read: {error}") from None
        named = institution.columns.named()
        if not found.columns:
            raise WrongUse(f"{path} is empty.")
        lacking = [f"{role} = {name!r}" for role, name in named.items() if name not in found.columns]
        if lacking:
            raise WrongUse(
                f"{path} lacks what the institution {institution.institution} names: {', '.join(lacking)};"
                f" it has {', '.join(found.columns)}."
            )
        wanted = dict.fromkeys(("line_number", "damage", *named.values()))
        return found.rows.select(*wanted).sort("line_number", maintain_order=True).collect()


def show(told: Translation, path: Path) -> None:
    """Prints what each code came to, and the rows refused."""
    rows = []
    by_code = ["code", "dpd_from", "dpd_to", *(f"{name}_{side}" for name in STANDARDS for side in ("lower", "upper"))]
    for row in told.rows.group_by(by_code, maintain_order=True).len("rows").sort(by_code[:3]).to_dicts():
        codes = (_span(row[f"{name}_lower"], row[f"{name}_upper"]) for name in STANDARDS)
        rows.append((row["code"], row["rows"], _days(row["dpd_from"], row["dpd_to"]), *codes))
    print_report(table(f"{path.name}: {_account(told)}", _HEADINGS, rows))
    if told.refused_count:
        listed = told.refused.with_columns(pl.col("column").fill_null("")).select("line_number", "column", "sentence")
        title = f"Refused in {path}" + (f", the first {_SHOWN} of {listed.height}" if listed.height > _SHOWN else "")
        shown = [(f"{line}", column, sentence) for line, column, sentence in listed.head(_SHOWN).rows()]
        print_report(table(title, ("line", "column", "why"), shown))


def _span(lower: object, upper: object) -> str:
    """One code, or from which to which."""
    said = ["" if code is None else str(code) for code in (lower, upper)]
    return said[0] if said[0] == said[1] else f"{said[0]} to {said[1]}"


def _days(first: int | None, last: int | None) -> str:
    if first is None:
        return ""
    return f"{first} or more" if last is None else _span(first, last)


def tell_refused(told: Translation, path: Path) -> None:
    """Says of every refused row where it stands and why, and that the rows add up, beside what is written."""
    for line in _lines(told, path):
        typer.echo(line, err=True)
    typer.echo(f"{path}: {_account(told)}.", err=True)


def _lines(told: Translation, path: Path, most: int | None = None) -> Iterator[str]:
    rows = told.refused if most is None else told.refused.head(most)
    for line, column, _, sentence in rows.iter_rows():
        place = f"{path}:{line}: " + (f"{column}: " if column else "")
        yield place + sentence


def _account(told: Translation) -> str:
    return f"{told.received_count:,} received = {told.rows.height:,} translated + {told.refused_count:,} refused"


def write(told: Translation, kind: str, output: Path | None) -> list[Path]:
    """Writes every row, as `csv`, `json` or `parquet`, to a file or the terminal; the files written.

    JSON holds the refused rows as well; beside any other file they stand in `<name>.refused.csv`.

    Raises:
        WrongUse: a file can't be written.
    """
    rows = told.rows.with_columns(amount=units(pl.col("amount_cents"))).select(
        "amount" if name == "amount_cents" else name for name in told.rows.columns
    )
    content = io.BytesIO()
    if kind == "parquet":
        rows.write_parquet(content)
    elif kind == "json":
        content.write(_json(rows, told).encode())
    else:
        _flat(rows).write_csv(content)
    if output is None:
        typer.echo(content.getvalue().decode(), nl=False)
        return []
    files = {output: content.getvalue()}
    if kind != "json" and told.refused_count:
        files[output.with_suffix(".refused.csv")] = no_formulas(told.refused).write_csv().encode()
    for path, text in files.items():
        try:
            write_durably(path, text)
        except OSError as error:
            raise WrongUse(f"{path} can't be written: {error.strerror}.") from None
    return list(files)


def _flat(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as CSV has them: no lists, and no text that a spreadsheet would run."""
    return no_formulas(rows.with_columns(pl.col("states").list.join(" ")))


def _json(rows: pl.DataFrame, told: Translation) -> str:
    document = {
        "received_count": told.received_count,
        "translated_count": rows.height,
        "refused_count": told.refused_count,
        "rows": rows.to_dicts(),
        "refused": told.refused.to_dicts(),
    }
    return json.dumps(document, ensure_ascii=False, indent=1, default=str) + "\n"
