"""Credits against dues, the long way, right for every ledger: items unrolled by days.

For each day asked, the items that exist then, in order, meet the credits up to then. `transforms/levels.py` answers the
same for most ledgers without unrolling; `transforms/settle.py` chooses.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from transforms import spells
from transforms.ledger import Ledger

_DAY_BITS, _DAY_SHIFT = 23, 1 << 20
"""Bits for a day in a number made of scope and day, and what makes the earliest day (year 1) no less than 0."""


def cover(ledger: Ledger, moments: pl.DataFrame) -> pl.DataFrame:
    """One row per moment of a scope and item that exists then: covered_cents.

    Args:
        ledger: items in order, and credits.
        moments: distinct scope_no, day.

    Returns:
        scope_no, day, the items' columns, covered_cents; and no row for moments without items.
    """
    moments = moments.select("scope_no", "day").sort("scope_no", "day").with_row_index("moment")
    rows = _existing(ledger.items, moments)
    moment = rows["moment"].to_numpy()
    rows = rows.with_columns(pot_cents=pl.Series(_pot(ledger.credits, moments)[moment]))
    owned = ledger.credits.filter(pl.col("kind") == "refund").join(_own_refunds(ledger), on="unit_no", how="semi")
    if owned.height:
        rows = _with_own(rows, owned, moments)
    else:
        rows = rows.with_columns(own_cents=pl.lit(0, pl.Int64), open_cents="due_cents")
    filled = _filled(rows["pot_cents"].to_numpy(), rows["open_cents"].to_numpy(), moment)
    return rows.with_columns(covered_cents=pl.col("own_cents") + pl.Series(filled, dtype=pl.Int64)).drop(
        "moment", "own_cents", "open_cents", "pot_cents"
    )


def _existing(items: pl.DataFrame, moments: pl.DataFrame) -> pl.DataFrame:
    """One row per moment and item that exists then: moment, day, the items' columns; in order of both.

    Args:
        items: sorted by scope.
        moments: moment, scope_no, day; sorted.
    """
    scope = items["scope_no"].to_numpy()
    first = np.searchsorted(scope, moments["scope_no"].to_numpy(), side="left")
    counts = np.searchsorted(scope, moments["scope_no"].to_numpy(), side="right") - first
    moment = np.repeat(np.arange(moments.height), counts)
    item = np.arange(len(moment)) - np.repeat(np.cumsum(counts) - counts, counts) + first[moment]
    day = moments["day"].gather(moment)
    exists = (items["exists_from"].gather(item) <= day) & (items["exists_to"].gather(item) > day).fill_null(value=True)
    chosen = item[exists.to_numpy()]
    return items.select(pl.all().gather(chosen)).with_columns(
        day=day.filter(exists), moment=pl.Series(moment[exists.to_numpy()])
    )


def _with_own(rows: pl.DataFrame, owned: pl.DataFrame, moments: pl.DataFrame) -> pl.DataFrame:
    """The rows with what refunds to their own loan cover of them and leave open, and what is left of the pot."""
    refunds = (
        moments.lazy()
        .join(owned.lazy(), on="scope_no")
        .filter(pl.col("paid_date") <= pl.col("day"))
        .group_by("scope_no", "day", "unit_no")
        .agg(refund_cents=pl.col("amount_cents").sum())
    )
    own = _fill(pl.col("refund_cents").fill_null(0), pl.col("due_cents"), ["moment", "unit_no"])
    return (
        rows.lazy()
        .join(refunds, on=["scope_no", "day", "unit_no"], how="left")
        .sort("moment", "item_no")
        .with_columns(own_cents=own)
        .with_columns(
            open_cents=pl.col("due_cents") - pl.col("own_cents"),
            pot_cents=pl.col("pot_cents") - pl.col("own_cents").sum().over("moment"),
        )
        .drop("refund_cents")
        .collect()
    )


def _own_refunds(ledger: Ledger) -> pl.DataFrame:
    """Units whose refunds fill their own items before the common pot."""
    is_own = (pl.col("allocation") == "account") & pl.col("refund_to_own_loan") & pl.col("loan_id").is_not_null()
    return ledger.units.filter(is_own).select("unit_no")


def _pot(paid: pl.DataFrame, moments: pl.DataFrame) -> npt.NDArray[np.int64]:
    """Credits up to then, in cents, per moment.

    Args:
        paid: the credits, sorted by scope and paid_date.
        moments: scope_no, day.
    """
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(paid["amount_cents"].to_numpy())])
    places = _scope_day(paid, "paid_date")
    wanted = _scope_day(moments, "day")
    behind = np.searchsorted(places, wanted, side="right")
    before = np.searchsorted(paid["scope_no"].to_numpy(), moments["scope_no"].to_numpy(), side="left")
    pot: npt.NDArray[np.int64] = sums[np.maximum(behind, before)] - sums[before]
    return pot


def _scope_day(rows: pl.DataFrame, day: str) -> npt.NDArray[np.int64]:
    """Scope and day as one number that rises with both."""
    days = rows[day].cast(pl.Date).to_physical().to_numpy().astype(np.int64)
    return (rows["scope_no"].to_numpy().astype(np.int64) << _DAY_BITS) + days + _DAY_SHIFT


def _fill(money: pl.Expr, due: pl.Expr, within: list[str]) -> pl.Expr:
    """What of each due the money fills, first row first."""
    before = due.cum_sum().over(within) - due
    return (money - before).clip(0, due)


def _filled(
    money: npt.NDArray[np.int64], due: npt.NDArray[np.int64], moment: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """The same for rows sorted by their moment."""
    before = np.cumsum(due) - due
    first = np.searchsorted(moment, moment, side="left")
    return np.clip(money - (before - before[first]), 0, due)


def parts_paid(covered: pl.Expr) -> list[pl.Expr]:
    """fee_paid_cents, interest_paid_cents, principal_paid_cents: the covered amount in the product's order."""
    parts = ("fee", "interest", "principal")
    paid = []
    for part in parts:
        before = pl.sum_horizontal(
            pl.when(pl.col(f"{other}_rank") < pl.col(f"{part}_rank")).then(f"{other}_cents").otherwise(0)
            for other in parts
        )
        paid.append((covered - before).clip(0, pl.col(f"{part}_cents")).alias(f"{part}_paid_cents"))
    return paid


