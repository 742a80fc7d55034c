"""The risk tables of the night, told from the core and status tables of the next warehouse.

Where loans stand on the day is told of all of them each night. Sums of months that are over are kept in the lake: a
night takes out what the accounts that it worked on added to them before, and adds what they add now, which was told
where they were worked on. When a month has ended, all others add to that month alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import duckdb
import polars as pl

from flows.by_person import by_person
from flows.changes import Changes
from flows.run import Run
from flows.stores.lake import Lake, LakeWriter, dataset_of_kept
from flows.stores.tables import Writer, read
from transforms.aggregates.all_risk import (
    BY_MONTH,
    KEPT_COLUMNS,
    SERIES,
    SOURCES,
    STANDING_COLUMNS,
    Published,
    kept_sums,
    month_ended,
    risk,
    standing,
    standing_cells,
)
from transforms.aggregates.kept import KEPT, Cells, over, together, without
from transforms.aggregates.slices import added
from transforms.months import last_month_end
from transforms.sharing.industry import people_cells

PART_ACCOUNTS = 65_536
"""Accounts whose rows of all months are held at once; bounds memory. Each part reads through whole tables."""
MONTH_ACCOUNTS = 4 * PART_ACCOUNTS
"""The same of the rows of one month."""
DAY_ACCOUNTS = 2 * PART_ACCOUNTS
"""The same of the rows of the day, each of which is read once."""
_ACCOUNT = ("source", "account_id")


def aggregate(run: Run, changes: Changes, lake: LakeWriter, *, anew: bool = False) -> list[pl.DataFrame]:
    """Writes every risk table into the next warehouse; those that are series keep the rows of earlier nights.

    Returns `industry.people_cells` of everybody, part by part, since who is one person is at hand here.

    Args:
        run: the run.
        changes: which accounts it worked on.
        lake: where the sums by month are kept.
        anew: tell the sums by month of all accounts, whatever was kept of those that nothing touched.
    """
    with run.open_next() as connection:
        last = run.goes_on_from
        if last is None:
            sums = _told(changes)
        elif anew or not _are_kept(run.lake):
            sums = kept_sums(_parts(connection, _all_accounts(connection), PART_ACCOUNTS), run.as_of)
        else:
            sums = _moved_on(run, last.as_of, changes)
            if month_ended(last.as_of, run.as_of):
                sums = together(sums, _of_new_months(run, last.as_of, changes, connection))
        for name, rows in sums.items():
            lake.replace(dataset_of_kept(name), rows.sort(*KEPT[name].key))
        stand, people = [], []
        for said in _by_person(run, connection):
            stand.append(standing_cells(said, sums["moves"], run.policy, run.as_of))
            people.append(people_cells(said.account_status.collect(), said.customers.collect()))
        writer = Writer(connection)
        for table, rows in risk(standing(stand), sums, run.policy, run.as_of).items():
            if table in SERIES:
                connection.execute(f"DELETE FROM {table} WHERE as_of = ?", [run.as_of])
            else:
                writer.clear(table)
            writer.append_frame(table, rows)
    return people


def _told(changes: Changes) -> Cells:
    """What the accounts worked on add to the sums by month, as those who worked on them told it."""
    return {
        name: added([pl.DataFrame(schema=kept.schema), *map(pl.read_parquet, changes.sums.get(name, []))], kept.key)
        for name, kept in KEPT.items()
    }


def _are_kept(lake: Lake) -> bool:
    """Whether the sums of the last night are there."""
    return all(lake.paths(dataset_of_kept(name)) for name in KEPT)


def _moved_on(run: Run, last_day: date, changes: Changes) -> Cells:
    """The sums that the last night kept, less what the accounts worked on added, with what they add now."""
    # an earlier program kept sums of the running month as well
    before = over({name: run.lake.scan(dataset_of_kept(name)).collect() for name in KEPT}, last_day)
    worked_on = changes.accounts.select(_ACCOUNT)
    with run.reader() as reader:
        gone = kept_sums(_parts(reader, worked_on, PART_ACCOUNTS), last_day)
    return together(without(before, gone), _told(changes))


def _all_accounts(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """source, account_id of all accounts."""
    return read(connection, SOURCES["account_status"], columns=_ACCOUNT)


def _of_new_months(run: Run, last_day: date, changes: Changes, connection: duckdb.DuckDBPyConnection) -> Cells:
    """What the accounts that were not worked on add to months that have ended since; nothing else of them is new."""
    others = _all_accounts(connection).join(changes.accounts, on=_ACCOUNT, how="anti")
    months = (last_month_end(last_day), last_month_end(run.as_of))
    parts = _parts(connection, others, MONTH_ACCOUNTS, months)
    return kept_sums(parts, run.as_of, behind=last_day)


def _by_person(run: Run, connection: duckdb.DuckDBPyConnection) -> Iterator[Published]:
    """What is told of where loans stand on the day, the accounts of some persons at a time."""
    asked = {SOURCES[name]: columns for name, columns in STANDING_COLUMNS.items()}
    for rows in by_person(connection, asked, DAY_ACCOUNTS, run.workplace("by_person")):
        yield Published(**{name: rows[SOURCES[name]].lazy() for name in STANDING_COLUMNS})


def _parts(
    connection: duckdb.DuckDBPyConnection,
    accounts: pl.DataFrame,
    size: int,
    months: tuple[date, date] | None = None,
) -> Iterator[Published]:
    """What sums by month are told from, so many accounts at a time; rows of months from end to end."""

    def rows(name: str, of: pl.DataFrame) -> pl.LazyFrame:
        within = {BY_MONTH[name]: months} if months and name in BY_MONTH else None
        return read(connection, SOURCES[name], of, columns=KEPT_COLUMNS[name], within=within).lazy()

    for first in range(0, max(accounts.height, 1), size):
        some = accounts.slice(first, size)
        yield Published(**{name: rows(name, some) for name in KEPT_COLUMNS})
