"""What an invented lender's book looks like, and the words that stand in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

MAX_INSTALMENTS = 36
MAX_LOANS = 50
LENDERS = ("east_river_bank", "north_hill_trust")
"""Institutions that carry part of the risk beside the source itself."""
REGIONS = ("CN-GD", "CN-JS", "CN-ZJ", "CN-BJ", "CN-SC", "CN-HB", "CN-LN", "CN-XJ")
ACCOUNT_CHANNELS = ("app", "web", "store", "partner")
PAYMENT_CHANNELS = ("debit", "wallet", "bank", "counter")
CATEGORIES = ("phones", "appliances", "fashion", "groceries", "travel")
EMPLOYMENTS = ("employed", "self_employed", "student", "retired", "unemployed")
NOTES = {
    "deferral": "客户申请延期，已批准",
    "restructure": "重新约定还款计划",
    "charge_off": "长期逾期，核销",
    "guarantor_paid": "担保人代偿",
    "settled_in_kind": "以物抵债",
    "dispute_opened": "客户对账单有异议",
    "dispute_closed": "异议处理完毕",
    "reminder": "短信提醒还款",
    "plan_offered": "已提供分期还款方案",
    "account_frozen": "账户冻结",
}
SECOND_ACCOUNT = 50
"""Every account of such a number is the second one of the customer before."""


@dataclass(frozen=True, slots=True)
class Book:
    """What a lender's book looks like; equal books are written as equal bytes."""

    accounts: int
    seed: int = 7
    source: str = "harbour"
    first_date: date = date(2024, 1, 1)
    """First day on which a loan starts."""
    last_date: date = date(2025, 7, 31)
    """Last day on which a loan starts."""
    as_of: date = date(2025, 12, 31)
    """Business date; nothing that has happened is dated later."""
    loans: int = 1
    """Loans of an account: from 1 to this many."""
    instalments: tuple[int, ...] = (12,)
    """Counts of instalments that a loan may have."""
    products: tuple[str, ...] = ("baitiao", "cash_loan", "pay_later")
    file_format: Literal["csv", "parquet"] = "csv"
    """Parquet holds dates as dates and amounts as decimals with two places."""

    def __post_init__(self) -> None:
        if self.accounts < 1 or not 1 <= self.loans <= MAX_LOANS or not self.products:
            raise ValueError(f"a book has accounts, products, and 1 to {MAX_LOANS} loans an account")
        if not self.instalments or not all(1 <= count <= MAX_INSTALMENTS for count in self.instalments):
            raise ValueError(f"a loan has 1 to {MAX_INSTALMENTS} instalments")
        if not self.first_date <= self.last_date <= self.as_of:
            raise ValueError("first_date, last_date and as_of must follow one another")
