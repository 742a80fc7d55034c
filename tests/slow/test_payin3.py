"""The solver on a real pay-in-3 book: the figures known for it, to the cent."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from transforms.policy import Policy

from .deliveries import Delivery, Row, complete
from .solve import solve

BOOK = Path(__file__).parents[2].parent / "shared" / "data" / "payin3"
AS_OF = date(2024, 6, 24)
Tables = dict[str, list[Row]]

pytestmark = pytest.mark.skipif(not BOOK.is_dir(), reason="the pay-in-3 book does not lie beside the repository")


def _read(name: str) -> list[dict[str, str]]:
    with (BOOK / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _day(moment: str) -> date:
    return date.fromisoformat(moment[:10])


def _account(transaction: dict[str, str]) -> Row:
    given = transaction["transactionId"]
    return complete(
        "accounts",
        "payin3",
        account_id=given,
        customer_id=given,
        product_code="payin3",
        opened_date=_day(transaction["day"]),
        credit_limit_cents=0,
        currency="INR",
    )


def _installments(transaction: dict[str, str]) -> list[Row]:
    """The down payment on the day of the order, then one instalment every 30 days."""
    given, day = transaction["transactionId"], _day(transaction["day"])
    parts = [(int(transaction["downPaymentAmount"]), 0)]
    parts += [(int(transaction["emiPrincipal"]), int(transaction["emiInterest"]))] * int(transaction["tenure"])
    return [
        complete(
            "installments",
            "payin3",
            loan_id=given,
            account_id=given,
            installment_no=number,
            due_date=day + timedelta(days=30 * number),
            order_date=day,
            principal_cents=principal,
            interest_cents=interest,
        )
        for number, (principal, interest) in enumerate(parts)
    ]


def _repayment(number: int, repayment: dict[str, str]) -> Row:
    """A payment; where the amount is negative, a chargeback that names none."""
    given, amount = repayment["transactionId"], int(repayment["amount"])
    return complete(
        "repayments",
        "payin3",
        repayment_id=f"r{number}",
        account_id=given,
        loan_id=given,
        paid_date=_day(repayment["repaymentDay"]),
        amount_cents=abs(amount),
        kind="payment" if amount > 0 else "chargeback",
    )


@pytest.fixture(scope="module")
def tables() -> Tables:
    """The state tables of the whole book."""
    transactions, repayments = _read("transactions.csv"), _read("repayments.csv")
    feeds = {
        "accounts": [_account(each) for each in transactions],
        "installments": [row for each in transactions for row in _installments(each)],
        "repayments": [_repayment(number, each) for number, each in enumerate(repayments)],
    }
    deliveries = [
        Delivery("payin3", feed, AS_OF, 0, f"{feed}_20240624.csv", tuple(rows)) for feed, rows in feeds.items()
    ]
    return solve(deliveries, Policy(version="test"), AS_OF)


def _sum(rows: list[Row], name: str) -> int:
    return sum(value for row in rows if isinstance(value := row[name], int))


def _above(rows: list[Row], days: int) -> int:
    return sum(1 for row in rows if isinstance(dpd := row["dpd"], int) and dpd > days)


def test_days_past_due(tables: Tables) -> None:
    loans = tables["status.loan_status"]
    assert len(loans) == 1000
    assert [_above(loans, days) for days in (0, 30, 60, 90)] == [45, 32, 27, 22]
    buckets = Counter(row["bucket"] for row in loans)
    assert [buckets[f"M{number}"] for number in range(8)] == [955, 13, 5, 5, 1, 2, 1, 18]


def test_amounts(tables: Tables) -> None:
    loans = tables["status.loan_status"]
    in_credit = [row for row in loans if row["is_in_credit"]]
    assert _sum(loans, "past_due_cents") == 101_802_52
    assert _sum(loans, "outstanding_principal_cents") == 629_189_96
    assert _sum(loans, "remaining_cents") == 522_110_98
    assert (len(in_credit), _sum(in_credit, "remaining_cents")) == (74, -128_165_67)
    assert all(row["is_past_due"] is (row["past_due_cents"] != 0) for row in loans)


def test_money_in_is_money_out(tables: Tables) -> None:
    """Payments cover instalments and chargebacks, or are left over; nothing else becomes of them."""
    payments = [row for row in tables["core.repayments"] if row["kind"] == "payment"]
    received = [row for row in payments if isinstance(paid := row["paid_date"], date) and paid <= AS_OF]
    covered = _sum(tables["core.installments"], "paid_cents") + _sum(tables["core.chargebacks"], "paid_cents")
    assert _sum(received, "amount_cents") == covered + _sum(tables["status.loan_status"], "surplus_cents")
    assert len(received) < len(payments)  # some are dated the day after


def test_a_month_end_before(tables: Tables) -> None:
    history = [row for row in tables["status.loan_history"] if row["month_end"] == date(2023, 12, 31)]
    past_due = [row for row in history if row["past_due_cents"]]
    assert (len(past_due), _sum(past_due, "past_due_cents")) == (22, 64_956_48)
    assert _above(history, 90) == 18


def test_nothing_waits(tables: Tables) -> None:
    assert tables["waiting"] == []
