"""`tally share contract` and `tally share equivalents`: what is shared, told in the standards' own words."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Name(StrEnum):
    """The contracts: one a schema of the warehouse, one for the register of what was sent, and one for files."""

    SHARE = "share"
    SENDING = "sending"
    STATUS = "status"
    RISK = "risk"
    FILES = "files"


def contract(
    name: Annotated[Name, typer.Argument(help="Schema of the warehouse, sending, or files.")] = Name.SHARE,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; default: the terminal.")] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="Policy file, or the name of a shipped one.")] = None,
) -> None:
    """Print a data contract (Open Data Contract Standard 3.1): columns, rules, service levels and terms of use."""
    from flows import contract as contracts
    from flows.errors import WrongUse
    from flows.settings import load_policy

    text = contracts.text(contracts.contract(name.value, load_policy(policy)))
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"{output} can't be written: {error.strerror}.") from None
    typer.echo(output)


def equivalents() -> None:
    """Print what our fields are called in FIRE's loan.json and in the EBA's NPL templates (openNPL)."""
    from flows.equivalents import equivalents as text

    typer.echo(text(), nl=False)
