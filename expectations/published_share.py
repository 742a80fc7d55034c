"""What must hold of the shared tables: nothing too small is shown, and what is shown is what the risk tables say."""

from __future__ import annotations

from expectations.checks import Check, sql_check
from expectations.published_risk import holds
from transforms.policy import Policy

_KEY = "as_of, currency, lender_id, product_code, region_code"


def portfolio(policy: Policy) -> list[Check]:
    """The pooled portfolio."""
    least = policy.sharing.least_people
    return [
        holds(
            f"(suppression IS NULL AND (account_count = 0 OR account_count >= {least}))"
            " OR (suppression IN ('small', 'complementary') AND loan_count IS NULL AND account_count IS NULL"
            " AND outstanding_principal_amount IS NULL AND past_due_amount IS NULL AND par1_rate IS NULL"
            " AND par30_rate IS NULL AND par60_rate IS NULL AND par90_rate IS NULL AND npl_rate IS NULL)",
            why="A cell shows enough people, or nothing.",
        ),
        sql_check(
            f"""
SELECT 1 FROM {{batch}} s
FULL JOIN (FROM risk.portfolio WHERE as_of = (SELECT max(as_of) FROM status.account_status)) r USING ({_KEY})
WHERE s.policy_version IS NULL OR r.policy_version IS NULL
    OR (s.suppression IS NULL AND (s.account_count, s.loan_count, s.outstanding_principal_amount, s.past_due_amount)
        IS DISTINCT FROM (r.account_count, r.loan_count, r.outstanding_principal_amount, r.past_due_amount))
    OR (s.suppression = 'small') IS DISTINCT FROM
        (CASE WHEN r.account_count > 0 AND r.account_count < {least} THEN true WHEN s.suppression IS NULL THEN NULL
         ELSE false END)
""",
            why="What is shown of the portfolio is what risk says, and every cell is accounted for.",
        ),
    ]


def lender_comparison() -> list[Check]:
    """Lenders against the pool."""
    return [
        sql_check(
            "SELECT 1 FROM {batch} c JOIN share.portfolio p ON (p.as_of, p.currency) = (c.as_of, c.currency)"
            " AND p.lender_id = 'ALL' AND p.product_code = 'ALL' AND p.region_code = 'ALL'"
            " WHERE c.pool_par30_rate IS DISTINCT FROM p.par30_rate OR c.pool_npl_rate IS DISTINCT FROM p.npl_rate"
            " OR (c.suppression IS NOT NULL AND c.par30_rate IS NOT NULL)",
            why="The pool is that of the shared portfolio, and a hidden lender shows no rate.",
        )
    ]


def overlap(policy: Policy) -> list[Check]:
    """People at several lenders."""
    return [
        holds(
            f"(suppression IS NULL AND person_count >= {policy.sharing.least_people})"
            " OR (suppression IN ('small', 'complementary') AND person_count IS NULL AND past_due_amount IS NULL)",
            why="A cell shows enough people, or nothing.",
        ),
        holds(
            "lenders = 'ALL' OR late_lenders = 'ALL' OR TRY_CAST(late_lenders AS INT) <= TRY_CAST(lenders AS INT)",
            why="Nobody is late where they have no loan.",
        ),
    ]
