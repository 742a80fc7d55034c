"""Which facts hold: the latest rows whose references hold, versions of accounts and customers, rows that wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic

from transforms.feeds import CREDIT_KINDS
from transforms.policy import Policy
from transforms.refusals import Refusal

from .deliveries import (
    Account,
    Customer,
    Delivery,
    Event,
    F,
    Filed,
    Installment,
    Key,
    Order,
    Place,
    Repayment,
    Row,
    filed,
)

BEGINNING = date.min
"""Start of a version that holds from the beginning of time."""

AccountKey = tuple[str, str]
LoanKey = tuple[str, str]
Reasons = set[Refusal]


@dataclass(frozen=True)
class Version(Generic[F]):
    """What an account or a customer is from `start` on."""

    start: date
    fact: F


@dataclass(frozen=True)
class Facts:
    """Everything that holds, by source and id, and what waits."""

    accounts: dict[AccountKey, list[Version[Account]]]
    customers: dict[Key, list[Version[Customer]]]
    installments: list[Installment]
    repayments: list[Repayment]
    void: set[Key]
    """Source and repayment_id of the repayments that are void."""
    loan_of: dict[Key, str | None]
    """The loan a repayment is for: the one it names; of a chargeback that names none, its target's."""
    events: list[Event]
    orders: list[Order]
    waiting: list[Row]


def resolve(deliveries: Sequence[Delivery], policy: Policy, as_of: date) -> Facts:
    """All facts that hold, given everything delivered; `as_of` only says which product an account has."""
    accounts = {}
    for key, accounts_filed in filed(deliveries, "accounts", Account).items():
        if versions := _versions(accounts_filed, lambda row: row.valid_from, lambda row: row.opened_date):
            accounts[(str(key[0]), str(key[1]))] = versions
    customers = {}
    for key, customers_filed in filed(deliveries, "customers", Customer).items():
        if spans := _versions(customers_filed, lambda row: row.valid_from, lambda _: BEGINNING):
            customers[key] = spans
    waiting: list[Row] = []
    installments, loans = _installments(deliveries, accounts, waiting)
    repayments, loan_of = _repayments(deliveries, accounts, loans, _NeedsLoan(accounts, policy, as_of), waiting)

    def event_reasons(event: Event) -> Reasons:
        return _of_account(event, accounts) | _of_loan(event, loans)

    events = filed(deliveries, "events", Event)
    orders = filed(deliveries, "orders", Order)
    _report(waiting, "events", events, event_reasons)
    _report(waiting, "orders", orders, lambda order: _of_account(order, accounts))
    return Facts(
        accounts=accounts,
        customers=customers,
        installments=installments,
        repayments=repayments,
        void=_void(repayments),
        loan_of=loan_of,
        events=_facts(_winners(events, lambda event: not event_reasons(event))),
        orders=_facts(_winners(orders, lambda order: not _of_account(order, accounts))),
        waiting=waiting,
    )


def version_at(versions: Sequence[Version[F]], day: date) -> Version[F]:
    """The version valid on a day: the latest start by then, else the earliest one; of equals, the later in order."""
    started = [version for version in versions if version.start <= day]
    best = (started or versions)[0]
    for version in started or versions:
        if version.start >= best.start if started else version.start <= best.start:
            best = version
    return best


def _versions(
    history: Sequence[Filed[F]], valid_from: Callable[[F], date | None], first_start: Callable[[F], date]
) -> list[Version[F]]:
    """The versions of one key, in order: rows after the last deletion, runs of equal rows taken as one."""
    runs: list[tuple[date, F]] = []
    for row in history:
        if row.fact is None:
            runs = []
        elif not runs or row.fact != runs[-1][1]:
            runs.append((row.place[0], row.fact))
    versions = []
    for number, (business_date, fact) in enumerate(runs):
        given = valid_from(fact)
        silent = first_start(fact) if number == 0 else business_date
        versions.append(Version(silent if given is None else given, fact))
    return versions


def _winners(histories: dict[Key, list[Filed[F]]], holds: Callable[[F], bool]) -> dict[Key, tuple[Place, F]]:
    """The latest row of each key among deletions and rows that hold, with its place; none where that is a deletion."""
    winners = {}
    for key, history in histories.items():
        valid = [row for row in history if row.fact is None or holds(row.fact)]
        if valid and valid[-1].fact is not None:
            winners[key] = (valid[-1].place, valid[-1].fact)
    return winners


def _facts(winners: dict[Key, tuple[Place, F]]) -> list[F]:
    return [fact for _, fact in winners.values()]


def _report(
    waiting: list[Row], feed: str, histories: dict[Key, list[Filed[F]]], reasons_of: Callable[[F], Reasons]
) -> None:
    """Add every row that has reasons, superseded or not."""
    for key, history in histories.items():
        refused = {row.place: reasons_of(row.fact) for row in history if row.fact is not None}
        waiting += [_waits(feed, key, place, reasons) for place, reasons in refused.items() if reasons]


def _waits(feed: str, key: Key, place: Place, reasons: Reasons) -> Row:
    business_date, seq, file_name = place
    return {
        "source": key[0],
        "feed": feed,
        "key": key[1:],
        "business_date": business_date,
        "seq": seq,
        "file_name": file_name,
        "reasons": sorted(reason.value for reason in reasons),
    }


def _of_account(
    fact: Installment | Repayment | Event | Order, accounts: dict[AccountKey, list[Version[Account]]]
) -> Reasons:
    return set() if (fact.source, fact.account_id) in accounts else {Refusal.ORPHAN}


