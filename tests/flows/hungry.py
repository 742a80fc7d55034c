"""A night in which DuckDB asks for more memory than it may hold, where that harms nothing; a process of its own, too.

With a limit so low that DuckDB fails by itself it may fail amid a commit, after which it is known to crash at times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ParamSpec

import duckdb

from flows import cli
from flows.run import Run

P = ParamSpec("P")
Opened = Callable[P, AbstractContextManager[duckdb.DuckDBPyConnection]]

_HUNGRY = "SELECT length(list(repeat('x', 1000) || i)) FROM range(1_000_000) r(i)"
"""Wants a gigabyte that DuckDB cannot spill."""


def hungry(opened: Opened[P]) -> Opened[P]:
    """The same connection, after DuckDB was asked for a gigabyte."""

    @contextmanager
    def opens(*args: P.args, **kwargs: P.kwargs) -> Iterator[duckdb.DuckDBPyConnection]:
        with opened(*args, **kwargs) as connection:
            connection.execute(_HUNGRY)
            yield connection

    return opens


if __name__ == "__main__":
    run: Any = Run
    run.open_next = hungry(Run.open_next)
    cli.main()
