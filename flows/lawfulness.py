"""Which loans of the published night may be told to a recipient, and what holds the others back."""

from __future__ import annotations

from datetime import date

import polars as pl

from flows.report import show, table
from flows.settings import Settings
from flows.stores.tables import read
from flows.stores.warehouse import Warehouse
from transforms.sharing.lawful import LOAN, Asked, HeldBack, gate, subjects_of

_STATEMENT = ("core.installments", "core.chargebacks", "core.events", "core.loans", "status.loan_status")


def judged(settings: Settings, recipient: str, purpose: str, day: date | None = None) -> pl.DataFrame:
    """One row per loan that has started: source, loan_id, customer_id, began_on, ended_on, reasons to hold it back.

    Args:
        settings: give the warehouse and the policy.
        recipient: who would receive the data, as consents name it.
        purpose: what for, as consents name it.
        day: day of handing on; default: that of the last night.

    Raises:
        WrongUse: nothing is published yet.
    """
    warehouse = Warehouse(settings.warehouse)
    with warehouse.reader() as connection:
        tables = {name: read(connection, name) for name in _STATEMENT}
        consents, notices = read(connection, "core.consents"), read(connection, "core.notices")
        last = connection.execute("SELECT max(as_of) FROM ops.runs WHERE outcome = 'published'").fetchone()
    last_day = last[0] if last else date.min
    asked = Asked(recipient, purpose, day or last_day)
    told = gate(subjects_of(tables, last_day), consents, notices, settings.rules().sharing, asked)
    return told.select(*LOAN, "customer_id", "began_on", "ended_on", "reasons").sort(LOAN)


def show_judged(told: pl.DataFrame, recipient: str, purpose: str) -> None:
    """Prints how many loans may be told, and how many are held back for each reason; a loan may have several."""
    free = told.filter(pl.col("reasons").list.len() == 0).height
    rows: list[tuple[object, ...]] = [("may be told", free, "")]
    for reason in HeldBack:
        count = told.filter(pl.col("reasons").list.contains(reason.value)).height
        if count:
            rows.append((f"held back: {reason.value}", count, reason.sentence))
    rows.append(("all loans", told.height, f"{free:,} told + {told.height - free:,} held back"))
    show(table(f"To {recipient} for {purpose}", ("", "loans", ""), rows))
