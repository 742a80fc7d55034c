"""The peers' tables in plain SQL that DuckDB and Spark both understand: the wide form, one column per month-end.

Credits are added up per loan and month-end, and meet the running total of its dues; months come last. The statements
know every kind of row that an invented book has (second plans, chargebacks, reversals, deferrals, charge-offs), loans
that stand by themselves, a tolerance and a grace of 0, and one deferral per loan. Amounts are cents.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from bench.peers import portable_core
from bench.peers.portable_core import FOREVER, in_days
from transforms.delinquency import OVER_DAYS
from transforms.months import month_ends

FEEDS = ("accounts", "installments", "repayments", "events", "orders")
"""What the statements read: views of these names, dates as dates and amounts as decimals with two places."""
DATES = ("opened_date", "closed_date", "due_date", "order_date", "plan_date", "paid_date", "event_date", "until_date")
AMOUNTS = ("credit_limit", "principal", "interest", "fee", "amount")
RESULTS = (
    *portable_core.RESULTS,
    *("loan_status", "loan_history", "account_status", "portfolio", "buckets", "vintage", "roll_rate"),
)
SLICES = ("lender_id", "product_code", "region_code")
_SLICE = "currency, " + ", ".join(SLICES)
_UPPER_DAYS = (0, 30, 60, 90, 120, 150, 180)
_BUCKET = (
    "CASE " + " ".join(f"WHEN dpd <= {days} THEN 'M{no}'" for no, days in enumerate(_UPPER_DAYS)) + " ELSE 'M7' END"
)
_PAID_OFF, _NEW = "'paid_off'", "'new'"


def statements(first_start: date, as_of: date, *, is_wide: bool) -> Iterator[tuple[str, str]]:
    """Names and queries, each using the feeds and the names before it; RESULTS are among them.

    Args:
        first_start: a day not after the start of any loan.
        as_of: the day to tell of.
        is_wide: one column per month-end, which DuckDB works off fastest; else one row, since Spark gives up compiling
            so many columns.
    """
    ends = month_ends(first_start, as_of)
    moments = ends if ends[-1] == as_of else [*ends, as_of]
    yield from portable_core.statements(as_of)
    if is_wide:
        yield "levels", _levels(moments)
        yield "wide", _wide(moments)
        yield "bare", _bare(moments)
    else:
        yield "levels", _long_levels(moments, as_of)
        yield "bare", _LONG_BARE
    yield "deferrals", _DEFERRALS
    yield "standing", _STANDING
    yield "reached", _reached(as_of)
    yield "first_over", _first_over()
    yield "loan_status", _loan_status(as_of)
    yield "loan_history", _loan_history(ends[-1])
    yield "account_status", _ACCOUNT_STATUS
    yield "portfolio", _PORTFOLIO
    yield "buckets", _BUCKETS
    yield "cohorts", _COHORTS
    yield "vintage", _vintage(ends)
    yield "moves", _MOVES
    yield "roll_rate", _roll_rate(ends)


def _one_at_a_time(*more: str) -> str:
    """Groups of one dimension kept and the others ALL, and of all of them ALL."""
    kept = ["", *SLICES]
    return ", ".join("(" + ", ".join(filter(None, ("currency", name, *more))) + ")" for name in kept)


def _all_of(names: tuple[str, ...] = SLICES) -> str:
    return ", ".join(f"coalesce({name}, 'ALL') AS {name}" for name in names)


def _levels(moments: list[date]) -> str:
    """One row per loan: what was credited (c) and charged back (b) up to each moment."""
    sums = [
        f"CAST(sum(CASE WHEN {what} AND paid_date <= {in_days(day)} THEN cents ELSE 0 END) AS BIGINT) AS {letter}{no}"
        for no, day in enumerate(moments)
        for letter, what in (("c", "is_credit"), ("b", "NOT is_credit"))
    ]
    joined = "loans l LEFT JOIN money m ON m.loan_id = l.loan_id"
    return f"SELECT l.loan_id, {', '.join(sums)} FROM {joined} GROUP BY l.loan_id"


def _wide(moments: list[date]) -> str:
    """One row per loan: at each moment what exists (t), is due (d), is outstanding of principal (p), and since when.

    CASE inside the sums, not FILTER: DuckDB takes a third less.
    """
    sums = []
    for no, day in enumerate(moments):
        at = in_days(day)
        is_there = f"plan_from <= {at} AND plan_to > {at} AND (NOT is_chargeback OR due_date <= {at})"
        level = f"dues + least(chargebacks, b{no}) - c{no}"
        principal = f"least(greatest({level}, 0), principal_cents)"
        is_late = f"{is_there} AND due_date < {at} AND due_cents > 0 AND {level} > 0"
        sums += [
            f"CAST(sum(CASE WHEN {is_there} THEN due_cents ELSE 0 END) AS BIGINT) AS t{no}",
            f"CAST(sum(CASE WHEN {is_there} AND due_date < {at} THEN due_cents ELSE 0 END) AS BIGINT) AS d{no}",
            f"CAST(sum(CASE WHEN {is_there} THEN {principal} ELSE 0 END) AS BIGINT) AS p{no}",
            f"min(CASE WHEN {is_late} THEN due_date END) AS o{no}",
        ]
    return f"SELECT i.loan_id, {', '.join(sums)} FROM items i JOIN levels l ON l.loan_id = i.loan_id GROUP BY i.loan_id"


def _bare(moments: list[date]) -> str:
    """One row per loan and moment from the month of its start on; deferred days are not known yet."""
    parts = []
    for no, day in enumerate(moments):
        was = f"month(start_date) + 12 * year(start_date) < {day.year * 12 + day.month} AND t{no - 1} <= c{no - 1}"
        parts.append(
            f"SELECT w.loan_id, {in_days(day)} AS day, o{no} AS oldest, c{no} AS credited,"
            f" greatest(d{no} - c{no}, 0) AS past_due_cents, p{no} AS principal_cents,"
            f" t{no} - c{no} AS remaining_cents, {was if no else 'false'} AS was_settled"
            f" FROM wide w JOIN levels v ON v.loan_id = w.loan_id JOIN loans l ON l.loan_id = w.loan_id"
            f" WHERE start_date <= {in_days(day)}"
        )
    return "\nUNION ALL\n".join(parts)


def _long_levels(moments: list[date], as_of: date) -> str:
    """One row per loan and moment from the month of its start on: credited and charged back up to then."""
    days = " UNION ALL ".join(f"SELECT {in_days(day)} AS day" for day in moments)
    first = "greatest(last_day(m.paid_date), last_day(l.start_date))"
    return f"""
