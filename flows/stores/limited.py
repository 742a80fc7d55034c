"""DuckDB within a limit of memory: a connection, and a sentence where the limit was too small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from flows.errors import TryAgain


@contextmanager
def limited(
    database: str, memory: str, spill: Path | None = None, *, read_only: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that is closed in the end.

    Args:
        database: the file, or ":memory:".
        memory: what DuckDB may hold before it spills to disk.
        spill: folder for that; default: beside the file.
        read_only: whether it only reads.

    Raises:
        TryAgain: DuckDB needed more than it may hold, of what it cannot spill.
        duckdb.Error: anything else that goes wrong.
    """
    # told once it is open: connections of one process to one file must be opened alike, and others are
    connection = duckdb.connect(database, read_only=read_only)
    try:
        connection.execute("SET memory_limit = ?", [memory])
        if spill is not None:
            connection.execute("SET temp_directory = ?", [str(spill)])
        yield connection
    except duckdb.Error as error:
        if not _is_of_memory(error):
            raise
        raise TryAgain(
            f"DuckDB needed more than the {memory} of memory that it may hold; nothing was published. "
            "Give it more, say with TALLY_MEMORY=4GB, and run the same command again."
        ) from None
    finally:
        connection.close()


def _is_of_memory(error: duckdb.Error) -> bool:
    """Whether DuckDB had too little memory: a commit or a rollback that fails for want of it has errors of its own."""
    return isinstance(error, duckdb.OutOfMemoryException) or "SET memory_limit=" in str(error)
