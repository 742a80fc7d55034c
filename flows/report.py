"""What a person reads on the terminal: a night's summary, the list of runs, where to look next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from flows.run import unpublished_runs
from flows.settings import Settings
from flows.stores.warehouse import Warehouse
from flows.terminal import harmless

if TYPE_CHECKING:
    from flows.nightly import Outcome

_STANDING = """
SELECT currency, bucket, count(*), sum(outstanding_principal_amount), sum(past_due_amount)
FROM status.loan_status GROUP BY ALL ORDER BY ALL
"""
_PORTFOLIO = """
SELECT currency, loan_count, account_count, outstanding_principal_amount, past_due_amount, par1_rate, par30_rate,
    par90_rate, in_credit_count, over_limit_count
FROM risk.portfolio
WHERE as_of = ? AND lender_id = 'ALL' AND product_code = 'ALL' AND region_code = 'ALL' ORDER BY currency
"""
_FILES = """
SELECT path, feed, rows_received, rows_accepted, rows_refused, rows_duplicate, amount_received, outcome,
    coalesce(reason, '') FROM ops.files WHERE run_id = ? ORDER BY path, feed
"""
_RUNS = """
SELECT r.run_id, r.attempt, r.outcome, date_diff('second', r.started_at, r.finished_at), r.rows_received,
    r.rows_accepted, r.rows_refused, r.rows_duplicate, r.rows_released, coalesce(r.reason, '')
FROM ops.runs r ORDER BY r.started_at
"""
_DELIVERIES = """
SELECT run_id, path, sha256, outcome, coalesce(any_value(reason), '') FROM ops.files GROUP BY ALL ORDER BY ALL
"""


_FILE_HEADINGS = ("file", "feed", "received", "accepted", "refused", "duplicate", "amount", "outcome", "reason")
_STANDING_HEADINGS = ("currency", "bucket", "loans", "outstanding principal", "past due")
_PORTFOLIO_HEADINGS = (
    *("currency", "loans", "accounts", "principal", "past due", "PAR1", "PAR30", "PAR90"),
    *("in credit", "over limit"),
)


def night_report(outcome: Outcome, settings: Settings) -> Group:
    """How a night ended, gathered while its warehouse is the published one."""
    if outcome.run is None:
        return Group(f"Nothing new: {outcome.as_of} stands as it was published.")
    run_id = outcome.run["run_id"]
    with Warehouse(settings.warehouse).reader() as connection:
        files = connection.execute(_FILES, [run_id]).fetchall()
        standing = connection.execute(_STANDING).fetchall()
        portfolio = connection.execute(_PORTFOLIO, [outcome.as_of]).fetchall()
    lines = [f"- {line}" for line in (*outcome.failed_checks, *outcome.notes)]
    if released := outcome.run["rows_released"]:
        lines.insert(0, f"- {released} waiting row(s) found what they refer to and were let in.")
    return Group(
        Text.from_markup(
            f"\n[bold]Night {run_id} is published[/]: where everything stands at the end of {outcome.as_of}."
        ),
        table("What came in", _FILE_HEADINGS, files),
        table("Loans by days past due", _STANDING_HEADINGS, standing),
        table("Portfolio (loans with something remaining)", _PORTFOLIO_HEADINGS, portfolio),
        Text("\n".join(lines)),
    )


def show(report: RenderableType) -> None:
    """Prints a report."""
    Console(width=None if Console().is_terminal else 160).print(report)


def show_next(warehouse: Path) -> None:
    """Prints where to look next."""
    folder = "" if warehouse == Path("data/warehouse") else f" -w {warehouse}"
    console = Console(width=None if Console().is_terminal else 160)
    console.print("\n[bold]Where to look next[/]")
    for what, command in (
        ("loans past due", f'tally query{folder} "SELECT * FROM status.loan_status WHERE dpd > 30 ORDER BY dpd DESC"'),
        (
            "negative accounts",
            f'tally query{folder} "SELECT * FROM status.account_status WHERE negative_since IS NOT NULL"',
        ),
        ("refused rows", f"tally quarantine show{folder}"),
        ("runs", f"tally runs{folder}"),
        ("what was sent", f"tally share files{folder}"),
        ("every check", f"{warehouse}/docs/<run>/feeds/index.html and …/published/index.html"),
        ("the file itself", f"{warehouse}/tally.duckdb (read-only; `tally dictionary` explains each column)"),
    ):
        console.print(f"  {what:<18} {command}", highlight=False, soft_wrap=True)


def show_runs(settings: Settings) -> None:
    """Prints all runs and what each took in.

    Raises:
        WrongUse: nothing ever ran there.
    """
    console = Console(width=None if Console().is_terminal else 160)
    warehouse = Warehouse(settings.warehouse)
    runs: list[tuple[object, ...]] = []
    deliveries: list[tuple[object, ...]] = []
    unpublished = list(unpublished_runs(settings))
    if warehouse.file.exists() or not unpublished:
        with warehouse.reader() as connection:
            runs = connection.execute(_RUNS).fetchall()
            deliveries = connection.execute(_DELIVERIES).fetchall()
    for record in unpublished:
        blank = ("",) * 6
        runs.append((record["run_id"], record["attempt"], record["outcome"], *blank, record["reason"]))
        deliveries += [
            (record["run_id"], each["path"], each["sha256"], "not taken", "") for each in record["deliveries"]
        ]
    headings = (
        "run",
        "attempt",
        "outcome",
        "seconds",
        "received",
        "accepted",
        "refused",
        "duplicate",
        "released",
        "reason",
    )
    console.print(table("Runs", headings, runs))
    console.print(table("Deliveries", ("run", "file", "sha256", "outcome", "reason"), deliveries))


def table(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table for the terminal; columns with figures stand right."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="")
    numbers = {place for row in rows for place, value in enumerate(row) if not isinstance(value, str)}
    for place, heading in enumerate(headings):
        made.add_column(heading, justify="right" if place in numbers else "left", overflow="fold")
    for row in rows:
        made.add_row(*(_text(value) for value in row))
    return made


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.2%}"
    return escape(harmless(value)) if isinstance(value, str) else f"{value:,}"
