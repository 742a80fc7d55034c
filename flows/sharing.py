"""The shared aggregates of the night, told from the risk and status tables of the next warehouse."""

from __future__ import annotations

import polars as pl

from flows.run import Run
from flows.stores.tables import Writer, read
from transforms.sharing.industry import ACCOUNTS, shared


def share(run: Run) -> None:
    """Writes every shared table anew: they keep no earlier day that could be compared with this one."""
    with run.open_next() as connection:
        told = read(connection, "risk.portfolio").filter(pl.col("as_of") == run.as_of)
        accounts = read(connection, "status.account_status", columns=ACCOUNTS)
        customers = read(connection, "core.customers", columns=("source", "customer_id", "person_id"))
        writer = Writer(connection)
        for name, rows in shared(told, accounts, customers, run.policy).items():
            writer.clear(name)
            writer.append_frame(name, rows)
