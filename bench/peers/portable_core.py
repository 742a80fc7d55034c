"""The peers' core tables in plain SQL: what was delivered, typed, and what covers each item since when.

A row's money is found by levels: credits of a loan in running total, against the running total of its dues.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from transforms.feeds import CREDIT_KINDS

RESULTS = (
    *("core_accounts", "core_loans", "core_installments", "core_chargebacks"),
    *("core_repayments", "core_events", "core_orders"),
)
FOREVER = "DATE '9999-12-31'"
_ALWAYS = "DATE '1900-01-01'"
_REVERSED = "(SELECT DISTINCT refers_to AS id FROM repayments WHERE kind = 'reversal')"


def statements(as_of: date) -> Iterator[tuple[str, str]]:
    """Names and queries, each using the feeds and the names before it; RESULTS are among them.

    Args:
        as_of: the day to tell of.
    """
    yield "core_accounts", _ACCOUNTS
    yield "loans", _loans(as_of)
    yield "core_loans", _CORE_LOANS
    yield "plans", _PLANS
    yield "core_repayments", _REPAYMENTS
    yield "core_events", _of_loan("events", "event_id", "kind", "event_date", "until_date", "note")
    yield "core_orders", _of_loan("orders", "order_id", "order_date", "category_code")
    yield "money", _money(as_of)
    yield "totals", _TOTALS
    yield "items", _ITEMS
    yield "money_days", _MONEY_DAYS
    yield "reached_late", _REACHED_LATE
    yield "covered", _covered(as_of)
    yield "core_installments", _CORE_INSTALLMENTS
    yield "core_chargebacks", _CORE_CHARGEBACKS


def cents(name: str) -> str:
    """SQL of an amount in whole cents."""
    return f"CAST({name} * 100 AS BIGINT)"


def in_days(day: date) -> str:
    """SQL of a day."""
    return f"DATE '{day}'"


_ACCOUNTS = f"""
SELECT account_id, customer_id, lender_id, product_code, currency, region_code, channel_code, opened_date, closed_date,
    {cents("credit_limit")} AS credit_limit_cents
FROM accounts
"""


def _loans(as_of: date) -> str:
    """One row per loan started, with its account's slices and what its original plan promised."""
    original = "FILTER (WHERE plan_date IS NULL)"
    return f"""
SELECT i.*, a.customer_id, a.currency, a.lender_id, a.product_code, coalesce(a.region_code, 'unknown') AS region_code,
    c.charged_off_on
FROM (
    SELECT loan_id, min(account_id) AS account_id,
        coalesce(min(order_date) {original}, min(due_date) {original}) AS start_date,
        count(*) {original} AS installment_count,
        CAST(sum({cents("principal")}) {original} AS BIGINT) AS principal_cents,
        CAST(sum({cents("(principal + interest + fee)")}) {original} AS BIGINT) AS due_cents,
        count(plan_date) > 0 AS is_restructured
    FROM installments GROUP BY loan_id
) i JOIN accounts a ON a.account_id = i.account_id LEFT JOIN (
    SELECT loan_id, min(event_date) AS charged_off_on FROM events
    WHERE kind = 'charge_off' AND event_date <= {in_days(as_of)} GROUP BY loan_id
) c ON c.loan_id = i.loan_id
WHERE i.start_date <= {in_days(as_of)}
"""


_CORE_LOANS = """
SELECT loan_id, account_id, customer_id, lender_id, product_code, currency, start_date AS origination_date,
    installment_count, principal_cents, due_cents
FROM loans
"""
_PLANS = f"""
SELECT loan_id, plan_from, lead(plan_from, 1, {FOREVER}) OVER (PARTITION BY loan_id ORDER BY plan_from) AS plan_to
FROM (SELECT DISTINCT loan_id, coalesce(plan_date, {_ALWAYS}) AS plan_from FROM installments)
"""
_REPAYMENTS = f"""
SELECT r.repayment_id, r.account_id, r.loan_id, a.currency, r.paid_date, {cents("r.amount")} AS amount_cents, r.kind,
    r.refers_to, r.channel_code, v.id IS NOT NULL OR (r.kind = 'chargeback' AND w.id IS NOT NULL) AS is_void
FROM repayments r JOIN accounts a ON a.account_id = r.account_id
LEFT JOIN {_REVERSED} v ON v.id = r.repayment_id
LEFT JOIN {_REVERSED} w ON w.id = r.refers_to
"""


