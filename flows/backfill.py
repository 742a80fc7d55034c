"""Backfill: one night after the other, for the days that nobody ran."""

# no postponed annotations here: Prefect reads the parameters' types where the module's names are not at hand
from datetime import date, timedelta
from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.errors import TallyError, WrongUse
from flows.nightly import Outcome, nightly
from flows.progress import track


def _name() -> str:
    """Name of the flow run: carries both dates."""
    from prefect import runtime

    given = runtime.flow_run.parameters
    return f"backfill-{given['first']}-{given['last']}"


@flow(name="backfill", flow_run_name=_name)
def backfill(
    first: date,
    last: date,
    landing: Path | None = None,
    warehouse: Path | None = None,
    sources: Path | None = None,
    policy: Path | None = None,
    lake: str | None = None,
    runner: str | None = None,
) -> list[Outcome] | State[list[Outcome]]:
    """Runs the nights from `first` to `last`, both included; stops at the first that fails."""
    try:
        if last < first:
            raise WrongUse(f"--to {last} lies before --from {first}.")
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        outcomes = []
        for day in track(days, "nights"):
            outcome = nightly(
                as_of=day,
                landing=landing,
                warehouse=warehouse,
                sources=sources,
                policy=policy,
                lake=lake,
                runner=runner,
            )
            assert isinstance(outcome, Outcome)  # noqa: S101 - a failed night has raised
            outcomes.append(outcome)
    except TallyError as error:
        return Failed(message=str(error), data=error)
    return outcomes
