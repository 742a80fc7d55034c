"""Risk tables against each other: for each check, statements each of which breaks it, and no other of its suite."""

from __future__ import annotations

_FIGURES = ("loan_count", "account_count", "outstanding_principal_amount", "past_due_amount")
_RUPEES = "WHERE currency = 'INR'"
_MARCH = f"{_RUPEES} AND month_end = DATE '2026-03-31'"

RISK_BREAKS: dict[tuple[str, str], list[str]] = {
    ("risk.portfolio", "The total is the sum of the products."): [
        f"UPDATE risk.portfolio SET {figure} = {figure} + 1"
        f" {_RUPEES} AND product_code <> 'ALL' AND lender_id = 'ALL' AND region_code = 'ALL'"
        for figure in _FIGURES
    ],
    ("risk.portfolio", "The total is the sum of the regions."): [
        f"UPDATE risk.portfolio SET {figure} = {figure} + 1"
        f" {_RUPEES} AND region_code <> 'ALL' AND lender_id = 'ALL' AND product_code = 'ALL'"
        for figure in _FIGURES
    ],
    ("risk.roll_rate", "As many leave a state as had come to it the month before."): [
        f"UPDATE risk.roll_rate SET loan_count = loan_count + 1 {_MARCH}",
        f"DELETE FROM risk.roll_rate {_MARCH}",
    ],
    ("risk.expected_credit_loss", "Every loan of the portfolio has its loss, under each stress factor once."): [
        f"UPDATE risk.expected_credit_loss SET loan_count = loan_count + 1 {_RUPEES} AND stress_factor = 1.5",
        f"DELETE FROM risk.expected_credit_loss {_RUPEES}",
        f"DELETE FROM risk.portfolio {_RUPEES}",
    ],
    ("risk.concentration", "What is spread is what the portfolio holds."): [
        f"UPDATE risk.concentration SET outstanding_principal_amount = 0.01 {_RUPEES} AND dimension = 'region'",
        f"DELETE FROM risk.concentration {_RUPEES}",
        f"DELETE FROM risk.portfolio {_RUPEES}",
    ],
}
