"""The `tally` command; heavy libraries are loaded by the commands that need them."""

from __future__ import annotations

import gc
import os
import sys
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from flows.errors import EXIT_TRY_AGAIN, TallyError, WrongUse
from flows.keys_cli import keys
from flows.prefect_server import prefect_answers, prepare_prefect, server_starts
from flows.send_cli import share
from flows.terminal import harmless

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

    from flows.settings import Settings

T = TypeVar("T")

app = typer.Typer(
    name="tally",
    help="Nightly pipeline for consumer credit: repayment feeds in, a published DuckDB warehouse out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
quarantine = typer.Typer(no_args_is_help=True, help="Rows that were refused, or wait for what they refer to.")
app.add_typer(quarantine, name="quarantine")
policies = typer.Typer(no_args_is_help=True, help="The rules that decide: shipped ones, every setting, differences.")
app.add_typer(policies, name="policy")
app.add_typer(keys, name="keys")
app.add_typer(share, name="share")

_DAY = ["%Y-%m-%d"]
AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=_DAY, help="Day to describe; default: yesterday in the policy's time zone."),
]
Landing = Annotated[Path | None, typer.Option("--landing", help="Folder into which sources drop their files.")]
Folder = Annotated[Path | None, typer.Option("--warehouse", "-w", help="Folder of the published warehouse.")]
Sources = Annotated[Path | None, typer.Option("--sources", help="Folder of source mappings.")]
PolicyFile = Annotated[Path | None, typer.Option("--policy", help="Policy file (TOML), or the name of a shipped one.")]
LakePlace = Annotated[
    str | None,
    typer.Option("--lake", help="Where the lake lies: a folder, or s3://bucket/prefix; default: in the warehouse."),
]
RunnerName = Annotated[
    str | None,
    typer.Option("--runner", help="Where accounts are worked on: here, processes (default) or dask://host:port."),
]
Hold = Annotated[
    list[str] | None, typer.Option("--hold", help="SHA-256 (or its beginning) of a delivery to leave out tonight.")
]


Source = Annotated[str | None, typer.Option("--source", help="Source, where the name is known in more than one.")]
At = Annotated[
    datetime | None, typer.Option("--at", formats=_DAY, help="Day to describe; default: the day as known on.")
]
Known = Annotated[
    datetime | None,
    typer.Option("--known", formats=_DAY, help="As known on this day; default: the last published night."),
]


class Shape(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    JSON = "json"


Written = Annotated[Shape, typer.Option("--format", "-f", help="How the answer is written.")]


class Format(StrEnum):
    """How a result is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


_GIVES_BACK = ("_RJEM_MALLOC_CONF", "background_thread:true,dirty_decay_ms:500,muzzy_decay_ms:0")
"""Makes polars' allocator give memory back from a thread of its own; a process that waits for others would keep it."""


def main() -> None:
    """Runs the command; a user's mistake ends with one sentence and its exit code, never with a traceback."""
    if sys.platform == "linux":  # elsewhere the allocator knows no such thread, and would say so
        os.environ.setdefault(*_GIVES_BACK)
    if sys.argv[1:2] == ["query"]:
        gc.disable()  # it ends before rubbish matters; looking for some is a fifteenth of its half second
    try:
        app()
    except TallyError as error:
        typer.echo(f"tally: {harmless(str(error))}", err=True)
        sys.exit(error.exit_code)
    except Exception:  # noqa: BLE001 - whatever it is, the exit code must say that nothing was published
        import traceback

        traceback.print_exc()
        typer.echo(
            "tally: This is a mistake of the program; nothing was published. The run may be tried again.", err=True
        )
        sys.exit(EXIT_TRY_AGAIN)
    finally:
        gc.enable()


@app.command()
def nightly(
    as_of: AsOf = None,
    landing: Landing = None,
    warehouse: Folder = None,
    sources: Sources = None,
    policy: PolicyFile = None,
    lake: LakePlace = None,
    runner: RunnerName = None,
    hold: Hold = None,
) -> None:
    """Take what has come in up to a day and publish where everything stands then."""
    prepare_prefect()
    from flows.progress import bars

    with bars(), prefect_answers():
        with server_starts():
            from flows.nightly import Outcome
            from flows.nightly import nightly as flow
            from flows.report import night_report, show, show_next
        outcome = _result(
            flow(
                as_of=as_of.date() if as_of else None,
                landing=landing,
                warehouse=warehouse,
                sources=sources,
                policy=policy,
                lake=lake,
                runner=runner,
                hold=hold,
                return_state=True,
            ),
            Outcome,
        )
    _write_timings()
    settings = _settings(warehouse=warehouse)
    show(night_report(outcome, settings))
    show_next(settings.warehouse)


@app.command()
def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=_DAY, help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=_DAY, help="Last day.")],
    landing: Landing = None,
    warehouse: Folder = None,
    sources: Sources = None,
    policy: PolicyFile = None,
    lake: LakePlace = None,
    runner: RunnerName = None,
) -> None:
    """Run one night after the other, from a first to a last day."""
    prepare_prefect()
    from flows.progress import bars

    with bars(), prefect_answers():
        with server_starts():
            from flows.backfill import backfill as flow
            from flows.report import night_report, show, show_next
        outcomes = _result(
            flow(
                first=first.date(),
                last=last.date(),
                landing=landing,
                warehouse=warehouse,
                sources=sources,
                policy=policy,
                lake=lake,
                runner=runner,
                return_state=True,
            ),
            list,
        )
    settings = _settings(warehouse=warehouse)
    for outcome in outcomes[-1:]:
        show(night_report(outcome, settings))
    show_next(settings.warehouse)


