"""The ledger of one loan as a person can follow it: items, what covers them, days, and why each status is so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from transforms.allocation import allocations
from transforms.book import Working
from transforms.months import last_month_end
from transforms.performance import closing_months
from transforms.policy import Policy
from transforms.reasons import METRO2_MEANINGS, PBOC_MEANINGS, Reason, Told, reasons
from transforms.settle import parts_paid
from transforms.spells import containing
from transforms.standing import days_past_due

_PARTS = ("fee", "interest", "principal")


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that leads to where a loan stands on a day."""

    loan: dict[str, Any]
    """Its row of status.loan_status."""
    items: pl.DataFrame
    """One row per item that exists, or was replaced by another plan, in the order in which items are filled: item_no,
    installment_no or (of a chargeback) repayment_id, plan_date, due_date, fee_cents, interest_cents, principal_cents,
    due_cents, paid_cents, *_paid_cents, uncovered_cents, is_late, days_late, settled_date, replaced_on."""
    covered_by: pl.DataFrame
    """One row per item and credit that covers something of it: see `allocations`."""
    repayments: pl.DataFrame
    """One row per repayment in the pot of the loan, void ones marked: repayment_id, paid_date, kind, amount_cents,
    loan_id, refers_to, is_void, here_cents (covers of this loan), elsewhere_cents (of others), unused_cents."""
    deferred: pl.DataFrame
    """Stretches of deferred days: first_day, last_day, days_counted (between oldest due date and the day)."""
    events: pl.DataFrame
    """Events of the loan: event_id, kind, event_date, amount_cents, is_shared (for all loans of the account)."""
    defaults: pl.DataFrame
    """Every default: see status.loan_defaults."""
    reasons: list[Reason]
    months: pl.DataFrame
    """One row per month-end, oldest first: month_end, bucket (of history_24m), pboc_code, metro2_code, meaning."""


def explain(
    working: Working, loan: dict[str, Any], defaults: pl.DataFrame, closed_on: date | None, policy: Policy
) -> Explanation:
    """What leads to where a loan stands.

    Args:
        working: what the book of its account is made of.
        loan: its row of status.loan_status, at the day the book is of.
        defaults: its rows of status.loan_defaults.
        closed_on: when its account was closed.
        policy: the rules.
    """
    day: date = loan["as_of"]
    story = working.loans.story
    same = (pl.col("source") == loan["source"]) & (pl.col("loan_id") == loan["loan_id"])
    unit = story.loans.filter(same).row(0, named=True)
    mine = pl.col("unit_no") == unit["unit_no"]
    scope = pl.DataFrame({"scope_no": [unit["scope_no"]]}, schema={"scope_no": pl.UInt32})
    covered_by = allocations(working.settlement.ledger, scope, day)
    counted, deferred = _counted(loan, story.deferred.filter(mine), policy)
    events = story.events.filter(mine).select("event_id", "kind", "event_date", "amount_cents", "is_shared")
    runs = deferred.filter((pl.col("first_day") <= day) & (pl.col("last_day") >= day))
    in_force = containing(story.plans.filter(mine & pl.col("is_restructured")).lazy(), day).collect()
    told = Told(
        loan=loan,
        policy=policy,
        counted_days=counted,
        tolerance_cents=unit["tolerance_cents"],
        grace_days=unit["grace_days"],
        defaults=defaults.sort("default_since").to_dicts(),
        is_restructured=in_force.height > 0,
        deferred_until=runs["last_day"].to_list()[0] if runs.height else None,
        events=events.to_dicts(),
        account_closed_on=closed_on,
    )
    return Explanation(
        loan=loan,
        items=_items(working, unit, day),
        covered_by=covered_by.filter(mine),
        repayments=_repayments(working, unit, covered_by, day),
        deferred=deferred.with_columns(days_counted=_days_within(loan)),
        events=events,
        defaults=defaults,
        reasons=reasons(told),
        months=_months(working, loan, unit["unit_no"]),
    )


def _items(working: Working, unit: dict[str, Any], day: date) -> pl.DataFrame:
    """The items of the loan in the order in which they are filled."""
    uncovered = pl.col("due_cents") - pl.col("paid_cents")
    exists = pl.col("replaced_on").is_null()
    is_late = exists & (pl.col("due_date") < day) & (pl.col("uncovered_cents") > unit["tolerance_cents"])
    paid = parts_paid(pl.col("paid_cents"))
    return (
        working.items.filter((pl.col("unit_no") == unit["unit_no"]) & (pl.col("exists_from") <= day))
        .with_columns(pl.lit(unit[f"{part}_rank"]).alias(f"{part}_rank") for part in _PARTS)
        .with_columns(*paid, uncovered_cents=pl.when(exists).then(uncovered).otherwise(0))
        .with_columns(is_late=is_late)
        .with_columns(days_late=pl.when("is_late").then((pl.lit(day) - pl.col("due_date")).dt.total_days()))
        .sort("item_no")
        .select(
            "item_no",
            "installment_no",
            "repayment_id",
            "plan_date",
            "due_date",
            *(f"{part}_cents" for part in _PARTS),
            "due_cents",
            "paid_cents",
            *(f"{part}_paid_cents" for part in _PARTS),
            "uncovered_cents",
            "is_late",
            "days_late",
            "settled_date",
            "replaced_on",
        )
    )


