"""One loan, day after day: default, class, observation, delinquency, charge-off, as docs/definitions.md tells them.

State machines over the pictures of a walk that has every day; each day is looked at once, in order.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from transforms.policy import Policy

from .books import ONE_DAY, Item, Loan
from .days import Figures, uncovered
from .deliveries import Event
from .walks import Walk

DEFAULT_KINDS = ("charge_off", "settled_in_kind", "guarantor_paid")


@dataclass
class Default:
    """One default of a loan."""

    since: date
    cause: str
    probation_since: date | None = None
    ends_on: date | None = None
    is_over: bool = False


@dataclass
class Story:
    """What is known of a loan on the last day."""

    defaults: list[Default] = field(default_factory=list)
    held_since: date | None = None
    is_observed: bool = False
    delinquent_since: date | None = None
    charged_off_on: date | None = None
    charged_off_cents: int = 0
    first_over: dict[int, date] = field(default_factory=dict)
    closed_by_waiver: set[date] = field(default_factory=set)
    """First days of settled spells that began with a waiver."""

    @property
    def running(self) -> Default | None:
        """The default that runs on the last day."""
        return next((each for each in self.defaults if not each.is_over), None)


@dataclass(frozen=True)
class Day:
    """What the machines look at on one day."""

    day: date
    figures: Figures
    plan: Plan
    clean_since: date | None
    """First day of the unbroken spell without past due that holds this day; None on a late day."""
    spell: tuple[date, Plan] | None
    """The clean spell that a rule may lean on: this day's, or on a late day the one that has just ended."""
    was_settled: bool
    events: tuple[Event, ...]

    @property
    def is_late(self) -> bool:
        """Something is past due."""
        return self.figures.past_due_cents > 0


@dataclass(frozen=True)
class Plan:
    """A plan of a loan while it is in force."""

    first_day: date
    is_restructured: bool
    first_due: date | None
    dues: tuple[date, ...]

    def met_on(self, since: date, count: int) -> date | None:
        """The day behind the due date of the n-th instalment due from a day on; None where so many are not left."""
        left = [due for due in self.dues if due >= since]
        return left[count - 1] + ONE_DAY if len(left) >= count else None


def plans_of(each: Walk, loan: Loan) -> list[Plan]:
    """The plans of a loan in the order in which they come into force."""
    tolerance = each.book.rules.tolerance_cents
    plan_dates = sorted({item.plan_date for item in loan.items}, key=lambda day: day or date.min)
    plans = []
    for number, plan_date in enumerate(plan_dates):
        items = [item for item in loan.items if item.plan_date == plan_date]
        dues = tuple(sorted(item.due_date for item in items if item.due_cents > tolerance))
        later = [due for due in dues if plan_date is not None and due >= plan_date]
        if any(item.exists(item.first_day) for item in items):
            plans.append(Plan(items[0].first_day, number > 0, min(later, default=None) if number else None, dues))
    return plans


def days_of(each: Walk, loan: Loan) -> Iterator[Day]:
    """The days of a loan from its start on."""
    plans = plans_of(each, loan)
    clean_since: date | None = None
    before: tuple[date, Plan] | None = None
    was_settled = False
    day = loan.start
    while day <= each.as_of:
        figures = each.figures(loan, day)
        plan = [plan for plan in plans if plan.first_day <= day][-1]
        is_late = figures.past_due_cents > 0
        clean_since = None if is_late else clean_since or day
        spell = (clean_since, plan) if clean_since else None
        # a late day may still be the end of what held until the day before, under the plan of both days
        leaning = spell or (before if before is not None and before[1] is plan else None)
        events = tuple(event for event in _events(each, loan) if max(event.event_date, loan.start) == day)
        yield Day(day, figures, plan, clean_since, leaning, was_settled, events)
        before, was_settled = spell, figures.is_settled
        day += ONE_DAY


def _events(each: Walk, loan: Loan) -> list[Event]:
    """Events of the loan, and those for all loans of the account started by their date; by date, then id."""
    mine = [
        event
        for event in each.book.events
        if event.loan_id == loan.loan_id or (event.loan_id is None and loan.start <= event.event_date)
    ]
    return sorted(mine, key=lambda event: (event.event_date, event.event_id))


