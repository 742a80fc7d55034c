"""What must hold of status beyond days past due, and of the risk tables: identities that a wrong figure breaks."""

from __future__ import annotations

from expectations.checks import Check, sql_check
from transforms.obligors import PERSON_ORDER
from transforms.tables import ALL

_SLICE = "currency, lender_id, product_code, region_code"
_WHOLE = f"lender_id = '{ALL}' AND product_code = '{ALL}' AND region_code = '{ALL}'"
_AS_OF = "(SELECT max(as_of) FROM status.account_status)"
_TINY = "1e-9"
"""Rates are floats; what adds up does so up to this."""


def holds(condition: str, *, why: str, column: str | None = None) -> Check:
    """The condition is true of every row; one that comes out null is not."""
    return sql_check(f"SELECT 1 FROM {{batch}} WHERE ({condition}) IS NOT TRUE", why=why, column=column)


def loan_status() -> list[Check]:
    """Default, class and credit status of loans."""
    names = ", ".join(f"'{name}'" for name in PERSON_ORDER)
    return [
        holds(
            "(default_since IS NOT NULL OR is_obligor_default) = (ifrs9_stage = 3) AND ifrs9_stage BETWEEN 1 AND 3"
            " AND five_tier BETWEEN five_tier_floor AND 5 AND five_tier_floor >= 1"
            " AND coalesce(default_since <= as_of, true) AND coalesce(default_ends_on > as_of, true)",
            why="Default, stage and class say the same of a loan.",
        ),
        holds(
            f"credit_status IN ({names}) AND (credit_status = 'charged_off')"
            " = (charged_off_on IS NOT NULL AND remaining_amount > 0 AND NOT is_settled)",
            why="A loan has one credit status, and a charged-off one still owes.",
        ),
    ]


def loan_defaults() -> list[Check]:
    """Defaults of loans."""
    return [
        sql_check(
            "SELECT 1 FROM (FROM {batch} WHERE NOT is_over) d FULL JOIN"
            " (FROM status.loan_status WHERE default_since IS NOT NULL) s USING (source, loan_id)"
            " WHERE d.default_since IS DISTINCT FROM s.default_since",
            why="The default that runs is the one that the loan's status tells.",
        ),
        holds(
            "default_ends_on > default_since OR (default_ends_on IS NULL AND NOT is_over)",
            why="A default ends after it began.",
        ),
    ]


def customer_status() -> list[Check]:
    """Persons together are the accounts together."""
    return [
        sql_check(
            "SELECT 1 FROM (SELECT currency, sum(account_count) AS n, sum(remaining_amount) AS r FROM {batch}"
            " GROUP BY ALL) c FULL JOIN (SELECT currency, count(*) AS n, sum(remaining_amount) AS r"
            " FROM status.account_status GROUP BY ALL) a USING (currency)"
            " WHERE c.n IS DISTINCT FROM a.n OR c.r IS DISTINCT FROM a.r",
            why="Every account counts with exactly one person.",
        ),
    ]


def vintage() -> list[Check]:
    """Cohorts."""
    return [
        sql_check(
            f"""
WITH said AS (
    SELECT currency, origination_month, loan_count AS n, principal_amount AS p
    FROM {{batch}} WHERE months_on_book = 0 AND {_WHOLE}
), originated AS (
    SELECT currency, date_trunc('month', origination_date)::DATE AS origination_month, count(*) AS n,
        sum(principal_amount) AS p
    FROM core.loans WHERE last_day(origination_date) <= {_AS_OF} GROUP BY ALL
)
SELECT 1 FROM said s FULL JOIN originated o USING (currency, origination_month)
WHERE s.n IS DISTINCT FROM o.n OR s.p IS DISTINCT FROM o.p
""",
            why="At month 0 a cohort holds what its month originated.",
        ),
        holds(
            "0 <= ever_90_count AND ever_90_count <= ever_60_count AND ever_60_count <= ever_30_count"
            " AND ever_30_count <= loan_count AND ever_30_amount <= principal_amount",
            why="What was ever late is part of the cohort.",
        ),
    ]


