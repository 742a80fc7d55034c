"""The status tables of a night: of accounts worked on, of accounts that only days change, and of their persons."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl

from flows.batching import Worked
from flows.changes import Changes
from flows.run import Run
from flows.stores.lake import Lake
from flows.stores.tables import read
from transforms import carry, restate
from transforms.obligors import customer_keys, finish_accounts, finish_loans, persons, told_together
from transforms.tables import TABLES, own_schema

STANDINGS = ("status.loan_status", "status.account_status")
"""Tables that a batch tells but for what follows from all loans of a person together."""
_PERSONS = "status.customer_status"
_ACCOUNT = ["source", "account_id"]
_CUSTOMER = ["source", "customer_id"]
CARRIED_ACCOUNTS = 131_072
"""Accounts that are carried over at once; bounds memory."""


def tell_standings(run: Run, lake: Lake, changes: Changes, worked: list[Worked]) -> None:
    """Status of loans, accounts and persons: of all of them, or of those whose rows differ from the night before.

    Whoever owes nothing that is late stands as before until the month turns; of them only the date of the row is new.
    """
    parts = {name: [path for each in worked if (path := each.tables.get(name))] for name in STANDINGS}
    numbers = lake.scan("accounts").select("account_no", *_ACCOUNT).collect()
    before, now = _customers(run, changes)
    last = run.goes_on_from
    if last is None:
        _finish(run, changes, parts, None, now)
        return
    told = None
    if not carry.turns_a_month(last.as_of, run.as_of):
        told = _told(run, changes, parts["status.account_status"], numbers, before, now)
        numbers = numbers.join(told, on=_ACCOUNT, how="semi")
    _carry_over(run, changes, parts, numbers.join(changes.accounts, on="account_no", how="anti"))
    _finish(run, changes, parts, told, now)


def _told(
    run: Run,
    changes: Changes,
    standings: list[Path],
    numbers: pl.DataFrame,
    before: pl.LazyFrame,
    now: pl.LazyFrame,
) -> pl.DataFrame:
    """source, account_id of the accounts that are told anew: worked on, late, or owed by whom these are owed by."""
    late = carry.late_accounts(run.lake.scan("state/open_items"), run.as_of).collect()
    with run.reader() as connection:
        accounts = read(connection, "status.account_status", columns=(*_ACCOUNT, "customer_id"))
        # what an earlier run of the same date said of changes is said anew
        again = _changes_of_the_day(run, connection).select(_ACCOUNT)
    moving = pl.concat([numbers.join(late, on="account_no", how="semi").select(_ACCOUNT), again]).unique()
    moving = accounts.join(moving, on=_ACCOUNT, how="semi").join(changes.accounts, on=_ACCOUNT, how="anti")
    owners = _scan(standings, "status.account_status").select(*_ACCOUNT, "customer_id")
    worked_on = changes.accounts.lazy().select(_ACCOUNT).join(owners, on=_ACCOUNT, how="left")
    changed = pl.concat([worked_on, moving.lazy()])
    told = told_together(changed, changes.customers.lazy(), accounts.lazy(), before, now).collect()
    theirs = accounts.lazy().join(told.lazy(), on=_ACCOUNT, how="semi")
    changes.keys |= dict.fromkeys(STANDINGS, told)
    changes.keys[_PERSONS] = customer_keys(theirs, before).collect()
    changes.stamped = (*STANDINGS, _PERSONS)
    return told


def _carry_over(run: Run, changes: Changes, parts: dict[str, list[Path]], rest: pl.DataFrame) -> None:
    """Accounts that nothing touched, as days alone change them."""
    if run.published is None:
        raise RuntimeError("Before the first night there is nothing to carry over.")
    for some in rest.iter_slices(CARRIED_ACCOUNTS):
        with run.reader() as connection:
            loans, accounts = (read(connection, table, some) for table in STANDINGS)
        before = carry.Before(
            last_day=run.published.as_of,
            loan_status=loans.join(some, on=_ACCOUNT),
            account_status=accounts.join(some, on=_ACCOUNT),
            open_items=_of(run.lake, "state/open_items", some),
            paid_months=_of(run.lake, "state/paid_months", some),
            deferred=_of(run.lake, "state/deferred", some),
        )
        carried = carry.carry(before, run.policy, run.as_of)
        for table in STANDINGS:
            changes.write(parts, table, carried[table])
        history = carried["status.loan_history"].with_columns(known_from=pl.lit(run.as_of))
        changes.write(changes.added, "status.loan_history", history)


def _finish(
    run: Run, changes: Changes, parts: dict[str, list[Path]], told: pl.DataFrame | None, customers: pl.LazyFrame
) -> None:
    """The status tables with what is told of all loans of a person together; and what changed since."""
    loans, accounts = (_scan(parts[name], name, own_schema(name)) for name in STANDINGS)
    into = changes.whole if told is None else changes.replaced

    def kept(name: str, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The rows as they are written, so that what follows from them does not work them out again."""
        changes.write(into, name, rows.collect())
        return _scan(into[name], name)

    of_loan, of_account = STANDINGS
    finished_loans = kept(of_loan, finish_loans(loans, accounts, customers, run.policy))
    finished_accounts = kept(of_account, finish_accounts(accounts, finished_loans, run.policy))
    changes.write(into, _PERSONS, persons(finished_accounts, customers, run.policy).collect())
    for path in (path for paths in parts.values() for path in paths):
        path.unlink()
    if run.published is not None:
        with run.reader() as connection:
            before = read(connection, "status.account_status", told)
            earlier = _changes_of_the_day(run, connection)
        changed = restate.account_changes(before, finished_accounts.collect(), earlier).with_columns(
            run_id=pl.lit(run.run_id)
        )
        changes.write(changes.dated, "status.account_changes", changed)


def _changes_of_the_day(run: Run, connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """status.account_changes of an earlier run of the same date."""
    day = pl.DataFrame({"as_of": [run.as_of]})
    return read(connection, "status.account_changes", day, ("as_of",))


def _customers(run: Run, changes: Changes) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """source, customer_id, person_id of core.customers: as it was, and as it will be."""
    table, columns = "core.customers", (*_CUSTOMER, "person_id")
    now = _scan(changes.replaced.get(table, []), table).select(columns)
    if run.published is None:
        return now.clear(), now
    with run.reader() as connection:
        before = read(connection, table, columns=columns).lazy()
    return before, pl.concat([now, before.join(changes.customers.lazy(), on=_CUSTOMER, how="anti")])


def _of(lake: Lake, dataset: str, accounts: pl.DataFrame) -> pl.DataFrame:
    """The rows of a state dataset of some accounts."""
    return lake.scan(dataset).join(accounts.lazy(), on="account_no", how="semi").collect()


def _scan(paths: list[Path], table: str, schema: dict[str, pl.DataType] | None = None) -> pl.LazyFrame:
    return pl.scan_parquet(paths) if paths else pl.LazyFrame(schema=schema or TABLES[table].schema)
