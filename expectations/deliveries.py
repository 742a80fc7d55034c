"""What a delivered file must be to be taken; a critical rule refuses the whole file, a warning reports it."""

from __future__ import annotations

from dataclasses import dataclass

from expectations.checks import Check, Severity, Suite, sql_check
from transforms.policy import Policy
from transforms.refusals import FileRefusal

LARGEST_TOTAL_CENTS = 10**15
"""Of one file; thousands of such files still fit the columns of the portfolio."""
TABLE = "deliveries"
"""One row per file and feed: file_no, feed, faults (list of codes), rows_received, rows_refused, usual_rows (median of
earlier deliveries; null at first), amount_received_cents."""


@dataclass(frozen=True, slots=True)
class FileRule:
    """One rule for files; `predicate` is SQL over TABLE, true for a bad one."""

    refusal: FileRefusal | None
    predicate: str
    why: str
    severity: Severity = "critical"


_FAULTS = {
    FileRefusal.UNREADABLE: "A file that cannot be read as its format may hold anything.",
    FileRefusal.MISSING_COLUMN: "Without a required column no row of the file can be counted.",
    FileRefusal.UNKNOWN_COLUMN: "A column nobody agreed on may change what the others mean.",
    FileRefusal.MISSING_CONTROL: "The policy wants to know what was sent before it believes what came.",
    FileRefusal.BAD_CONTROL: "A control file that cannot be read controls nothing.",
    FileRefusal.CONTROL_ROWS: "Rows were lost or doubled on the way.",
    FileRefusal.CONTROL_SHA256: "The file was changed on the way.",
    FileRefusal.CONTROL_AMOUNT: "Money was lost or doubled on the way.",
}


def rules(policy: Policy) -> tuple[FileRule, ...]:
    """All rules, with the policy's limits."""
    factor = policy.volume_factor
    return (
        *(FileRule(refusal, f"list_contains(faults, '{refusal.value}')", why) for refusal, why in _FAULTS.items()),
        FileRule(
            FileRefusal.TOO_MANY_REFUSED,
            f"rows_refused > greatest({policy.refused_rows_limit}, {policy.refused_rows_share} * rows_received)",
            "So many bad rows mean that the file as a whole went wrong.",
        ),
        FileRule(
            FileRefusal.TOTAL_TOO_LARGE,
            f"abs(amount_received_cents) > {LARGEST_TOTAL_CENTS}",
            "Such sums are mistakes of unit or column, and would not fit the totals of the portfolio.",
        ),
        FileRule(
            None,
            f"rows_received NOT BETWEEN usual_rows / {factor} AND usual_rows * {factor}",
            "A file much larger or smaller than usual may be cut off, doubled or another kind of extract.",
            "warning",
        ),
    )


def suite(policy: Policy) -> Suite:
    """The suite over all files of a night."""
    return Suite("deliveries", None, TABLE, [_check(rule) for rule in rules(policy)])


def _check(rule: FileRule) -> Check:
    return sql_check(
        f"SELECT * FROM {{batch}} WHERE {rule.predicate}", why=rule.why, severity=rule.severity, column=_subject(rule)
    )


def _subject(rule: FileRule) -> str:
    return rule.refusal.value if rule.refusal else "volume"
