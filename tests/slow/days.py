"""One account on one day: credits against dues, allocated from scratch, and the figures that follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from transforms.policy import ProductPolicy

from .books import Book, Item, Loan
from .deliveries import Repayment
from .resolve import version_at

Paid = dict[Item, int]
"""What credits cover of each item that exists, in the order in which items are filled."""


@dataclass(frozen=True)
class Figures:
    """Where some items stand on a day: those of one loan, or those owed on the account itself."""

    dpd: int
    contractual_dpd: int
    past_due_cents: int
    outstanding_principal_cents: int
    remaining_cents: int
    surplus_cents: int
    oldest_due_date: date | None
    late_cost_cents: int
    """Uncovered interest and fees of the late items."""
    is_settled: bool
    """Of no item is more than the tolerance uncovered."""


@dataclass(frozen=True)
class AccountDay:
    """Where an account and its started loans stand on a day."""

    day: date
    paid: Paid
    loans: dict[str, Figures]
    """By loan_id: the loans started by the day."""
    own: Figures
    """What is owed on the account itself: chargebacks that belong to no loan."""
    surplus_cents: int
    remaining_cents: int
    credit_limit_cents: int

    @property
    def parts(self) -> list[Figures]:
        """The figures that add up to the account's."""
        return [*self.loans.values(), self.own]

    @property
    def dpd(self) -> int:
        """The largest of the parts'."""
        return max(part.dpd for part in self.parts)

    @property
    def past_due_cents(self) -> int:
        """The parts' together."""
        return sum(part.past_due_cents for part in self.parts)

    @property
    def outstanding_principal_cents(self) -> int:
        """The parts' together."""
        return sum(part.outstanding_principal_cents for part in self.parts)

    @property
    def available_credit_cents(self) -> int:
        """Limit less outstanding principal and the uncovered interest and fees of late items."""
        late_cost = sum(part.late_cost_cents for part in self.parts)
        return self.credit_limit_cents - self.outstanding_principal_cents - late_cost

    @property
    def is_negative(self) -> bool:
        """In credit, over limit or past due."""
        return self.remaining_cents < 0 or self.available_credit_cents < 0 or self.past_due_cents > 0


def on_day(book: Book, day: date) -> AccountDay:
    """Where the account stands on a day, from its facts alone."""
    paid = {item: 0 for item in sorted(book.items, key=lambda item: item.order) if item.exists(day)}
    started = [loan for loan in book.loans if loan.start <= day]
    received = [credit for credit in book.credits if credit.paid_date <= day]
    if book.rules.allocation == "loan":
        surplus = _fill_each_loan(paid, started, received)
        pot = 0
    else:
        surplus = dict.fromkeys((loan.loan_id for loan in started), 0)
        pot = _fill_account(paid, started, received, book.rules)

    loans = {}
    for loan in started:
        items = _of_loan(paid, loan.loan_id)
        loans[loan.loan_id] = _figures(items, surplus[loan.loan_id], day, book.deferred_days[loan.loan_id], book.rules)
    own = _figures(_of_loan(paid, None), 0, day, set(), book.rules)
    return AccountDay(
        day=day,
        paid=paid,
        loans=loans,
        own=own,
        surplus_cents=pot + sum(surplus.values()),
        remaining_cents=sum(part.remaining_cents for part in (*loans.values(), own)) - pot,
        credit_limit_cents=version_at(book.versions, day).fact.credit_limit_cents,
    )


def uncovered(item: Item, paid_cents: int) -> int:
    """What is owed of an item less what covers it, in cents."""
    return item.due_cents - paid_cents


def _of_loan(paid: Paid, loan_id: str | None) -> Paid:
    """The items of one loan; of None, those owed on the account itself."""
    return {item: cents for item, cents in paid.items() if item.loan_id == loan_id}


def _fill_each_loan(paid: Paid, started: Sequence[Loan], received: Sequence[Repayment]) -> dict[str, int]:
    """Scope `loan`: each loan's credits fill its own items; returns each loan's surplus.

    Credits of loans that have not started are held.
    """
    surplus = {}
    for loan in started:
        money = sum(credit.amount_cents for credit in received if credit.loan_id == loan.loan_id)
        surplus[loan.loan_id] = _fill(paid, _of_loan(paid, loan.loan_id), money)
    return surplus


def _fill_account(paid: Paid, started: Sequence[Loan], received: Sequence[Repayment], rules: ProductPolicy) -> int:
    """Scope `account`: one pot for all items; returns what is left over.

    By policy, refunds that name a started loan fill that loan's items first, and only their rest joins the pot.
    """
    pot = sum(credit.amount_cents for credit in received)
    if rules.refund_to_own_loan:
        for loan in started:
            refunds = sum(row.amount_cents for row in received if row.kind == "refund" and row.loan_id == loan.loan_id)
            pot -= refunds - _fill(paid, _of_loan(paid, loan.loan_id), refunds)
    return _fill(paid, paid, pot)


def _fill(paid: Paid, items: Iterable[Item], money: int) -> int:
    """Cover the items one after the other, in `paid`; returns what is left of the money."""
    for item in items:
        part = min(money, uncovered(item, paid[item]))
        paid[item] += part
        money -= part
    return money


def _figures(paid: Paid, surplus_cents: int, day: date, deferred_days: set[date], rules: ProductPolicy) -> Figures:
    """Where the items stand; they come in order, so that the first late one is the oldest."""
    open_ = [item for item in paid if uncovered(item, paid[item]) > rules.tolerance_cents]
    late = [item for item in open_ if item.due_date < day]
    oldest = late[0].due_date if late else None
    contractual_dpd = (day - oldest).days if oldest else 0
    deferred = sum(1 for deferred_day in deferred_days if oldest and oldest < deferred_day <= day)
    dpd = contractual_dpd - deferred
    return Figures(
        dpd=dpd if dpd > rules.grace_days else 0,
        contractual_dpd=contractual_dpd,
        past_due_cents=sum(uncovered(item, paid[item]) for item in late),
        outstanding_principal_cents=sum(_unpaid_parts(item, paid[item], rules)["principal"] for item in paid),
        remaining_cents=sum(uncovered(item, paid[item]) for item in paid) - surplus_cents,
        surplus_cents=surplus_cents,
        oldest_due_date=oldest,
        late_cost_cents=sum(
            parts["interest"] + parts["fee"] for parts in (_unpaid_parts(item, paid[item], rules) for item in late)
        ),
        is_settled=not open_,
    )


def _unpaid_parts(item: Item, paid_cents: int, rules: ProductPolicy) -> dict[str, int]:
    """What is still owed of an item's principal, interest and fee; credits pay them in the policy's order."""
    unpaid = {"principal": item.principal_cents, "interest": item.interest_cents, "fee": item.fee_cents}
    for part in rules.payment_order:
        covered = min(paid_cents, unpaid[part])
        unpaid[part] -= covered
        paid_cents -= covered
    return unpaid
