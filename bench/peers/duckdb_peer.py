"""Plain DuckDB SQL: the work as one text, landed in a DuckDB file; no validation, no quarantine, no lineage."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from bench.peers.work import TABLES, statements

_CENTS = "CAST(round(CAST({} AS DECIMAL(18,2)) * 100) AS BIGINT)"
_VIEWS = {
    "accounts": "account_id, product_code",
    "installments": "loan_id, account_id, CAST(installment_no AS INTEGER) AS installment_no,"
    " CAST(due_date AS DATE) AS due_date, CAST(order_date AS DATE) AS order_date,"
    f" {_CENTS.format('principal')} AS principal, {_CENTS.format('interest')} + {_CENTS.format('fee')} AS charges",
    "repayments": f"loan_id, CAST(paid_date AS DATE) AS paid_date, {_CENTS.format('amount')} AS amount, kind",
}


def run(landing: Path, out: Path, as_of: date, ends: list[date]) -> None:
    """Lands every table of the work in `out/peer.duckdb`."""
    with duckdb.connect(str(out / "peer.duckdb")) as connection:
        for feed, columns in _VIEWS.items():
            rows = f"read_csv('{next(landing.glob(f'{feed}_*.csv'))}', all_varchar = true, header = true)"
            connection.execute(f"CREATE TEMP VIEW {feed} AS SELECT {columns} FROM {rows}")
        for name, sql in statements(as_of, ends).items():
            kind = "TABLE" if name in TABLES else "TEMP TABLE"
            connection.execute(f"CREATE {kind} {name} AS {sql}")
