"""Is a peer's work the same as ours? Row by row, both ways, before any of its time counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from bench.peers.duckdb_peer import FILE

SHOWN = 10
"""Differing rows that are shown of each side."""
DIGITS = 9
"""Rates are quotients of equal whole numbers; engines may differ in the last bits."""
_SLICE = ("currency", "lender_id", "product_code", "region_code")


class Unequal(Exception):
    """A peer's table has other rows than ours; says which."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One published table and the columns that peers land as well, amounts in cents."""

    published: str
    plain: tuple[str, ...]
    cents: tuple[str, ...] = ()
    """Inside names; published as *_amount, or amount."""
    rates: tuple[str, ...] = ()

    @property
    def ours(self) -> str:
        """SQL of our rows, with the peers' names and units."""
        amounts = [f"CAST({_outside(name)} * 100 AS BIGINT) AS {name}" for name in self.cents]
        return f"SELECT {', '.join((*self.plain, *amounts, *self._rounded()))} FROM ours.{self.published}"

    def theirs(self, relation: str) -> str:
        """SQL of a peer's rows."""
        return f"SELECT {', '.join((*self.plain, *self.cents, *self._rounded()))} FROM {relation}"

    def _rounded(self) -> list[str]:
        return [f"round({name}, {DIGITS}) AS {name}" for name in self.rates]


def _outside(name: str) -> str:
    return f"{name.removesuffix('amount_cents').removesuffix('cents')}amount"


COMPARED: dict[str, Compared] = {
    "core_accounts": Compared(
        "core.accounts",
        (
            *("account_id", "customer_id", "lender_id", "product_code", "currency", "region_code", "channel_code"),
            *("opened_date", "closed_date"),
        ),
        ("credit_limit_cents",),
    ),
    "core_loans": Compared(
        "core.loans",
        (
            *("loan_id", "account_id", "customer_id", "lender_id", "product_code", "currency"),
            *("origination_date", "installment_count"),
        ),
        ("principal_cents", "due_cents"),
    ),
    "core_installments": Compared(
        "core.installments",
        (
            *("loan_id", "account_id", "currency", "plan_date", "installment_no", "due_date"),
            *("settled_date", "replaced_on"),
        ),
        ("due_cents", "principal_cents", "interest_cents", "fee_cents", "paid_cents"),
    ),
    "core_chargebacks": Compared(
        "core.chargebacks",
        ("repayment_id", "loan_id", "account_id", "due_date", "settled_date"),
        ("due_cents", "paid_cents"),
    ),
    "core_repayments": Compared(
        "core.repayments",
        (
            *("repayment_id", "account_id", "loan_id", "currency", "paid_date", "kind", "refers_to"),
            *("channel_code", "is_void"),
        ),
        ("amount_cents",),
    ),
    "core_events": Compared(
        "core.events",
        ("event_id", "account_id", "loan_id", "currency", "kind", "event_date", "until_date", "note"),
        ("amount_cents",),
    ),
    "core_orders": Compared(
        "core.orders",
        ("order_id", "account_id", "loan_id", "currency", "order_date", "category_code"),
        ("amount_cents",),
    ),
    "loan_status": Compared(
        "status.loan_status",
        (
            *("loan_id", "account_id", "dpd", "bucket", "oldest_due_date", "charged_off_on", "is_settled"),
            *("first_over_30_on", "first_over_60_on", "first_over_90_on"),
        ),
        ("past_due_cents", "outstanding_principal_cents", "remaining_cents"),
    ),
    "loan_history": Compared(
        "status.loan_history",
        ("loan_id", "month_end", "account_id", "dpd", "bucket", "is_settled", "is_charged_off"),
        ("past_due_cents", "outstanding_principal_cents", "remaining_cents"),
    ),
    "account_status": Compared(
        "status.account_status",
        ("account_id", "loan_count", "dpd", "bucket"),
        ("past_due_cents", "outstanding_principal_cents"),
    ),
    "portfolio": Compared(
        "risk.portfolio",
        (*_SLICE, "loan_count", "account_count"),
        ("outstanding_principal_cents", "past_due_cents"),
        ("par1_rate", "par30_rate", "par60_rate", "par90_rate"),
    ),
    "buckets": Compared(
        "risk.buckets",
        ("currency", "product_code", "bucket", "loan_count"),
        ("outstanding_principal_cents", "past_due_cents"),
    ),
    "vintage": Compared(
        "risk.vintage",
        (
            *(*_SLICE, "origination_month", "months_on_book", "loan_count"),
            *("ever_30_count", "ever_60_count", "ever_90_count", "now_30_count"),
        ),
        ("principal_cents", "now_30_cents"),
        ("ever_30_rate",),
    ),
    "roll_rate": Compared(
        "risk.roll_rate",
        (*_SLICE, "month_end", "from_state", "to_state", "loan_count"),
        ("amount_cents",),
        ("rate_by_count", "rate_by_amount"),
    ),
}
"""What a peer lands, by its name for it."""


def check_equal(warehouse: Path, landed: Path, names: Iterable[str] = COMPARED) -> dict[str, int]:
    """Rows of each table, when every table of the peer has the same rows as ours.

    Args:
        warehouse: our published DuckDB file, after one night.
        landed: the peer's folder, with its DuckDB file or a Parquet file, or folder of them, per table.
        names: only these tables; default: all.

    Raises:
        Unequal: a table differs; the message shows rows of both sides.
    """
    counts = {}
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{warehouse}' AS ours (READ_ONLY)")
        file = landed / FILE
        if file.exists():
            connection.execute(f"ATTACH '{file}' AS theirs (READ_ONLY)")
        for name in names:
            compared = COMPARED[name]
            relation = f"theirs.{name}" if file.exists() else f"read_parquet('{_parquet(landed, name)}')"
            connection.execute(f"CREATE OR REPLACE TEMP TABLE a AS {compared.ours}")
            connection.execute(f"CREATE OR REPLACE TEMP TABLE b AS {compared.theirs(relation)}")
            counts[name] = _compare(connection, name)
    return counts


def _parquet(folder: Path, name: str) -> Path:
    whole = folder / f"{name}.parquet"
    return whole / "*.parquet" if whole.is_dir() else whole


def _compare(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    missing, more = (f"SELECT * FROM {one} EXCEPT ALL SELECT * FROM {two}" for one, two in (("a", "b"), ("b", "a")))
    differing = (
        connection.sql(f"({missing} LIMIT {SHOWN})").fetchall(),
        connection.sql(f"({more} LIMIT {SHOWN})").fetchall(),
    )
    if any(differing):
        columns = ", ".join(connection.table("a").columns)
        lines = [f"{name} ({columns})"]
        for title, rows in zip(("only ours:", "only the peer's:"), differing, strict=True):
            lines += [title, *(f"  {', '.join(map(str, row))}" for row in rows)]
        raise Unequal("\n".join(lines))
    (count,) = connection.sql("SELECT count(*) FROM a").fetchall()[0]
    return int(count)