SELECT loan_id, day, sum(credited) OVER own AS credited, sum(bounced) OVER own AS bounced
FROM (
    SELECT l.loan_id, d.day, coalesce(s.credited, 0) AS credited, coalesce(s.bounced, 0) AS bounced
    FROM loans l JOIN ({days}) d ON d.day >= l.start_date LEFT JOIN (
        SELECT m.loan_id, least({first}, {in_days(as_of)}) AS day,
            CAST(sum(CASE WHEN m.is_credit THEN m.cents ELSE 0 END) AS BIGINT) AS credited,
            CAST(sum(CASE WHEN m.is_credit THEN 0 ELSE m.cents END) AS BIGINT) AS bounced
        FROM money m JOIN loans l ON l.loan_id = m.loan_id GROUP BY m.loan_id, least({first}, {in_days(as_of)})
    ) s ON s.loan_id = l.loan_id AND s.day = d.day
) WINDOW own AS (PARTITION BY loan_id ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
"""


_LONG_BARE = """
SELECT *, coalesce(lag(remaining_cents) OVER (PARTITION BY loan_id ORDER BY day) <= 0, false) AS was_settled
FROM (
    SELECT loan_id, day, min(CASE WHEN due_date < day AND due_cents > 0 AND level > 0 THEN due_date END) AS oldest,
        max(credited) AS credited,
        greatest(CAST(sum(CASE WHEN due_date < day THEN due_cents ELSE 0 END) AS BIGINT) - max(credited), 0)
            AS past_due_cents,
        CAST(sum(least(greatest(level, 0), principal_cents)) AS BIGINT) AS principal_cents,
        CAST(sum(due_cents) AS BIGINT) - max(credited) AS remaining_cents
    FROM (
        SELECT v.loan_id, v.day, v.credited, i.due_date, i.due_cents, i.principal_cents,
            i.dues + least(i.chargebacks, v.bounced) - v.credited AS level
        FROM items i JOIN levels v ON v.loan_id = i.loan_id
        WHERE i.plan_from <= v.day AND i.plan_to > v.day AND (NOT i.is_chargeback OR i.due_date <= v.day)
    ) GROUP BY loan_id, day
)
"""


_DEFERRALS = """
SELECT loan_id, min(event_date) AS first_day, max(until_date) AS last_day FROM events
WHERE kind = 'deferral' GROUP BY loan_id
"""
_STANDING = f"""
SELECT *, {_BUCKET} AS bucket, charged_off_on IS NOT NULL AND charged_off_on <= day AND remaining_cents > 0
    AS is_charged_off, remaining_cents <= 0 AS is_settled
FROM (
    SELECT b.*, l.account_id, l.start_date, l.charged_off_on, l.is_restructured,
        CASE WHEN b.oldest IS NULL THEN 0 ELSE days_between(b.oldest, b.day) - CASE WHEN d.loan_id IS NULL THEN 0
            ELSE greatest(days_between(greatest(d.first_day, date_add(b.oldest, 1)), least(d.last_day, b.day)) + 1, 0)
            END END AS dpd
    FROM bare b JOIN loans l ON l.loan_id = b.loan_id LEFT JOIN deferrals d ON d.loan_id = b.loan_id
)
"""


def _reached(as_of: date) -> str:
    """One row per item perhaps open long enough: the days on which it is over each edge, as long as it is open."""
    days = [
        f"greatest(plan_from, date_add(due_date, {days + 1} + CASE WHEN days_between(due_date, first_day) - 1 <= {days}"
        f" THEN greatest(days_between(greatest(first_day, date_add(due_date, 1)), last_day) + 1, 0) ELSE 0 END))"
        f" AS reached_{days}"
        for days in OVER_DAYS
    ]
    return f"""
SELECT i.loan_id, i.plan_from, i.plan_to, i.due_date, i.item_id, i.dues + i.chargebacks AS owed, {", ".join(days)}
FROM items i JOIN standing s ON s.loan_id = i.loan_id AND s.day = last_day(date_add(i.due_date, 1))
LEFT JOIN deferrals d ON d.loan_id = i.loan_id
WHERE i.due_cents > 0 AND i.dues + i.chargebacks > s.credited AND (s.past_due_cents > 0 OR s.is_restructured)
    AND i.due_date < {in_days(as_of)}
"""


def _first_over() -> str:
    """One row per loan ever over an edge: the first days."""
    paid = [
        f"coalesce(sum(m.cents) FILTER (WHERE m.paid_date <= reached_{days}), 0) AS paid_{days}" for days in OVER_DAYS
    ]
    last = "(SELECT max(day) FROM standing)"
    first = [
        f"min(reached_{days}) FILTER (WHERE paid_{days} < owed AND reached_{days} < plan_to"
        f" AND reached_{days} <= {last}) AS first_over_{days}_on"
        for days in OVER_DAYS
    ]
    key = "r.loan_id, plan_from, plan_to, due_date, item_id, owed, " + ", ".join(f"reached_{n}" for n in OVER_DAYS)
    return f"""
SELECT loan_id, {", ".join(first)} FROM (
    SELECT {key}, {", ".join(paid)}
    FROM reached r LEFT JOIN (SELECT * FROM money WHERE is_credit) m ON m.loan_id = r.loan_id GROUP BY {key}
) GROUP BY loan_id
"""


def _loan_status(as_of: date) -> str:
    over = ", ".join(f"f.first_over_{days}_on" for days in OVER_DAYS)
    return f"""
SELECT s.loan_id, s.account_id, s.dpd, s.bucket, s.past_due_cents, s.principal_cents AS outstanding_principal_cents,
    s.remaining_cents, s.oldest AS oldest_due_date, s.charged_off_on, s.is_charged_off, s.is_settled, {over}
FROM standing s LEFT JOIN first_over f ON f.loan_id = s.loan_id WHERE s.day = {in_days(as_of)}
"""


def _loan_history(last_end: date) -> str:
    return f"""
SELECT loan_id, day AS month_end, account_id, dpd, bucket, past_due_cents,
    principal_cents AS outstanding_principal_cents, remaining_cents, is_settled, is_charged_off
FROM standing
WHERE day <= {in_days(last_end)} AND day = last_day(day)
    AND (NOT is_settled OR NOT was_settled OR remaining_cents < 0)
"""


_ACCOUNT_STATUS = f"""
SELECT *, {_BUCKET} AS bucket FROM (
    SELECT a.account_id, count(s.loan_id) AS loan_count, CAST(coalesce(max(s.dpd), 0) AS INT) AS dpd,
        CAST(coalesce(sum(s.past_due_cents), 0) AS BIGINT) AS past_due_cents,
        CAST(coalesce(sum(s.outstanding_principal_cents), 0) AS BIGINT) AS outstanding_principal_cents
    FROM accounts a LEFT JOIN loan_status s ON s.account_id = a.account_id GROUP BY a.account_id
)
"""
_IN_BOOK = "NOT s.is_charged_off AND (s.remaining_cents <> 0 OR NOT s.is_settled)"
_PRINCIPAL = "s.outstanding_principal_cents"


def _par(days: int, name: str) -> str:
    late = f"coalesce(sum({_PRINCIPAL}) FILTER (WHERE s.dpd > {days}), 0)"
    return f"CAST({late} AS DOUBLE) / nullif(CAST(sum({_PRINCIPAL}) AS DOUBLE), 0) AS {name}_rate"


_PORTFOLIO = f"""
SELECT currency, {_all_of()}, count(s.loan_id) AS loan_count, count(DISTINCT s.account_id) AS account_count,
    CAST(coalesce(sum({_PRINCIPAL}), 0) AS BIGINT) AS outstanding_principal_cents,
    CAST(coalesce(sum(s.past_due_cents), 0) AS BIGINT) AS past_due_cents,
    {_par(0, "par1")}, {_par(30, "par30")}, {_par(60, "par60")}, {_par(90, "par90")}
FROM (
    SELECT account_id, currency, lender_id, product_code, coalesce(region_code, 'unknown') AS region_code FROM accounts
) a LEFT JOIN (SELECT * FROM loan_status s WHERE {_IN_BOOK}) s ON s.account_id = a.account_id
GROUP BY currency, CUBE (lender_id, product_code, region_code)
"""
_BUCKETS = f"""
SELECT currency, {_all_of(("product_code",))}, bucket, count(*) AS loan_count,
    CAST(sum({_PRINCIPAL}) AS BIGINT) AS outstanding_principal_cents,
    CAST(sum(s.past_due_cents) AS BIGINT) AS past_due_cents
FROM loan_status s JOIN loans l ON l.loan_id = s.loan_id WHERE {_IN_BOOK}
GROUP BY GROUPING SETS ((currency, product_code, bucket), (currency, bucket))
"""
_COHORTS = f"""
SELECT {_SLICE}, origination_month, {", ".join(f"over_{days}" for days in OVER_DAYS)}, count(*) AS loan_count,
    CAST(sum(principal_cents) AS BIGINT) AS principal_cents
FROM (
    SELECT l.*, CAST(date_trunc('month', l.start_date) AS DATE) AS origination_month,
        {
    ", ".join(
        f"last_day(least(coalesce(s.first_over_{days}_on, {FOREVER}), coalesce(s.charged_off_on, {FOREVER})))"
        f" AS over_{days}"
        for days in OVER_DAYS
    )
}
    FROM loans l JOIN loan_status s ON s.loan_id = l.loan_id
) GROUP BY {_SLICE}, origination_month, {", ".join(f"over_{days}" for days in OVER_DAYS)}
"""


def _months(ends: list[date]) -> str:
    return " UNION ALL ".join(f"SELECT {in_days(day)} AS month_end" for day in ends)


_MONTHS_ON_BOOK = "(year(month_end) * 12 + month(month_end) - year(origination_month) * 12 - month(origination_month))"


def _vintage(ends: list[date]) -> str:
    ever = [
        f"CAST(coalesce(sum(loan_count) FILTER (WHERE over_{days} <= month_end), 0) AS BIGINT) AS ever_{days}_count"
        for days in OVER_DAYS
    ]
    return f"""
SELECT e.*, coalesce(n.now_30_count, 0) AS now_30_count, coalesce(n.now_30_cents, 0) AS now_30_cents,
    CAST(ever_30_count AS DOUBLE) / loan_count AS ever_30_rate
FROM (
    SELECT currency, {_all_of()}, origination_month, {_MONTHS_ON_BOOK} AS months_on_book,
        CAST(sum(loan_count) AS BIGINT) AS loan_count, CAST(sum(principal_cents) AS BIGINT) AS principal_cents,
        {", ".join(ever)}
    FROM cohorts JOIN ({_months(ends)}) m ON month_end >= origination_month
    GROUP BY GROUPING SETS ({_one_at_a_time("origination_month", "month_end")})
) e LEFT JOIN (
    SELECT currency, {_all_of()}, origination_month, {_MONTHS_ON_BOOK} AS months_on_book, count(*) AS now_30_count,
        CAST(sum(outstanding_principal_cents) AS BIGINT) AS now_30_cents
    FROM (
        SELECT l.*, CAST(date_trunc('month', l.start_date) AS DATE) AS origination_month, h.month_end,
            h.outstanding_principal_cents
        FROM loan_history h JOIN loans l ON l.loan_id = h.loan_id WHERE h.dpd > 30 AND NOT h.is_charged_off
    ) GROUP BY GROUPING SETS ({_one_at_a_time("origination_month", "month_end")})
) n USING ({_SLICE}, origination_month, months_on_book)
"""


_STATE = f"CASE WHEN is_charged_off THEN 'charged_off' WHEN is_settled THEN {_PAID_OFF} ELSE bucket END"
_MOVES = f"""
SELECT {_SLICE}, month_end, from_state, to_state, count(*) AS loan_count,
    CAST(sum(CASE WHEN from_state = {_NEW} THEN cents WHEN from_state = {_PAID_OFF} THEN 0 ELSE cents_before END)
        AS BIGINT) AS amount_cents
FROM (
    SELECT *, CASE WHEN last_day(start_date) = month_end THEN {_NEW}
        WHEN end_before = date_add(CAST(date_trunc('month', month_end) AS DATE), -1) THEN state_before
        ELSE {_PAID_OFF} END AS from_state
    FROM (
        SELECT l.*, h.month_end, h.to_state, h.cents, lag(h.to_state) OVER own AS state_before,
            lag(h.month_end) OVER own AS end_before, lag(h.cents) OVER own AS cents_before
        FROM (SELECT loan_id, month_end, {_STATE} AS to_state, outstanding_principal_cents AS cents FROM loan_history) h
        JOIN loans l ON l.loan_id = h.loan_id WINDOW own AS (PARTITION BY h.loan_id ORDER BY h.month_end)
    )
) GROUP BY {_SLICE}, month_end, from_state, to_state
"""


def _roll_rate(ends: list[date]) -> str:
    """Loans paid off at both ends have no history: they are the rest of those that had started."""
    count, amount = (f"CAST(sum({name}) OVER own AS DOUBLE)" for name in ("loan_count", "amount_cents"))
    return f"""
SELECT *, loan_count / {count} AS rate_by_count, amount_cents / nullif({amount}, 0) AS rate_by_amount
FROM (
    SELECT currency, {_all_of()}, month_end, from_state, to_state, CAST(sum(loan_count) AS BIGINT) AS loan_count,
        CAST(sum(amount_cents) AS BIGINT) AS amount_cents
    FROM (
        SELECT {_SLICE}, month_end, from_state, to_state, loan_count, amount_cents FROM moves
        UNION ALL
        SELECT {_SLICE}, month_end, {_PAID_OFF}, {_PAID_OFF}, sum(loan_count), 0 FROM (
            SELECT {_SLICE}, month_end, loan_count FROM cohorts
            JOIN ({_months(ends)}) m ON date_trunc('month', month_end) > origination_month
            UNION ALL
            SELECT {_SLICE}, month_end, -loan_count FROM moves WHERE from_state <> {_NEW}
        ) GROUP BY {_SLICE}, month_end
    ) GROUP BY GROUPING SETS ({_one_at_a_time("month_end", "from_state", "to_state")})
    HAVING sum(loan_count) > 0
) WINDOW own AS (PARTITION BY {_SLICE}, month_end, from_state)
"""
