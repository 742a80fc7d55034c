"""`tally share`: what may be told to others."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.contract_cli import contract, equivalents
from flows.translate_cli import translate

share = typer.Typer(no_args_is_help=True, help="What may be told to others, what holds the rest back, and screenings.")
share.command("translate")(translate)
share.command("contract")(contract)
share.command("equivalents")(equivalents)

Folder = Annotated[Path | None, typer.Option("--warehouse", "-w", help="Folder of the published warehouse.")]


class Form(StrEnum):
    """How the answer is written."""

    TABLE = "table"
    CSV = "csv"


class Written(StrEnum):
    """How screenings are written."""

    TABLE = "table"
    CSV = "csv"
    HTML = "html"
    PDF = "pdf"


@share.command("check")
def share_check(
    recipient: Annotated[str, typer.Option("--recipient", help="Who would receive the data, as consents name it.")],
    purpose: Annotated[str, typer.Option("--purpose", help="What for, as consents name it.")],
    day: Annotated[
        datetime | None,
        typer.Option("--day", formats=["%Y-%m-%d"], help="Day of handing on; default: that of the last night."),
    ] = None,
    warehouse: Folder = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="Policy file, or the name of a shipped one.")] = None,
    output_format: Annotated[Form, typer.Option("--format", "-f", help="A summary, or every loan.")] = Form.TABLE,
) -> None:
    """Count the loans that may be told to a recipient for a purpose, and those held back, by reason."""
    from flows.lawfulness import judged, show_judged
    from flows.settings import Settings

    settings = Settings.given(warehouse=warehouse, policy=policy)
    told = judged(settings, recipient, purpose, day.date() if day else None)
    if output_format is Form.CSV:
        import polars as pl

        from flows.spreadsheet import no_formulas

        rows = no_formulas(told.with_columns(pl.col("reasons").list.join(" ").replace("", None)))
        typer.echo(rows.write_csv(), nl=False)
    else:
        show_judged(told, recipient, purpose)


@share.command("screen")
def share_screen(
    company: Annotated[
        str | None, typer.Option("--company", help="Company or project; default: all asked for.")
    ] = None,
    recipient: Annotated[str | None, typer.Option("--recipient", help="Who asked; default: everyone.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder to write into.")] = None,
    output_format: Annotated[Written, typer.Option("--format", "-f", help="How it is written.")] = Written.TABLE,
    warehouse: Folder = None,
) -> None:
    """Say where those who stand behind a counterparty stand: one grade a screening, with its reasons."""
    from flows import screening_answers as answers
    from flows.errors import WrongUse
    from flows.settings import Settings

    is_page = output_format in (Written.HTML, Written.PDF)
    if is_page and output is None:
        raise WrongUse(f"A page is a file: name a folder with --output for --format {output_format}.")
    if output is not None and output_format is Written.TABLE:
        raise WrongUse("A table is for the terminal: name --format csv, html or pdf with --output.")
    found = answers.screenings(Settings.given(warehouse=warehouse).warehouse, company, recipient)
    if output_format is Written.TABLE:
        answers.show(found)
        return
    if is_page and output is not None:
        written = answers.write_pages(found, output_format.value, output)
    else:
        written = answers.write_csv(found, output)
    for path in written:
        typer.echo(path)


class Shape(StrEnum):
    """How the tables of a file are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


@share.command("read")
def share_read(
    file: Annotated[Path, typer.Argument(help="Metro 2 file in character format.")],
    output_format: Annotated[Shape, typer.Option("--format", "-f", help="A summary, or every row.")] = Shape.TABLE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of one file a table (csv, parquet), or file (json).")
    ] = None,
) -> None:
    """Read a Metro 2 file back: its totals, its tables, lines that can't be read, and what does not fit together."""
    from flows import metro2_files as metro2
    from flows.errors import WrongUse

    if output_format is Shape.TABLE and output is not None:
        raise WrongUse("A summary is for the terminal: name --format csv, json or parquet with --output.")
    if output_format is Shape.PARQUET and output is None:
        raise WrongUse("Parquet is for files: name a folder with --output.")
    tables = metro2.read_metro2(file)
    if output_format is Shape.TABLE:
        metro2.show_metro2(tables)
    elif output_format is Shape.JSON:
        text = metro2.document(tables)
        if output is None:
            typer.echo(text)
        else:
            output.write_text(text, encoding="utf-8")
            typer.echo(output)
    elif output is None:
        typer.echo(tables["base"].write_csv(), nl=False)
    else:
        for path in metro2.write_tables(tables, output_format.value, output):
            typer.echo(path)


@share.command("layout")
def share_layout() -> None:
    """Print the layout of Metro 2: every field with its source, codes, and the rules between fields."""
    from flows.metro2_layout import layout

    typer.echo(layout(), nl=False)