def _repayments(working: Working, unit: dict[str, Any], covered_by: pl.DataFrame, day: date) -> pl.DataFrame:
    """What came in, was reversed or charged back in the loan's pot, and where each credit went."""
    is_own = pl.coalesce("loan_no", "target_loan_no") == unit["loan_no"]
    in_pot = is_own if unit["allocation"] == "loan" else pl.lit(value=True)
    is_here = pl.col("unit_no") == unit["unit_no"]
    went = covered_by.group_by("repayment_id").agg(
        here_cents=pl.col("covered_cents").filter(is_here).sum(),
        elsewhere_cents=pl.col("covered_cents").filter(~is_here).sum(),
    )
    used = pl.col("here_cents") + pl.col("elsewhere_cents")
    credits_used = working.settlement.ledger.credits.filter(pl.col("scope_no") == unit["scope_no"])
    is_credit = pl.col("repayment_id").is_in(credits_used["repayment_id"].implode())
    return (
        working.resolved.repayments.filter(
            (pl.col("source") == unit["source"])
            & (pl.col("account_id") == unit["account_id"])
            & (pl.col("paid_date") <= day)
            & in_pot
        )
        .join(went, on="repayment_id", how="left")
        .with_columns(pl.col("here_cents", "elsewhere_cents").fill_null(0))
        .with_columns(unused_cents=pl.when(is_credit).then(pl.col("amount_cents") - used).otherwise(0))
        .sort("paid_date", "repayment_id")
        .select(
            "repayment_id",
            "paid_date",
            "kind",
            "amount_cents",
            "loan_id",
            "refers_to",
            "is_void",
            "here_cents",
            "elsewhere_cents",
            "unused_cents",
        )
    )


def _counted(loan: dict[str, Any], deferred: pl.DataFrame, policy: Policy) -> tuple[int, pl.DataFrame]:
    """Days past due before grace, and the stretches of deferred days that have begun."""
    row = pl.DataFrame(
        {"unit_no": [0], "day": [loan["as_of"]], "oldest_due_date": [loan["oldest_due_date"]], "grace_days": [0]},
        schema={"unit_no": pl.UInt32, "day": pl.Date, "oldest_due_date": pl.Date, "grace_days": pl.Int32},
    )
    own = deferred.with_columns(unit_no=pl.lit(0, pl.UInt32))
    counted: int = days_past_due(row, own, policy)["dpd"].item()
    begun = deferred.filter(pl.col("first_day") <= loan["as_of"]).select("first_day", "last_day")
    return counted, begun.sort("first_day")


def _days_within(loan: dict[str, Any]) -> pl.Expr:
    """Days of a stretch between the oldest due date and the day."""
    if loan["oldest_due_date"] is None:
        return pl.lit(0, pl.Int64)
    first = pl.max_horizontal("first_day", pl.lit(loan["oldest_due_date"]) + pl.duration(days=1))
    last = pl.min_horizontal("last_day", pl.lit(loan["as_of"]))
    return ((last - first).dt.total_days() + 1).clip(0)


def _months(working: Working, loan: dict[str, Any], unit_no: int) -> pl.DataFrame:
    """The strings by month: every month that one of them has."""
    end = last_month_end(loan["as_of"])
    closing = closing_months(working.loans.months.filter(pl.col("unit_no") == unit_no))
    pboc_end = closing["closing_month"].to_list()[0] if closing.height else end
    metro2_end = last_month_end(loan["as_of"].replace(day=1))
    strings = (
        ("bucket", loan["history_24m"], end),
        ("pboc_code", loan["pboc_24m"], pboc_end),
        ("metro2_code", loan["metro2_24m"][::-1], metro2_end),
    )
    rows: dict[date, dict[str, str]] = {}
    for name, codes, last in strings:
        for month_end, code in zip(_ends(last, len(codes or "")), codes or "", strict=True):
            rows.setdefault(month_end, {})[name] = code
    return pl.DataFrame(
        [{"month_end": month_end, **codes, "meaning": _meaning(codes)} for month_end, codes in sorted(rows.items())],
        schema=dict.fromkeys(("bucket", "pboc_code", "metro2_code", "meaning"), pl.String) | {"month_end": pl.Date},
    ).select("month_end", "bucket", "pboc_code", "metro2_code", "meaning")


def _ends(last: date, count: int) -> list[date]:
    """So many month-ends up to the last one, oldest first."""
    ends = [last]
    while len(ends) < count:
        ends.append(last_month_end(ends[-1].replace(day=1)))
    return ends[::-1][:count]


def _meaning(codes: dict[str, str]) -> str:
    """What the code of the month says, in words."""
    if "pboc_code" in codes:
        return PBOC_MEANINGS[codes["pboc_code"]]
    return METRO2_MEANINGS[codes["metro2_code"]] if "metro2_code" in codes else ""
