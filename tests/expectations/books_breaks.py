"""Core and status tables, and the files of a night: for each check, statements each of which breaks it alone."""

from __future__ import annotations

BOOKS_BREAKS: dict[tuple[str, str], list[str]] = {
    ("core.loans", "No loan of the night before is lost unless a fact says why."): [
        "INSERT INTO lost_loans VALUES ('north', 'gone')",
    ],
    ("core.loans", "Every loan stands on an account."): ["DELETE FROM core.accounts WHERE account_id = 'b'"],
    ("core.loans", "A loan has a status once it has started, and none before."): [
        "DELETE FROM status.loan_status WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET loan_id = 'ghost' WHERE loan_id = 'l'",
        "INSERT INTO status.loan_status BY NAME SELECT * REPLACE ('ghost' AS loan_id) FROM status.loan_status LIMIT 1",
        "UPDATE core.loans SET origination_date = DATE '2026-06-15' WHERE loan_id = 'm'",
        "UPDATE core.loans SET origination_date = DATE '2026-06-16' WHERE loan_id = 'l'",
    ],
    ("core.installments", "The parts of an instalment add up to what is due."): [
        *(
            f"UPDATE core.installments SET {part}_amount = {part}_amount + 0.01 WHERE loan_id = 'k'"
            for part in ("principal", "interest", "fee")
        ),
        "UPDATE core.installments SET interest_amount = NULL WHERE loan_id = 'k'",
    ],
    ("core.installments", "No instalment takes less than nothing or more than is due."): [
        "UPDATE core.installments SET paid_amount = due_amount + 0.01 WHERE loan_id = 'k'",
        "UPDATE core.installments SET paid_amount = -0.01 WHERE loan_id = 'm'",
    ],
    ("core.chargebacks", "No chargeback takes less than nothing or more than is due."): [
        "UPDATE core.chargebacks SET paid_amount = due_amount + 0.01",
        "UPDATE core.chargebacks SET paid_amount = -0.01",
    ],
    (
        "core.repayments",
        "Credits = paid on instalments + paid on chargebacks + surplus + held for loans not started.",
    ): [
        "DELETE FROM core.repayments WHERE repayment_id = 'payment 2026-02-01'",
        "UPDATE core.repayments SET is_void = false WHERE repayment_id = 'payment 2026-03-25'",
        "UPDATE core.repayments SET paid_date = DATE '2026-06-16' WHERE repayment_id = 'payment 2026-02-01'",
        "UPDATE core.repayments SET currency = 'INR' WHERE repayment_id = 'payment 2026-02-01'",
        "UPDATE core.repayments SET loan_id = 'm' WHERE repayment_id = 'payment 2026-02-01'",
        "UPDATE core.loans SET origination_date = DATE '2026-06-15' WHERE loan_id = 'm'",
        "UPDATE policy_products SET allocation = 'account'",
        "UPDATE core.installments SET paid_amount = paid_amount - 0.01 WHERE loan_id = 'r'",
        "UPDATE core.chargebacks SET paid_amount = paid_amount - 0.01 WHERE account_id = 'b'",
        "UPDATE status.account_status SET surplus_amount = surplus_amount + 0.01 WHERE account_id = 'z'",
    ],
    ("status.loan_status", "The bucket is what the days past due say, at every edge."): [
        "UPDATE status.loan_status SET bucket = 'M3' WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET bucket = NULL WHERE loan_id = 'k'",
    ],
    ("status.loan_status", "Days past due, the oldest late item and the amount past due say the same."): [
        "UPDATE status.loan_status SET dpd = dpd + 1 WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET dpd = -1 WHERE loan_id = 'k'",
        "UPDATE status.loan_status SET oldest_due_date = oldest_due_date - 1 WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET oldest_due_date = NULL WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET is_past_due = false WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET past_due_amount = 0 WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET contractual_dpd = NULL WHERE loan_id = 'k'",
    ],
    ("status.loan_status", "What is late is part of what remains, and neither principal nor surplus is negative."): [
        "UPDATE status.loan_status SET past_due_amount = remaining_amount + surplus_amount + 0.01 WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET outstanding_principal_amount = -0.01 WHERE loan_id = 'k'",
        "UPDATE status.loan_status SET surplus_amount = -0.01 WHERE loan_id = 'r'",
    ],
    ("status.loan_status", "A loan is in credit when less than nothing remains."): [
        "UPDATE status.loan_status SET is_in_credit = false WHERE loan_id = 'k'",
        "UPDATE status.loan_status SET is_in_credit = true WHERE loan_id = 'l'",
    ],
    ("status.loan_status", "The string has one place for each of 24 months."): [
        "UPDATE status.loan_status SET history_24m = history_24m || '0' WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET history_24m = history_24m[2:] || '8' WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET history_24m = NULL WHERE loan_id = 'l'",
    ],
    ("status.account_status", "The bucket is what the days past due say, at every edge."): [
        "UPDATE status.account_status SET bucket = 'M0' WHERE account_id = 'a'",
    ],
    ("status.account_status", "An account's remaining is its loans' less the surplus of its common pot."): [
        "UPDATE status.account_status SET remaining_amount = remaining_amount + 0.01 WHERE account_id = 'a'",
        "UPDATE status.account_status SET surplus_amount = surplus_amount + 0.01 WHERE account_id = 'b'",
        "UPDATE status.loan_status SET remaining_amount = remaining_amount - 0.01 WHERE loan_id = 'k'",
        "UPDATE core.chargebacks SET paid_amount = paid_amount - 0.01 WHERE account_id = 'b'",
        "UPDATE policy_products SET allocation = 'loan' WHERE product_code = 'line'",
    ],
    (
        "status.account_status",
        "The three flags say what their amounts say, and a negative standing has its first day.",
    ): [
        "UPDATE status.account_status SET is_past_due = NOT is_past_due WHERE account_id = 'a'",
        "UPDATE status.account_status SET is_over_limit = NOT is_over_limit WHERE account_id = 'z'",
        "UPDATE status.account_status SET is_in_credit = NOT is_in_credit WHERE account_id = 'b'",
        "UPDATE status.account_status SET negative_since = NULL WHERE account_id = 'a'",
        "UPDATE status.account_status SET negative_since = as_of + 1 WHERE account_id = 'a'",
        "UPDATE status.account_status SET available_credit_amount = NULL WHERE account_id = 'b'",
    ],
    ("status.account_status", "The string has one place for each of 24 months."): [
        "UPDATE status.account_status SET history_24m = '' WHERE account_id = 'a'",
    ],
    ("status.account_status", "Every account has a status."): [
        "DELETE FROM status.account_status WHERE account_id = 'z'",
        "DELETE FROM core.accounts WHERE account_id = 'z'",
    ],
    ("status.loan_history", "The bucket is what the days past due say, at every edge."): [
        "UPDATE status.loan_history SET bucket = 'M1' WHERE loan_id = 'l' AND month_end = DATE '2026-04-30'",
    ],
    ("status.loan_history", "History stands at ends of months that are over."): [
        "UPDATE status.loan_history SET month_end = month_end - 1 WHERE loan_id = 'l'",
        "UPDATE status.loan_history SET month_end = DATE '2026-06-30' WHERE month_end = DATE '2026-05-31'",
    ],
    ("status.loan_status", "Default, stage and class say the same of a loan."): [
        "UPDATE status.loan_status SET ifrs9_stage = 2 WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET default_since = as_of WHERE loan_id = 'k'",
        "UPDATE status.loan_status SET five_tier = 0 WHERE loan_id = 'k'",
        "UPDATE status.loan_status SET default_ends_on = as_of WHERE loan_id = 'l'",
    ],
    ("status.loan_status", "A loan has one credit status, and a charged-off one still owes."): [
        "UPDATE status.loan_status SET credit_status = 'fine' WHERE loan_id = 'k'",
        "UPDATE status.loan_status SET credit_status = 'charged_off' WHERE loan_id = 'k'",
        "UPDATE status.loan_status SET charged_off_on = as_of WHERE loan_id = 'l'",
    ],
    ("status.loan_defaults", "The default that runs is the one that the loan's status tells."): [
        "UPDATE status.loan_defaults SET default_since = default_since + 1",
        "UPDATE status.loan_status SET default_since = NULL WHERE loan_id = 'l'",
    ],
    ("status.loan_defaults", "A default ends after it began."): [
        "UPDATE status.loan_defaults SET default_ends_on = default_since",
    ],
    ("status.customer_status", "Every account counts with exactly one person."): [
        "UPDATE status.customer_status SET account_count = account_count + 1",
        "UPDATE status.customer_status SET remaining_amount = remaining_amount + 0.01",
        "DELETE FROM status.customer_status WHERE currency = 'INR'",
    ],
    ("ops.files", "Every row received is accepted, refused or a duplicate."): [
        "UPDATE night_files SET rows_accepted = rows_accepted + 1 WHERE outcome = 'accepted'",
        "UPDATE night_files SET rows_accepted = -1, rows_duplicate = 5 WHERE outcome = 'accepted'",
        "UPDATE night_files SET rows_duplicate = NULL WHERE outcome = 'accepted'",
    ],
    ("ops.files", "Every cent received is accepted, refused or a duplicate."): [
        "UPDATE night_files SET amount_duplicate_cents = 0 WHERE outcome = 'accepted'",
    ],
    ("ops.files", "Of a refused file no row is taken."): [
        "UPDATE night_files SET rows_refused = 5, rows_accepted = 1 WHERE outcome = 'refused'",
    ],
}
