"""For every row rule: small files that pass it, and one that breaks it alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from transforms.feeds import COMPANY_KINDS, EVENT_KINDS, RELATION_KINDS, REPAYMENT_KINDS
from transforms.policy import Policy
from transforms.refusals import Refusal

Cells = dict[str, str]
"""Delivered texts by column; an empty one is missing."""
File = tuple[Cells, ...]
"""What the rows of a file say otherwise than the good row."""
Case = tuple[list[File], list[File]]
"""Files that pass a rule, and files of which every row breaks it and no other."""
POLICY = Policy(version="test", currencies=("CNY", "INR"))
BUSINESS_DATE = date(2026, 3, 5)
COUNT = "rows_meant"
"""A column of no feed: how many rows the record stands for."""
LINES = 100
"""Lines kept for each file."""
GOOD: dict[str, Cells] = {
    "accounts": {
        "account_id": "a1",
        "customer_id": "c1",
        "product_code": "pay",
        "opened_date": "2026-01-01",
        "credit_limit": "1000.00",
        "currency": "CNY",
        "region_code": "31",
        "channel_code": "app",
        "lender_id": "bank",
        "closed_date": "2026-06-30",
        "valid_from": "2026-01-01",
    },
    "installments": {
        "loan_id": "l1",
        "account_id": "a1",
        "installment_no": "1",
        "due_date": "2026-02-01",
        "principal": "300.00",
        "interest": "3.00",
        "fee": "0.50",
        "order_date": "2026-01-01",
        "plan_date": "2026-01-01",
    },
    "repayments": {
        "repayment_id": "r1",
        "account_id": "a1",
        "paid_date": "2026-03-05",
        "amount": "303.50",
        "kind": "payment",
        "loan_id": "l1",
        "refers_to": "r0",
        "channel_code": "app",
    },
    "events": {
        "event_id": "e1",
        "account_id": "a1",
        "kind": "deferral",
        "event_date": "2026-02-01",
        "loan_id": "l1",
        "until_date": "2026-02-28",
        "amount": "10.00",
        "note": "agreed by phone",
    },
    "customers": {
        "customer_id": "c1",
        "id_type": "passport",
        "id_number": "E1234",
        "name": "Li",
        "birth_date": "1990-05-01",
        "income_monthly": "9000.00",
        "income_date": "2026-01-31",
        "employment_code": "full",
        "valid_from": "2026-01-01",
    },
    "orders": {
        "order_id": "o1",
        "account_id": "a1",
        "order_date": "2026-01-01",
        "amount": "900.00",
        "category_code": "phone",
        "loan_id": "l1",
    },
    "consents": {
        "consent_id": "k1",
        "customer_id": "c1",
        "recipient": "bureau",
        "purpose": "credit_report",
        "granted_date": "2026-01-01",
        "withdrawn_date": "2026-02-01",
    },
    "notices": {
        "notice_id": "n1",
        "customer_id": "c1",
        "sent_date": "2026-02-01",
        "loan_id": "l1",
        "channel_code": "sms",
    },
    "companies": {
        "company_id": "f1",
        "kind": "company",
        "registration_number": "91310000MA1K30EX9N",
        "industry_code": "C39",
        "region_code": "31",
    },
    "relations": {
        "relation_id": "v1",
        "company_id": "f1",
        "kind": "guarantor",
        "customer_id": "c1",
        "other_company_id": "",
        "share_rate": "0.25",
        "amount": "5000.00",
        "currency": "CNY",
        "from_date": "2026-01-01",
        "until_date": "2026-12-31",
        "loan_id": "l1",
    },
    "screenings": {
        "screening_id": "s1",
        "company_id": "f1",
        "recipient": "lender",
        "purpose": "loan_application",
        "asked_date": "2026-03-01",
    },
}
OTHER_CONTENT: dict[str, Cells] = {
    "accounts": {"region_code": "44"},
    "installments": {"order_date": ""},
    "repayments": {"channel_code": ""},
    "events": {"note": "agreed by letter"},
    "customers": {"employment_code": "part"},
    "orders": {"category_code": "book"},
    "consents": {"recipient": "lender"},
    "notices": {"channel_code": "letter"},
    "companies": {"region_code": "44"},
    "relations": {"kind": "sponsor"},
    "screenings": {"recipient": "bureau"},
}
"""The same key says something else."""


def files(*rows: Cells) -> list[File]:
    """Files of one row."""
    return [(row,) for row in rows]


def at_least_zero(column: str) -> Case:
    return files({column: "0"}, {column: ""}), files({column: "-0.01"})


def of_kinds(kinds: Sequence[str]) -> Case:
    return files(*({"kind": kind} for kind in kinds)), files({"kind": "cash"}, {"kind": kinds[0].upper()})


OWN: dict[tuple[str, str], Case] = {
    ("accounts", "negative_amount: credit_limit"): (files({"credit_limit": "0"}), files({"credit_limit": "-0.01"})),
    ("accounts", "unknown_currency: currency"): (
        files({"currency": "INR"}, {"currency": ""}),
        files({"currency": "USD"}, {"currency": "cny"}),
    ),
    ("accounts", "date_order: closed_date"): (
        files({"closed_date": "2026-01-01"}, {"closed_date": ""}),
        files({"closed_date": "2025-12-31"}),
    ),
    ("installments", "negative_amount: principal"): (files({"principal": "0"}), files({"principal": "-0.01"})),
    ("installments", "negative_amount: interest"): at_least_zero("interest"),
    ("installments", "negative_amount: fee"): at_least_zero("fee"),
    ("installments", "out_of_range: installment_no"): (
        files({"installment_no": "0"}, {"installment_no": "9999"}),
        files({"installment_no": "-1"}, {"installment_no": "10000"}),
    ),
    ("installments", "date_order: due_date"): (
        files({"order_date": "2026-02-01"}, {"order_date": ""}),
        files({"order_date": "2026-02-02"}),
    ),
    ("repayments", "not_positive: amount"): (files({"amount": "0.01"}), files({"amount": "0"}, {"amount": "-5"})),
    ("repayments", "unknown_code: kind"): of_kinds(REPAYMENT_KINDS),
    ("repayments", "paid_in_future: paid_date"): (
        files({"paid_date": "2026-03-06"}, {"paid_date": "1999-12-31"}),
        files({"paid_date": "2026-03-07"}),
    ),
    ("repayments", "missing: refers_to"): (
        files({"refers_to": ""}, {"kind": "chargeback", "refers_to": ""}),
        files({"kind": "reversal", "refers_to": ""}),
    ),
    ("events", "unknown_code: kind"): of_kinds(EVENT_KINDS),
    ("events", "missing: until_date"): (
        files({"kind": "reminder", "until_date": ""}),
        files({"kind": "deferral", "until_date": ""}),
    ),
    ("events", "date_order: until_date"): (files({"until_date": "2026-02-01"}), files({"until_date": "2026-01-31"})),
    ("events", "negative_amount: amount"): at_least_zero("amount"),
    ("customers", "negative_amount: income_monthly"): at_least_zero("income_monthly"),
    ("orders", "not_positive: amount"): (files({"amount": "0.01"}), files({"amount": "0"}, {"amount": "-5"})),
    ("consents", "date_order: withdrawn_date"): (
        files({"withdrawn_date": "2026-01-01"}, {"withdrawn_date": ""}),
        files({"withdrawn_date": "2025-12-31"}),
    ),
    ("companies", "unknown_code: kind"): of_kinds(COMPANY_KINDS),
    ("relations", "unknown_code: kind"): of_kinds(RELATION_KINDS),
    ("relations", "missing: customer_id"): (
        files({"customer_id": "", "other_company_id": "f2"}),
        files({"customer_id": "", "other_company_id": ""}),
    ),
    ("relations", "ambiguous: other_company_id"): (
        files({"other_company_id": ""}),
        files({"other_company_id": "f2"}),
    ),
    ("relations", "out_of_range: share_rate"): (
        files({"share_rate": "0"}, {"share_rate": "1"}, {"share_rate": ""}),
        files({"share_rate": "1.01"}, {"share_rate": "25"}),
    ),
    ("relations", "negative_amount: amount"): at_least_zero("amount"),
    ("relations", "unknown_currency: currency"): (
        files({"currency": "INR"}, {"currency": ""}),
        files({"currency": "USD"}, {"currency": "cny"}),
    ),
    ("relations", "date_order: until_date"): (
        files({"until_date": "2026-01-01"}, {"until_date": ""}),
        files({"until_date": "2025-12-31"}),
    ),
}
"""The rules that a feed declares for itself."""
OF_CELLS: dict[Refusal, tuple[str, str]] = {
    Refusal.MISSING: ("{}", ""),
    Refusal.BAD_DATE: ("{}T23:59:59", "2026-02-30"),
    Refusal.BAD_AMOUNT: ("10.5", "10.055"),
    Refusal.BAD_INTEGER: ("+7", "1.5"),
    Refusal.BAD_RATE: ("0.125", "25%"),
    Refusal.BAD_FLAG: ("FALSE", "no"),
}
"""A text that reads, made from the good one, and one that does not."""
