"""Tables of a warehouse file: made as declared, filled from inside names, read back into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from flows.stores.warehouse import quoted
from transforms.fields import Field, Kind
from transforms.tables import TABLES, Table

_KNOWN_VIEW = """
CREATE OR REPLACE VIEW status.loan_history_known AS
SELECT *, NULL::DATE AS known_to FROM status.loan_history
UNION ALL BY NAME
SELECT * FROM status.loan_history_past
"""
_KNOWN_COMMENT = (
    "COMMENT ON VIEW status.loan_history_known IS 'Month-ends as they are said now (known_to empty) and as they were"
    " said before. 月末状态的现行与历史说法，known_to 为空者为现行。'"
)


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes schemas, tables and comments in the database in use, in one transaction: a thousand would take a second."""
    connection.begin()
    for schema in sorted({name.split(".")[0] for name in TABLES}):
        connection.execute(f"CREATE SCHEMA {schema}")
    for table in TABLES.values():
        for statement in ddl(table):
            connection.execute(statement)
    connection.execute(_KNOWN_VIEW)
    connection.execute(_KNOWN_COMMENT)
    connection.commit()


def ddl(table: Table) -> list[str]:
    """The statements that make a table and its comments in English and Chinese."""
    columns = ", ".join(f"{field.name} {field.duckdb_type}" for field in table.fields)
    return [
        f"CREATE TABLE {table.name} ({columns})",
        f"COMMENT ON TABLE {table.name} IS '{quoted(f'{table.en} {table.zh}')}'",
        *(
            f"COMMENT ON COLUMN {table.name}.{field.name} IS '{quoted(f'{field.en}. {field.zh}。')}'"
            for field in table.fields
        ),
    ]


SPREAD_ROWS = 16_384
"""Rows of a part that are held before they are written."""
RENEWED_AT_ONCE = 300_000
"""Rows that are updated at once: DuckDB holds what they change until it has written it, and cannot spill it."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes rows with inside names into the tables of an open next file."""

    connection: duckdb.DuckDBPyConnection

    def append(self, table: str, rows: str) -> int:
        """Inserts the rows of a relation or subquery; how many."""
        columns = ", ".join(field.name for field in TABLES[table].fields)
        values = ", ".join(_outside(field) for field in TABLES[table].fields)
        inserted = self.connection.execute(f"INSERT INTO {table} ({columns}) SELECT {values} FROM {rows}").fetchone()
        return int(inserted[0]) if inserted else 0

    def append_frame(self, table: str, rows: pl.DataFrame) -> int:
        """Inserts the rows of a frame; how many."""
        self.connection.register("rows_to_append", rows.to_arrow())
        try:
            return self.append(table, "rows_to_append")
        finally:
            self.connection.unregister("rows_to_append")

    def append_files(self, table: str, paths: Sequence[Path]) -> int:
        """Inserts the rows of Parquet files; how many."""
        if not paths:
            return 0
        files = ", ".join(f"'{quoted(str(path))}'" for path in paths)
        return self.append(table, f"read_parquet([{files}])")

    def clear(self, table: str) -> None:
        """Deletes all rows of a table."""
        self.connection.execute(f"TRUNCATE {table}")

    def delete(self, table: str, worked: str, key: Sequence[str]) -> None:
        """Deletes the rows whose key stands in a relation; parts of a key may be null."""
        self.connection.execute(f"DELETE FROM {table} t USING {worked} w WHERE {_same('t', 'w', key)}")

    def renew(self, table: str, worked: str, key: Sequence[str], paths: Sequence[Path]) -> None:
        """Puts the rows of Parquet files in the place of those whose key stands in a relation, where they lie.

        A row that is there before and after is updated in its place: values that stay are not written, while deleting
        and inserting so many rows makes DuckDB write all others once more. Rows that share a key all come in, so that
        the audit finds them.
        """
        columns = [field.name for field in TABLES[table].fields]
        own = TABLES[table].key
        values = ", ".join(_outside(field) for field in TABLES[table].fields)
        files = ", ".join(f"'{quoted(str(path))}'" for path in paths)
        rows = f"SELECT {values} FROM read_parquet([{files}])" if paths else f"FROM {table} LIMIT 0"
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE renewed AS {rows}")
        renewed = count(self.connection, "renewed")
        if renewed > count(self.connection, f"(SELECT DISTINCT {', '.join(own)} FROM renewed)"):
            self.delete(table, worked, key)
            self.append_files(table, paths)
            return
        new = ", ".join(f"{name} = n.{name}" for name in columns if name not in own)
        for first in range(0, renewed, RENEWED_AT_ONCE):
            some = f"(FROM renewed WHERE rowid BETWEEN {first} AND {first + RENEWED_AT_ONCE - 1})"
            self.connection.execute(f"UPDATE {table} t SET {new} FROM {some} n WHERE {_same('t', 'n', own)}")
        self.connection.execute(
            f"DELETE FROM {table} t USING {worked} w WHERE {_same('t', 'w', key)}"
            f" AND NOT EXISTS (FROM renewed n WHERE {_same('t', 'n', own)})"
        )
        self.connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) FROM renewed n"
            f" WHERE NOT EXISTS (FROM {table} t WHERE {_same('t', 'n', own)})"
        )

    def stamp(self, table: str, as_of: date, policy_version: str) -> None:
        """Tells every row of a table as of a day; cheap, since a column whose values are all alike is kept as one."""
        self.connection.execute(f"UPDATE {table} SET as_of = ?, policy_version = ?", [as_of, policy_version])

    def finish(self) -> dict[str, int]:
        """Writes everything out and closes the file; rows by table."""
        counts = {name: count(self.connection, name) for name in TABLES}
        self.connection.execute("CHECKPOINT")
        self.connection.close()
        return counts


