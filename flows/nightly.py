"""The nightly flow: from what lies in the landing folder to a published warehouse."""

# no postponed annotations here: Prefect reads the parameters' types where the module's names are not at hand
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.errors import TallyError
from flows.looking import is_news, look, still_changing
from flows.progress import track
from flows.run import Run, running
from flows.server import end_left_server, forget_server, remember_server
from flows.settings import Settings
from flows.tasks import step

look_for_deliveries = step(look, "look for deliveries", 30)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a night ended: the row of ops.runs when it published, None when there was nothing new."""

    as_of: date
    run: dict[str, Any] | None
    notes: tuple[str, ...] = ()
    failed_checks: tuple[str, ...] = field(default=())


def _name() -> str:
    """Name of the flow run: carries the as-of date."""
    given = runtime.flow_run.parameters
    return f"nightly-{given.get('as_of') or default_as_of(_settings(given))}"


def _settings(given: dict[str, Any]) -> Settings:
    names = ("landing", "warehouse", "sources", "policy", "lake", "runner")
    return Settings.given(**{name: given.get(name) for name in names})


def default_as_of(settings: Settings) -> date:
    """The scheduled start's date in the policy's time zone less one day; a late run keeps its date."""
    zone = ZoneInfo(settings.rules().time_zone)
    scheduled: datetime = runtime.flow_run.scheduled_start_time
    return scheduled.astimezone(zone).date() - timedelta(days=1)


@flow(name="nightly", flow_run_name=_name)
def nightly(
    as_of: date | None = None,
    landing: Path | None = None,
    warehouse: Path | None = None,
    sources: Path | None = None,
    policy: Path | None = None,
    lake: str | None = None,
    runner: str | None = None,
    hold: list[str] | None = None,
) -> Outcome | State[Outcome]:
    """One night: takes what has come in up to `as_of` and publishes where everything stands then.

    Args:
        as_of: the day to describe; default: the day before the scheduled start, in the policy's time zone.
        landing: folder into which sources drop their files.
        warehouse: folder of the warehouse, the lake and the reports.
        sources: folder of source mappings.
        policy: policy file.
        lake: folder of the lake, or s3://bucket/prefix.
        runner: where accounts are worked on: here, processes or dask://host:port.
        hold: SHA-256 (or its beginning) of deliveries to leave out.
    """
    given: dict[str, Path | str | None] = {"landing": landing, "warehouse": warehouse, "sources": sources}
    try:
        settings = _settings({**given, "policy": policy, "lake": lake, "runner": runner})
        return _night(settings, as_of or default_as_of(settings), tuple(hold or ()))
    except TallyError as error:
        return Failed(message=str(error), data=error)


def _night(settings: Settings, as_of: date, hold: tuple[str, ...]) -> Outcome:
    with running(settings, as_of, "nightly", hold) as (run, failure):
        end_left_server(settings.warehouse)
        remember_server(settings.warehouse)
        looked = look_for_deliveries(run)
        failure.deliveries = [{"path": d.relative, "sha256": d.sha256} for d in looked.deliveries]
        outcome = _publish(run, looked.deliveries, looked.notes) if is_news(run, looked) else Outcome(as_of, None)
        forget_server(settings.warehouse)
        return outcome


def _publish(run: Run, deliveries: tuple[Any, ...], notes: tuple[str, ...]) -> Outcome:
    from flows import steps  # a night with nothing new needs none of them
    from flows.artifacts import tell

    numbered = list(enumerate(deliveries))
    read = [steps.stage(run, number, delivery) for number, delivery in track(numbered, "read deliveries")]
    notes += tuple(
        still_changing(delivery.relative) for (_, delivery), item in zip(numbered, read, strict=True) if item is None
    )
    judged = steps.judge(run, [item for item in read if item is not None])
    intake = steps.take_in(run, judged.taken, judged.accepted)
    steps.keep_identities(run, judged, intake)
    changes = steps.books(run, intake)
    accounts = steps.account(run, judged, intake, changes)
    steps.write_next(run, changes)
    people = steps.aggregate(run, changes, intake.writer)
    steps.share(run, people)
    checks = [*judged.checks, *steps.audit(run, changes, accounts, intake.writer.now())]
    lake = steps.commit(run, intake, accounts, checks)
    steps.publish(run, lake)
    row = lake.scan("ops/runs").filter(pl.col("run_id") == run.run_id).collect().row(-1, named=True)
    tell(row, accounts, checks, notes)
    failed = tuple(
        f"{check.severity}: {check.suite}, {check.column_name or 'rows'}: {check.observed}. {check.why}"
        for check in checks
        if not check.success
    )
    return Outcome(run.as_of, row, notes, failed)


if __name__ == "__main__":
    import os
    import sys

    # Prefect reads its settings when it is imported, as it was here; the command tells them before that
    os.execv(sys.executable, [sys.executable, "-m", "flows.cli", "nightly", *sys.argv[1:]])  # noqa: S606 - itself
