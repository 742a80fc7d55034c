"""The risk tables of the night, told from the core and status tables of the next warehouse."""

from __future__ import annotations

from flows.run import Run
from flows.stores.tables import Writer, read
from transforms.aggregates.all_risk import SERIES, SOURCES, Published, risk


def aggregate(run: Run) -> None:
    """Writes every risk table into the next warehouse; those that are series keep the rows of earlier nights."""
    with run.open_next() as connection:
        said = Published(**{part: read(connection, table).lazy() for part, table in SOURCES.items()})
        writer = Writer(connection)
        for table, rows in risk(said, run.policy, run.as_of).items():
            if table in SERIES:
                connection.execute(f"DELETE FROM {table} WHERE as_of = ?", [run.as_of])
            else:
                writer.clear(table)
            writer.append_frame(table, rows)