def figures(ledger: Ledger, moments: pl.DataFrame) -> pl.DataFrame:
    """One row per unit and day asked: what is owed, what is late.

    Args:
        ledger: the ledger.
        moments: distinct unit_no, day; loans only from their start on.

    Returns:
        unit_no, day, past_due_cents, past_due_charges_cents (uncovered interest and fees of late items),
        oldest_due_date, outstanding_principal_cents, remaining_cents (less the surplus where the pot is the unit's),
        surplus_cents (of the scope, on the unit that alone has it: the loan, or the account's own unit),
        open_count (items with more than the tolerance uncovered).
    """
    rules = ledger.units.select("unit_no", "scope_no", "tolerance_cents", "fee_rank", "interest_rank", "principal_rank")
    asked = moments.join(rules, on="unit_no", how="left")
    scope_days = asked.select("scope_no", "day").unique()
    items = cover(ledger, scope_days)
    rows = items.lazy().join(asked.lazy().drop("scope_no"), on=["unit_no", "day"], how="inner")
    uncovered = pl.col("due_cents") - pl.col("covered_cents")
    is_open = pl.col("uncovered_cents") > pl.col("tolerance_cents")
    is_late = pl.col("is_open") & (pl.col("due_date") < pl.col("day"))
    charges = pl.col("fee_cents") + pl.col("interest_cents") - pl.col("fee_paid_cents") - pl.col("interest_paid_cents")
    sums = (
        rows.with_columns(*parts_paid(pl.col("covered_cents")), uncovered_cents=uncovered)
        .with_columns(is_open=is_open)
        .with_columns(is_late=is_late)
        .group_by("unit_no", "day")
        .agg(
            past_due_cents=pl.col("uncovered_cents").filter("is_late").sum(),
            past_due_charges_cents=charges.filter(pl.col("is_late")).sum(),
            oldest_due_date=pl.col("due_date").filter("is_late").min(),
            outstanding_principal_cents=(pl.col("principal_cents") - pl.col("principal_paid_cents")).sum(),
            uncovered_cents=pl.col("uncovered_cents").sum(),
            open_count=pl.col("is_open").sum().cast(pl.Int64),
        )
    )
    surplus = _surplus(ledger, scope_days, items)
    return (
        asked.lazy()
        .select("unit_no", "scope_no", "day")
        .join(sums, on=["unit_no", "day"], how="left")
        .join(surplus, on=["scope_no", "day"], how="left")
        .with_columns(surplus_cents=pl.when(pl.col("unit_no") == pl.col("scope_no")).then("surplus_cents").otherwise(0))
        .with_columns(pl.col(SUMS).fill_null(0))
        .with_columns(remaining_cents=pl.col("uncovered_cents") - pl.col("surplus_cents"))
        .select("unit_no", "day", *FIGURES)
        .sort("unit_no", "day")
        .collect()
    )


