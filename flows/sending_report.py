"""What a person reads of a sending, and of all that were sent."""

from __future__ import annotations

import polars as pl
import typer

from flows.report import show, table
from flows.sending import Sending
from flows.settings import Settings
from flows.stores.tables import read
from flows.stores.warehouse import Warehouse
from transforms.reasons import money
from transforms.sharing.sent import sentences

_SHOWN = ("sending_id", "kind", "purpose", "made_on", "subject_count", "sent_count", "held_back_count", "sent_path")


def show_sending(sending: Sending) -> None:
    """Prints what was sent with its totals, what was held back and why, and where the files lie."""
    made, whom = sending.made, sending.whom
    totals = (
        made.sent.group_by("currency", "action")
        .agg(pl.len().alias("count"), pl.col("told_balance_cents", "told_past_due_cents").sum())
        .sort("action", "currency", descending=[True, False])
    )
    rows: list[tuple[object, ...]] = [
        (f"{action}, {currency}", count, money(balance), money(past_due))
        for currency, action, count, balance, past_due in totals.iter_rows()
    ]
    held = made.held_back["held_back_reason"].value_counts()
    counts = dict(held.iter_rows())
    rows += [
        (f"held back: {code}. {sentence}", counts[code], "", "")
        for code, sentence in sentences().items()
        if code in counts
    ]
    total = made.sent.height + made.held_back.height
    rows.append((f"{made.sent.height:,} sent + {made.held_back.height:,} held back", total, "", ""))
    title = f"{sending.kind} of {whom.month_end:%Y-%m} to {whom.recipient} for {whom.purpose}, {whom.layout}"
    show(table(title, ("", "subjects", "balance", "past due"), rows))
    for remark in made.remarks:
        typer.echo(remark)
    for path in sending.paths:
        typer.echo(path)


def show_files(settings: Settings) -> None:
    """Prints the ledger of the files that were sent, newest last."""
    with Warehouse(settings.warehouse).reader() as connection:
        files = read(connection, "share.files").sort("made_on", "sending_id", "sent_path")
    if files.is_empty():
        typer.echo("Nothing was sent yet: `tally share metro2 --month 2026-09` or `tally share pboc` begins.")
        return
    rows = [(*(_plain(row[name]) for name in _SHOWN), row["sha256"][:12]) for row in files.iter_rows(named=True)]
    headings = (
        "sending",
        "kind",
        "purpose",
        "made on",
        "subjects",
        "sent",
        "held back",
        "file in the outbox",
        "SHA-256",
    )
    show(table("Sent", headings, rows))


def _plain(value: object) -> object:
    return value if isinstance(value, int) else str(value)
