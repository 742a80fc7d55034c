"""Every published table, declared once: grain, key, columns.

DDL, comments, checks of completeness and the data dictionary derive from here.
"""

from __future__ import annotations

import polars as pl

from transforms.core_tables import CORE_TABLES
from transforms.ops_tables import OPS_TABLES
from transforms.register_tables import REGISTER_TABLES
from transforms.risk_tables import RISK_TABLES
from transforms.screening_tables import SCREENING_TABLES
from transforms.sending_tables import SENDING_TABLES
from transforms.share_tables import SHARE_TABLES
from transforms.standard_tables import STANDARD_TABLES
from transforms.status_tables import STATUS_TABLES
from transforms.table import Table

__all__ = ["ALL", "BUCKETS", "FINISHED", "TABLES", "Table", "own_schema"]

BUCKETS = ("M0", "M1", "M2", "M3", "M4", "M5", "M6", "M7")
ALL = "ALL"

_ALL_TABLES: list[Table] = [
    *CORE_TABLES,
    *REGISTER_TABLES,
    *STATUS_TABLES,
    *RISK_TABLES,
    *SHARE_TABLES,
    *STANDARD_TABLES,
    *SENDING_TABLES,
    *SCREENING_TABLES,
    *OPS_TABLES,
]
FINISHED: dict[str, tuple[str, ...]] = {
    "status.loan_status": ("credit_status", "five_tier", "ifrs9_stage", "is_obligor_default"),
    "status.account_status": (
        "credit_status",
        "five_tier",
        "ifrs9_stage",
        "default_since",
        "delinquent_since",
        "is_forborne",
        "is_disputed",
        "charged_off_cents",
    ),
}
"""Columns (inside names) that need the other loans and accounts of a person as well: see `obligors.py`."""
TABLES: dict[str, Table] = {table.name: table for table in _ALL_TABLES}


def own_schema(name: str) -> dict[str, pl.DataType]:
    """Names and types inside of what is told of one account alone: without FINISHED and the columns of nights."""
    table = TABLES[name]
    left_out = (*table.night_columns, *FINISHED.get(name, ()))
    return {column: kind for column, kind in table.schema.items() if column not in left_out}
