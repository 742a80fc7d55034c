"""When items were open and late: the spells that every status rule starts from."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms import unrolled
from transforms.settle import Settlement

_ITEM = ("item_no", "unit_no", "due_date", "exists_from", "exists_to")


def open_spells(settlement: Settlement, last_day: date) -> pl.DataFrame:
    """One row per item and spell in which more than the tolerance of it is uncovered, up to the last day.

    Only items of more than the tolerance. In a regular scope an item is open once: until it is settled.

    Returns:
        item_no, unit_no, due_date, first_day, end_day (null: open on the last day).
    """
    ledger = settlement.ledger
    tolerance = ledger.units.select("unit_no", "tolerance_cents")
    big = (
        ledger.items.join(tolerance, on="unit_no")
        .filter((pl.col("due_cents") > pl.col("tolerance_cents")) & (pl.col("exists_from") <= last_day))
        .select(*_ITEM, "scope_no")
    )
    irregular = settlement.irregular.units.select("scope_no").unique()
    once = (
        big.join(irregular, on="scope_no", how="anti")
        .join(settlement.settled_dates(last_day), on="item_no", how="left")
        .select("item_no", "unit_no", "due_date", first_day="exists_from", end_day="settled_date")
    )
    spells = unrolled.open_spells(settlement.irregular, pl.lit(last_day))
    often = big.select("item_no", "unit_no", "due_date").join(spells, on="item_no")
    return pl.concat([once, often]).filter((pl.col("first_day") < pl.col("end_day")).fill_null(value=True))


def late_spells(opened: pl.DataFrame, last_day: date) -> pl.DataFrame:
    """The part of each open spell that lies behind the due date: the item is late; up to the last day."""
    late_from = pl.max_horizontal("first_day", pl.col("due_date") + pl.duration(days=1))
    return opened.with_columns(first_day=late_from).filter(
        (pl.col("first_day") < pl.col("end_day")).fill_null(value=True) & (pl.col("first_day") <= last_day)
    )
