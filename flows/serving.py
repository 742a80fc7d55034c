"""Serving: a process that waits for the schedule and for manual triggers, and runs nights one at a time."""

from __future__ import annotations

from pathlib import Path

from prefect.schedules import Cron

from flows.nightly import nightly

SCHEDULE = "30 1 * * *"
TIME_ZONE = "Asia/Shanghai"
DEPLOYMENT = "nightly"


def serve_nights(**given: Path | str | None) -> None:
    """Serves the nightly flow until it is stopped; what is given becomes the parameters of every scheduled night."""
    nightly.serve(
        name=DEPLOYMENT,
        schedule=Cron(SCHEDULE, timezone=TIME_ZONE),
        parameters={name: str(value) for name, value in given.items() if value is not None},
        limit=1,
        pause_on_shutdown=False,
        print_starting_message=True,
    )
