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
_CUSTOMERS = "core.customers"
_ACCOUNT = ["source", "account_id"]
_CUSTOMER = ["source", "customer_id"]
CARRIED_ACCOUNTS = 65_536
"""Accounts that are carried over at once; bounds memory."""


def tell_standings(run: Run, lake: Lake, changes: Changes, worked: list[Worked]) -> None:
    """Status of loans, accounts and persons: of all of them, or of those whose rows differ from the night before.

    Whoever owes nothing that is late stands as before until the month turns; of them only the date of the row is new.
    """
    parts = {name: [path for each in worked if (path := each.tables.get(name))] for name in STANDINGS}
    last = run.goes_on_from
    if last is None:
        _finish(run, changes, parts, None, _all_customers(run, changes))
        return
    numbers = lake.scan("accounts").select("account_no", *_ACCOUNT)
    told = None
    if run.tells_all:
        now = _all_customers(run, changes)
    else:
        told, now = _told(run, changes, parts["status.account_status"], numbers)
        numbers = numbers.join(told.lazy(), on=_ACCOUNT, how="semi")
    rest = numbers.join(changes.accounts.lazy(), on="account_no", how="anti").collect()
    _carry_over(run, changes, parts, rest)
    _finish(run, changes, parts, told, now)


def _told(
    run: Run, changes: Changes, standings: list[Path], numbers: pl.LazyFrame
) -> tuple[pl.DataFrame, pl.LazyFrame]:
    """source, account_id of the accounts told anew (worked on, late, or owed by whom these are owed by), and customers.

    Looked up in the warehouse step by step from the accounts that change: nobody else is read. The customers are those
    of the accounts told, as they will be: source, customer_id, person_id.
    """
    late = carry.late_accounts(run.lake.scan("state/open_items"), run.as_of)
    moving = numbers.join(late, on="account_no", how="semi").select(_ACCOUNT).collect()
    owners = _scan(standings, "status.account_status").select(*_ACCOUNT, "customer_id")
    worked_on = changes.accounts.lazy().select(_ACCOUNT).join(owners, on=_ACCOUNT, how="left").collect()
    with run.reader() as connection:

        def accounts(of: pl.DataFrame, by: list[str]) -> pl.DataFrame:
            return read(connection, "status.account_status", of, by, (*_ACCOUNT, "customer_id"))

        def customers(of: pl.DataFrame, by: list[str]) -> pl.DataFrame:
            return read(connection, _CUSTOMERS, of.select(by).unique(), by, (*_CUSTOMER, "person_id"))

        # what an earlier run of the same date said of changes is said anew
        again = _changes_of_the_day(run, connection).select(_ACCOUNT)
        moved = accounts(pl.concat([moving, again, changes.accounts.select(_ACCOUNT)]).unique(), _ACCOUNT)
        theirs = pl.concat([moved, worked_on, accounts(changes.customers, _CUSTOMER)]).select(_CUSTOMER).unique()
        known = customers(theirs, _CUSTOMER)
        new = _new_customers(changes).collect()
        persons = pl.concat([known, new.join(theirs, on=_CUSTOMER, how="semi")]).drop_nulls("person_id")
        before = pl.concat([known, customers(persons, ["person_id"])]).unique()
        obligors = pl.concat([theirs, before.select(_CUSTOMER)]).unique()
        near = pl.concat([moved, accounts(obligors, _CUSTOMER)]).unique()
    now = pl.concat([new, before.join(changes.customers, on=_CUSTOMER, how="anti")]).lazy()
    moving = moved.join(changes.accounts, on=_ACCOUNT, how="anti")
    changed = pl.concat([worked_on, moving]).lazy()
    told = told_together(changed, changes.customers.lazy(), near.lazy(), before.lazy(), now).collect()
    changes.keys |= dict.fromkeys(STANDINGS, told)
    gone = near.lazy().join(told.lazy(), on=_ACCOUNT, how="semi")
    changes.keys[_PERSONS] = customer_keys(gone, before.lazy()).collect()
    changes.stamped = (*STANDINGS, _PERSONS)
    return told, now


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


def _all_customers(run: Run, changes: Changes) -> pl.LazyFrame:
    """source, customer_id, person_id of core.customers as it will be."""
    now = _new_customers(changes)
    if run.published is None:
        return now
    with run.reader() as connection:
        before = read(connection, _CUSTOMERS, columns=(*_CUSTOMER, "person_id")).lazy()
    return pl.concat([now, before.join(changes.customers.lazy(), on=_CUSTOMER, how="anti")])


def _new_customers(changes: Changes) -> pl.LazyFrame:
    """source, customer_id, person_id of the customers worked on."""
    return _scan(changes.replaced.get(_CUSTOMERS, []), _CUSTOMERS).select(*_CUSTOMER, "person_id")


def _of(lake: Lake, dataset: str, accounts: pl.DataFrame) -> pl.DataFrame:
    """The rows of a state dataset of some accounts."""
    return lake.scan(dataset).join(accounts.lazy(), on="account_no", how="semi").collect()


def _scan(paths: list[Path], table: str, schema: dict[str, pl.DataType] | None = None) -> pl.LazyFrame:
    return pl.scan_parquet(paths) if paths else pl.LazyFrame(schema=schema or TABLES[table].schema)
