"""The published warehouse, one DuckDB file: the only code that opens it.

A night builds the next file aside and puts it in the place of the old one by a rename; readers of the old file keep it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from flows.errors import Damaged, Locked, WrongUse
from flows.stores.durable import flush_folder, write_durably
from flows.stores.limited import limited
from transforms.layout import SCHEMA_VERSION

STORAGE_VERSION = "v1.2.0"
"""File format that DuckDB clients from 1.2 on can read."""


@dataclass(frozen=True, slots=True)
class Published:
    """The last published night."""

    run_id: str
    run_no: int
    as_of: date
    manifest: str
    policy_hash: str
    policy_version: str


@dataclass(frozen=True, slots=True)
class Warehouse:
    """The folder of a warehouse."""

    root: Path

    @property
    def file(self) -> Path:
        """The published file."""
        return self.root / "tally.duckdb"

    @property
    def _mark(self) -> Path:
        """Left behind by the first publishing: tells a lost file from one that never was."""
        return self.root / "published.json"

    def next_file(self, run_id: str) -> Path:
        """The file that a run builds aside."""
        return self.root / f".next-{run_id}.duckdb"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the warehouse for one run.

        Raises:
            Locked: another process holds it; says which.
            WrongUse: its folder cannot be made.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WrongUse(f"{self.root} cannot be made a folder ({error.strerror}); name another one.") from None
        with (self.root / ".lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.seek(0)
                holder = lock.read().strip() or "another process"
                raise Locked(
                    f"{self.root} is held by {holder}; wait until it has ended and run the command again."
                ) from None
            lock.seek(0)
            lock.truncate()
            lock.write(f"process {os.getpid()}")
            lock.flush()
            try:
                yield
            finally:
                lock.seek(0)
                lock.truncate()

    def published(self) -> Published | None:
        """The last published night; None before the first.

        Raises:
            Damaged: the file is gone, or holds no run.
            WrongUse: it was written by another layout.
        """
        if not self.file.exists():
            if self._mark.exists():
                raise Damaged(f"{self.file} is gone, but the lake is there: run `tally rebuild` to make it again.")
            return None
        with self.reader() as connection:
            try:
                version = connection.execute("SELECT schema_version FROM ops.meta").fetchone()
                row = connection.execute(
                    "SELECT r.run_id, (SELECT count(*) FROM ops.runs WHERE outcome = 'published'), r.as_of, r.manifest,"
                    " m.policy_hash, m.policy_version FROM ops.runs r JOIN ops.meta m USING (manifest)"
                    " WHERE r.outcome = 'published'"
                ).fetchone()
            except duckdb.Error as error:
                raise Damaged(f"{self.file} is no warehouse of this program ({error}).") from None
        if version is None or row is None:
            raise Damaged(f"{self.file} does not say which run made it: run `tally rebuild`.")
        if version[0] != SCHEMA_VERSION:
            raise WrongUse(
                f"{self.file} has layout {version[0]}, and this program writes {SCHEMA_VERSION}; run `tally migrate`."
            )
        return Published(*row)

    def migration(self) -> str:
        """What has to be done to bring the warehouse to this layout, in one sentence.

        Raises:
            WrongUse: its layout is one that this program has no way from.
        """
        with self.reader() as connection:
            row = connection.execute("SELECT schema_version FROM ops.meta").fetchone()
        found = row[0] if row else None
        if found == SCHEMA_VERSION:
            return f"{self.file} has layout {SCHEMA_VERSION} already; there is nothing to migrate."
        raise WrongUse(
            f"{self.file} has layout {found}, from which this program (layout {SCHEMA_VERSION}) knows no way; "
            "use the version of the program that wrote it, or rebuild from the lake with that version."
        )

    @contextmanager
    def reader(self, path: Path | None = None, memory: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection to the published file, or to another one of this warehouse.

        Args:
            path: the other one.
            memory: what DuckDB may hold of it; default: as much as it likes. For the run that holds the warehouse: what
                is more goes to a place of its own, since all others spill beside the file, under the same names.
        """
        path = path or self.file
        if not path.exists():
            raise WrongUse(f"There is no warehouse at {path} yet: run `tally nightly` first.")
        if memory is None:
            with closing(duckdb.connect(str(path), read_only=True)) as connection:
                yield connection
            return
        with limited(str(path), memory, self.root / ".next-spilled", read_only=True) as connection:
            yield connection

    def sweep(self) -> None:
        """Deletes files of runs that did not publish, and what was left beside the published file."""
        if self.file.exists() and not self._mark.exists():
            self._leave_mark()
        for path in self.root.glob(".next-*"):
            if path.is_dir():  # what DuckDB had no memory for
                shutil.rmtree(path)
            else:
                path.unlink()
        self.file.with_name("tally.duckdb.wal").unlink(missing_ok=True)

    def begin(self, run_id: str, *, fresh: bool) -> None:
        """The next file: a copy of the published one or, fresh or before the first, empty tables."""
        path = self.next_file(run_id)
        if self.file.exists() and not fresh:
            shutil.copyfile(self.file, path)
            path.chmod(0o644)
            return
        path.unlink(missing_ok=True)
        from flows.stores.tables import create

        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{quoted(str(path))}' AS made (STORAGE_VERSION '{STORAGE_VERSION}')")
            connection.execute("USE made")
            create(connection)
            connection.execute("USE memory")
            connection.execute("CHECKPOINT made")
            connection.execute("DETACH made")

    @contextmanager
    def next(self, run_id: str, memory: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to the next file that may write."""
        with limited(str(self.next_file(run_id)), memory) as connection:
            yield connection

    def publish(self, run_id: str, expected: Mapping[str, int]) -> None:
        """Makes the next file the published one; the rename is the one commit of lake and warehouse.

        Args:
            run_id: the run whose next file, closed by now, is published.
            expected: rows by table that it must hold.

        Raises:
            Damaged: it does not hold them; nothing is published then.
        """
        path = self.next_file(run_id)
        log = path.with_name(path.name + ".wal")
        if log.exists():
            raise Damaged(f"{log} is left over although {path.name} was closed; nothing was published.")
        connection = duckdb.connect(str(path), read_only=True)
        try:
            counts = {name: _rows(connection, name) for name in expected}
        finally:
            connection.close()
        if counts != dict(expected):
            raise Damaged(f"{path.name} holds {counts} rows, but {dict(expected)} were written; nothing was published.")
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        path.chmod(0o444)
        self.file.with_name("tally.duckdb.wal").unlink(missing_ok=True)
        path.replace(self.file)
        flush_folder(self.root)
        self._leave_mark()

    def _leave_mark(self) -> None:
        write_durably(self._mark, json.dumps({"schema_version": SCHEMA_VERSION}).encode())


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def quoted(text: str) -> str:
    """Text for between single quotes in SQL."""
    return text.replace("'", "''")


def answer(root: Path, sql: str, output_format: str, output: Path | None) -> None:
    """Writes what the published warehouse answers to a query: as table, csv, json or parquet.

    Raises:
        WrongUse: the query is not one question, or cannot be answered.
    """
    if output is None and output_format == "parquet" and sys.stdout.isatty():
        raise WrongUse("Parquet is not for the terminal: name a file with --output.")
    with Warehouse(root).reader() as connection:
        try:
            _refuse_statements(connection, sql)
            asked = connection.sql(sql)
            if output_format == "table":
                asked.show(max_rows=200, max_width=shutil.get_terminal_size((160, 24)).columns)
                return
            options = {"csv": "FORMAT csv, HEADER", "json": "FORMAT json, ARRAY", "parquet": "FORMAT parquet"}
            with tempfile.TemporaryDirectory() as folder:
                target = output or Path(folder) / "answer"
                copied = f"COPY (FROM asked) TO '{quoted(str(target))}' ({options[output_format]})"
                connection.execute(copied)
                if output is None:
                    # through our own stdout: opening /dev/stdout anew would write over what stands in a file already
                    with target.open("rb") as answered:
                        shutil.copyfileobj(answered, sys.stdout.buffer)
        except duckdb.Error as error:
            raise WrongUse(f"The query cannot be answered: {error}") from None


def _refuse_statements(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """One question and nothing that does anything."""
    statements = connection.extract_statements(sql)
    questions = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
    if len(statements) != 1 or statements[0].type not in questions:
        raise WrongUse("`tally query` takes one SELECT; the published file itself never changes.")
