"""The work that every peer does, as plain SQL: one text for DuckDB and Spark, written for a given as-of date.

A plain book has one plan a loan and no other money than credits, so first-in-first-out needs only running sums: what
came in up to a day against what had to, item by item. The wide form keeps one column a month-end; the long form, loan
by month and item, takes several times as long.

Tables, by name: `loan_status`, `loan_history`, `portfolio`, `vintage`, `roll_rate`; amounts in cents.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date

TABLES = ("loan_status", "loan_history", "portfolio", "vintage", "roll_rate")
KEYS = {
    "loan_status": ("loan_id",),
    "loan_history": ("loan_id", "month_end"),
    "portfolio": ("product_code",),
    "vintage": ("product_code", "origination_month", "months_on_book"),
    "roll_rate": ("product_code", "month_end", "from_state", "to_state"),
}
CREDITS = ("payment", "refund", "waiver", "recovery")
EDGES = (0, 30, 60, 90, 120, 150, 180)


def month_ends(first: date, last: date) -> list[date]:
    """The month-ends from the month of `first` up to `last`."""
    found = []
    year, month = first.year, first.month
    while (end := date(year, month, monthrange(year, month)[1])) <= last:
        found.append(end)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return found


def bucket(dpd: str) -> str:
    """SQL of the bucket of a number of days past due."""
    cases = " ".join(f"WHEN {dpd} <= {edge} THEN 'M{place}'" for place, edge in enumerate(EDGES))
    return f"CASE {cases} ELSE 'M7' END"


def statements(as_of: date, ends: list[date]) -> dict[str, str]:
    """SQL of each step over the views accounts, installments and repayments, in order; steps are names of tables.

    Views: accounts(account_id, product_code); installments(loan_id, account_id, installment_no, due_date, order_date,
    principal, charges) and repayments(loan_id, paid_date, amount, kind), amounts in cents.
    """
    days = [*ends, as_of]
    kinds = ", ".join(f"'{kind}'" for kind in CREDITS)
    paid = ", ".join(
        f"sum(CASE WHEN paid_date <= DATE '{day}' THEN amount ELSE 0 END) AS paid{place}"
        for place, day in enumerate(days)
    )
    return {
        "paid": (
            f"SELECT loan_id, max(paid_date) AS last_paid, {paid} FROM repayments WHERE kind IN ({kinds})"
            f" AND paid_date <= DATE '{as_of}' GROUP BY loan_id"
        ),
        "items": (
            "SELECT loan_id, account_id, due_date, order_date, principal, charges, principal + charges AS due,"
            " sum(principal + charges) OVER (PARTITION BY loan_id ORDER BY due_date, installment_no) AS level"
            " FROM installments"
        ),
        "wide": _wide(days),
        "loan_status": _status(as_of, len(ends)),
        "loan_history": _history(ends),
        "portfolio": _PORTFOLIO,
        "vintage": _vintage(ends[-1]),
        "roll_rate": _roll_rate(ends[-1]),
    }


def _wide(days: list[date]) -> str:
    """One row per loan: what is late, since when, and the principal that is left, on each day."""
    columns = []
    for place, day in enumerate(days):
        money = f"coalesce(paid{place}, 0)"
        covered = f"greatest(0, least(due, {money} - (level - due)))"
        columns += [
            f"sum(CASE WHEN due_date < DATE '{day}' THEN due - {covered} ELSE 0 END) AS late{place}",
            f"min(CASE WHEN due_date < DATE '{day}' AND level > {money} THEN due_date END) AS oldest{place}",
            f"sum(principal - greatest(0, least(principal, {covered} - charges))) AS principal{place}",
            f"max({money}) AS money{place}",
        ]
    start = "coalesce(min(order_date), min(due_date)) AS start"
    loan = f"loan_id, min(account_id) AS account_id, {start}, sum(due) AS total, sum(principal) AS lent"
    return f"SELECT {loan}, {', '.join(columns)} FROM items LEFT JOIN paid USING (loan_id) GROUP BY loan_id"


def _dpd(day: str, place: int) -> str:
    return f"coalesce(datediff('day', oldest{place}, DATE '{day}'), 0)"


def _status(as_of: date, place: int) -> str:
    dpd = _dpd(str(as_of), place)
    return (
        f"SELECT loan_id, {dpd} AS dpd, {bucket(dpd)} AS bucket, late{place} AS past_due_cents,"
        f" principal{place} AS outstanding_principal_cents, total - money{place} AS remaining_cents,"
        f" product_code, start FROM wide JOIN accounts USING (account_id) WHERE start <= DATE '{as_of}'"
    )


def _history(ends: list[date]) -> str:
    """Month-ends from the month of the start; none once the loan was settled before the month, unless in credit."""
    parts = []
    for place, end in enumerate(ends):
        dpd = _dpd(str(end), place)
        before = f"money{place - 1} >= total AND money{place} = total" if place else "false"
        parts.append(
            f"SELECT loan_id, DATE '{end}' AS month_end, {dpd} AS dpd, {bucket(dpd)} AS bucket,"
            f" late{place} AS past_due_cents, principal{place} AS outstanding_principal_cents,"
            f" total - money{place} AS remaining_cents, money{place} >= total AS is_settled, lent, start, product_code"
            f" FROM wide JOIN accounts USING (account_id)"
            f" WHERE start <= DATE '{end}' AND NOT ({before} AND start < DATE '{end.replace(day=1)}')"
        )
    return " UNION ALL ".join(parts)


_PORTFOLIO = (
    "SELECT coalesce(product_code, 'ALL') AS product_code, count(*) AS loan_count,"
    " sum(outstanding_principal_cents) AS outstanding_principal_cents, sum(past_due_cents) AS past_due_cents,"
    + ",".join(
        f" sum(CASE WHEN dpd > {days} THEN outstanding_principal_cents ELSE 0 END) AS over{days}_cents"
        for days in (0, 30, 60, 90)
    )
    + " FROM loan_status WHERE remaining_cents <> 0 GROUP BY GROUPING SETS ((), (product_code))"
)


def _months_between(first: str, last: str) -> str:
    return f"(year({last}) - year({first})) * 12 + month({last}) - month({first})"


def _vintage(last: date) -> str:
    """Cohorts of products by month of origination: loans and principal lent, and what is late at each month-end."""
    grown = ", ".join(
        f"sum(CASE WHEN dpd > {days} THEN 1 ELSE 0 END) AS now_{days}_count,"
        f" sum(CASE WHEN dpd > {days} THEN outstanding_principal_cents ELSE 0 END) AS now_{days}_cents"
        for days in (30, 60, 90)
    )
    figures = [f"now_{days}_{unit}" for unit in ("count", "cents") for days in (30, 60, 90)]
    filled = ", ".join(f"coalesce({name}, 0) AS {name}" for name in figures)
    cohort = "product_code, CAST(date_trunc('month', start) AS DATE) AS origination_month"
    return (
        f"WITH late AS (SELECT {cohort}, month_end, {grown} FROM loan_history GROUP BY 1, 2, 3),"
        f" cohorts AS (SELECT {cohort}, count(*) AS loan_count, sum(lent) AS principal_cents"
        f" FROM wide JOIN accounts USING (account_id) WHERE start <= DATE '{last}' GROUP BY 1, 2),"
        " ends AS (SELECT DISTINCT month_end FROM loan_history)"
        f" SELECT product_code, origination_month, {_months_between('origination_month', 'month_end')}"
        f" AS months_on_book, loan_count, principal_cents, {filled} FROM cohorts"
        " JOIN ends ON month_end >= origination_month LEFT JOIN late USING (product_code, origination_month, month_end)"
    )


def _roll_rate(last: date) -> str:
    """Moves between month-ends, from and to buckets, new and paid off; paid off at both ends is left out."""
    state = "CASE WHEN is_settled THEN 'paid_off' ELSE bucket END"
    return (
        f"WITH states AS (SELECT loan_id, product_code, start, month_end, {state} AS state,"
        " outstanding_principal_cents AS amount FROM loan_history),"
        " moves AS (SELECT product_code, month_end, state AS to_state, amount AS later_amount, start,"
        " lag(state) OVER w AS before, lag(amount) OVER w AS amount_before FROM states"
        " WINDOW w AS (PARTITION BY loan_id ORDER BY month_end))"
        " SELECT product_code, month_end,"
        f" CASE WHEN {_months_between('start', 'month_end')} = 0 THEN 'new' ELSE before END AS from_state, to_state,"
        f" count(*) AS loan_count, sum(CASE WHEN {_months_between('start', 'month_end')} = 0 THEN later_amount"
        " WHEN before = 'paid_off' THEN 0 ELSE amount_before END) AS amount_cents FROM moves"
        f" WHERE month_end <= DATE '{last}' AND NOT (to_state = 'paid_off' AND coalesce(before, '') = 'paid_off')"
        " GROUP BY 1, 2, 3, 4"
    )