def _of_loan(feed: str, *columns: str) -> str:
    """What was delivered of a feed, typed, with the currency of the account."""
    named = ", ".join(f"r.{name}" for name in columns)
    return f"""
SELECT r.account_id, r.loan_id, a.currency, {named}, {cents("r.amount")} AS amount_cents
FROM {feed} r JOIN accounts a ON a.account_id = r.account_id
"""


def _money(as_of: date) -> str:
    """Credits and chargebacks that are not void."""
    listed = ", ".join(f"'{kind}'" for kind in CREDIT_KINDS)
    return f"""
SELECT repayment_id, loan_id, paid_date, amount_cents AS cents, kind IN ({listed}) AS is_credit
FROM core_repayments WHERE kind <> 'reversal' AND NOT is_void AND paid_date <= {in_days(as_of)}
"""


_CREDITED = "CAST(sum(CASE WHEN is_credit THEN cents ELSE 0 END) AS BIGINT) AS credited"
_BOUNCED = "CAST(sum(CASE WHEN is_credit THEN 0 ELSE cents END) AS BIGINT) AS bounced"
_TOTALS = f"SELECT loan_id, {_CREDITED}, {_BOUNCED} FROM money GROUP BY loan_id"
_ITEMS = f"""
SELECT *,
    CAST(sum(CASE WHEN is_chargeback THEN 0 ELSE due_cents END) OVER own AS BIGINT) AS dues,
    CAST(sum(CASE WHEN is_chargeback THEN due_cents ELSE 0 END) OVER own AS BIGINT) AS chargebacks
FROM (
    SELECT i.loan_id, p.plan_from, p.plan_to, i.due_date, false AS is_chargeback,
        CAST(i.installment_no AS VARCHAR(20)) AS item_id, {cents("(i.principal + i.interest + i.fee)")} AS due_cents,
        {cents("i.principal")} AS principal_cents, {cents("i.interest")} AS interest_cents,
        greatest(p.plan_from, l.start_date) AS exists_from
    FROM installments i
    JOIN plans p ON p.loan_id = i.loan_id AND p.plan_from = coalesce(i.plan_date, {_ALWAYS})
    JOIN loans l ON l.loan_id = i.loan_id
    UNION ALL
    SELECT m.loan_id, p.plan_from, p.plan_to, m.paid_date, true, m.repayment_id, m.cents, m.cents, 0,
        greatest(p.plan_from, m.paid_date, l.start_date)
    FROM money m JOIN plans p ON p.loan_id = m.loan_id JOIN loans l ON l.loan_id = m.loan_id WHERE NOT m.is_credit
)
WINDOW own AS (
    PARTITION BY loan_id, plan_from ORDER BY due_date, is_chargeback, length(item_id), item_id
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
)
"""
_MONEY_DAYS = f"""
SELECT loan_id, day, lead(day, 1, {FOREVER}) OVER (PARTITION BY loan_id ORDER BY day) AS next_day,
    CAST(sum(credited) OVER own AS BIGINT) AS credited, CAST(sum(bounced) OVER own AS BIGINT) AS bounced
FROM (SELECT loan_id, paid_date AS day, {_CREDITED}, {_BOUNCED} FROM money GROUP BY loan_id, paid_date)
WINDOW own AS (PARTITION BY loan_id ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
"""


