"""Strings of months, month by month: performance codes of loans and accounts, Metro 2 profiles."""

from __future__ import annotations

from datetime import date

from .books import ONE_DAY, Item, Loan
from .story import Story, is_charged_off, items_in_force, was_late
from .walks import Walk, end_of_month_before

WORST_FIRST = "DZGCB7654321#MN*"


def last_end(each: Walk) -> date:
    """The last month-end not after the as-of date."""
    return end_of_month_before(each.as_of + ONE_DAY)


def is_closing(each: Walk, loan: Loan, end: date) -> bool:
    """Settled at the month-end, and not (or not started) at the one before."""
    before = end_of_month_before(end)
    was_settled = loan.start <= before and each.figures(loan, before).is_settled
    return each.figures(loan, end).is_settled and not was_settled


def loan_code(each: Walk, loan: Loan, story: Story, end: date, *, closes: bool = True) -> str:
    """Performance code of a loan in the month that ends so; `*` where history has no row."""
    if end < loan.start:
        return "/"
    if not each.has_history(loan, end):
        return "*"
    figures, first = each.figures(loan, end), end.replace(day=1)
    kinds = {
        event.kind
        for event in each.book.events
        if first <= event.event_date <= end
        and (event.loan_id == loan.loan_id or (event.loan_id is None and loan.start <= event.event_date))
    }
    if "guarantor_paid" in kinds:
        return "D"
    if "settled_in_kind" in kinds:
        return "Z"
    if closes and is_closing(each, loan, end):
        is_loss = story.charged_off_on is not None and story.charged_off_on <= end
        return "G" if is_loss or any(first <= day <= end for day in story.closed_by_waiver) else "C"
    if is_charged_off(story, figures, end):
        return "B"
    if (bucket := each.bucket(figures.dpd)) != "M0":
        return bucket[1:]
    if _is_unknown(each, loan, end):
        return "#"
    due = [item for item in items_in_force(each, loan, end) if first <= item.due_date <= end]
    ever_due = [item for item in _big_items(each, loan) if first <= item.due_date <= end]
    if figures.past_due_cents == 0 and any(was_late(each, item, first, end) for item in ever_due):
        return "M"
    return "N" if due else "*"


def _big_items(each: Walk, loan: Loan) -> list[Item]:
    tolerance = each.book.rules.tolerance_cents
    mine = [*loan.items, *(item for item in each.book.chargebacks if item.loan_id == loan.loan_id)]
    return [item for item in mine if item.due_cents > tolerance]


def _is_unknown(each: Walk, loan: Loan, end: date) -> bool:
    """A restructure is reported, and there is no plan but the first by the as-of date."""
    in_force = [item.first_day for item in loan.items if item.first_day <= each.as_of and item.exists(item.first_day)]
    first_plan = loan.earliest_plan[0].plan_date
    has_new = any(
        item.plan_date != first_plan and item.first_day <= each.as_of and item.exists(item.first_day)
        for item in loan.items
    )
    told = any(
        event.kind == "restructure"
        and event.event_date <= end
        and (event.loan_id == loan.loan_id or (event.loan_id is None and loan.start <= event.event_date))
        for event in each.book.events
    )
    return told and not has_new and bool(in_force)


def loan_pboc(each: Walk, loan: Loan, story: Story, width: int) -> str:
    """The months up to the closing month, or the last month-end; oldest first."""
    end = last_end(each)
    closing = end
    while closing >= loan.start and each.figures(loan, closing).is_settled:
        if is_closing(each, loan, closing):
            end = closing
            break
        closing = end_of_month_before(closing)
    codes = ""
    for _ in range(width):
        codes = loan_code(each, loan, story, end) + codes
        end = end_of_month_before(end)
    return codes


def account_pboc(each: Walk, stories: dict[str, Story], width: int) -> str:
    """The account's own string: of its loans' codes the worst."""
    start = min([each.book.account.opened_date, *(loan.start for loan in each.started)])
    end = last_end(each)
    closing: date | None = None
    day = end
    while _is_closed(each, day):
        closing, day = day, end_of_month_before(day)
    end = closing or end
    codes = ""
    for _ in range(width):
        codes = _account_code(each, stories, end, is_closing=end == closing) + codes if (end >= start) else "/" + codes
        end = end_of_month_before(end)
    return codes


def _is_closed(each: Walk, end: date) -> bool:
    closed = each.book.account.closed_date
    started = [loan for loan in each.started if loan.start <= end]
    return closed is not None and closed <= end and all(each.figures(loan, end).is_settled for loan in started)


def _account_code(each: Walk, stories: dict[str, Story], end: date, *, is_closing: bool) -> str:
    found = {
        loan_code(each, loan, stories[loan.loan_id], end, closes=False) for loan in each.started if loan.start <= end
    }
    if found & {"D", "Z"}:
        return "D" if "D" in found else "Z"
    if is_closing:
        off = [story.charged_off_on for story in stories.values() if story.charged_off_on is not None]
        return "G" if any(day <= end for day in off) else "C"
    return min(found | {"*"}, key=WORST_FIRST.index)


def metro2(each: Walk, loan: Loan, story: Story) -> str:
    """24 months, most recent first, the first being the last month-end before this month."""
    end = end_of_month_before(each.as_of)
    codes = ""
    for _ in range(24):
        codes += _metro2_code(each, loan, story, end)
        end = end_of_month_before(end)
    return codes


def _metro2_code(each: Walk, loan: Loan, story: Story, end: date) -> str:
    if end < loan.start:
        return "B"
    figures = each.figures(loan, end)
    if is_charged_off(story, figures, end):
        return "L"
    if figures.is_settled or figures.remaining_cents <= 0:
        return "E"
    return str(min(figures.dpd // 30, 6))
