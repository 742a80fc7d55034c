"""Single credits against items: which credit covers what of which item, as things stand on a day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl

from transforms.ledger import Ledger
from transforms.unrolled import cover, parts_paid

_FIRST = date(1970, 1, 1)
_PARTS = ("fee_paid_cents", "interest_paid_cents", "principal_paid_cents")


def allocations(ledger: Ledger, scopes: pl.DataFrame, day: date) -> pl.DataFrame:
    """One row per credit and item that it covers something of on the day.

    The items that exist on the day meet one credit after the other: refunds that go to their own loan first, then by
    paid_date and repayment_id. What a credit covers is by how much it raises the coverage (`unrolled.cover`), so the
    credits of an item add up to what covers it, part by part.

    Args:
        ledger: the ledger.
        scopes: scope_no of the scopes asked for.
        day: the day.

    Returns:
        scope_no, item_no, unit_no (of the item), repayment_id, paid_date, kind, covered_cents, fee_paid_cents,
        interest_paid_cents, principal_paid_cents.
    """
    exists = (pl.col("exists_from") <= day) & (pl.col("exists_to") > day).fill_null(value=True)
    items = ledger.items.join(scopes, on="scope_no", how="semi", maintain_order="left").filter(exists)
    queue = _in_turn(ledger, scopes, day)
    # a step stands for a day: on the n-th, the first n credits have come in
    step = pl.lit(_FIRST) + pl.duration(days=pl.col("place"))
    stepwise = replace(
        ledger,
        items=items.with_columns(exists_from=pl.lit(_FIRST), exists_to=pl.lit(None, pl.Date)),
        credits=queue.with_columns(paid_date=step),
    )
    steps = queue.select("scope_no", "repayment_id", "paid_date", "kind", day=step)
    ranks = ledger.units.select("unit_no", "fee_rank", "interest_rank", "principal_rank")
    gained = [
        (pl.col(name) - pl.col(name).shift(1, fill_value=0).over("item_no")).alias(name)
        for name in ("covered_cents", *_PARTS)
    ]
    return (
        cover(stepwise, steps.select("scope_no", "day"))
        .join(ranks, on="unit_no")
        .with_columns(*parts_paid(pl.col("covered_cents")))
        .sort("item_no", "day")
        .with_columns(gained)
        .filter(pl.col("covered_cents") > 0)
        .drop("repayment_id")
        .join(steps, on=["scope_no", "day"])
        .select("scope_no", "item_no", "unit_no", "repayment_id", "paid_date", "kind", "covered_cents", *_PARTS)
        .sort("item_no", "paid_date", "repayment_id")
    )


def _in_turn(ledger: Ledger, scopes: pl.DataFrame, day: date) -> pl.DataFrame:
    """The credits of the scopes up to the day, in the order in which they are used: `place`, from 1 in each scope."""
    owners = ledger.units.filter((pl.col("allocation") == "account") & pl.col("refund_to_own_loan"))
    is_own = (pl.col("kind") == "refund") & pl.col("unit_no").is_in(owners["unit_no"].implode())
    return (
        ledger.credits.join(scopes, on="scope_no", how="semi")
        .filter(pl.col("paid_date") <= day)
        .sort("scope_no", ~is_own.fill_null(value=False), "paid_date", "repayment_id")
        .with_columns(place=pl.int_range(1, pl.len() + 1).over("scope_no"))
    )
