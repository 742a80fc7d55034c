"""One account with all its facts: loans, plans, items, credits, deferrals. Nothing here depends on a day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from transforms.feeds import CREDIT_KINDS
from transforms.policy import Policy, ProductPolicy

from .deliveries import Account, Event, Installment, Order, Repayment
from .resolve import Facts, Version, version_at

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Item:
    """Something owed: an instalment of a plan, or a chargeback. It exists from `first_day` to before `replaced_on`."""

    loan_id: str | None
    """None: owed on the account itself."""
    due_date: date
    first_day: date
    replaced_on: date | None
    principal_cents: int
    interest_cents: int = 0
    fee_cents: int = 0
    plan_date: date | None = None
    installment_no: int | None = None
    repayment_id: str | None = None
    """Of a chargeback."""

    @property
    def due_cents(self) -> int:
        """Principal, interest and fee."""
        return self.principal_cents + self.interest_cents + self.fee_cents

    @property
    def order(self) -> tuple[object, ...]:
        """Credits fill items in this order."""
        return (
            self.due_date,
            self.repayment_id is not None,
            self.loan_id is None,
            self.loan_id or "",
            self.installment_no or 0,
            self.repayment_id or "",
        )

    def exists(self, day: date) -> bool:
        """Whether the item is owed on a day, due or not."""
        return self.first_day <= day and (self.replaced_on is None or day < self.replaced_on)


@dataclass(frozen=True)
class Loan:
    """One loan: its start, the rows of its earliest plan, and the items of all its plans (no chargebacks)."""

    loan_id: str
    start: date
    earliest_plan: tuple[Installment, ...]
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Book:
    """One account with what belongs to it."""

    source: str
    account_id: str
    versions: list[Version[Account]]
    version: Version[Account]
    """The one valid at the as-of date."""
    rules: ProductPolicy
    loans: tuple[Loan, ...]
    chargebacks: tuple[Item, ...]
    repayments: tuple[Repayment, ...]
    """All that hold, void ones too."""
    credits: tuple[Repayment, ...]
    """Payments, refunds, waivers and recoveries that are not void."""
    events: tuple[Event, ...]
    deferred_days: dict[str, set[date]]
    """By loan_id: the days on which nothing grows older."""
    first_day: date
    """The earliest date of any fact of the account."""

    @property
    def key(self) -> tuple[str, str]:
        """Source and account_id."""
        return (self.source, self.account_id)

    @property
    def account(self) -> Account:
        """What the account is at the as-of date."""
        return self.version.fact

    @property
    def items(self) -> tuple[Item, ...]:
        """Everything that is ever owed."""
        return (*(item for loan in self.loans for item in loan.items), *self.chargebacks)


def books(facts: Facts, policy: Policy, as_of: date) -> list[Book]:
    """One book per account that has a version."""
    return [_book(facts, key, versions, policy, as_of) for key, versions in facts.accounts.items()]


def _book(facts: Facts, key: tuple[str, str], versions: list[Version[Account]], policy: Policy, as_of: date) -> Book:
    version = version_at(versions, as_of)
    installments = [row for row in facts.installments if (row.source, row.account_id) == key]
    repayments = [row for row in facts.repayments if (row.source, row.account_id) == key]
    events = [row for row in facts.events if (row.source, row.account_id) == key]
    orders = [row for row in facts.orders if (row.source, row.account_id) == key]
    standing = [row for row in repayments if (row.source, row.repayment_id) not in facts.void]
    loans = tuple(_loan(rows) for rows in _by_loan(installments).values())
    return Book(
        source=key[0],
        account_id=key[1],
        versions=versions,
        version=version,
        rules=policy.product(version.fact.product_code),
        loans=loans,
        chargebacks=tuple(
            _chargeback(row, facts.loan_of[(row.source, row.repayment_id)], loans)
            for row in standing
            if row.kind == "chargeback"
        ),
        repayments=tuple(repayments),
        credits=tuple(row for row in standing if row.kind in CREDIT_KINDS),
        events=tuple(events),
        deferred_days={loan.loan_id: _deferred_days(loan, events) for loan in loans},
        first_day=min(_dates(versions, installments, repayments, events, orders)),
    )


def _by_loan(installments: Iterable[Installment]) -> dict[str, list[Installment]]:
    by_loan: dict[str, list[Installment]] = {}
    for row in installments:
        by_loan.setdefault(row.loan_id, []).append(row)
    return by_loan


def _loan(rows: list[Installment]) -> Loan:
    """A loan from the rows of all its plans: each plan is in force from its date until the next one's."""
    plan_dates = sorted({row.plan_date for row in rows}, key=lambda day: day or date.min)
    earliest = tuple(row for row in rows if row.plan_date == plan_dates[0])
    ordered = [row.order_date for row in earliest if row.order_date is not None]
    start = min(ordered) if ordered else min(row.due_date for row in earliest)
    items = []
    for number, plan_date in enumerate(plan_dates):
        first_day = start if number == 0 or plan_date is None else max(plan_date, start)
        replaced_on = plan_dates[number + 1] if number + 1 < len(plan_dates) else None
        items += [
            Item(
                loan_id=row.loan_id,
                due_date=row.due_date,
                first_day=first_day,
                replaced_on=replaced_on,
                principal_cents=row.principal_cents,
                interest_cents=row.interest_cents,
                fee_cents=row.fee_cents,
                plan_date=plan_date,
                installment_no=row.installment_no,
            )
            for row in rows
            if row.plan_date == plan_date
        ]
    return Loan(rows[0].loan_id, start, earliest, tuple(items))


def _chargeback(row: Repayment, loan_id: str | None, loans: Iterable[Loan]) -> Item:
    """Owed again from its day on, no earlier than its loan, and due that day, all principal."""
    starts = [loan.start for loan in loans if loan.loan_id == loan_id]
    return Item(
        loan_id=loan_id,
        due_date=row.paid_date,
        first_day=max([row.paid_date, *starts]),
        replaced_on=None,
        principal_cents=row.amount_cents,
        repayment_id=row.repayment_id,
    )


def _deferred_days(loan: Loan, events: Iterable[Event]) -> set[date]:
    """Every day of every deferral of the loan, once however many deferrals hold it."""
    days = set()
    for event in events:
        if event.kind != "deferral" or event.until_date is None:
            continue
        if event.loan_id == loan.loan_id or (event.loan_id is None and loan.start <= event.event_date):
            day = event.event_date
            while day <= event.until_date:
                days.add(day)
                day += ONE_DAY
    return days


def _dates(
    versions: Iterable[Version[Account]],
    installments: Iterable[Installment],
    repayments: Iterable[Repayment],
    events: Iterable[Event],
    orders: Iterable[Order],
) -> set[date]:
    """Every date that a fact of the account names."""
    dates = [
        *(day for version in versions for day in (version.start, version.fact.opened_date)),
        *(day for row in installments for day in (row.order_date, row.due_date, row.plan_date)),
        *(row.paid_date for row in repayments),
        *(row.event_date for row in events),
        *(row.order_date for row in orders),
    ]
    return {day for day in dates if day is not None}
