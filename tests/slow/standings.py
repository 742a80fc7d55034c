"""Loans, accounts and persons side by side: class, stage, credit status, contagion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from transforms.policy import Policy
from transforms.tables import ALL

from .books import Loan
from .days import Figures
from .deliveries import Row
from .story import Story, disputed, first_instalment, is_charged_off, tell
from .strings import account_pboc, loan_code, loan_pboc, metro2
from .walks import Walk

SEVERE = ("charged_off", "in_default", "probation", "forborne")
PERSON_ORDER = (*SEVERE, "past_due", "over_limit", "in_credit", "current", "settled", "closed", "not_started")
CASH = ("payment", "recovery")


@dataclass
class Standing:
    """One account with the stories of its started loans."""

    walk: Walk
    obligor: tuple[object, ...]
    """The person, else the customer of the source."""
    stories: dict[str, Story] = field(default_factory=dict)
    infected: bool = False
    """Another loan of the obligor is in default, where the policy lets that spread."""

    @property
    def loans(self) -> list[Loan]:
        """The started loans."""
        return self.walk.started

    def figures(self, loan: Loan) -> Figures:
        """Where a loan stands on the last day."""
        return self.walk.figures(loan, self.walk.as_of)


def standings(walks: Sequence[Walk], persons: dict[tuple[str, str], str | None], policy: Policy) -> list[Standing]:
    """Every account with its stories; defaults spread as the policy says."""
    made = []
    for walk in walks:
        person = persons.get((walk.book.source, walk.book.account.customer_id))
        obligor = ("person", person) if person else ("customer", walk.book.source, walk.book.account.customer_id)
        made.append(Standing(walk, obligor, {loan.loan_id: tell(walk, loan) for loan in walk.started}))
    for each in made:
        if policy.contagion == "account":
            peers = [each]
        else:
            peers = [other for other in made if other.obligor == each.obligor] if policy.contagion == "person" else []
        each.infected = any(story.running for other in peers for story in other.stories.values())
    return made


def is_off(each: Standing, loan: Loan) -> bool:
    """Charged off on the last day."""
    return is_charged_off(each.stories[loan.loan_id], each.figures(loan), each.walk.as_of)


def by_obligor(each: Standing, loan: Loan) -> bool:
    """In default by another loan of its obligor."""
    own = each.stories[loan.loan_id].running is not None
    return each.infected and not own and not is_off(each, loan) and not each.figures(loan).is_settled


def stage(each: Standing, loan: Loan) -> int:
    """IFRS 9 stage."""
    story = each.stories[loan.loan_id]
    if story.running or by_obligor(each, loan):
        return 3
    return 2 if each.figures(loan).dpd > each.walk.policy.loss.significant_days or story.is_observed else 1


def five_tier(each: Standing, loan: Loan) -> int:
    """Five-tier class."""
    rules = each.walk.policy.five_tier
    by_days = 1 + sum(1 for edge in rules.upper_days if each.figures(loan).dpd > edge)
    if not rules.follows_status:
        return by_days
    in_default = each.stories[loan.loan_id].running is not None or by_obligor(each, loan)
    return max(by_days, 3 if in_default else 1, floor(each, loan))


def floor(each: Standing, loan: Loan) -> int:
    """Class below which the rules hold the loan."""
    story = each.stories[loan.loan_id]
    if not each.walk.policy.five_tier.follows_status:
        return 1
    return 3 if story.held_since else 2 if story.is_observed else 1


def is_deferred(each: Standing, loan: Loan) -> bool:
    """A deferral runs on the last day."""
    return each.walk.as_of in each.walk.book.deferred_days[loan.loan_id]


def loan_credit_status(each: Standing, loan: Loan) -> str:
    """The first that applies."""
    story, figures = each.stories[loan.loan_id], each.figures(loan)
    closed = each.walk.book.account.closed_date
    in_default = story.running is not None
    tolerance = each.walk.book.rules.tolerance_cents
    answers = {
        "charged_off": is_off(each, loan),
        "in_default": by_obligor(each, loan) or (in_default and figures.past_due_cents > 0),
        "probation": in_default,
        "forborne": story.is_observed or is_deferred(each, loan),
        "past_due": figures.past_due_cents > 0,
        "in_credit": figures.remaining_cents < 0,
        "settled": figures.is_settled and figures.remaining_cents <= tolerance,
        "closed": closed is not None and closed <= each.walk.as_of,
        "current": True,
    }
    return next(name for name, holds in answers.items() if holds)


def recovered(each: Standing, loan: Loan) -> int:
    """Cash that names the loan since its charge-off."""
    since = each.stories[loan.loan_id].charged_off_on
    return sum(
        row.amount_cents
        for row in each.walk.book.credits
        if since is not None
        and row.kind in CASH
        and row.loan_id == loan.loan_id
        and since <= row.paid_date <= each.walk.as_of
    )


def loan_columns(each: Standing, loan: Loan) -> Row:
    """What status.loan_status says of a loan beyond its figures."""
    story, figures, walk = each.stories[loan.loan_id], each.figures(loan), each.walk
    running = story.running
    by_loan = walk.book.rules.pboc_grain == "loan"
    existing = [
        item.due_date
        for item in (*loan.items, *(item for item in walk.book.chargebacks if item.loan_id == loan.loan_id))
        if item.exists(walk.as_of)
    ]
    return {
        "is_settled": figures.is_settled,
        "past_due_charges_cents": figures.late_cost_cents,
        "charged_off_on": story.charged_off_on,
        "charged_off_cents": story.charged_off_cents,
        "recovered_cents": recovered(each, loan),
        "credit_status": loan_credit_status(each, loan),
        "five_tier": five_tier(each, loan),
        "five_tier_floor": floor(each, loan),
        "ifrs9_stage": stage(each, loan),
        "default_since": running.since if running else None,
        "probation_since": running.probation_since if running else None,
        "default_ends_on": running.ends_on if running else None,
        "delinquent_since": story.delinquent_since,
        "is_forborne": story.is_observed or is_deferred(each, loan),
        "is_observed": story.is_observed,
        "is_disputed": disputed(walk, loan),
        "is_obligor_default": by_obligor(each, loan),
        **{f"first_over_{edge}_on": story.first_over.get(edge) for edge in (30, 60, 90)},
        **first_instalment(walk, loan),
        "last_due_date": max(existing, default=None),
        "pboc_24m": loan_pboc(walk, loan, story, 24) if by_loan else None,
        "pboc_60m": loan_pboc(walk, loan, story, 60) if by_loan else None,
        "metro2_24m": metro2(walk, loan, story),
    }


def history_columns(each: Standing, loan: Loan, end: date) -> Row:
    """What status.loan_history says of a month-end beyond its figures."""
    figures, story = each.walk.figures(loan, end), each.stories[loan.loan_id]
    return {
        "is_settled": figures.is_settled,
        "is_charged_off": is_charged_off(story, figures, end),
        "pboc_code": loan_code(each.walk, loan, story, end),
    }


def default_rows(each: Standing, loan: Loan) -> list[Row]:
    """status.loan_defaults of a loan."""
    return [
        {
            "source": each.walk.book.source,
            "loan_id": loan.loan_id,
            "account_id": each.walk.book.account_id,
            "currency": each.walk.book.account.currency,
            "default_since": default.since,
            "default_cause": default.cause,
            "probation_since": default.probation_since,
            "default_ends_on": default.ends_on,
            "is_over": default.is_over,
            "policy_version": each.walk.policy.version,
        }
        for default in each.stories[loan.loan_id].defaults
    ]


def account_credit_status(each: Standing) -> str:
    """The first that applies."""
    picture, account = each.walk.last, each.walk.book.account
    statuses = {loan_credit_status(each, loan) for loan in each.loans}
    severe = next((name for name in SEVERE if name in statuses), None)
    all_settled = bool(each.loans) and all(each.figures(loan).is_settled for loan in each.loans)
    answers = {
        str(severe): severe is not None,
        "past_due": picture.past_due_cents > 0,
        "in_credit": picture.remaining_cents < 0,
        "over_limit": picture.available_credit_cents < 0,
        "settled": all_settled and picture.remaining_cents <= each.walk.book.rules.tolerance_cents,
        "closed": account.closed_date is not None and account.closed_date <= each.walk.as_of,
        "current": bool(each.loans),
        "not_started": True,
    }
    return next(name for name, holds in answers.items() if holds)


def account_columns(each: Standing) -> Row:
    """What status.account_status says beyond the account's figures."""
    by_account = each.walk.book.rules.pboc_grain == "account"
    off = [story.charged_off_on for story in each.stories.values() if story.charged_off_on is not None]
    unnamed = sum(
        row.amount_cents
        for row in each.walk.book.credits
        if off and row.kind in CASH and row.loan_id is None and min(off) <= row.paid_date <= each.walk.as_of
    )
    return {
        "closed_date": each.walk.book.account.closed_date,
        "past_due_charges_cents": sum(part.late_cost_cents for part in each.walk.last.parts),
        "charged_off_cents": sum(story.charged_off_cents for story in each.stories.values()),
        "recovered_cents": sum(recovered(each, loan) for loan in each.loans) + unnamed,
        "credit_status": account_credit_status(each),
        "five_tier": max((five_tier(each, loan) for loan in each.loans), default=1),
        "ifrs9_stage": max((stage(each, loan) for loan in each.loans), default=1),
        "default_since": _first(story.running.since for story in each.stories.values() if story.running),
        "delinquent_since": _first(story.delinquent_since for story in each.stories.values()),
        "is_forborne": any(each.stories[x.loan_id].is_observed or is_deferred(each, x) for x in each.loans),
        "is_disputed": any(disputed(each.walk, loan) for loan in each.loans),
        "pboc_24m": account_pboc(each.walk, each.stories, 24) if by_account else None,
        "pboc_60m": account_pboc(each.walk, each.stories, 60) if by_account else None,
    }


