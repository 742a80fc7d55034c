"""Names elsewhere: what our fields are called in FIRE's loan.json and in the NPL data templates of the EBA (openNPL).

A field stands here only where it has an equal there; one whose name is the same and whose meaning is not, does not.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Equivalent:
    """One of our fields and its equals; empty: there is none."""

    field: str
    fire: str = ""
    """Property of FIRE's loan.json (v1)."""
    open_npl: str = ""
    """Field of openNPL: of the loan, or of the counterparty."""
    eba: str = ""
    """Number of the field in the templates of Regulation (EU) 2023/2083; empty for a field of the earlier ones."""
    note: str = ""


_ALL: tuple[Equivalent, ...] = (
    Equivalent(
        "as_of", "date", "snapshot_id", "3.00", "the day the row speaks of; openNPL names the snapshot of that day"
    ),
    Equivalent("month_end", "date", "snapshot_id", "3.00", "the same, of a month-end"),
    Equivalent("source", "source"),
    Equivalent("loan_id", "id", "loan_identifier", "3.01"),
    Equivalent("account_id", "facility_id", note="an account is the line under which loans are drawn"),
    Equivalent("customer_id", "customer_id", "counterparty_identifier", "2.00"),
    Equivalent("id_number", open_npl="national_identifier", eba="1.10"),
    Equivalent("id_type", open_npl="source_of_national_identifier", eba="1.12"),
    Equivalent("currency", "currency_code", "loan_currency", "3.08"),
    Equivalent("product_code", "product_name", note="the templates ask for a type of contract instead"),
    Equivalent("opened_date", "start_date", "date_of_origination", "3.02"),
    Equivalent("last_due_date", "end_date", "current_maturity_date", "3.07"),
    Equivalent("expiry_date", "end_date", "current_maturity_date", "3.07"),
    Equivalent("principal_amount", "orig_notional", "origination_amount", note="FIRE counts in cents, we in units"),
    Equivalent("credit_limit_amount", "limit_amount", "loan_commitment"),
    Equivalent("outstanding_principal_amount", "balance", "principal_balance", "3.09"),
    Equivalent("balance_amount", "balance", "principal_balance", "3.09"),
    Equivalent("past_due_amount", "arrears_balance", "total_pastdue_amount"),
    Equivalent("overdue_principal_amount", open_npl="pastdue_principal_amount"),
    Equivalent(
        "dpd",
        open_npl="days_in_pastdue",
        eba="3.13",
        note="where the policy has no days of grace and nothing is deferred",
    ),
    Equivalent("contractual_dpd", open_npl="days_in_pastdue", eba="3.13"),
    Equivalent(
        "last_paid_date", open_npl="last_payment_date", eba="3.21", note="FIRE's last_payment_date is a due date"
    ),
    Equivalent("default_since", "default_date", "date_of_default", "3.23"),
    Equivalent("default_ends_on", "resolution_date"),
    Equivalent("charged_off_on", open_npl="chargeoff_date"),
    Equivalent("charged_off_amount", "cum_write_offs"),
    Equivalent("is_forborne", open_npl="forbearance_measure", eba="3.38"),
    Equivalent("ifrs9_stage", "impairment_status", "accounting_stages_of_asset_quality"),
    Equivalent("loan_count", "count"),
)
EQUIVALENTS: dict[str, Equivalent] = {each.field: each for each in _ALL}
"""By our name."""
