"""Shared tables: for each check, statements each of which breaks it, and no other of its suite."""

from __future__ import annotations

SHARE_BREAKS: dict[tuple[str, str], list[str]] = {
    ("share.portfolio", "A cell shows enough people, or nothing."): [
        "UPDATE share.portfolio SET loan_count = 1 WHERE currency = 'INR'",
        "UPDATE share.portfolio SET par30_rate = 0 WHERE currency = 'INR'",
    ],
    ("share.portfolio", "What is shown of the portfolio is what risk says, and every cell is accounted for."): [
        "DELETE FROM share.portfolio WHERE currency = 'INR'",
        "DELETE FROM risk.portfolio WHERE currency = 'INR'",
        "UPDATE share.portfolio SET suppression = 'complementary' WHERE currency = 'INR'",
    ],
    ("share.lender_comparison", "The pool is that of the shared portfolio, and a hidden lender shows no rate."): [
        "UPDATE share.lender_comparison SET par30_rate = 0.5 WHERE currency = 'INR'",
        "UPDATE share.lender_comparison SET pool_npl_rate = 0.5 WHERE currency = 'INR'",
    ],
    ("share.overlap", "A cell shows enough people, or nothing."): [
        "UPDATE share.overlap SET person_count = 1 WHERE currency = 'INR'",
        "UPDATE share.overlap SET suppression = NULL WHERE currency = 'INR'",
    ],
    ("share.overlap", "Nobody is late where they have no loan."): [
        "UPDATE share.overlap SET late_lenders = '9' WHERE currency = 'INR' AND lenders = '1' AND late_lenders = '0'",
    ],
    ("share.standards", "Every number of days lies in one range."): [
        "DELETE FROM share.standards WHERE dpd_from = 0",
        "UPDATE share.standards SET dpd_to = dpd_to + 1 WHERE dpd_from = 30",
    ],
    ("share.screening", "A grade is told of those who were looked at, and says when somebody was left out."): [
        "UPDATE share.screening SET grade = NULL",
        "UPDATE share.screening SET person_count = 0, default_person_count = 0",
        "UPDATE share.screening SET withheld_count = 1",
        "UPDATE share.screening SET grade_reasons_en = []",
        "UPDATE share.screening SET kind = NULL",
        "UPDATE share.screening SET default_person_count = person_count + 1",
    ],
    ("share.screening", "Whoever asked by the day is answered, if only that the counterparty is not known."): [
        "UPDATE share.screening SET screening_id = 'other'",
    ],
    ("share.screening_amounts", "No part is larger than its whole."): [
        "UPDATE share.screening_amounts SET defaulted_principal_amount = outstanding_principal_amount + 0.01",
        "UPDATE share.screening_amounts SET guarantee_default_amount = guarantee_amount + 0.01",
        "UPDATE share.screening_amounts SET person_hhi = 1.1",
    ],
    ("share.screening_persons", "Every person that counts is told, and nobody else."): [
        "UPDATE share.screening_persons SET person_no = 2",
        "UPDATE share.screening SET person_count = 2",
    ],
}