@app.command()
def rebuild(warehouse: Folder = None, lake: LakePlace = None, runner: RunnerName = None) -> None:
    """Make the warehouse again from the accepted facts in the lake."""
    prepare_prefect()
    from flows.progress import bars

    with bars(), prefect_answers():
        with server_starts(of_a_night=False):
            from flows.rebuild import Rebuilt
            from flows.rebuild import rebuild as flow
        made = _result(flow(warehouse=warehouse, lake=lake, runner=runner, return_state=True), Rebuilt)
    typer.echo(f"Replayed {made.nights} night(s); {made.run_id} is published.")


@app.command()
def migrate(warehouse: Folder = None) -> None:
    """Bring a warehouse of another layout to this program's."""
    from flows.stores.warehouse import Warehouse

    typer.echo(Warehouse(_warehouse_folder(warehouse)).migration())


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="What to ask, in DuckDB's SQL.")],
    warehouse: Folder = None,
    output_format: Annotated[Format, typer.Option("--format", "-f", help="How the result is written.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; default: the terminal.")] = None,
) -> None:
    """Ask the published warehouse, read-only."""
    from flows.stores.warehouse import answer

    answer(_warehouse_folder(warehouse), sql, output_format.value, output)


@app.command()
def status(
    account: Annotated[str | None, typer.Option("--account", help="Account to ask after.")] = None,
    loan: Annotated[str | None, typer.Option("--loan", help="Loan to ask after.")] = None,
    customer: Annotated[str | None, typer.Option("--customer", help="Customer to ask after.")] = None,
    source: Source = None,
    at: At = None,
    known: Known = None,
    warehouse: Folder = None,
    lake: LakePlace = None,
    output_format: Written = Shape.TABLE,
) -> None:
    """Say where an account, a loan or a customer stood: as known then, and as corrected since."""
    from flows.answers import show_status, status_document, write_json
    from flows.inspecting import Question
    from flows.inspecting import status as ask

    named = [
        (kind, name)
        for kind, name in zip(("account", "loan", "customer"), (account, loan, customer), strict=True)
        if name
    ]
    if len(named) != 1:
        raise WrongUse("Name one account, loan or customer: --account A, --loan L or --customer C.")
    answer = ask(_settings(warehouse=warehouse, lake=lake), Question(*named[0], source, _date(at), _date(known)))
    if output_format is Shape.JSON:
        write_json(status_document(answer))
    else:
        show_status(answer)


@app.command()
def explain(
    loan: Annotated[str, typer.Argument(help="Loan to explain.")],
    source: Source = None,
    at: At = None,
    known: Known = None,
    warehouse: Folder = None,
    lake: LakePlace = None,
    output_format: Written = Shape.TABLE,
) -> None:
    """Show the ledger of a loan, and why each of its statuses is what it is."""
    from flows.answers import explanation_document, show_explanation, write_json
    from flows.inspecting import Question
    from flows.inspecting import explain as ask

    told = ask(_settings(warehouse=warehouse, lake=lake), Question("loan", loan, source, _date(at), _date(known)))
    if output_format is Shape.JSON:
        write_json(explanation_document(told))
    else:
        show_explanation(told)


@app.command()
def runs(warehouse: Folder = None) -> None:
    """List the runs: published, refused and failed, with their reasons and deliveries."""
    from flows.report import show_runs

    show_runs(_settings(warehouse=warehouse))


@quarantine.command("list")
def quarantine_list(warehouse: Folder = None) -> None:
    """Count refused and waiting rows by file and reason."""
    from flows.quarantine import show_counts

    show_counts(_settings(warehouse=warehouse))


