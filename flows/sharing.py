"""The shared tables of the night, told from the core, risk and status tables of the next warehouse."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import polars as pl

from flows.run import Run
from flows.stores.tables import Writer, read
from transforms.sharing.industry import shared
from transforms.sharing.screening import columns, screen
from transforms.sharing.side_by_side import side_by_side
from transforms.tables import TABLES


def share(run: Run, people: Sequence[pl.DataFrame]) -> None:
    """Writes every shared table anew: they keep no earlier day that could be compared with this one.

    Args:
        run: the run.
        people: `industry.people_cells`, no person in two of them.
    """
    with run.open_next() as connection:
        told = read(connection, "risk.portfolio").filter(pl.col("as_of") == run.as_of)
        tables = shared(told, people, run.policy) | _screened(connection, run)
        tables["share.standards"] = side_by_side(run.policy, run.as_of)
        writer = Writer(connection)
        for name, rows in tables.items():
            writer.clear(name)
            writer.append_frame(name, rows)


def _screened(connection: duckdb.DuckDBPyConnection, run: Run) -> dict[str, pl.DataFrame]:
    """The screening tables; where nobody asks, nothing is read and they are empty."""
    names = [name for name in TABLES if name.startswith("share.screening")]
    if read(connection, "core.screenings").is_empty():
        return {name: pl.DataFrame(schema=TABLES[name].schema) for name in names}
    tables = {name: read(connection, name, columns=wanted) for name, wanted in columns(run.policy).items()}
    return screen(tables, run.policy, run.as_of)
