"""Row rules: each is declared once and gives the SQL that marks bad rows, its bit, and its expectation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transforms.feeds import FEEDS
from transforms.policy import Policy
from transforms.refusals import Mark, Refusal, parse_marks

CONFLICT = "is_conflict"
"""Column that the masking pass adds: another row of the file has the same key and different content."""


@dataclass(frozen=True, slots=True)
class RowRule:
    """One reason for which a row of a feed is refused.

    `predicate` is SQL over a staged row, true for a bad one; `{name}` stands for a figure of the policy. None: the bit
    was set while the row was read. `stock` is the stock expectation that names the same rows: on the text as delivered
    where reading set the bit, else on the staged column. It asks deletions and damaged records as well; the rule does
    not.
    """

    reason: Refusal
    column: str | None
    why: str
    predicate: str | None = None
    stock: tuple[str, dict[str, Any]] | None = None

    @property
    def mark(self) -> Mark:
        """Reason and column."""
        return self.reason, self.column

    @property
    def name(self) -> str:
        """How reports name the rule."""
        return f"{self.reason.value}: {self.column}" if self.column else self.reason.value


def in_set(column: str, inside: str, values: Sequence[str], why: str) -> RowRule:
    """The code must be one of those agreed."""
    listed = ", ".join(f"'{value}'" for value in values)
    return RowRule(
        Refusal.UNKNOWN_CODE,
        column,
        why,
        f"{inside} NOT IN ({listed})",
        ("ExpectColumnValuesToBeInSet", {"column": inside, "value_set": list(values)}),
    )


def not_negative(column: str, inside: str, why: str) -> RowRule:
    """The amount must be zero or more."""
    stock = ("ExpectColumnValuesToBeBetween", {"column": inside, "min_value": 0})
    return RowRule(Refusal.NEGATIVE_AMOUNT, column, why, f"{inside} < 0", stock)


def positive(column: str, inside: str, why: str) -> RowRule:
    """The amount must be more than zero."""
    stock = ("ExpectColumnValuesToBeBetween", {"column": inside, "min_value": 0, "strict_min": True})
    return RowRule(Refusal.NOT_POSITIVE, column, why, f"{inside} <= 0", stock)


def in_order(column: str, first: str, second: str, why: str) -> RowRule:
    """The second date must not lie before the first."""
    stock = (
        "ExpectColumnPairValuesAToBeGreaterThanB",
        {"column_A": second, "column_B": first, "or_equal": True, "ignore_row_if": "either_value_is_missing"},
    )
    return RowRule(Refusal.DATE_ORDER, column, why, f"{second} < {first}", stock)


_READING = {
    Refusal.BAD_ENCODING: "Bytes that are no text would be stored as something the lender never said.",
    Refusal.BAD_RECORD: "A record that cannot be taken apart has no fields to trust.",
    Refusal.TOO_FEW_FIELDS: "A short record may have its values in the wrong columns.",
    Refusal.TOO_MANY_FIELDS: "A long record may have its values in the wrong columns.",
    Refusal.BAD_UNFOLD: "Without the count nobody knows how many rows the lender meant.",
    Refusal.MISSING: "Without this value the row says nothing that can be counted.",
    Refusal.BAD_DATE: "Days past due are counted from dates; a guess would restate somebody's credit.",
    Refusal.BAD_AMOUNT: "Money is exact to the cent or it is not taken.",
    Refusal.BAD_INTEGER: "A number that orders rows must be whole.",
    Refusal.BAD_RATE: "A share that cannot be read would weigh a person wrongly.",
    Refusal.BAD_FLAG: "A deletion must be meant.",
}


def row_rules(feed: str, own: Sequence[RowRule]) -> tuple[RowRule, ...]:
    """All rules of a feed: what reading may find, then its own, then the conflict; a rule's place is its bit."""
    reading = []
    for reason, column in parse_marks(feed):
        stock = None
        if reason is Refusal.MISSING and column is not None:
            stock = ("ExpectColumnValuesToNotBeNull", {"column": column})
        reading.append(RowRule(reason, column, _READING[reason], None, stock))
    conflict = RowRule(
        Refusal.CONFLICT, None, "Of two different rows with one key nobody knows which one the lender means.", CONFLICT
    )
    return (*reading, *own, conflict)


def mask_sql(feed: str, rules: Sequence[RowRule], policy: Policy, staged: str, files: str) -> str:
    """SQL of every staged row with all its reasons in one bitmask.

    Args:
        feed: the canonical feed.
        rules: its rules.
        policy: fills the figures that predicates name.
        staged: relation of staged rows: file_no, line_number, line_span, reasons, row_amount_cents, unreadable_count
            and the feed's fact columns.
        files: relation of files: file_no, business_date.
    """
    figures = {
        "currencies": ", ".join(f"'{currency}'" for currency in policy.currencies),
        "paid_after_days": str(policy.paid_after_delivery_days),
    }
    bits = []
    for bit, rule in enumerate(rules):
        if rule.predicate is None or rule.predicate == CONFLICT:
            continue
        is_bad = f"NOT is_deleted AND ({rule.predicate.format(**figures)})"
        if rule.reason is Refusal.MISSING:  # a cell that cannot be read is null as well, but not missing
            is_bad += f" AND reasons & {_unread(rules, rule.column)} = 0"
        bits.append(f"CASE WHEN {is_bad} THEN {1 << bit} ELSE 0 END")
    conflict_bit = next(bit for bit, rule in enumerate(rules) if rule.predicate == CONFLICT)
    key = FEEDS[feed].key
    content = [name for name in FEEDS[feed].facts if name not in ("source", *key)]

    def same(left: str) -> str:
        return " AND ".join(f"{left}.{name} IS NOT DISTINCT FROM c.{name}" for name in ("file_no", *key))

    keyed = ", ".join(("file_no", *key))
    complete = " AND ".join(f"{name} IS NOT NULL" for name in key if name != "plan_date")
    # a row whose key cannot be read is no twin of any other, such as the original plan when its plan_date is no date
    unread = _unread(rules, None, *key)
    is_conflict = f"c.file_no IS NOT NULL AND m.reasons & {unread} = 0"
    # almost no key stands twice, which its hash tells cheaply
    return f"""
WITH suspected AS (
    SELECT hash({keyed}) AS h FROM {staged} WHERE {complete} GROUP BY h HAVING count(*) > 1
), repeated AS (
    SELECT {keyed} FROM {staged} WHERE {complete} AND hash({keyed}) IN (SELECT h FROM suspected)
    GROUP BY ALL HAVING count(*) > 1
), conflicting AS (
    SELECT {", ".join(f"s.{name}" for name in ("file_no", *key))}
    FROM {staged} s JOIN repeated c ON {same("s")} WHERE s.reasons & {unread} = 0
    GROUP BY ALL HAVING count(DISTINCT row({", ".join(f"s.{name}" for name in content)})) > 1
), marked AS (
    SELECT s.* REPLACE (s.reasons + {" + ".join(bits) or "0"} AS reasons), business_date
    FROM {staged} s JOIN {files} USING (file_no)
)
SELECT m.* REPLACE (m.reasons + CASE WHEN {is_conflict} THEN {1 << conflict_bit} ELSE 0 END AS reasons)
FROM marked m LEFT JOIN conflicting c ON {same("m")}
"""


def _unread(rules: Sequence[RowRule], *columns: str | None) -> int:
    """The bits that say that one of the columns, or the whole record (None), could not be read."""
    return sum(1 << bit for bit, rule in enumerate(rules) if rule.predicate is None and rule.column in columns)
