"""Whether a peer's tables are those that the night published; an unequal peer is not timed."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl

from bench.peers.work import KEYS, TABLES

_OURS = {
    "loan_status": "SELECT loan_id, dpd, bucket, past_due_amount, outstanding_principal_amount, remaining_amount"
    " FROM status.loan_status",
    "loan_history": "SELECT loan_id, month_end, dpd, bucket, past_due_amount, outstanding_principal_amount,"
    " remaining_amount FROM status.loan_history",
    "portfolio": "SELECT product_code, loan_count, outstanding_principal_amount, past_due_amount, par1_rate,"
    " par30_rate, par60_rate, par90_rate FROM risk.portfolio WHERE lender_id = 'ALL' AND region_code = 'ALL'",
    "vintage": "SELECT product_code, origination_month, months_on_book, loan_count, principal_amount, now_30_count,"
    " now_60_count, now_90_count, now_30_amount, now_60_amount, now_90_amount FROM risk.vintage"
    " WHERE lender_id = 'ALL' AND region_code = 'ALL' AND product_code <> 'ALL'",
    "roll_rate": "SELECT product_code, month_end, from_state, to_state, loan_count, amount FROM risk.roll_rate"
    " WHERE lender_id = 'ALL' AND region_code = 'ALL' AND product_code <> 'ALL'"
    " AND NOT (from_state = 'paid_off' AND to_state = 'paid_off')",
}


class Unequal(Exception):
    """A peer's table differs; names the table and some of the rows."""


def ours(warehouse: Path) -> dict[str, pl.DataFrame]:
    """What the published night says, amounts in cents."""
    with duckdb.connect(str(warehouse / "tally.duckdb"), read_only=True) as connection:
        found = {name: pl.DataFrame(connection.sql(sql).to_arrow_table()) for name, sql in _OURS.items()}
    return {name: _in_cents(rows) for name, rows in found.items()}


def _in_cents(rows: pl.DataFrame) -> pl.DataFrame:
    """Amounts as whole cents."""
    amounts = [name for name in rows.columns if name.endswith("amount")]
    cents = [(pl.col(name) * 100).cast(pl.Int64).alias(_inside(name)) for name in amounts]
    return rows.with_columns(cents).drop(amounts)


def _inside(name: str) -> str:
    return (name.removesuffix("amount").removesuffix("_") or "amount") + "_cents"


def theirs(out: Path) -> dict[str, pl.DataFrame]:
    """What a peer landed, from its DuckDB file or its folders of Parquet."""
    if (out / "peer.duckdb").exists():
        with duckdb.connect(str(out / "peer.duckdb"), read_only=True) as connection:
            found = {name: pl.DataFrame(connection.sql(f"FROM {name}").to_arrow_table()) for name in TABLES}
    else:
        found = {name: pl.read_parquet(out / name / "*.parquet") for name in TABLES}
    book = found["portfolio"]
    whole = pl.col("outstanding_principal_cents").cast(pl.Float64)
    rates = {"par1_rate": "over0_cents", "par30_rate": "over30_cents", "par60_rate": "over60_cents"}
    rates["par90_rate"] = "over90_cents"
    found["portfolio"] = book.with_columns(
        (pl.col(cents).cast(pl.Float64) / whole).alias(name) for name, cents in rates.items()
    )
    return found


def check(peer: str, expected: dict[str, pl.DataFrame], found: dict[str, pl.DataFrame]) -> int:
    """Compares every row and column of every table; how many rows were equal.

    Raises:
        Unequal: a row differs, is missing or is too many.
    """
    for name, rows in expected.items():
        key = list(KEYS[name])
        schema = rows.schema
        mine = rows.sort(key)
        other = found[name].select(pl.col(column).cast(kind) for column, kind in schema.items()).sort(key)
        rates = [column for column in rows.columns if column.endswith("_rate")]
        exact = [column for column in rows.columns if column not in rates]
        joined = mine.join(other, on=key, how="full", suffix="_peer", nulls_equal=True)
        differs = [pl.col(column).ne_missing(pl.col(f"{column}_peer")) for column in exact]
        differs += [
            (pl.col(column).fill_null(0) - pl.col(f"{column}_peer").fill_nan(0).fill_null(0)).abs() > 1e-12
            for column in rates
        ]
        wrong = joined.filter(pl.any_horizontal(differs))
        if wrong.height:
            raise Unequal(f"{peer}: {wrong.height} rows of {name} differ, such as {wrong.head(3).rows(named=True)}")
    return sum(rows.height for rows in expected.values())
