"""Credits against dues, the short way: sorted levels and binary searches instead of items unrolled by days.

In a *regular* scope one level tells the state on a day: the credits up to then, held against the running sum of dues in
the order of filling. A scope is regular when no plan is replaced in it, no refund goes to its own loan first,
and no item comes between money and the items that it fills: on the day before an item begins to exist, the credits do
not reach beyond the items before it. Then an item that does not exist yet holds no money by the same formula, and one
that holds money exists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from transforms.ledger import Ledger

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_PARTS = ("fee", "interest", "principal")


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Rows sorted by group and value; one binary search answers for all groups at once.

    The values of a group are moved above those of all groups before it, so that one array rises throughout.
    """

    starts: Ints
    """First row of each group, and behind the last group the number of rows."""
    low: Ints
    high: Ints
    base: Ints
    keys: Ints

    @classmethod
    def by(cls, group: Ints, value: Ints, groups: int) -> _Sorted:
        """Of rows that are sorted by group and, in it, by value."""
        starts = np.searchsorted(group, np.arange(groups + 1))
        filled = starts[1:] > starts[:-1]
        low, high = np.zeros(groups, np.int64), np.zeros(groups, np.int64)
        low[filled] = value[starts[:-1][filled]]
        high[filled] = value[starts[1:][filled] - 1]
        widths = high - low + 3
        base = np.concatenate([[0], np.cumsum(widths)[:-1]]) - low if groups else np.zeros(0, np.int64)
        return cls(starts, low, high, base, base[group] + value)

    def before(self, group: Ints, value: Ints) -> Ints:
        """Number of rows of the group whose value is less."""
        return self._count(group, value, "left")

    def up_to(self, group: Ints, value: Ints) -> Ints:
        """Number of rows of the group whose value is not greater."""
        return self._count(group, value, "right")

    def _count(self, group: Ints, value: Ints, side: str) -> Ints:
        inside = np.clip(value, self.low[group] - 1, self.high[group] + 1)
        place = np.searchsorted(self.keys, self.base[group] + inside, side=side)  # type: ignore[call-overload]
        counted: Ints = place - self.starts[group]
        return counted


def _ints(frame: pl.DataFrame, name: str) -> Ints:
    """A column as int64; days as their number, flags as 0 and 1."""
    column = frame[name]
    if column.dtype == pl.Date:
        column = column.to_physical()
    return column.cast(pl.Int64).to_numpy()


@dataclass(frozen=True, slots=True)
class _Existing:
    """Sums over the items of a unit or scope by the day on which they begin to exist."""

    sorted: _Sorted
    running: tuple[Ints, ...]

    @classmethod
    def by(cls, group: Ints, exists_from: Ints, groups: int, *values: Ints) -> _Existing:
        """Of items in any order, with the values to be summed."""
        order = np.lexsort((exists_from, group))
        running = tuple(_running(each[order]) for each in values)
        return cls(_Sorted.by(group[order], exists_from[order], groups), running)

    def sums(self, group: Ints, day: Ints) -> list[Ints]:
        """Sums of each of the values over the items that exist on the days."""
        start = self.sorted.starts[group]
        behind = start + self.sorted.up_to(group, day)
        return [sums[behind] - sums[start] for sums in self.running]