def roll_rate() -> list[Check]:
    """Transitions."""
    return [
        sql_check(
            f"SELECT 1 FROM {{batch}} GROUP BY {_SLICE}, month_end, from_state"
            f" HAVING (abs(sum(rate_by_count) - 1) < {_TINY}) IS NOT TRUE"
            f" OR (sum(amount) = 0 OR abs(sum(rate_by_amount) - 1) < {_TINY}) IS NOT TRUE",
            why="What left a state is what was in it.",
        ),
        sql_check(
            f"""
WITH left_it AS (
    SELECT {_SLICE}, date_trunc('month', month_end)::DATE - 1 AS month_end, from_state AS state,
        sum(loan_count) AS loan_count
    FROM {{batch}} WHERE from_state <> 'new' GROUP BY ALL
), came_in AS (
    SELECT {_SLICE}, month_end, to_state AS state, sum(loan_count) AS loan_count
    FROM {{batch}} WHERE month_end < (SELECT max(month_end) FROM {{batch}}) GROUP BY ALL
)
SELECT 1 FROM left_it l FULL JOIN came_in c USING ({_SLICE}, month_end, state)
WHERE l.loan_count IS DISTINCT FROM c.loan_count
""",
            why="As many leave a state as had come to it the month before.",
        ),
    ]


def first_payment_default() -> list[Check]:
    """First instalments."""
    return [
        holds(
            "fpd7_count BETWEEN 0 AND known7_count AND known7_count <= loan_count"
            " AND fpd30_count BETWEEN 0 AND known30_count AND known30_count <= known7_count",
            why="Only first instalments that are old enough can be late.",
        ),
    ]


def expected_credit_loss() -> list[Check]:
    """Expected losses."""
    return [
        holds(
            "expected_loss_amount BETWEEN 0 AND exposure_amount AND loan_count > 0",
            why="No expected loss exceeds its exposure.",
        ),
        sql_check(
            f"""
WITH exposed AS (
    SELECT as_of, currency, stress_factor, sum(loan_count) AS loan_count FROM {{batch}} WHERE {_WHOLE} GROUP BY ALL
), held AS (
    SELECT as_of, currency, loan_count FROM risk.portfolio WHERE {_WHOLE} AND loan_count > 0
)
SELECT 1 FROM exposed e FULL JOIN held h USING (as_of, currency) WHERE e.loan_count IS DISTINCT FROM h.loan_count
""",
            why="Every loan of the portfolio has its loss, under each stress factor once.",
        ),
    ]


def concentration() -> list[Check]:
    """Shares."""
    return [
        holds(
            f"0 < hhi_rate AND hhi_rate <= largest_rate + {_TINY} AND largest_rate <= top10_rate + {_TINY}"
            f" AND top10_rate <= 1 + {_TINY} AND entity_count > 0",
            why="Shares add up to no more than the whole.",
        ),
        sql_check(
            f"""
WITH spread AS (
    SELECT as_of, currency, dimension, outstanding_principal_amount FROM {{batch}} WHERE {_WHOLE}
), held AS (
    SELECT as_of, currency, outstanding_principal_amount FROM risk.portfolio
    WHERE {_WHOLE} AND outstanding_principal_amount > 0
)
SELECT 1 FROM spread s FULL JOIN held h USING (as_of, currency)
WHERE s.outstanding_principal_amount IS DISTINCT FROM h.outstanding_principal_amount
""",
            why="What is spread is what the portfolio holds.",
        ),
    ]


def early_warning() -> list[Check]:
    """Control limits."""
    return [
        holds(
            "roll_forward_rate BETWEEN 0 AND 1 AND coalesce(lower_limit_rate <= upper_limit_rate, true)"
            " AND (NOT is_warning OR roll_forward_rate > upper_limit_rate)",
            why="A warning stands above its limit.",
        ),
    ]


def collection() -> list[Check]:
    """Collection and cure."""
    return [
        holds(
            "collected_amount BETWEEN 0 AND due_amount AND cured_count BETWEEN 0 AND default_count"
            " AND redefault_count BETWEEN 0 AND cured_count",
            why="What was collected was due, and what was cured was in default.",
        ),
    ]
