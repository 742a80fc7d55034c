"""The demo run: the invented lender's three nights written, run one by one, and shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flows.demo import DEMO_NIGHTS, write_demo
from flows.nightly import Outcome, nightly
from flows.progress import track
from flows.report import night_report, show, show_next
from flows.settings import Settings
from flows.stores.warehouse import Warehouse


def run_demo(folder: Path) -> Callable[[], None]:
    """Writes and runs the three nights below the folder, those already published left out; what shows the result."""
    settings = Settings(landing=folder / "landing", warehouse=folder / "warehouse")
    published = Warehouse(settings.warehouse).published()
    nights = [night for night in DEMO_NIGHTS if published is None or night >= published.as_of]
    reports = []
    for night in track(nights, "nights"):
        write_demo(settings.landing, [night])
        outcome = nightly(as_of=night, landing=settings.landing, warehouse=settings.warehouse)
        assert isinstance(outcome, Outcome)  # noqa: S101 - a failed night has raised
        reports.append(night_report(outcome, settings))

    def tell() -> None:
        for report in reports:
            show(report)
        show_next(settings.warehouse)

    return tell
