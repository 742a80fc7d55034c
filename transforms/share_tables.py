"""The shared tables: aggregates that name no person, cells of too few people hidden."""

from __future__ import annotations

from transforms.table import Table

_NOW = ("as_of", "currency")
_RATES = ("par1_rate", "par30_rate", "par60_rate", "par90_rate", "npl_rate")

SHARE_TABLES: list[Table] = [
    Table(
        "share.portfolio",
        "state",
        "One row per row of the day's risk.portfolio; figures are null where suppression says why.",
        "当日 risk.portfolio 每行一行；人数过少或可推算者不展示。",
        (*_NOW, "lender_id", "product_code", "region_code"),
        (
            *_NOW,
            "lender_id",
            "product_code",
            "region_code",
            "loan_count",
            "account_count",
            "outstanding_principal_amount",
            "past_due_amount",
            *_RATES,
            "suppression",
            "policy_version",
        ),
    ),
    Table(
        "share.lender_comparison",
        "state",
        "One row per currency and lender: its rates beside those of all lenders together.",
        "每币种每机构一行：本机构指标与全体对比。",
        (*_NOW, "lender_id"),
        (*_NOW, "lender_id", *_RATES, *(f"pool_{rate}" for rate in _RATES), "suppression", "policy_version"),
    ),
    Table(
        "share.overlap",
        "state",
        "One row per currency, lenders at which people have loans, and at which they are late; and ALL of each.",
        "每币种、有借据机构数、有逾期机构数一行，另含合计：多头借贷与多头逾期。",
        (*_NOW, "lenders", "late_lenders"),
        (*_NOW, "lenders", "late_lenders", "person_count", "past_due_amount", "suppression", "policy_version"),
    ),
]