def tell(each: Walk, loan: Loan) -> Story:
    """The story of a loan up to the last day."""
    story = Story()
    done: set[Plan] = set()
    for day in days_of(each, loan):
        _default(story, day, each.policy)
        _hold(story, day, each.policy)
        _observe(story, day, done, each.policy)
        _charge_off(story, day, each, loan)
        if day.figures.is_settled and not day.was_settled and _waived(each, loan, day.day):
            story.closed_by_waiver.add(day.day)
        _delinquency(story, day)
        for edge in (30, 60, 90):
            if day.figures.dpd > edge:
                story.first_over.setdefault(edge, day.day)
    return story


def _triggers(day: Day, policy: Policy) -> str | None:
    """What would begin a default on the day."""
    rules, figures = policy.default, day.figures
    base = figures.outstanding_principal_cents + figures.late_cost_cents
    is_material = figures.past_due_cents > rules.materiality_cents and figures.past_due_cents > (
        rules.materiality_share * base
    )
    if figures.dpd > rules.days and is_material:
        return "days"
    kinds = {event.kind for event in day.events}
    return next((kind for kind in DEFAULT_KINDS if kind in kinds), None)


def _default(story: Story, day: Day, policy: Policy) -> None:
    running = story.running
    if running is not None and day.day > running.since:
        since, end = _default_end(running, day, policy)
        is_repaid = day.figures.is_settled
        if is_repaid or (end is not None and end <= day.day):
            running.is_over, running.ends_on = True, day.day
            running.probation_since = since if end is not None and end <= day.day else None
            running = None
    if running is None and (cause := _triggers(day, policy)) is not None:
        running = Default(day.day, cause)
        story.defaults.append(running)
    if running is not None:
        since, end = _default_end(running, day, policy) if day.clean_since else (None, None)
        is_probation = since is not None and since <= day.day
        running.probation_since = since if is_probation else None
        running.ends_on = end if is_probation else None


def _default_end(running: Default, day: Day, policy: Policy) -> tuple[date | None, date | None]:
    """Since when the default is in probation, and when it ends by it."""
    rules = policy.default
    if day.spell is None or day.spell[0] is None:
        return None, None
    clean_since, plan = day.spell
    since = max(clean_since, running.since)
    if not plan.is_restructured:
        end: date | None = since + timedelta(days=rules.probation_days)
    else:
        since = max(since, plan.first_due or since)
        met_on = plan.met_on(since, rules.instalments_on_time)
        end = max(since + timedelta(days=rules.restructured_probation_days), met_on) if met_on else None
    return since, max(end, plan.first_day, running.since + ONE_DAY) if end else None


def _hold(story: Story, day: Day, policy: Policy) -> None:
    rules = policy.five_tier
    if not rules.follows_status:
        return
    is_bad = day.figures.dpd > rules.upper_days[1] or story.running is not None
    if is_bad:
        story.held_since = story.held_since or day.day
    elif story.held_since is not None and (day.figures.is_settled or _is_released(story.held_since, day, policy)):
        story.held_since = None


def _is_released(held_since: date, day: Day, policy: Policy) -> bool:
    if day.spell is None:
        return False
    clean_since, plan = day.spell
    since = max(clean_since, held_since)
    met_on = plan.met_on(since, policy.five_tier.instalments_on_time)
    return met_on is not None and day.day >= max(add_months(since, policy.five_tier.upgrade_months), met_on)


def _observe(story: Story, day: Day, done: set[Plan], policy: Policy) -> None:
    plan, rules = day.plan, policy.five_tier
    story.is_observed = False
    if not plan.is_restructured or plan.first_due is None or day.day < plan.first_due or plan in done:
        return
    if day.figures.is_settled:
        done.add(plan)
        return
    if day.spell is not None:
        since = max(day.spell[0], plan.first_due)
        met_on = plan.met_on(since, rules.instalments_on_time)
        if met_on is not None and day.day >= max(
            since + timedelta(days=rules.observation_days), met_on, plan.first_due + ONE_DAY
        ):
            done.add(plan)
            return
    story.is_observed = True