def _first(days: Iterable[date | None]) -> date | None:
    return min((day for day in days if day is not None), default=None)


def customer_rows(made: Sequence[Standing], rows: Sequence[Row], policy: Policy, as_of: date) -> list[Row]:
    """status.customer_status from the rows of status.account_status, account by account."""
    groups: dict[tuple[str, object, str | None, object], list[Row]] = {}
    for each, row in zip(made, rows, strict=True):
        is_person = each.obligor[0] == "person"
        source = ALL if is_person else each.walk.book.source
        person = each.obligor[1] if is_person else None
        customer = None if is_person else each.walk.book.account.customer_id
        groups.setdefault((source, person, customer, row["currency"]), []).append(row)
    sums = (
        "loan_count",
        "past_due_cents",
        "outstanding_principal_cents",
        "remaining_cents",
        "credit_limit_cents",
        "available_credit_cents",
        "charged_off_cents",
        "recovered_cents",
        "past_due_charges_cents",
    )
    found = []
    for (name_of_source, person, customer, currency), members in groups.items():
        dpd = max(_int(row["dpd"]) for row in members)
        found.append(
            {
                "as_of": as_of,
                "policy_version": policy.version,
                "source": name_of_source,
                "person_id": person,
                "customer_id": customer,
                "currency": currency,
                "account_count": len(members),
                "lender_count": len({row["lender_id"] for row in members}),
                "dpd": dpd,
                "bucket": f"M{sum(1 for edge in policy.bucket_upper_days if dpd > edge)}",
                **{name: sum(_int(row[name]) for row in members) for name in sums},
                **{name: max(_int(row[name]) for row in members) for name in ("five_tier", "ifrs9_stage")},
                **{
                    name: _first(row[name] for row in members)  # type: ignore[misc]
                    for name in ("negative_since", "default_since", "delinquent_since")
                },
                **{
                    name: any(row[name] for row in members)
                    for name in ("is_in_credit", "is_over_limit", "is_past_due", "is_forborne", "is_disputed")
                },
                "credit_status": min((str(row["credit_status"]) for row in members), key=PERSON_ORDER.index),
            }
        )
    return found


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
