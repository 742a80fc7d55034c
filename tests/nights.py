"""Nights in one process, without Prefect's server: the steps of the real flow as the plain functions they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
from prefect import Task

from expectations import engine
from flows import artifacts, judging, publishing, steps
from flows import nightly as flow
from flows.settings import Settings
from tests.counting import count_suites

STEPS = {name: step for module in (flow, steps) for name, step in vars(module).items() if isinstance(step, Task)}
POLICY = """
version = "test"
"""


@contextmanager
def plain_steps(*, judged: bool = False, docs: bool = False) -> Iterator[None]:
    """The steps without Prefect around them, nothing told to its server.

    Great Expectations judges, which is most of the cost of a small night, and Data Docs are built, where wanted.
    """
    plain: dict[str, Any] = {name: step.fn for name, step in STEPS.items()}
    with ExitStack() as stack:
        for module in (flow, steps):
            mine = {name: function for name, function in plain.items() if name in vars(module)}
            stack.enter_context(mock.patch.multiple(module, **mine))
        stack.enter_context(mock.patch.object(artifacts, "tell"))
        if not docs:
            stack.enter_context(mock.patch.object(engine, "_build_docs"))
        if not docs and not judged:
            for step in (judging, publishing):
                stack.enter_context(mock.patch.object(step, "run_suites", count_suites))
        yield


@dataclass
class Bank:
    """A landing folder and a warehouse below one folder."""

    root: Path
    options: dict[str, Any] | None = None
    docs: bool = False
    """Whether its nights build Data Docs."""
    judged: bool = False
    """Whether Great Expectations judges its nights; else the same checks are counted by plain SQL."""

    @property
    def landing(self) -> Path:
        """Folder into which files drop."""
        return self.root / "landing"

    @property
    def warehouse(self) -> Path:
        """Folder of the warehouse."""
        return self.root / "warehouse"

    @property
    def settings(self) -> Settings:
        """Settings of its runs."""
        return Settings(landing=self.landing, warehouse=self.warehouse, **(self.options or {}))

    def land(self, name: str, content: str | bytes, source: str = "bank") -> Path:
        """Drops a file; text is utf-8, and lines begin at the margin."""
        path = self.landing / source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def control(self, name: str, **said: object) -> None:
        """Drops a control file."""
        self.land(name, json.dumps(said))

    def night(self, as_of: str, *hold: str) -> flow.Outcome:
        """One night."""
        self.landing.mkdir(parents=True, exist_ok=True)
        with plain_steps(docs=self.docs, judged=self.judged):
            return flow._night(self.settings, date.fromisoformat(as_of), hold)  # noqa: SLF001

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """What the published warehouse answers."""
        with duckdb.connect(str(self.warehouse / "tally.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table but for times, sorted."""
        with duckdb.connect(str(self.warehouse / "tally.duckdb"), read_only=True) as connection:
            names = connection.execute(
                "SELECT schema_name || '.' || table_name FROM duckdb_tables() ORDER BY ALL"
            ).fetchall()
            left_out = "COLUMNS(c -> c NOT IN ('started_at', 'finished_at'))".replace("c ->", "lambda c:")
            return {
                name: sorted(connection.execute(f"SELECT {left_out} FROM {name}").fetchall(), key=repr)
                for (name,) in names
            }