def _running(values: Ints) -> Ints:
    """Sums of the first 0, 1, 2 … values."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(values)])


class Levels:
    """A ledger as sorted arrays, with the scopes in which levels tell the state.

    Only for ledgers whose unit and scope numbers are dense from 0.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.units = ledger.units.height
        self.unit_scope = _ints(ledger.units, "scope_no")
        self.scope_units = np.bincount(self.unit_scope, minlength=self.units)
        self.tolerance = _ints(ledger.units, "tolerance_cents")
        self.rank = {part: _ints(ledger.units, f"{part}_rank") for part in _PARTS}
        self._read_credits(ledger)
        self._read_items(ledger)
        self.is_regular = self._find_regular(ledger)

    def _read_credits(self, ledger: Ledger) -> None:
        rows = ledger.credits.sort("scope_no", "paid_date")
        self.credit_scope, self.credit_day = _ints(rows, "scope_no"), _ints(rows, "paid_date")
        self.credit_sum = _running(_ints(rows, "amount_cents"))
        self.credits_by_day = _Sorted.by(self.credit_scope, self.credit_day, self.units)
        first = self.credit_sum[self.credits_by_day.starts[self.credit_scope]]
        self.credits_by_level = _Sorted.by(self.credit_scope, self.credit_sum[1:] - first, self.units)

    def _read_items(self, ledger: Ledger) -> None:
        """Items in the order of filling; `level` is what must have come in for an item to be covered whole."""
        items = ledger.items
        scope, due = _ints(items, "scope_no"), _ints(items, "due_cents")
        scope_start = np.searchsorted(scope, np.arange(self.units + 1))
        sums = _running(due)
        level = sums[1:] - sums[scope_start[scope]]
        # within a unit the common order is kept, so levels and due dates rise there as well
        order = np.argsort(_ints(items, "unit_no"), kind="stable")
        self.item_no = _ints(items, "item_no")[order]
        self.unit = _ints(items, "unit_no")[order]
        self.scope = scope[order]
        self.level = level[order]
        self.due = due[order]
        self.due_day = _ints(items, "due_date")[order]
        self.exists_from = _ints(items, "exists_from")[order]
        self.part = {part: _ints(items, f"{part}_cents")[order] for part in _PARTS}
        self.by_due_day = _Sorted.by(self.unit, self.due_day, self.units)
        self.by_level = _Sorted.by(self.unit, self.level, self.units)
        self.is_big = self.due > self.tolerance[self.unit]
        self.due_sum, self.principal_sum = _running(self.due), _running(self.part["principal"])
        self.big_count, self.big_due = _running(self.is_big.astype(np.int64)), _running(self.due * self.is_big)
        self.big_charges = _running((self.part["fee"] + self.part["interest"]) * self.is_big)
        places = np.where(self.is_big, np.arange(len(self.due)), len(self.due))
        self.next_big = np.append(np.minimum.accumulate(places[::-1])[::-1], len(self.due))
        amounts = (self.due, self.part["principal"], self.is_big.astype(np.int64))
        self.of_unit = _Existing.by(self.unit, self.exists_from, self.units, *amounts)
        self.of_scope = _Existing.by(self.scope, self.exists_from, self.units, self.due)

    def _find_regular(self, ledger: Ledger) -> Flags:
        """Per scope: whether levels tell its state."""
        regular = np.ones(self.units, np.bool_)
        replaced = ledger.items.filter(pl.col("exists_to").is_not_null())
        regular[_ints(replaced, "scope_no")] = False
        own = (pl.col("allocation") == "account") & pl.col("refund_to_own_loan")
        refunds = ledger.credits.filter(pl.col("kind") == "refund").join(
            ledger.units.filter(own).select("unit_no"), on="unit_no", how="semi"
        )
        regular[_ints(refunds, "scope_no")] = False
        # a loan is asked about from its first items on, an account on any day: money may come in before its first item
        first = np.full(self.units, np.iinfo(np.int64).max)
        np.minimum.at(first, self.scope, self.exists_from)
        first[_ints(ledger.units.filter(pl.col("start").is_null()), "unit_no")] = np.iinfo(np.int64).min
        comes_later = self.exists_from > first[self.scope]
        scope, day = self.scope[comes_later], self.exists_from[comes_later] - 1
        reaches_beyond = self.credited(scope, day) > self.level[comes_later] - self.due[comes_later]
        regular[scope[reaches_beyond]] = False
        return regular

    def credited(self, scope: Ints, day: Ints) -> Ints:
        """Credits of the scopes up to the days, in cents."""
        start = self.credits_by_day.starts[scope]
        credited: Ints = self.credit_sum[start + self.credits_by_day.up_to(scope, day)] - self.credit_sum[start]
        return credited

    def figures(self, unit: Ints, day: Ints) -> dict[str, Ints]:
        """What the units owe on the days, in cents; `oldest_due_date` is a day number, meant only where `is_late`."""
        scope, start = self.unit_scope[unit], self.by_level.starts[unit]
        end = self.by_level.starts[unit + 1]
        money = self.credited(scope, day)
        counted = self.by_level.up_to(unit, money)
        reached = start + counted
        partly = self._covered(reached, money, reached < end)
        paid_principal = self._paid("principal", reached, partly, unit, reached < end)
        covered = self.due_sum[reached] - self.due_sum[start] + partly
        principal = self.principal_sum[reached] - self.principal_sum[start] + paid_principal
        is_exact = not self.tolerance.any()
        tolerated = counted if is_exact else self.by_level.up_to(unit, money + self.tolerance[unit])
        first_open = np.minimum(self.next_big[start + tolerated], end)
        behind_late = start + self.by_due_day.before(unit, day)
        is_late = first_open < behind_late
        existing_due, existing_principal, existing_big = self.of_unit.sums(unit, day)
        is_shared = self.scope_units[scope] > 1
        owed = existing_due.copy()
        owed[is_shared] = self.of_scope.sums(scope[is_shared], day[is_shared])[0]
        surplus = np.where(unit == scope, np.maximum(money - np.maximum(owed, 0), 0), 0)
        return {
            **self._late(unit, money, first_open, behind_late, is_late),
            "is_late": is_late,
            "outstanding_principal_cents": existing_principal - principal,
            "remaining_cents": existing_due - covered - surplus,
            "surplus_cents": surplus,
            "open_count": existing_big - (self.big_count[first_open] - self.big_count[start]),
        }

    def _late(self, unit: Ints, money: Ints, first: Ints, behind: Ints, is_late: Flags) -> dict[str, Ints]:
        """Past due, its interest and fees, and the due date of the first late item; those behind it are late whole."""
        at = np.where(is_late, first, 0)
        covered = self._covered(at, money, is_late)
        paid_charges = sum(self._paid(part, at, covered, unit, is_late) for part in ("fee", "interest"))
        past_due = self.big_due[behind] - self.big_due[at] - covered
        charges = self.big_charges[behind] - self.big_charges[at] - paid_charges
        due_day = self.due_day[at] if len(self.due_day) else at
        return {
            "past_due_cents": np.where(is_late, past_due, 0),
            "past_due_charges_cents": np.where(is_late, charges, 0),
            "oldest_due_date": due_day,
        }

    def _covered(self, at: Ints, money: Ints, is_meant: Flags) -> Ints:
        """What the money covers of single items, where they are meant."""
        if not len(self.due):
            return np.zeros(len(at), np.int64)
        at = np.where(is_meant, at, 0)
        due = self.due[at]
        return np.where(is_meant, np.clip(money - (self.level[at] - due), 0, due), 0)

    def _paid(self, part: str, at: Ints, covered: Ints, unit: Ints, is_meant: Flags) -> Ints:
        """What of the covered amount pays one part of the items, in the product's order."""
        if not len(self.due):
            return np.zeros(len(at), np.int64)
        at = np.where(is_meant, at, 0)
        before = np.zeros(len(at), np.int64)
        for other in _PARTS:
            before += np.where(self.rank[other][unit] < self.rank[part][unit], self.part[other][at], 0)
        return np.where(is_meant, np.clip(covered - before, 0, self.part[part][at]), 0)

    def covered(self, day: int) -> Ints:
        """What covers each item (in the order of `item_no`) on a day; nothing covers items that do not exist yet."""
        money = self.credited(self.scope, np.full(len(self.due), day))
        amounts = np.clip(money - (self.level - self.due), 0, self.due)
        return np.where(self.exists_from <= day, amounts, 0)

    def settled(self, last_day: int) -> tuple[Ints, Flags]:
        """The day on which each item is settled, and whether it is by the last day."""
        wanted = self.level - self.tolerance[self.unit]
        place = self.credits_by_level.starts[self.scope] + self.credits_by_level.before(self.scope, wanted)
        is_reached = place < self.credits_by_level.starts[self.scope + 1]
        days = np.append(self.credit_day, 0)[np.where(is_reached, place, len(self.credit_day))]
        settled = np.maximum(np.where(self.is_big, days, self.exists_from), self.exists_from)
        return settled, (is_reached | ~self.is_big) & (settled <= last_day)
