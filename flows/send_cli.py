"""`tally share metro2 | pboc | corrections | files`: what leaves for bureaus, and what has left."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from flows.share_cli import Folder, share

__all__ = ["share"]

if TYPE_CHECKING:
    from flows.sending import Sending

BUREAU, CREDIT_REPORT = "bureau", "credit_report"

Month = Annotated[datetime, typer.Option("--month", formats=["%Y-%m"], help="The month to tell, as 2026-09.")]
Recipient = Annotated[str, typer.Option("--recipient", help="Who receives it, as consents name it.")]
Purpose = Annotated[str, typer.Option("--purpose", help="What for, as consents name it.")]
MadeOn = Annotated[
    datetime | None,
    typer.Option("--made-on", formats=["%Y-%m-%d"], help="Day of handing on, which decides consent; default: today."),
]
Force = Annotated[bool, typer.Option("--force", help="Send the month again although it was sent.")]


class LayoutName(StrEnum):
    """The layouts of bureaus."""

    METRO2 = "metro2"
    PBOC = "pboc"


def _report(layout: LayoutName, meaning: str) -> None:
    """Adds the command that sends a month in a layout."""

    @share.command(layout.value, help=meaning)
    def report(
        month: Month,
        recipient: Recipient = BUREAU,
        purpose: Purpose = CREDIT_REPORT,
        made_on: MadeOn = None,
        force: Force = False,
        warehouse: Folder = None,
    ) -> None:
        from flows.sending import Whom, send
        from flows.settings import Settings

        whom = Whom(layout.value, _month_end(month), recipient, purpose)
        _show(send(Settings.given(warehouse=warehouse), whom, _day(made_on), force=force))


_report(
    LayoutName.METRO2, "Make the Metro 2 file of a month, with those alone who may be told, and remember what was sent."
)
_report(
    LayoutName.PBOC,
    "Make the account records of a month in the second-generation style, as XML, CSV and Parquet, likewise.",
)


@share.command("corrections")
def share_corrections(
    recipient: Recipient = BUREAU,
    month: Annotated[
        datetime | None, typer.Option("--month", formats=["%Y-%m"], help="Only this month; default: every one sent.")
    ] = None,
    layout: Annotated[LayoutName | None, typer.Option("--layout", help="Only this layout; default: every one.")] = None,
    fraud: Annotated[
        list[str] | None,
        typer.Option("--fraud", help="SOURCE/LOAN (or SOURCE/ACCOUNT) opened by fraud: deleted, and never sent again."),
    ] = None,
    made_on: MadeOn = None,
    warehouse: Folder = None,
) -> None:
    """Make files of what changed in months already sent: corrected subjects, and those to be deleted."""
    from flows.sending import correct
    from flows.settings import Settings

    made = correct(
        Settings.given(warehouse=warehouse),
        recipient,
        _day(made_on),
        layout=layout.value if layout else None,
        month_end=_month_end(month) if month else None,
        fraud=fraud or (),
    )
    if not made:
        typer.echo(f"Nothing that was sent to {recipient} has changed since; no file was made.")
    for sending in made:
        _show(sending)


@share.command("files")
def share_files(warehouse: Folder = None) -> None:
    """List the files that were sent: to whom, what for, their hashes, and how many were held back."""
    from flows.sending_report import show_files
    from flows.settings import Settings

    show_files(Settings.given(warehouse=warehouse))


def _show(sending: Sending) -> None:
    from flows.sending_report import show_sending

    show_sending(sending)


def _month_end(month: datetime) -> date:
    from transforms.months import next_month_end

    return next_month_end(month.date())


def _day(made_on: datetime | None) -> date:
    return made_on.date() if made_on else datetime.now().astimezone().date()
