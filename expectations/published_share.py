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


def standards() -> list[Check]:
    """The standards side by side."""
    return [
        sql_check(
            "SELECT 1 FROM (SELECT dpd_to, lead(dpd_from) OVER (ORDER BY dpd_from) AS next,"
            " min(dpd_from) OVER () AS first FROM {batch}) WHERE first <> 0 OR dpd_to IS DISTINCT FROM next - 1",
            why="Every number of days lies in one range.",
        )
    ]


def screening() -> list[Check]:
    """Screenings of counterparties."""
    return [
        holds(
            "(grade IS NULL) = (person_count = 0) AND coalesce(grade IN ('A', 'B', 'C', 'D', 'E'), true)"
            " AND is_complete = (withheld_count = 0 AND kind IS NOT NULL) AND len(grade_reasons_en) > 0"
            " AND len(grade_reasons_en) = len(grade_reasons_zh) AND default_person_count <= person_count",
            why="A grade is told of those who were looked at, and says when somebody was left out.",
        ),
        sql_check(
            "SELECT 1 FROM core.screenings s ANTI JOIN {batch} a USING (source, screening_id)"
            " WHERE s.asked_date <= (SELECT max(as_of) FROM status.account_status)",
            why="Whoever asked by the day is answered, if only that the counterparty is not known.",
        ),
    ]


def screening_amounts() -> list[Check]:
    """Money of screenings."""
    return [
        holds(
            "defaulted_principal_amount BETWEEN 0 AND outstanding_principal_amount"
            " AND guarantee_default_amount BETWEEN 0 AND guarantee_amount"
            " AND coalesce(person_hhi BETWEEN 0 AND 1 + 1e-9 AND lender_hhi BETWEEN 0 AND 1 + 1e-9, true)",
            why="No part is larger than its whole.",
        )
    ]


def screening_persons() -> list[Check]:
    """Persons of screenings."""
    return [
        sql_check(
            "SELECT 1 FROM share.screening s LEFT JOIN (SELECT source, screening_id, count(*) AS told,"
            " max(person_no) AS last FROM {batch} GROUP BY ALL) p USING (source, screening_id)"
            " WHERE s.person_count <> coalesce(p.told, 0) OR s.person_count <> coalesce(p.last, 0)",
            why="Every person that counts is told, and nobody else.",
        )
    ]