def _charge_off(story: Story, day: Day, each: Walk, loan: Loan) -> None:
    for event in day.events:
        if event.kind == "charge_off":
            story.charged_off_on = story.charged_off_on or day.day
            story.charged_off_cents += _share(event, day, each, loan)


def _share(event: Event, day: Day, each: Walk, loan: Loan) -> int:
    """What an event writes off of the loan."""
    if event.amount_cents is None:
        return day.figures.outstanding_principal_cents
    if event.loan_id is not None:
        return event.amount_cents
    loans = sorted((other for other in each.book.loans if other.start <= event.event_date), key=lambda x: x.loan_id)
    weights = [each.figures(other, day.day).outstanding_principal_cents for other in loans]
    weights = weights if sum(weights) else [1] * len(loans)
    whole = [event.amount_cents * weight // sum(weights) for weight in weights]
    rest = [event.amount_cents * weight % sum(weights) for weight in weights]
    by_rest = sorted(range(len(loans)), key=lambda place: (-rest[place], place))
    for place in by_rest[: event.amount_cents - sum(whole)]:
        whole[place] += 1
    return whole[loans.index(loan)]


def _waived(each: Walk, loan: Loan, day: date) -> bool:
    one_pot = each.book.rules.allocation == "account"
    return any(
        row.kind == "waiver" and row.paid_date == day and (one_pot or row.loan_id == loan.loan_id)
        for row in each.book.credits
    )


def _delinquency(story: Story, day: Day) -> None:
    if day.figures.dpd >= 30:
        story.delinquent_since = story.delinquent_since or day.day
        return
    is_kept = story.charged_off_on is not None or (
        day.figures.is_settled and (day.was_settled or day.day in story.closed_by_waiver)
    )
    if not is_kept:
        story.delinquent_since = None


def add_months(day: date, months: int) -> date:
    """The same day so many months later; the last of the month where there is none."""
    number = day.year * 12 + day.month - 1 + months
    year, month = number // 12, number % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def is_charged_off(story: Story, figures: Figures, day: date) -> bool:
    """Charged off by the day, and more than the tolerance remains."""
    was_charged_off = story.charged_off_on is not None and story.charged_off_on <= day
    return was_charged_off and figures.remaining_cents > 0 and not figures.is_settled


def disputed(each: Walk, loan: Loan) -> bool:
    """The last word on a dispute is that it was opened."""
    words = [
        event.kind
        for event in _events(each, loan)
        if event.kind.startswith("dispute_") and event.event_date <= each.as_of
    ]
    return bool(words) and words[-1] == "dispute_opened"


def first_instalment(each: Walk, loan: Loan) -> dict[str, date | None]:
    """first_due_date, first_late_7_on, first_late_30_on."""
    first_plan = loan.earliest_plan[0].plan_date
    items = sorted(
        (item for item in loan.items if item.plan_date == first_plan),
        key=lambda item: (item.due_date <= loan.start, item.due_date, item.installment_no or 0),
    )
    item = items[0]
    settled_date = each.settled_date(item)
    found: dict[str, date | None] = {"first_due_date": item.due_date}
    for edge in (7, 30):
        day, counted = item.due_date, 0
        while counted <= edge and day <= each.as_of:
            day += ONE_DAY
            counted += day not in each.book.deferred_days[loan.loan_id]
        is_late = (
            counted > edge
            and day <= each.as_of
            and (settled_date is None or settled_date >= day)
            and (item.replaced_on is None or item.replaced_on > day)
        )
        found[f"first_late_{edge}_on"] = day if is_late else None
    return found


def items_in_force(each: Walk, loan: Loan, day: date) -> list[Item]:
    """Big items of the loan that exist on a day, chargebacks too."""
    tolerance = each.book.rules.tolerance_cents
    mine = [*loan.items, *(item for item in each.book.chargebacks if item.loan_id == loan.loan_id)]
    return [item for item in mine if item.exists(day) and item.due_cents > tolerance]


def was_late(each: Walk, item: Item, first: date, last: date) -> bool:
    """Whether the item was late on one of the days."""
    day = max(first, item.due_date + ONE_DAY)
    while day <= last:
        if item.exists(day) and uncovered(item, each.pictures[day].paid[item]) > each.book.rules.tolerance_cents:
            return True
        day += ONE_DAY
    return False
