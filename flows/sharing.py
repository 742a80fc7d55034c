"""The shared aggregates of the night, told from the risk and status tables of the next warehouse."""

from __future__ import annotations

import polars as pl

from flows.run import Run
from flows.stores.tables import Writer, read
from transforms.sharing.industry import lender_comparison, overlap, portfolio
from transforms.tables import TABLES

_ACCOUNTS = ("source", "customer_id", "as_of", "currency", "lender_id", "loan_count", "is_past_due", "past_due_amount")


def share(run: Run) -> None:
    """Writes every shared table anew: they keep no earlier day that could be compared with this one."""
    least = run.policy.sharing.least_people
    with run.open_next() as connection:
        told = read(connection, "risk.portfolio").filter(pl.col("as_of") == run.as_of)
        shared = portfolio(told, least)
        accounts = read(connection, "status.account_status", columns=_ACCOUNTS)
        customers = read(connection, "core.customers", columns=("source", "customer_id", "person_id"))
        tables = {
            "share.portfolio": shared,
            "share.lender_comparison": lender_comparison(shared),
            "share.overlap": overlap(accounts, customers, least),
        }
        writer = Writer(connection)
        for name, rows in tables.items():
            table = TABLES[name]
            stamped = rows.with_columns(policy_version=pl.lit(run.policy.version))
            writer.clear(name)
            writer.append_frame(
                name, stamped.select(pl.col(column).cast(kind) for column, kind in table.schema.items()).sort(table.key)
            )