# items behind chargebacks, whose level moves: the end of the last time in which money did not reach it
_REACHED_LATE = """
SELECT loan_id, plan_from, item_id, greatest(exists_from, first_day, coalesce(open_until, exists_from)) AS reached_on
FROM (
    SELECT i.loan_id, i.plan_from, i.item_id, i.exists_from, min(m.day) AS first_day,
        max(CASE WHEN m.credited < i.dues + least(i.chargebacks, m.bounced) AND m.day < i.plan_to THEN m.next_day END)
            AS open_until
    FROM items i JOIN money_days m ON m.loan_id = i.loan_id WHERE i.chargebacks > 0
    GROUP BY i.loan_id, i.plan_from, i.item_id, i.exists_from
)
"""


def _covered(as_of: date) -> str:
    """One row per item: what covers it on the day, and since when it is settled.

    Of items with no chargeback before them the level stays: items and credits of a loan are put in one row by level,
    and the earliest credit not below an item settles it.
    """
    day = in_days(as_of)
    kept = (
        *("due_date", "is_chargeback", "item_id", "due_cents", "principal_cents", "interest_cents"),
        *("exists_from", "dues", "chargebacks"),
    )
    columns = ", ".join(kept)
    nothing = ", ".join("NULL" for _ in kept)
    settled = (
        "CASE WHEN w.due_cents <= 0 THEN w.exists_from WHEN w.chargebacks > 0 THEN r.reached_on"
        " WHEN w.reached_on IS NOT NULL THEN greatest(w.reached_on, w.exists_from) END"
    )
    credited, bounced = "coalesce(t.credited, 0)", "coalesce(t.bounced, 0)"
    above = f"{credited} - (w.dues + least(w.chargebacks, {bounced}) - w.due_cents)"
    return f"""
SELECT loan_id, plan_from, plan_to, {columns}, CASE WHEN settled_on < plan_to AND settled_on <= {day} THEN settled_on
    END AS settled_date, CASE WHEN plan_to > {day} AND exists_from <= {day} THEN above ELSE 0 END
    AS paid_cents
FROM (
    SELECT w.*, {settled} AS settled_on, greatest(least({above}, w.due_cents), 0) AS above
    FROM (
        SELECT *, min(day) OVER (
            PARTITION BY loan_id ORDER BY level DESC, is_item ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS reached_on
        FROM (
            SELECT loan_id, dues AS level, 1 AS is_item, CAST(NULL AS DATE) AS day, plan_from, plan_to, {columns}
            FROM items
            UNION ALL
            SELECT loan_id, credited, 0, day, NULL, NULL, {nothing} FROM money_days
        )
    ) w
    LEFT JOIN totals t ON t.loan_id = w.loan_id
    LEFT JOIN reached_late r ON r.loan_id = w.loan_id AND r.plan_from = w.plan_from AND r.item_id = w.item_id
    WHERE w.is_item = 1
)
"""


_REPLACED = f"CASE WHEN plan_to < {FOREVER} THEN plan_to END"
_CORE_INSTALLMENTS = f"""
SELECT c.loan_id, l.account_id, l.currency, nullif(plan_from, {_ALWAYS}) AS plan_date,
    CAST(item_id AS INT) AS installment_no, due_date, c.due_cents, c.principal_cents, interest_cents,
    c.due_cents - c.principal_cents - interest_cents AS fee_cents, paid_cents, settled_date, {_REPLACED} AS replaced_on
FROM covered c JOIN loans l ON l.loan_id = c.loan_id WHERE NOT is_chargeback
"""
# a chargeback stands in every plan of its loan: what a later plan finds settled has been so since the earlier one
_CORE_CHARGEBACKS = f"""
SELECT item_id AS repayment_id, c.loan_id, min(l.account_id) AS account_id, min(due_date) AS due_date,
    min(c.due_cents) AS due_cents, CAST(sum(paid_cents) AS BIGINT) AS paid_cents,
    CASE WHEN max(CASE WHEN plan_to = {FOREVER} THEN settled_date END) IS NOT NULL
        THEN max(CASE WHEN settled_date > exists_from OR exists_from = due_date THEN settled_date END) END
        AS settled_date
FROM covered c JOIN loans l ON l.loan_id = c.loan_id WHERE is_chargeback GROUP BY item_id, c.loan_id
"""
