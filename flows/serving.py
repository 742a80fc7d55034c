"""Serving: a process that waits for the schedule and for manual triggers, and runs nights one at a time."""

from __future__ import annotations

from pathlib import Path

from prefect.schedules import Cron

from flows.nightly import nightly

SCHEDULE = "30 1 * * *"
TIME_ZONE = "Asia/Shanghai"
DEPLOYMENT = "nightly"


def serve_nights(**folders: Path | None) -> None:
    """Serves the nightly flow until it is stopped; the folders become the parameters of every scheduled night."""
    nightly.serve(
        name=DEPLOYMENT,
        schedule=Cron(SCHEDULE, timezone=TIME_ZONE),
        parameters={name: str(path) for name, path in folders.items() if path is not None},
        limit=1,
        pause_on_shutdown=False,
        print_starting_message=True,
    )
