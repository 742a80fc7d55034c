"""What a night says of rows and columns that it lets stand: columns not read, and rows that changed nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.small import GOOD, HEADERS, MONEY, land_base
from tests.nights import Bank

COUPON = MONEY.strip() + ",coupon\n" + GOOD["repayments"] + ",X\n"
PERSON = HEADERS["customers"] + ",nickname\n" + GOOD["customers"] + ",Canary\n"


@pytest.mark.parametrize(("rule", "said"), [("keep", "coupon"), ("ignore", None)])
def test_unknown_columns_that_the_policy_lets_stand(tmp_path: Path, rule: str, said: str | None) -> None:
    """Kept columns are named with their file, and their values are read nowhere; ignored ones are passed over."""
    bank = Bank(tmp_path, {})
    policy = tmp_path / "policy.toml"
    policy.write_text(f'version = "lenient"\nunknown_columns = "{rule}"\n')
    bank.options = {"policy": policy}
    land_base(bank, "shop")
    bank.land("repayments_20260210.csv", COUPON, "shop")
    bank.land("customers_20260210.csv", PERSON, "shop")
    bank.night("2026-02-10")
    files = bank.ask("SELECT feed, outcome, reason FROM ops.files WHERE feed IN ('customers', 'repayments') ORDER BY 1")
    assert [outcome for _, outcome, _ in files] == ["accepted", "accepted"]
    reasons = [reason for _, _, reason in files]
    if said is None:
        assert reasons == [None, None]
    else:
        ends = [f"does not know {name}." for name in ("nickname", said)]
        assert all(reason.endswith(end) for reason, end in zip(reasons, ends, strict=True))
        assert all("Kept in the file but not read" in reason for reason in reasons)


def with_a_late_loan(root: Path) -> Bank:
    """A bank into which a loan has come that was due in December."""
    bank = Bank(root, {})
    accounts = "account_id,customer_id,product_code,opened_date,credit_limit\nA,C,baitiao,2025-11-01,500.00\n"
    loans = "loan_id,account_id,installment_no,due_date,principal,order_date\nL,A,1,2025-12-10,100.00,2025-11-10\n"
    bank.land("accounts_20260210.csv", accounts, "shop")
    bank.land("installments_20260210.csv", loans, "shop")
    return bank


def test_a_row_that_waits_is_no_cause(tmp_path: Path) -> None:
    """A reversal of nothing stands before the late payment in the file; the payment restates, the reversal waits."""
    bank = with_a_late_loan(tmp_path)
    bank.night("2026-02-10")
    waits = "R,A,2025-12-20,9.00,reversal,L,Z,\n"
    late = "P,A,2025-12-15,100.00,payment,L,,\n"
    bank.land("repayments_20260211.csv", MONEY + waits + late, "shop")
    bank.night("2026-02-11")
    assert bank.ask("SELECT is_waiting FROM ops.refused_rows") == [(True,)]
    causes = bank.ask("SELECT DISTINCT cause FROM ops.restatements")
    assert causes == [("repayments P (shop/repayments_20260211.csv line 3)",)]


def test_a_row_that_an_earlier_night_has_a_later_word_on_is_no_cause(tmp_path: Path) -> None:
    """A file of the day before comes late: its row of P was replaced already, and the payment behind it restates."""
    bank = with_a_late_loan(tmp_path)
    bank.land("repayments_20260210.csv", MONEY + "P,A,2025-12-15,50.00,payment,L,,\n", "shop")
    bank.night("2026-02-10")
    replaced, late = "P,A,2025-12-15,70.00,payment,L,,\n", "Q,A,2025-12-16,50.00,payment,L,,\n"
    bank.land("repayments_20260209.csv", MONEY + replaced + late, "shop")
    bank.night("2026-02-11")
    causes = bank.ask("SELECT DISTINCT cause FROM ops.restatements")
    assert causes == [("repayments Q (shop/repayments_20260209.csv line 3)",)]
