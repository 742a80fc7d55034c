"""What a night changes in the warehouse: files of rows by table, and what they replace."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from flows.stores.lake import WAITING_ROWS

ROW = ["feed", "key", "delivery_no", "line_number"]
"""What tells one waiting row from another; one line may give many rows."""


@dataclass(slots=True)
class Changes:
    """What a night changes in the warehouse: Parquet files by table, and how they come in."""

    work: Path
    accounts: pl.DataFrame
    """account_no, source, account_id of the accounts worked on in full."""
    customers: pl.DataFrame
    """source, customer_id of the customers worked on."""
    replaced: dict[str, list[Path]] = field(default_factory=dict)
    """Tables whose rows of the accounts (or customers, or keys) worked on are replaced."""
    keys: dict[str, pl.DataFrame] = field(default_factory=dict)
    """Of replaced tables that do not go by the accounts worked on: the keys whose rows are replaced."""
    whole: dict[str, list[Path]] = field(default_factory=dict)
    """Tables replaced whole."""
    added: dict[str, list[Path]] = field(default_factory=dict)
    """Tables that grow."""
    stamped: tuple[str, ...] = ()
    """Tables of which the rows that stay are told as of the night as well."""
    dated: dict[str, list[Path]] = field(default_factory=dict)
    """Tables whose rows of the as-of date are replaced."""
    sums: dict[str, list[Path]] = field(default_factory=dict)
    """What the accounts worked on add to each set of sums by month."""
    waiting: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WAITING_ROWS))
    """Rows of the accounts worked on whose references do not hold."""

    def worked_on(self, table: str) -> pl.DataFrame:
        """The keys whose rows of a replaced table give way."""
        if table in self.keys:
            return self.keys[table]
        if table == "core.customers":
            return self.customers
        return self.accounts.select("source", "account_id")

    def size(self, table: str) -> int:
        """Bytes of the files that come into a table."""
        kinds = (self.replaced, self.whole, self.dated, self.added)
        return sum(path.stat().st_size for kind in kinds for path in kind.get(table, []))

    def write(self, into: dict[str, list[Path]], table: str, rows: pl.DataFrame) -> None:
        """Keeps rows in a file for publishing."""
        paths = into.setdefault(table, [])
        if rows.height:
            path = self.work / f"{table}.{len(list(self.work.iterdir()))}.parquet"
            rows.write_parquet(path, compression="lz4", statistics=False)
            paths.append(path)
