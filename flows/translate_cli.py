"""`tally share translate`: another institution's codes in, every standard out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Form(StrEnum):
    """How the translation is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def translate(
    file: Annotated[Path, typer.Argument(help="What the institution sent: CSV, JSON lines or Parquet.")],
    institution: Annotated[
        Path, typer.Option("--institution", help="TOML file of its codes, or the name of a shipped one.")
    ],
    policy: Annotated[Path | None, typer.Option("--policy", help="Policy file, or the name of a shipped one.")] = None,
    output_format: Annotated[
        Form, typer.Option("--format", "-f", help="A summary by code, or every row.")
    ] = Form.TABLE,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; refused rows go beside it, <name>.refused.csv."),
    ] = None,
) -> None:
    """Translate another institution's codes into every standard; rows that can't be translated are refused and told."""
    from flows import translating
    from flows.errors import WrongUse
    from flows.settings import Settings, load_institution

    if output is not None and output_format is Form.TABLE:
        raise WrongUse("A summary is for the terminal: name --format csv, json or parquet with --output.")
    if output is None and output_format is Form.PARQUET:
        raise WrongUse("Parquet is for files: name one with --output.")
    told = translating.translated(file, load_institution(institution), Settings.given(policy=policy).rules())
    if output_format is Form.TABLE:
        translating.show(told, file)
    else:
        translating.tell_refused(told, file)
        for path in translating.write(told, output_format.value, output):
            typer.echo(path)
