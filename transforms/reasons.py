"""Why a loan stands where it stands: each status with the rule that decided it, in one sentence.

The statuses themselves come from the status tables; nothing is decided here, only told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from transforms.five_tier import NON_PERFORMING
from transforms.obligors import class_by_days
from transforms.policy import Policy

Row = Mapping[str, Any]

CLASSES = {1: "normal", 2: "special mention", 3: "substandard", 4: "doubtful", 5: "loss"}
_BEGAN = {
    "days": "more than {days} days past due",
    "charge_off": "a charge-off",
    "settled_in_kind": "settlement in kind",
    "guarantor_paid": "payment by a guarantor",
}
PBOC_MEANINGS = {
    "/": "not started",
    "D": "a guarantor paid",
    "Z": "settled in kind",
    "G": "ended with a loss",
    "C": "settled or closed normally",
    "B": "charged off",
    "1": "1 to 30 days past due",
    "2": "31 to 60 days past due",
    "3": "61 to 90 days past due",
    "4": "91 to 120 days past due",
    "5": "121 to 150 days past due",
    "6": "151 to 180 days past due",
    "7": "more than 180 days past due",
    "#": "restructured, the new plan is not known",
    "M": "paid late, within the month",
    "N": "paid as due",
    "*": "nothing was due",
}
METRO2_MEANINGS = {
    "B": "before the start",
    "L": "charged off",
    "E": "nothing owed",
    "0": "less than 30 days past due",
    "1": "30 to 59 days past due",
    "2": "60 to 89 days past due",
    "3": "90 to 119 days past due",
    "4": "120 to 149 days past due",
    "5": "150 to 179 days past due",
    "6": "180 and more days past due",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One status: its name as a column, its value, and why."""

    name: str
    value: object
    why: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the sentences are made of."""

    loan: Row
    """Row of status.loan_status."""
    policy: Policy
    counted_days: int
    """Days past due before grace: the contractual ones without those deferred."""
    tolerance_cents: int
    grace_days: int
    defaults: list[dict[str, Any]]
    """Rows of status.loan_defaults, oldest first."""
    is_restructured: bool
    """A plan but the first is in force."""
    deferred_until: date | None
    """Last day of the deferral that runs."""
    events: list[dict[str, Any]]
    """Events of the loan up to the day: event_id, kind, event_date."""
    account_closed_on: date | None

    @property
    def day(self) -> date:
        """The as-of date."""
        day: date = self.loan["as_of"]
        return day

    def event(self, *kinds: str) -> str:
        """The last event of these kinds, by name and date."""
        found = [event for event in self.events if event["kind"] in kinds]
        return f"{found[-1]['kind']} {found[-1]['event_id']} of {found[-1]['event_date']}" if found else "an event"


def reasons(told: Told) -> list[Reason]:
    """Every status of the loan, with the rule that decided it."""
    made = (
        ("contractual_dpd", _contractual),
        ("dpd", _days),
        ("bucket", _bucket),
        ("default_since", _default),
        ("probation_since", _probation),
        ("default_ends_on", _end_of_default),
        ("five_tier", _class),
        ("ifrs9_stage", _stage),
        ("delinquent_since", _delinquent),
        ("charged_off_on", _charge_off),
        ("is_forborne", _forborne),
        ("is_disputed", _disputed),
        ("credit_status", _credit_status),
    )
    return [Reason(name, told.loan[name], sentence(told)) for name, sentence in made]


def money(cents: int) -> str:
    """Cents as units with two places."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole:,}.{rest:02}"


def _contractual(told: Told) -> str:
    loan = told.loan
    if loan["oldest_due_date"] is None:
        left = f" ({money(told.tolerance_cents)} may stay uncovered)" if told.tolerance_cents else ""
        return f"No item that fell due before {told.day} is uncovered{left}."
    return f"From {loan['oldest_due_date']}, when the oldest late item fell due, to {told.day}."


def _days(told: Told) -> str:
    contractual, dpd = told.loan["contractual_dpd"], told.loan["dpd"]
    deferred = contractual - told.counted_days
    without = f" less {deferred} deferred" if deferred else ""
    if dpd == told.counted_days:
        return f"{contractual} contractual{without}."
    return f"{contractual} contractual{without}: not more than the {told.grace_days} days of grace, so none count."


def _bucket(told: Told) -> str:
    edges = told.policy.bucket_upper_days
    number = int(told.loan["bucket"][1:])
    if number == 0:
        return "Nothing past due counts."
    if number == len(edges):
        return f"More than {edges[-1]} days past due."
    return f"{edges[number - 1] + 1} to {edges[number]} days past due."


def _default(told: Told) -> str:
    days = told.policy.default.days
    if told.loan["default_since"] is not None:
        cause = told.defaults[-1]["default_cause"]
        return f"Default began by {_BEGAN[cause].format(days=days)}."
    if told.loan["is_obligor_default"]:
        return f"No default of its own; another loan of the same {told.policy.contagion} is in default."
    earlier = [row for row in told.defaults if row["is_over"]]
    if earlier:
        since, ended = earlier[-1]["default_since"], earlier[-1]["default_ends_on"]
        return f"Not in default; the last of {len(earlier)} default(s), since {since}, ended on {ended}."
    return f"Never in default: not more than {days} days past due by a material amount, and no such event."


