"""Facts: names of fields in other data standards, as their public schemas have them."""

from __future__ import annotations

_FIRE = """
acc_fv_change_before_taxes acc_fv_change_credit_risk accounting_treatment accrual_status accrued_interest_12m
accrued_interest_balance administration arrears_arrangement arrears_balance asset_liability balance base_rate
behavioral_curve_id behavioral_end_date beneficiary_id cb_haircut ccf cost_center_code count country_code
cr_approach credit_process cum_recoveries cum_write_offs currency_code customer_id customers date
day_count_convention deal_id default_date deferred_fees ead ead_irb_ec economic_loss el_irb encumbrance_amount
encumbrance_end_date encumbrance_type end_date facility_currency_code facility_id fees first_arrears_date
first_payment_date forbearance_date fraud_loss frr_id fvh_level guarantee_amount guarantor_id id impairment_amount
impairment_date impairment_status impairment_type income_assessment interest_repayment_frequency issuer_id
last_arrears_date last_drawdown_date last_payment_date last_recovery_date last_write_off_date ledger_code
lgd_downturn lgd_floored lgd_irb lgd_irb_ec limit_amount lnrf_amount minimum_balance minimum_balance_eur movement
next_payment_date next_repricing_date notional_amount on_balance_sheet orig_credit_score orig_limit_amount
orig_notional originator_id originator_type parent_facility_id participation_int participation_type pd_irb pd_irb_ec
pd_retail_irb prev_payment_date product_name provision_amount provision_type purpose rate rate_type
ref_income_amount regulated regulatory_book repayment_frequency repayment_type reporting_entity_name reporting_id
repurchase_status resolution_date reversion_date reversion_rate review_date risk_country_code risk_weight_irb
risk_weight_std secured seniority servicer_id servicing servicing_currency_code source start_date status trade_date
type version_id vol_adj
"""
FIRE_LOAN = frozenset(_FIRE.split())
"""Properties of FIRE's loan.json (v1)."""

OPEN_NPL: dict[str, str] = {
    "accounting_stages_of_asset_quality": "",
    "balance_at_default": "",
    "chargeoff_date": "",
    "counterparty_identifier": "2.00",
    "current_maturity_date": "3.07",
    "date_of_birth": "1.07",
    "date_of_default": "3.23",
    "date_of_origination": "3.02",
    "days_in_pastdue": "3.13",
    "forbearance_measure": "3.38",
    "industry_segment": "1.04",
    "last_payment_amount": "3.22",
    "last_payment_date": "3.21",
    "legal_balance": "3.12",
    "loan_commitment": "",
    "loan_currency": "3.08",
    "loan_identifier": "3.01",
    "loan_status": "",
    "national_identifier": "1.10",
    "origination_amount": "",
    "other_pastdue_amounts": "",
    "pastdue_interest_amount": "",
    "pastdue_principal_amount": "",
    "principal_balance": "3.09",
    "product_type": "3.06",
    "registration_number": "",
    "snapshot_id": "3.00",
    "source_of_national_identifier": "1.12",
    "total_balance": "",
    "total_pastdue_amount": "",
}
"""Fields of openNPL's loan and counterparty, and their number in the templates of Regulation (EU) 2023/2083; empty: of
the templates before."""
