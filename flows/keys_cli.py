"""`tally keys`: what the keys are, and putting new ones in their place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from flows.stores.keyring import KeyName

keys = typer.Typer(no_args_is_help=True, help="Keys of the person hash and of the vault: list and rotate them.")

Folder = Annotated[Path | None, typer.Option("--warehouse", "-w", help="Folder of the published warehouse.")]


@keys.command("list")
def keys_list(warehouse: Folder = None) -> None:
    """List the keys by fingerprint, with where they are; never a key itself."""
    from rich.console import Console

    from flows.keys import keys as known
    from flows.report import table
    from flows.settings import Settings

    rows = [
        (key.name, key.hash, key.fingerprint, key.place, key.state)
        for key in known(Settings.given(warehouse=warehouse))
    ]
    console = Console(width=None if Console().is_terminal else 200)
    console.print(table("Keys", ("key", "method", "fingerprint", "place", "state"), rows))


@keys.command("rotate")
def keys_rotate(
    warehouse: Folder = None,
    person: Annotated[bool, typer.Option("--person", help="Only the key of the person hash.")] = False,
    vault: Annotated[bool, typer.Option("--vault", help="Only the key of the vault.")] = False,
    lost: Annotated[
        bool, typer.Option("--lost", help="With --vault: its key is gone for good; begin an empty vault.")
    ] = False,
) -> None:
    """Put new keys in the place of the old: persons are hashed and the vault is sealed anew, published as one run."""
    from flows.errors import WrongUse
    from flows.keys import rotate
    from flows.settings import Settings

    if lost and (person or not vault):
        raise WrongUse("An empty vault tells no person: name --vault alone with --lost.")
    chosen: list[KeyName] = []
    if person or not vault:
        chosen.append("person")
    if vault or not person:
        chosen.append("vault")
    for line in rotate(Settings.given(warehouse=warehouse), chosen, is_lost=lost):
        typer.echo(line)


@keys.command("forget")
def keys_forget(
    customers: Annotated[list[str], typer.Argument(help="Customers, by the lender's own numbers.")],
    source: Annotated[str, typer.Option("--source", help="The lender.")],
    warehouse: Folder = None,
) -> None:
    """Take customers out of the vault for good; their figures stay, under a hash that names nobody."""
    from flows.settings import Settings
    from flows.upkeep import forget

    count = forget(Settings.given(warehouse=warehouse), source, customers)
    typer.echo(f"{count} of {len(customers)} customer(s) were in the vault, and are no more.")
