"""`tally share`: what may be told to others."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

share = typer.Typer(no_args_is_help=True, help="What may be told to others, and what holds the rest back.")

Folder = Annotated[Path | None, typer.Option("--warehouse", "-w", help="Folder of the published warehouse.")]


class Form(StrEnum):
    """How the answer is written."""

    TABLE = "table"
    CSV = "csv"


@share.callback()
def _group() -> None:
    """Keeps `check` a command of its own while it is the only one."""


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

        typer.echo(told.with_columns(pl.col("reasons").list.join(" ")).write_csv(), nl=False)
    else:
        show_judged(told, recipient, purpose)