def _of_loan(fact: Repayment | Event, loans: dict[LoanKey, str]) -> Reasons:
    """A loan that is named must be one of the account."""
    if fact.loan_id is None or loans.get((fact.source, fact.loan_id)) == fact.account_id:
        return set()
    return {Refusal.ORPHAN}


def _installments(
    deliveries: Sequence[Delivery], accounts: dict[AccountKey, list[Version[Account]]], waiting: list[Row]
) -> tuple[list[Installment], dict[LoanKey, str]]:
    """The instalments that hold, and the account of each loan.

    A loan's account is the one named by its instalment from the latest delivery; instalments that name another wait.
    """
    histories = filed(deliveries, "installments", Installment)
    _report(waiting, "installments", histories, lambda row: _of_account(row, accounts))
    winners = _winners(histories, lambda row: not _of_account(row, accounts))

    by_loan: dict[LoanKey, list[tuple[Place, Installment]]] = {}
    for place, row in winners.values():
        by_loan.setdefault((row.source, row.loan_id), []).append((place, row))
    loans = {loan: _account_of(rows) for loan, rows in by_loan.items()}

    installments = []
    for key, (place, row) in winners.items():
        if loans[(row.source, row.loan_id)] == row.account_id:
            installments.append(row)
        else:
            waiting.append(_waits("installments", key, place, {Refusal.ORPHAN}))
    return installments, loans


def _account_of(rows: Sequence[tuple[Place, Installment]]) -> str:
    """The account that a loan's instalment from the latest delivery names; of several, the first in plan and number."""
    latest = max(place for place, _ in rows)
    return min((row for place, row in rows if place == latest), key=_plan_order).account_id


def _plan_order(row: Installment) -> tuple[date, int]:
    """Original plan first, then by plan_date and number."""
    return (row.plan_date or BEGINNING, row.installment_no)


@dataclass(frozen=True)
class _NeedsLoan:
    """Which accounts have a product whose credits meet dues loan by loan."""

    accounts: dict[AccountKey, list[Version[Account]]]
    policy: Policy
    as_of: date

    def of(self, row: Repayment) -> Reasons:
        """`no_loan` where such an account's repayment names no loan."""
        versions = self.accounts.get((row.source, row.account_id))
        if versions is None or row.loan_id is not None:
            return set()
        product = self.policy.product(version_at(versions, self.as_of).fact.product_code)
        return {Refusal.NO_LOAN} if product.allocation == "loan" else set()


def _repayments(
    deliveries: Sequence[Delivery],
    accounts: dict[AccountKey, list[Version[Account]]],
    loans: dict[LoanKey, str],
    needs_loan: _NeedsLoan,
    waiting: list[Row],
) -> tuple[list[Repayment], dict[Key, str | None]]:
    """The repayments that hold, and the loan each is for.

    References between repayments are held in three steps: what names nothing; chargebacks against those; reversals
    against both.
    """
    histories = filed(deliveries, "repayments", Repayment)

    def own(row: Repayment) -> Reasons:
        return _of_account(row, accounts) | _of_loan(row, loans) | needs_loan.of(row)

    plain = _winners(histories, lambda row: not _is_bounce(row) and not _is_reversal(row) and not own(row))

    def with_bounce(row: Repayment) -> Reasons:
        return own(row) | (_against(row, plain, _may_bounce) if _is_bounce(row) else set())

    bounced = _winners(histories, lambda row: not _is_reversal(row) and not with_bounce(row))

    reversals = _winners(histories, _is_reversal)

    def reasons(row: Repayment) -> Reasons:
        if not _is_reversal(row):
            return with_bounce(row)
        return own(row) | _against(row, {**reversals, **bounced}, _may_reverse)

    _report(waiting, "repayments", histories, reasons)
    repayments = _facts(_winners(histories, lambda row: not reasons(row)))
    loan_of: dict[Key, str | None] = {}
    for row in repayments:
        names_it = plain[(row.source, row.refers_to)][1] if _is_bounce(row) and row.loan_id is None else row
        loan_of[(row.source, row.repayment_id)] = names_it.loan_id
    return repayments, loan_of


def _is_reversal(row: Repayment) -> bool:
    return row.kind == "reversal"


def _is_bounce(row: Repayment) -> bool:
    """A chargeback that names the repayment that bounced, not a payout."""
    return row.kind == "chargeback" and row.refers_to is not None


def _may_bounce(_: Repayment, target: Repayment) -> bool:
    return target.kind in CREDIT_KINDS


def _may_reverse(reversal: Repayment, target: Repayment) -> bool:
    """Any kind but a reversal, of the same amount."""
    return target.kind != "reversal" and target.amount_cents == reversal.amount_cents


def _against(
    row: Repayment, targets: dict[Key, tuple[Place, Repayment]], allowed: Callable[[Repayment, Repayment], bool]
) -> Reasons:
    """Why the repayment that the row names does not do."""
    if (row.source, row.refers_to) not in targets:
        return {Refusal.ORPHAN}
    _, target = targets[(row.source, row.refers_to)]
    other_loan = row.loan_id is not None and target.loan_id is not None and row.loan_id != target.loan_id
    if target.account_id != row.account_id or other_loan:
        return {Refusal.ORPHAN}
    return set() if allowed(row, target) else {Refusal.BAD_REFERENCE}


def _void(repayments: Sequence[Repayment]) -> set[Key]:
    """Source and id of what a reversal names, and of the chargebacks whose target is void."""
    void: set[Key] = {(row.source, row.refers_to) for row in repayments if _is_reversal(row)}
    bounces = [row for row in repayments if _is_bounce(row)]
    while more := {(row.source, row.repayment_id) for row in bounces if (row.source, row.refers_to) in void} - void:
        void |= more
    return void - {(row.source, row.repayment_id) for row in repayments if _is_reversal(row)}