SUMS = (
    "past_due_cents",
    "past_due_charges_cents",
    "outstanding_principal_cents",
    "uncovered_cents",
    "surplus_cents",
    "open_count",
)
FIGURES = (
    "past_due_cents",
    "past_due_charges_cents",
    "oldest_due_date",
    "outstanding_principal_cents",
    "remaining_cents",
    "surplus_cents",
    "open_count",
)


def _surplus(ledger: Ledger, scope_days: pl.DataFrame, items: pl.DataFrame) -> pl.LazyFrame:
    """One row per scope and day: credits that are left after the last item."""
    used = items.lazy().group_by("scope_no", "day").agg(used_cents=pl.col("covered_cents").sum())
    return (
        scope_days.with_columns(pot_cents=pl.Series(_pot(ledger.credits, scope_days)))
        .lazy()
        .join(used, on=["scope_no", "day"], how="left")
        .select("scope_no", "day", surplus_cents=pl.col("pot_cents") - pl.col("used_cents").fill_null(0))
    )


def settled_dates(items: pl.DataFrame, spells: pl.DataFrame, last_day: date) -> pl.DataFrame:
    """One row per item that is settled: item_no, settled_date.

    The first day of the spell, unbroken up to `last_day` (or the last day on which the item exists), in which no more
    than the tolerance is uncovered.

    Args:
        items: item_no, exists_from, exists_to.
        spells: `open_spells` of their ledger.
        last_day: the as-of date.
    """
    last = spells.group_by("item_no").agg(pl.col("end_day").max(), is_open=pl.col("end_day").is_null().any())
    settled_date = pl.coalesce("end_day", "exists_from")
    return (
        items.filter(pl.col("exists_from") <= last_day)
        .join(last, on="item_no", how="left")
        .filter(~pl.col("is_open").fill_null(value=False))
        .select("item_no", "exists_to", settled_date=settled_date)
        .filter((pl.col("settled_date") < pl.col("exists_to")).fill_null(value=True))
        .select("item_no", "settled_date")
        .sort("item_no")
    )


def change_days(ledger: Ledger, last_day: date) -> pl.DataFrame:
    """Distinct scope_no and day, up to the last day, on which coverage may change."""
    ends = ledger.items.filter(pl.col("exists_to").is_not_null())
    places = [
        _scope_day(ledger.credits, "paid_date"),
        _scope_day(ledger.items, "exists_from"),
        _scope_day(ends, "exists_to"),
    ]
    place = np.sort(np.concatenate(places))
    place = place[np.diff(place, prepend=-1) > 0]
    days = (place & ((1 << _DAY_BITS) - 1)) - _DAY_SHIFT
    return pl.DataFrame(
        {
            "scope_no": pl.Series(place >> _DAY_BITS, dtype=pl.UInt32),
            "day": pl.Series(days, dtype=pl.Int32).cast(pl.Date),
        }
    ).filter(pl.col("day") <= last_day)


def open_spells(ledger: Ledger, last_day: date) -> pl.DataFrame:
    """One row per item and spell in which more than the tolerance is uncovered: item_no, first_day, end_day.

    Coverage changes only on days on which money comes in or items come or go: only these are looked at. A null end_day
    is open on the last day.
    """
    changes = change_days(ledger, last_day)
    following = changes.sort("day").with_columns(next_day=pl.col("day").shift(-1).over("scope_no"))
    tolerance = ledger.units.lazy().select("unit_no", "tolerance_cents")
    is_open = pl.col("due_cents") - pl.col("covered_cents") > pl.col("tolerance_cents")
    rows = (
        cover(ledger, changes)
        .lazy()
        .join(tolerance, on="unit_no")
        .filter(is_open)
        .join(following.lazy(), on=["scope_no", "day"])
        .select("item_no", first_day="day", end_day="next_day")
    )
    return spells.union(rows, by="item_no").collect()
