"""The portfolio and its buckets on the as-of date, slice by slice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import product

from transforms.policy import Policy
from transforms.tables import ALL

from .days import Figures
from .deliveries import Row
from .standings import Standing, five_tier, is_off

UNKNOWN_REGION = "unknown"
PAR_DAYS = {"par1_rate": 0, "par30_rate": 30, "par60_rate": 60, "par90_rate": 90}
"""A rate's loans are those with more days past due than this."""


def portfolio(made: Sequence[Standing], policy: Policy, as_of: date) -> list[Row]:
    """One row per currency and combination of lender, product and region, or ALL of each, that has an account."""
    slices: dict[tuple[str, ...], list[Standing]] = {}
    for each in made:
        account = each.walk.book.account
        region_code = account.region_code or UNKNOWN_REGION
        for place in product((account.lender_id, ALL), (account.product_code, ALL), (region_code, ALL)):
            slices.setdefault((account.currency, *place), []).append(each)
    names = ("currency", "lender_id", "product_code", "region_code")
    return [
        {"as_of": as_of, **dict(zip(names, place, strict=True)), **_totals(members), "policy_version": policy.version}
        for place, members in slices.items()
    ]


def buckets(made: Sequence[Standing], policy: Policy, as_of: date) -> list[Row]:
    """One row per currency, product (and ALL) and bucket that has loans."""
    slices: dict[tuple[str, str, str], list[Figures]] = {}
    for each in made:
        account = each.walk.book.account
        for figures in (figures for figures, _ in _in_book(each)):
            for product_code in (account.product_code, ALL):
                slices.setdefault((account.currency, product_code, each.walk.bucket(figures.dpd)), []).append(figures)
    return [
        {
            "as_of": as_of,
            "currency": currency,
            "product_code": product_code,
            "bucket": bucket,
            "loan_count": len(loans),
            "outstanding_principal_cents": _outstanding(loans),
            "past_due_cents": sum(figures.past_due_cents for figures in loans),
            "policy_version": policy.version,
        }
        for (currency, product_code, bucket), loans in slices.items()
    ]


def _totals(made: Sequence[Standing]) -> Row:
    classed = [pair for each in made for pair in _in_book(each)]
    loans = [figures for figures, _ in classed]
    total = _outstanding(loans)
    return {
        "loan_count": len(loans),
        "account_count": sum(1 for each in made if _in_book(each)),
        "outstanding_principal_cents": total,
        "past_due_cents": sum(figures.past_due_cents for figures in loans),
        **{
            name: _outstanding(figures for figures in loans if figures.dpd > days) / total if total else None
            for name, days in PAR_DAYS.items()
        },
        "npl_rate": _outstanding(figures for figures, tier in classed if tier >= 3) / total if total else None,
        "in_credit_count": sum(1 for each in made if each.walk.last.remaining_cents < 0),
        "over_limit_count": sum(1 for each in made if each.walk.last.available_credit_cents < 0),
    }


def _in_book(each: Standing) -> list[tuple[Figures, int]]:
    """The started loans, not charged off, of which something remains or an item is not settled; with their class."""
    found = []
    for loan in each.loans:
        figures = each.figures(loan)
        if not is_off(each, loan) and (figures.remaining_cents != 0 or not figures.is_settled):
            found.append((figures, five_tier(each, loan)))
    return found


def _outstanding(loans: Iterable[Figures]) -> int:
    return sum(figures.outstanding_principal_cents for figures in loans)
