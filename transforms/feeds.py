"""The canonical feeds, six of credit and five registers: key, columns as delivered, and the amount of a row."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from transforms.fields import FIELDS, Kind


@dataclass(frozen=True, slots=True)
class FeedColumn:
    """A column as lenders send it and the field it becomes."""

    name: str
    field: str
    required: bool = False

    @property
    def inside(self) -> str:
        """Name of the column in polars frames."""
        return FIELDS[self.field].inside

    @property
    def kind(self) -> Kind:
        """What the column holds."""
        return FIELDS[self.field].kind


def _columns(required: str, optional: str) -> tuple[FeedColumn, ...]:
    """Columns from two lists of names; `name=field` where the field is named otherwise."""

    def one(word: str, is_required: bool) -> FeedColumn:
        name, _, field = word.partition("=")
        return FeedColumn(name, field or name, is_required)

    return (
        *(one(word, True) for word in required.split()),
        *(one(word, False) for word in optional.split()),
    )


@dataclass(frozen=True, slots=True)
class Feed:
    """One canonical feed: key, columns as delivered, and the columns whose sum is the amount of a row."""

    name: str
    key: tuple[str, ...]
    columns: tuple[FeedColumn, ...]
    amounts: tuple[str, ...]
    """Inside names; a row's amount is their sum (none: 0)."""
    of_account: bool = True
    """Rows belong to an account and are worked on with it."""
    keeps_versions: bool = False
    """Every version stays in force for its own span of days."""
    is_clear: bool = False
    """Rows are kept with what names a person; only the vault does."""

    @property
    def facts(self) -> dict[str, pl.DataType]:
        """Names and types inside of what a row says, key first (what names a person is kept by the vault alone)."""
        return {
            FIELDS[name].inside: FIELDS[name].polars_type
            for name in ("source", *self.key, *(c.field for c in self.columns), *self.derived)
            if self.is_clear or name not in CLEAR_FIELDS
        }

    @property
    def derived(self) -> tuple[str, ...]:
        """Fields that no lender sends."""
        return ("person_id",) if self.name == "customers" else ()

    @property
    def is_register(self) -> bool:
        """Of no account and without versions in force: the latest row of a key is what holds."""
        return not self.of_account and not self.keeps_versions

    def column(self, name: str) -> FeedColumn:
        """The column of that delivered name; KeyError when the feed has none."""
        return {column.name: column for column in self.columns}[name]


CLEAR_FIELDS = ("name", "id_number", "phone", "address", "city", "state_code", "postal_code")
"""Delivered columns that become a keyed hash, or nothing, before a row is written in clear anywhere."""

_ALL_FEEDS = [
    Feed(
        "accounts",
        ("account_id",),
        _columns(
            "account_id customer_id product_code opened_date credit_limit=credit_limit_amount",
            "currency region_code channel_code lender_id closed_date valid_from is_deleted",
        ),
        ("credit_limit_cents",),
        keeps_versions=True,
    ),
    Feed(
        "installments",
        ("loan_id", "plan_date", "installment_no"),
        _columns(
            "loan_id account_id installment_no due_date principal=principal_amount",
            "interest=interest_amount fee=fee_amount order_date plan_date is_deleted",
        ),
        ("principal_cents", "interest_cents", "fee_cents"),
    ),
    Feed(
        "repayments",
        ("repayment_id",),
        _columns("repayment_id account_id paid_date amount kind", "loan_id refers_to channel_code is_deleted"),
        ("amount_cents",),
    ),
    Feed(
        "events",
        ("event_id",),
        _columns("event_id account_id kind event_date", "loan_id until_date amount note is_deleted"),
        ("amount_cents",),
    ),
    Feed(
        "customers",
        ("customer_id",),
        _columns(
            "customer_id",
            "id_type id_number name birth_date income_monthly=income_monthly_amount income_date"
            " employment_code phone address city state_code postal_code valid_from is_deleted",
        ),
        (),
        of_account=False,
        keeps_versions=True,
    ),
    Feed(
        "orders",
        ("order_id",),
        _columns("order_id account_id order_date amount", "category_code loan_id is_deleted"),
        ("amount_cents",),
    ),
    Feed(
        "consents",
        ("consent_id",),
        _columns("consent_id customer_id recipient purpose granted_date", "withdrawn_date is_deleted"),
        (),
        of_account=False,
    ),
    Feed(
        "notices",
        ("notice_id",),
        _columns("notice_id customer_id sent_date", "loan_id channel_code is_deleted"),
        (),
        of_account=False,
    ),
    Feed(
        "companies",
        ("company_id",),
        _columns("company_id kind", "registration_number industry_code region_code is_deleted"),
        (),
        of_account=False,
    ),
    Feed(
        "relations",
        ("relation_id",),
        _columns(
            "relation_id company_id kind",
            "customer_id other_company_id share_rate amount currency from_date until_date loan_id is_deleted",
        ),
        ("amount_cents",),
        of_account=False,
    ),
    Feed(
        "screenings",
        ("screening_id",),
        _columns("screening_id company_id recipient purpose asked_date", "is_deleted"),
        (),
        of_account=False,
    ),
]
FEEDS: dict[str, Feed] = {feed.name: feed for feed in _ALL_FEEDS}
IDENTITIES = Feed(
    "identities",
    ("customer_id",),
    _columns("customer_id", f"id_type {' '.join(CLEAR_FIELDS)} birth_date valid_from is_deleted"),
    (),
    of_account=False,
    keeps_versions=True,
    is_clear=True,
)
"""What the vault keeps of `customers`: their clear values, version by version."""
CREDIT_FEEDS = tuple(name for name, feed in FEEDS.items() if not feed.is_register)
"""The feeds that say who owes what."""

REPAYMENT_KINDS = ("payment", "refund", "waiver", "recovery", "reversal", "chargeback")
CREDIT_KINDS = ("payment", "refund", "waiver", "recovery")
CASH_KINDS = ("payment", "recovery")
EVENT_KINDS = (
    "deferral",
    "restructure",
    "charge_off",
    "guarantor_paid",
    "settled_in_kind",
    "dispute_opened",
    "dispute_closed",
    "reminder",
    "plan_offered",
    "account_frozen",
)
COMPANY_KINDS = ("company", "project")
RELATION_KINDS = ("legal_representative", "guarantor", "controller", "sponsor", "subsidiary")
