"""A small consistent warehouse, told from a ledger that gives every table a row."""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl

from expectations import published
from flows.stores.tables import Writer, create
from tests.slow.deliveries import Delivery
from tests.slow.ledgers import account, filed, installment, payment, repayment
from tests.transforms.memory import Memory
from transforms.policy import Policy
from transforms.tables import TABLES

LEDGER = [
    filed("customers", "2026-01-01", customer_id="c"),
    filed("consents", "2026-01-01", consent_id="g", customer_id="c", recipient="bureau", purpose="report"),
    filed(
        "consents",
        "2026-01-01",
        consent_id="h",
        customer_id="c",
        recipient="lender",
        purpose="loan",
        granted_date=date(2026, 1, 1),
    ),
    filed("notices", "2026-01-01", notice_id="n", customer_id="c", sent_date=date(2026, 3, 1)),
    filed("companies", "2026-01-01", company_id="f", kind="company"),
    filed("relations", "2026-01-01", relation_id="v", company_id="f", kind="guarantor", customer_id="c"),
    filed(
        "screenings",
        "2026-01-01",
        screening_id="s",
        company_id="f",
        recipient="lender",
        purpose="loan",
        asked_date=date(2026, 1, 1),
    ),
    # each loan by itself: l is late, k overpaid, m has not started and holds its payment
    account("a", "pay"),
    *(installment(number, f"2026-0{number + 1}-01", 300, 3, 1) for number in (1, 2, 3)),
    payment("2026-02-01", 304),
    payment("2026-03-10", 100),
    repayment("chargeback", "2026-03-20", 100, of="payment 2026-03-10"),
    payment("2026-03-25", 50),
    repayment("reversal", "2026-04-01", 50, of="payment 2026-03-25"),
    installment(1, "2026-02-01", 100, loan="k"),
    payment("2026-01-20", 150, loan="k"),
    installment(1, "2027-01-01", 80, loan="m", ordered="2026-12-01"),
    payment("2026-05-01", 50, loan="m"),
    filed("orders", "2026-01-01", order_id="o", account_id="a", order_date=date(2026, 1, 1), amount_cents=900),
    filed("events", "2026-01-01", event_id="e", account_id="a", kind="reminder", event_date=date(2026, 4, 1)),
    # one pot for two loans, with a surplus, some of which was paid out
    account("b", "line", limit=50),
    *(installment(1, f"2026-0{month}-15", 200, loan=loan, account_id="b") for loan, month in (("p", 4), ("q", 8))),
    repayment("payment", "2026-04-10", 450, loan=None, account_id="b"),
    repayment("chargeback", "2026-05-10", 30, loan=None, account_id="b"),
    # another currency, over the limit
    account("z", "pay", limit=50, currency="INR"),
    installment(1, "2026-07-01", 70, loan="r", account_id="z"),
    repayment("payment", "2026-06-01", 10, loan="r", account_id="z"),
]

FILE: dict[str, object] = {
    "run_id": "2026-06-15.1",
    "source": "north",
    "feed": "repayments",
    "path": "north/repayments_20260615.csv",
    "sha256": "0" * 64,
    "rows_received": 6,
    "rows_accepted": 3,
    "rows_refused": 2,
    "rows_duplicate": 1,
    "amount_received_cents": 600,
    "amount_accepted_cents": 300,
    "amount_refused_cents": 200,
    "amount_duplicate_cents": 100,
    "outcome": "accepted",
}
REFUSED: dict[str, object] = {"rows_accepted": 0, "rows_refused": 6, "rows_duplicate": 0, "amount_accepted_cents": 0}
REFUSED |= {"amount_refused_cents": 600, "amount_duplicate_cents": 0, "outcome": "refused"}


def warehouse(connection: duckdb.DuckDBPyConnection, policy: Policy, deliveries: list[Delivery], as_of: date) -> None:
    """The tables as they are published, and the relations that the caller of the suites provides."""
    memory = Memory(policy)
    memory.night(deliveries, as_of)
    create(connection)
    writer = Writer(connection)
    for name, rows in memory.tables.items():
        lacking = {column: kind for column, kind in TABLES[name].schema.items() if column not in rows.columns}
        writer.append_frame(name, rows.with_columns(pl.lit(None, kind).alias(name) for name, kind in lacking.items()))
    products = policy.product_frame(memory.tables["core.accounts"]["product_code"])
    files = [FILE, {**FILE, **REFUSED, "feed": "orders", "path": "north/orders_20260615.csv"}]
    provided = {
        published.ALLOCATION: products.select("product_code", "allocation"),
        published.LOST_LOANS: pl.DataFrame(schema={"source": pl.String, "loan_id": pl.String}),
        published.FILES: pl.DataFrame(files, schema=TABLES["ops.files"].schema),
    }
    for name, rows in provided.items():
        connection.register("provided", rows.to_arrow())
        connection.execute(f"CREATE TABLE {name} AS FROM provided")
        connection.unregister("provided")
