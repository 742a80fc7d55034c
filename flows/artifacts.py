"""What a run tells in Prefect's interface: its summary, what it refused, and its checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from expectations.checks import CheckResult
from flows.accounting import Accounts

SHOWN_ROWS = 200
"""Rows of a table that the interface shows; the warehouse has all."""


def tell(row: dict[str, Any], accounts: Accounts, checks: Sequence[CheckResult], notes: Sequence[str]) -> None:
    """Leaves the run's artifacts."""
    run_id = row["run_id"]
    create_table_artifact(
        key="run-summary",
        table=[{"figure": name, "value": str(value)} for name, value in row.items()],
        description=run_id,
    )
    create_table_artifact(key="files", table=_rows(accounts.files.drop("header", "fingerprint")), description=run_id)
    create_table_artifact(
        key="refused-rows",
        table=_rows(accounts.refused.select("source", "feed", "path", "line_number", "reasons", "details")),
        description=f"{run_id}: {accounts.refused.height} rows",
    )
    failed = [check for check in checks if not check.success]
    lines = [f"- **{check.severity}** {check.suite}: {check.why} ({check.observed})" for check in failed]
    lines += [f"- {note}" for note in notes]
    text = f"# {run_id}\n\n{len(checks)} checks, {len(failed)} did not hold.\n\n" + "\n".join(lines)
    create_markdown_artifact(key="checks", markdown=text, description=run_id)


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    shown = frame.head(SHOWN_ROWS).rows(named=True)
    return [{name: "" if value is None else str(value) for name, value in row.items()} for row in shown]
