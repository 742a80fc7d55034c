"""Risk tables: for each check, statements each of which breaks it, and no other of its suite."""

from __future__ import annotations

_FIGURES = ("loan_count", "account_count", "outstanding_principal_amount", "past_due_amount")
_RUPEES = "WHERE currency = 'INR'"
_MARCH = f"{_RUPEES} AND month_end = DATE '2026-03-31'"

RISK_BREAKS: dict[tuple[str, str], list[str]] = {
    ("risk.portfolio", "The total is the sum of the lenders."): [
        *(
            f"UPDATE risk.portfolio SET {figure} = {figure} + 1 WHERE lender_id = 'ALL' AND currency = 'INR'"
            for figure in ("loan_count", "account_count", "outstanding_principal_amount", "past_due_amount")
        ),
        "DELETE FROM risk.portfolio WHERE lender_id = 'ALL' AND currency = 'INR'",
        "DELETE FROM risk.portfolio WHERE lender_id <> 'ALL' AND currency = 'INR'",
    ],
    ("risk.portfolio", "More days past due never hold more principal."): [
        "UPDATE risk.portfolio SET par1_rate = 1.01 WHERE currency = 'INR'",
        "UPDATE risk.portfolio SET par30_rate = par1_rate + 0.01 WHERE currency = 'INR'",
        "UPDATE risk.portfolio SET par60_rate = 0.01 WHERE currency = 'INR'",
        "UPDATE risk.portfolio SET par90_rate = 0.01 WHERE currency = 'INR'",
        "UPDATE risk.portfolio SET par90_rate = -0.01 WHERE currency = 'INR'",
        "UPDATE risk.portfolio SET par90_rate = NULL WHERE currency = 'INR'",
    ],
    ("risk.buckets", "The buckets together hold what the portfolio holds."): [
        *(
            f"UPDATE risk.buckets SET {figure} = {figure} + 1 WHERE product_code = 'ALL' AND bucket = 'M4'"
            for figure in ("loan_count", "outstanding_principal_amount", "past_due_amount")
        ),
        "DELETE FROM risk.buckets WHERE currency = 'INR'",
        "DELETE FROM risk.portfolio WHERE currency = 'INR'",
    ],
    ("risk.vintage", "At month 0 a cohort holds what its month originated."): [
        "UPDATE risk.vintage SET loan_count = loan_count + 1",
        "UPDATE risk.vintage SET principal_amount = principal_amount + 0.01",
        "DELETE FROM core.loans WHERE loan_id = 'l'",
    ],
    ("risk.vintage", "What was ever late is part of the cohort."): [
        "UPDATE risk.vintage SET ever_90_count = ever_60_count + 1",
        "UPDATE risk.vintage SET ever_30_amount = principal_amount + 0.01",
    ],
    ("risk.roll_rate", "What left a state is what was in it."): [
        "UPDATE risk.roll_rate SET rate_by_count = rate_by_count / 2",
        "UPDATE risk.roll_rate SET rate_by_amount = rate_by_amount / 2 WHERE rate_by_amount > 0",
    ],
    ("risk.first_payment_default", "Only first instalments that are old enough can be late."): [
        "UPDATE risk.first_payment_default SET fpd7_count = known7_count + 1",
        "UPDATE risk.first_payment_default SET known30_count = loan_count + 1",
    ],
    ("risk.expected_credit_loss", "No expected loss exceeds its exposure."): [
        "UPDATE risk.expected_credit_loss SET expected_loss_amount = exposure_amount + 0.01",
        "UPDATE risk.expected_credit_loss SET expected_loss_amount = -0.01",
    ],
    ("risk.concentration", "Shares add up to no more than the whole."): [
        "UPDATE risk.concentration SET hhi_rate = 1.1",
        "UPDATE risk.concentration SET top10_rate = largest_rate / 2",
    ],
    ("risk.early_warning", "A warning stands above its limit."): [
        "UPDATE risk.early_warning SET is_warning = true, upper_limit_rate = 1",
        "UPDATE risk.early_warning SET roll_forward_rate = 1.1",
    ],
    ("risk.collection", "What was collected was due, and what was cured was in default."): [
        "UPDATE risk.collection SET collected_amount = due_amount + 0.01",
        "UPDATE risk.collection SET cured_count = default_count + 1",
        "UPDATE risk.collection SET redefault_count = cured_count + 1",
    ],
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