def copy_tables(connection: duckdb.DuckDBPyConnection, path: Path, named: Sequence[str], persons: str) -> None:
    """Fills the tables from another file of the same layout, attached as `published`, with other hashes of persons.

    Args:
        connection: to the file with the empty tables.
        path: the other file.
        named: tables with a person_id.
        persons: relation of person_id, new_id.
    """
    connection.execute(f"ATTACH '{quoted(str(path))}' AS published (READ_ONLY)")
    for name, table in TABLES.items():
        columns = ", ".join(f"t.{field.name}" for field in table.fields)
        if name in named:
            columns = columns.replace("t.person_id", "n.new_id")
            join = f" LEFT JOIN {persons} n USING (person_id)"
        else:
            join = ""
        connection.execute(f"INSERT INTO {name} SELECT {columns} FROM published.{name} t{join}")


def count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """Rows of a table or subquery."""
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def _same(one: str, other: str, key: Sequence[str]) -> str:
    """SQL: the keys are the same; parts of a key may be null."""
    return " AND ".join(f"{one}.{name} IS NOT DISTINCT FROM {other}.{name}" for name in key)


def _outside(field: Field) -> str:
    """SQL of a column with its name and type outside; cents become decimals without rounding."""
    if field.kind is Kind.AMOUNT:
        return f"CAST(CAST({field.inside} AS DECIMAL(18,0)) * 0.01 AS DECIMAL(18,2)) AS {field.name}"
    return f"CAST({field.inside} AS {field.duckdb_type}) AS {field.name}"


def _fields(table: str, columns: Sequence[str] | None) -> list[Field]:
    """The fields of some columns, by their names outside; None: all."""
    return [field for field in TABLES[table].fields if columns is None or field.name in columns]


def _inside(fields: Sequence[Field]) -> str:
    """SQL of columns of a table `t` with their names and types inside."""
    return ", ".join(
        f"CAST(t.{field.name} * 100 AS BIGINT) AS {field.inside}" if field.kind is Kind.AMOUNT else f"t.{field.name}"
        for field in fields
    )


@dataclass(frozen=True, slots=True)
class Spread:
    """Rows of a table with inside names in Parquet files, a folder for each part."""

    table: str
    columns: tuple[str, ...]
    """Those wanted, by their names outside."""
    folder: Path

    def write(self, connection: duckdb.DuckDBPyConnection, part: str, joined: str = "") -> None:
        """Puts each row of the table, which is read once, into its part.

        Args:
            connection: to the warehouse.
            part: SQL of a row's part.
            joined: SQL of what else stands behind FROM; the table is `t`.
        """
        self.folder.mkdir(parents=True)
        connection.execute(f"SET partitioned_write_flush_threshold = {SPREAD_ROWS}")
        rows = f"SELECT {_inside(_fields(self.table, self.columns))}, {part} AS part FROM {self.table} t {joined}"
        written = "FORMAT parquet, COMPRESSION lz4, PARTITION_BY (part), OVERWRITE_OR_IGNORE"
        connection.execute(f"COPY ({rows}) TO '{quoted(str(self.folder))}' ({written})")

    def read(self, part: int) -> pl.DataFrame:
        """The rows of a part, with inside types."""
        paths = sorted((self.folder / f"part={part}").glob("*.parquet"))
        types = pl.Schema({field.inside: field.polars_type for field in _fields(self.table, self.columns)})
        if not paths:
            return types.to_frame()
        return pl.read_parquet(paths, hive_partitioning=False).select(types.names()).cast(types)


def read(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    of: pl.DataFrame | None = None,
    by: Sequence[str] = ("source", "account_id"),
    columns: Sequence[str] | None = None,
    within: Mapping[str, tuple[date, date]] | None = None,
) -> pl.DataFrame:
    """The rows of a published table with inside names and types.

    Args:
        connection: to the file.
        table: its name.
        of: only the rows whose key stands here.
        by: the columns of that key.
        columns: the columns wanted, by their names outside; None: all.
        within: only rows between two days, both included, by column.
    """
    fields = _fields(table, columns)
    query = f"SELECT {_inside(fields)} FROM {table} t"
    if of is not None:
        connection.register("wanted_rows", of.select(list(by)).to_arrow())
        query += " SEMI JOIN wanted_rows w ON " + " AND ".join(f"t.{name} = w.{name}" for name in by)
    days: list[date] = []
    if within:
        query += " WHERE " + " AND ".join(f"t.{name} BETWEEN ? AND ?" for name in within)
        days = [day for both in within.values() for day in both]
    rows = pl.from_arrow(connection.sql(query, params=days or None).to_arrow_table())
    if of is not None:
        connection.unregister("wanted_rows")
    if not isinstance(rows, pl.DataFrame):
        raise TypeError(f"{table} came back as {type(rows).__name__}")
    return rows.cast({field.inside: field.polars_type for field in fields})
