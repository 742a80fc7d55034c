"""The row rules of each feed: what a row must be for us to count with it."""

from __future__ import annotations

from expectations.rules import RowRule, in_order, in_set, not_negative, positive, row_rules
from transforms.feeds import COMPANY_KINDS, EVENT_KINDS, RELATION_KINDS, REPAYMENT_KINDS
from transforms.refusals import Refusal

_CURRENCY = RowRule(
    Refusal.UNKNOWN_CURRENCY,
    "currency",
    "Only currencies on the policy's list, all with two decimals, are counted right.",
    "currency NOT IN ({currencies})",
)

_ACCOUNTS = (
    not_negative("credit_limit", "credit_limit_cents", "A negative limit would put every account over it."),
    _CURRENCY,
    in_order("closed_date", "opened_date", "closed_date", "An account cannot close before it opens."),
)

_INSTALLMENTS = (
    *(
        not_negative(name, f"{name}_cents", "What is owed is zero (cancelled) or more; credits come as repayments.")
        for name in ("principal", "interest", "fee")
    ),
    RowRule(
        Refusal.OUT_OF_RANGE,
        "installment_no",
        "Instalments are counted from 0 (a down payment) and no plan has ten thousand.",
        "installment_no NOT BETWEEN 0 AND 9999",
        ("ExpectColumnValuesToBeBetween", {"column": "installment_no", "min_value": 0, "max_value": 9999}),
    ),
    in_order("due_date", "order_date", "due_date", "Nothing falls due before it was bought."),
)

_REPAYMENTS = (
    positive("amount", "amount_cents", "The kind says the direction; a sign on top would turn it around."),
    in_set("kind", "kind", REPAYMENT_KINDS, "The kind decides whether money is owed or credited."),
    RowRule(
        Refusal.PAID_IN_FUTURE,
        "paid_date",
        "Money cannot have come in after its file was written, but for the hours around midnight.",
        "paid_date > business_date + {paid_after_days}",
    ),
    RowRule(
        Refusal.MISSING,
        "refers_to",
        "A reversal that names nothing voids nothing.",
        "kind = 'reversal' AND refers_to IS NULL",
    ),
)

_EVENTS = (
    in_set("kind", "kind", EVENT_KINDS, "The kind decides what the event does to the count of days and the status."),
    RowRule(
        Refusal.MISSING,
        "until_date",
        "A deferral without an end would stop the count of days for ever.",
        "kind = 'deferral' AND until_date IS NULL",
    ),
    in_order("until_date", "event_date", "until_date", "A period cannot end before it begins."),
    not_negative("amount", "amount_cents", "What is written off or offered is zero or more."),
)

_CUSTOMERS = (not_negative("income_monthly", "income_monthly_cents", "An income is zero or more."),)

_ORDERS = (positive("amount", "amount_cents", "A purchase of nothing is no purchase."),)

_CONSENTS = (
    in_order("withdrawn_date", "granted_date", "withdrawn_date", "A consent cannot be withdrawn before it was given."),
)

_COMPANIES = (in_set("kind", "kind", COMPANY_KINDS, "A project is judged by its sponsors, a company by its people."),)

_RELATIONS = (
    in_set("kind", "kind", RELATION_KINDS, "The kind decides how a person's standing counts for the company."),
    RowRule(
        Refusal.MISSING,
        "customer_id",
        "A relation to nobody says nothing about the company.",
        "relation_id IS NOT NULL AND customer_id IS NULL AND other_company_id IS NULL",
    ),
    RowRule(
        Refusal.AMBIGUOUS,
        "other_company_id",
        "Nobody knows whether the person or the company is meant.",
        "customer_id IS NOT NULL AND other_company_id IS NOT NULL",
    ),
    RowRule(
        Refusal.OUT_OF_RANGE,
        "share_rate",
        "Nobody holds more than the whole of a company.",
        "share_rate > 1",
        ("ExpectColumnValuesToBeBetween", {"column": "share_rate", "max_value": 1}),
    ),
    not_negative("amount", "amount_cents", "What is guaranteed is zero or more."),
    _CURRENCY,
    in_order("until_date", "from_date", "until_date", "A relation cannot end before it begins."),
)

RULES: dict[str, tuple[RowRule, ...]] = {
    "accounts": row_rules("accounts", _ACCOUNTS),
    "installments": row_rules("installments", _INSTALLMENTS),
    "repayments": row_rules("repayments", _REPAYMENTS),
    "events": row_rules("events", _EVENTS),
    "customers": row_rules("customers", _CUSTOMERS),
    "orders": row_rules("orders", _ORDERS),
    "consents": row_rules("consents", _CONSENTS),
    "notices": row_rules("notices", ()),
    "companies": row_rules("companies", _COMPANIES),
    "relations": row_rules("relations", _RELATIONS),
    "screenings": row_rules("screenings", ()),
}
"""Rules by feed; a rule's place in its tuple is its bit in `reasons`."""