def _probation(told: Told) -> str:
    if told.loan["default_since"] is None:
        return "Not in default."
    if told.loan["probation_since"] is None:
        return "Something is past due, or the new plan has not begun: probation has not."
    return "In default, with nothing past due since that day."


def _end_of_default(told: Told) -> str:
    rules, loan = told.policy.default, told.loan
    if loan["default_since"] is None:
        return "Not in default."
    if loan["default_ends_on"] is not None:
        met = f" and {rules.instalments_on_time} instalments met on time"
        days = rules.restructured_probation_days if told.is_restructured else rules.probation_days
        return f"If nothing falls late: {days} days{met if told.is_restructured else ''} of probation."
    if loan["past_due_cents"] > 0:
        return "Not to be told while something is past due."
    return "Too few instalments are left to meet on time: only full repayment ends it."


def _class(told: Told) -> str:
    loan, rules = told.loan, told.policy.five_tier
    value = loan["five_tier"]
    by_days = pl.DataFrame({"dpd": [loan["dpd"]]}).select(class_by_days(rules)).item()
    name = f"{value} {CLASSES[value]}: "
    if value == by_days:
        return name + (f"more than {rules.upper_days[value - 2]} days past due." if value > 1 else "nothing past due.")
    if loan["default_since"] is not None and value == NON_PERFORMING:
        return name + f"in default at least {NON_PERFORMING}; {by_days} by days alone."
    if loan["five_tier_floor"] == value == NON_PERFORMING:
        return name + (
            f"held since it was {NON_PERFORMING} or worse, until nothing has been past due for {rules.upgrade_months} "
            f"months and {rules.instalments_on_time} instalments; {by_days} by days alone."
        )
    if loan["is_obligor_default"] and value == NON_PERFORMING:
        return name + f"another loan of the same {told.policy.contagion} is in default; {by_days} by days alone."
    return name + f"observed after a restructure; {by_days} by days alone."


def _stage(told: Told) -> str:
    loan, edge = told.loan, told.policy.loss.significant_days
    if loan["default_since"] is not None:
        return "In default."
    if loan["is_obligor_default"]:
        return f"Another loan of the same {told.policy.contagion} is in default."
    if loan["dpd"] > edge:
        return f"Not in default; more than {edge} days past due are a significant rise in risk."
    if loan["is_observed"]:
        return "Not in default; observed after a restructure."
    return f"Not in default, not more than {edge} days past due, not observed."


def _delinquent(told: Told) -> str:
    loan = told.loan
    if loan["delinquent_since"] is None:
        return "Less than 30 days past due."
    if loan["charged_off_on"] is not None:
        return "First day of 30 and more days past due; kept from the charge-off on."
    if loan["dpd"] >= 30:
        return "First day of the present spell of 30 and more days past due."
    return "Kept, because a waiver settled the loan."


def _charge_off(told: Told) -> str:
    loan = told.loan
    if loan["charged_off_on"] is None:
        return "Never charged off."
    return (
        f"{money(loan['charged_off_cents'])} written off, {money(loan['recovered_cents'])} recovered since; "
        f"{money(loan['remaining_cents'])} remains owed."
    )


def _forborne(told: Told) -> str:
    found = []
    if told.deferred_until is not None:
        found.append(f"a deferral runs until {told.deferred_until}")
    if told.loan["is_observed"]:
        found.append("observed after a restructure")
    text = " and ".join(found) or "no deferral runs, and no restructure is observed"
    return f"{text[0].upper()}{text[1:]}."


def _disputed(told: Told) -> str:
    kinds = ("dispute_opened", "dispute_closed")
    if not any(event["kind"] in kinds for event in told.events):
        return "No dispute was ever opened."
    return f"The last word is {told.event(*kinds)}."


def _credit_status(told: Told) -> str:
    loan = told.loan
    value = loan["credit_status"]
    past_due = money(loan["past_due_cents"])
    if value == "in_default":
        by_obligor = f"in default by another loan of the same {told.policy.contagion}"
        return (
            f"First that applies: {by_obligor if loan['is_obligor_default'] else f'in default, {past_due} past due'}."
        )
    sentences = {
        "charged_off": f"charged off on {loan['charged_off_on']}, and {money(loan['remaining_cents'])} remains",
        "probation": f"in default, with nothing past due since {loan['probation_since']}",
        "forborne": _forborne(told)[:-1].lower(),
        "past_due": f"{past_due} past due",
        "in_credit": f"{money(-loan['remaining_cents'])} more came in than is owed",
        "settled": "every item is settled",
        "closed": f"the account was closed on {told.account_closed_on}",
        "current": "nothing else applies",
    }
    return f"First that applies: {sentences[value]}."