@quarantine.command("show")
def quarantine_show(
    warehouse: Folder = None,
    path: Annotated[str | None, typer.Option("--path", help="Only rows of this file.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Only rows with this reason.")] = None,
    export: Annotated[Path | None, typer.Option("--export", help="CSV file to write, for mending and replay.")] = None,
) -> None:
    """Show refused and waiting rows, each with file, line and every reason; or export them for mending."""
    from flows.quarantine import show_rows

    show_rows(_settings(warehouse=warehouse), path, reason, export)


@quarantine.command("replay")
def quarantine_replay(
    mended: Annotated[Path, typer.Argument(help="The exported CSV file, its column `raw` mended.")],
    landing: Landing = None,
    warehouse: Folder = None,
    sources: Sources = None,
) -> None:
    """Turn mended rows into deliveries that name the original file and line; the next night takes them."""
    from flows.quarantine import replay

    for line in replay(_settings(landing=landing, warehouse=warehouse, sources=sources), mended):
        typer.echo(line)


@policies.command("list")
def policy_list() -> None:
    """List the policies that come with the program."""
    from flows.policies import show_shipped

    show_shipped()


@policies.command("show")
def policy_show(
    name: Annotated[Path | None, typer.Argument(help="Shipped name or file; default: the next night's.")] = None,
) -> None:
    """Show every setting of a policy, with what it means."""
    from flows.policies import show_policy
    from flows.settings import load_policy

    show_policy(load_policy(name or _settings().policy))


@policies.command("diff")
def policy_diff(
    old: Annotated[
        Path | None, typer.Argument(help="Shipped name or file; default: the last published night's.")
    ] = None,
    new: Annotated[Path | None, typer.Argument(help="Shipped name or file; default: the next night's.")] = None,
    warehouse: Folder = None,
    policy: PolicyFile = None,
) -> None:
    """Show which settings differ between two policies, and what that changes."""
    from flows.policies import show_differences

    show_differences(_settings(warehouse=warehouse, policy=policy), old, new)


@app.command()
def serve(
    landing: Landing = None,
    warehouse: Folder = None,
    sources: Sources = None,
    policy: PolicyFile = None,
    lake: LakePlace = None,
    runner: RunnerName = None,
) -> None:
    """Wait for the schedule (01:30 in Shanghai) and for manual triggers, and run nights one at a time."""
    prepare_prefect()
    from flows.serving import serve_nights

    serve_nights(landing=landing, warehouse=warehouse, sources=sources, policy=policy, lake=lake, runner=runner)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for the demo's landing and warehouse folders.")] = Path("data"),
) -> None:
    """Write an invented lender's three nights, flaws included, run them, and say where to look next."""
    prepare_prefect()
    from flows.progress import bars

    with bars(), prefect_answers():
        with server_starts():
            from flows.demo_run import run_demo
        tell = run_demo(folder)
    tell()


@app.command()
def dictionary() -> None:
    """Print the data dictionary: every table and column, in English and Chinese."""
    from flows.dictionary import dictionary as text

    typer.echo(text(), nl=False)


@app.command()
def init(
    sample: Annotated[Path, typer.Argument(help="A file as the lender sends it.")],
    source: Annotated[str, typer.Option("--source", help="Name of the source, as its landing folder will be called.")],
    warehouse: Folder = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Mapping file to write.")] = None,
) -> None:
    """Guess a source mapping from a sample file; check it before you use it."""
    from flows.guessing import write_guess

    for line in write_guess(sample, source, output or _warehouse_folder(warehouse) / "sources" / f"{source}.toml"):
        typer.echo(line)


def _date(given: datetime | None) -> date | None:
    return given.date() if given else None


def _settings(**given: Path | str | None) -> Settings:
    from flows.settings import Settings

    return Settings.given(**given)


def _warehouse_folder(given: Path | None) -> Path:
    """The warehouse folder, without the settings: a query must not wait for them."""
    return given or Path(os.environ.get("TALLY_WAREHOUSE", "data/warehouse"))


def _write_timings() -> None:
    """Leaves what each step took where the benchmark asks for it."""
    target = os.environ.get("TALLY_TIMINGS")
    if target:
        import json
        from dataclasses import asdict

        from flows.measuring import measures

        Path(target).write_text(json.dumps([asdict(measure) for measure in measures]))


def _result(state: State[Any], kind: type[T]) -> T:
    """What the flow gave; its error, when it failed."""
    result = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    if not isinstance(result, kind):
        raise TypeError(f"The flow gave {type(result).__name__} instead of {kind.__name__}.")
    return result


if __name__ == "__main__":
    main()
