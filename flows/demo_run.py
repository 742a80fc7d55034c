"""The demo run: the invented lender's three nights written and run, its last month sent to a bureau, all shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flows.demo import DEMO_NIGHTS, DEMO_SENT_ON, write_demo
from flows.nightly import Outcome, nightly
from flows.progress import track
from flows.report import night_report, show, show_next
from flows.sending import Sending, Whom, send, sent_before
from flows.sending_report import show_sending
from flows.settings import Settings
from flows.stores.lake import Lake
from flows.stores.warehouse import Warehouse


def run_demo(folder: Path) -> Callable[[], None]:
    """Writes and runs the three nights below the folder, those already published left out; what shows the result."""
    settings = Settings.given(landing=folder / "landing", warehouse=folder / "warehouse")
    published = Warehouse(settings.warehouse).published()
    nights = [night for night in DEMO_NIGHTS if published is None or night >= published.as_of]
    reports = []
    for night in track(nights, "nights"):
        write_demo(settings.landing, [night])
        outcome = nightly(as_of=night, landing=settings.landing, warehouse=settings.warehouse)
        assert isinstance(outcome, Outcome)  # noqa: S101 - a failed night has raised
        reports.append(night_report(outcome, settings))

    sending = send_demo(settings)

    def tell() -> None:
        for report in reports:
            show(report)
        if sending is not None:
            show_sending(sending)
        show_next(settings.warehouse)

    return tell


def send_demo(settings: Settings) -> Sending | None:
    """Sends the month of the last night to a bureau in the second-generation style; None when it was sent before."""
    published = Warehouse(settings.warehouse).published()
    whom = Whom("pboc", DEMO_NIGHTS[-1], "bureau", "credit_report")
    if published is None or sent_before(Lake(settings.lake_place()).at(published.manifest), whom) is not None:
        return None
    return send(settings, whom, DEMO_SENT_ON)
