"""What must hold of the tables about to be published; a critical failure stops the publishing."""

from __future__ import annotations

from expectations import published_risk, published_share
from expectations.checks import Check, Suite, sql_check
from expectations.published_risk import holds as _holds
from transforms.feeds import CREDIT_KINDS
from transforms.policy import Policy
from transforms.refusals import WAITING, Refusal
from transforms.tables import ALL, BUCKETS, TABLES, Table

ALLOCATION = "policy_products"
"""Relation that the caller provides: product_code, allocation."""
FILES = "night_files"
"""Relation that the caller provides: ops.files of the night, with inside names."""
REFUSED = "night_refused_rows"
"""Relation that the caller provides: ops.refused_rows of the night, with inside names."""
LOST_LOANS = "lost_loans"
"""Relation that the caller provides: source, loan_id of loans published before and not now, with no fact to say why."""
WORKED_ON = "night_accounts"
"""Relation that the caller provides for a part: source, account_id of the accounts whose rows the night replaced."""
EACH_NIGHT = (ALLOCATION, FILES, REFUSED, LOST_LOANS, WORKED_ON)
"""All of them: what only a running night has."""
NO_KEY_TWICE = ": no key stands twice."
"""How the sentence of every check of a table's grain ends."""

_LONG = frozenset({"core.installments", "core.repayments", "status.loan_history"})
"""Tables with many rows of every account."""
_AS_OF = "(SELECT max(as_of) FROM status.account_status)"
_NULLABLE_KEYS = frozenset({"plan_date", "person_id", "customer_id"})
_WAITS = {
    Refusal.ORPHAN: "Rows that refer to nothing known may mean that a delivery is missing.",
    Refusal.NO_LOAN: "Money that names no loan settles none until the lender says which.",
    Refusal.BAD_REFERENCE: "A reversal or chargeback of the wrong repayment is the lender's to mend.",
}


def suites(policy: Policy, *, is_part: bool = False) -> list[Suite]:
    """One suite per published state table, and one over the files of the night.

    Args:
        policy: the rules.
        is_part: in the longest tables, look for keys that stand twice among those of the accounts worked on alone: all
            other rows are those of a night in which none did.
    """
    own = {
        "core.loans": _loans(),
        "core.installments": _installments(),
        "core.chargebacks": [_covered("chargeback")],
        "core.repayments": [_money_identity()],
        "status.loan_status": [*_loan_status(policy), *published_risk.loan_status()],
        "status.loan_defaults": published_risk.loan_defaults(),
        "status.customer_status": published_risk.customer_status(),
        "status.account_status": _account_status(policy),
        "status.loan_history": _history(policy),
        "risk.portfolio": _portfolio(),
        "risk.buckets": _buckets(),
        "risk.vintage": published_risk.vintage(),
        "risk.roll_rate": published_risk.roll_rate(),
        "risk.first_payment_default": published_risk.first_payment_default(),
        "risk.expected_credit_loss": published_risk.expected_credit_loss(),
        "risk.concentration": published_risk.concentration(),
        "risk.early_warning": published_risk.early_warning(),
        "risk.collection": published_risk.collection(),
        "share.portfolio": published_share.portfolio(policy),
        "share.lender_comparison": published_share.lender_comparison(),
        "share.overlap": published_share.overlap(policy),
        "share.standards": published_share.standards(),
        "share.screening": published_share.screening(),
        "share.screening_amounts": published_share.screening_amounts(),
        "share.screening_persons": published_share.screening_persons(),
    }
    tables = [
        Suite(name, None, name, [*_grain(table, is_part=is_part and name in _LONG), *own.get(name, [])])
        for name, table in TABLES.items()
        if table.scope == "state"
    ]
    return [*tables, Suite("ops.files", None, FILES, [*_grain(TABLES["ops.files"]), *_files()])]


def references() -> Suite:
    """The suite over the rows that begin to wait this night: one warning per reason."""
    checks = [
        sql_check(
            f"SELECT 1 FROM {{batch}} WHERE is_waiting AND list_contains(reasons, '{reason.value}')",
            why=_WAITS[reason],
            severity="warning",
            column=reason.value,
        )
        for reason in WAITING
    ]
    return Suite("references", None, REFUSED, checks)


def _grain(table: Table, *, is_part: bool = False) -> list[Check]:
    """The key is there and unique; of a part: the keys of the accounts worked on, whoever else has them."""
    key = ", ".join(table.key)
    same = " AND ".join(f"b.{name} IS NOT DISTINCT FROM w.{name}" for name in table.key)
    worked_on = f"(SELECT {key} FROM {{batch}} SEMI JOIN {WORKED_ON} USING (source, account_id))"
    rows = f"{{batch}} b SEMI JOIN {worked_on} w ON {same}" if is_part else "{batch}"
    return [
        *(
            Check(
                expectation="ExpectColumnValuesToNotBeNull",
                column=column,
                why=f"A row of {table.name} without {column} cannot be joined to anything.",
            )
            for column in table.key
            if column not in _NULLABLE_KEYS
        ),
        sql_check(
            f"SELECT {key} FROM {rows} GROUP BY ALL HAVING count(*) > 1",
            why=f"{table.en.split(':')[0].rstrip('.')}{NO_KEY_TWICE}",
            column=key,
        ),
    ]


def _loans() -> list[Check]:
    return [
        sql_check(
            f"SELECT 1 FROM {LOST_LOANS}, (SELECT count(*) FROM {{batch}})",
            why="No loan of the night before is lost unless a fact says why.",
        ),
        sql_check(
            "SELECT 1 FROM {batch} l ANTI JOIN core.accounts a ON l.source = a.source AND l.account_id = a.account_id",
            why="Every loan stands on an account.",
        ),
        sql_check(
            "SELECT 1 FROM {batch} l FULL JOIN status.loan_status s USING (source, loan_id)"
            f" WHERE (s.as_of IS NOT NULL) <> coalesce(l.origination_date <= {_AS_OF}, false)",
            why="A loan has a status once it has started, and none before.",
        ),
    ]


def _installments() -> list[Check]:
    return [
        _holds(
            "due_amount = principal_amount + interest_amount + fee_amount",
            why="The parts of an instalment add up to what is due.",
        ),
        _covered("instalment"),
    ]


def _covered(item: str) -> Check:
    return _holds("paid_amount BETWEEN 0 AND due_amount", why=f"No {item} takes less than nothing or more than is due.")


def _money_identity() -> Check:
    """Money in = money out, currency by currency; a credit whose account or loan is not there counts as well.

    Only the few credits of loans not started are joined to anything: a join of all would hold them all in memory.
    """
    kinds = ", ".join(f"'{kind}'" for kind in CREDIT_KINDS)
    counts = f"r.kind IN ({kinds}) AND NOT r.is_void AND r.paid_date <= {_AS_OF}"
    return sql_check(
        f"""
WITH not_started AS MATERIALIZED (
    SELECT l.source, l.loan_id FROM core.loans l
    JOIN {ALLOCATION} p USING (product_code)
    WHERE l.origination_date > {_AS_OF} AND p.allocation = 'loan'
), flows AS (
    SELECT currency, amount FROM {{batch}} r WHERE {counts}
    UNION ALL SELECT r.currency, -r.amount FROM {{batch}} r SEMI JOIN not_started USING (source, loan_id) WHERE {counts}
    UNION ALL SELECT currency, -paid_amount FROM core.installments
    UNION ALL SELECT currency, -paid_amount FROM core.chargebacks
    UNION ALL SELECT currency, -surplus_amount FROM status.account_status
)
SELECT currency FROM flows GROUP BY currency HAVING sum(amount) <> 0
""",
        why="Credits = paid on instalments + paid on chargebacks + surplus + held for loans not started.",
    )


def _bucket_edges(policy: Policy) -> Check:
    cases = " ".join(
        f"WHEN dpd <= {edge} THEN '{name}'" for name, edge in zip(BUCKETS, policy.bucket_upper_days, strict=False)
    )
    return _holds(
        f"bucket = CASE {cases} WHEN dpd IS NOT NULL THEN '{BUCKETS[-1]}' END",
        why="The bucket is what the days past due say, at every edge.",
        column="bucket",
    )


def _history_24m() -> Check:
    return _holds(
        "regexp_full_match(history_24m, '[-0-7]{{24}}')",
        why="The string has one place for each of 24 months.",
        column="history_24m",
    )


def _loan_status(policy: Policy) -> list[Check]:
    return [
        _bucket_edges(policy),
        _holds(
            "dpd BETWEEN 0 AND contractual_dpd AND contractual_dpd = coalesce(as_of - oldest_due_date, 0)"
            " AND is_past_due = (contractual_dpd > 0) AND is_past_due = (past_due_amount > 0)",
            why="Days past due, the oldest late item and the amount past due say the same.",
        ),
        _holds(
            "past_due_amount BETWEEN 0 AND remaining_amount + surplus_amount"
            " AND outstanding_principal_amount >= 0 AND surplus_amount >= 0",
            why="What is late is part of what remains, and neither principal nor surplus is negative.",
        ),
        _holds("is_in_credit = (remaining_amount < 0)", why="A loan is in credit when less than nothing remains."),
        _history_24m(),
    ]


def _account_status(policy: Policy) -> list[Check]:
    return [
        _bucket_edges(policy),
        sql_check(
            f"""
WITH loans AS (
    SELECT source, account_id, sum(remaining_amount) AS remaining FROM status.loan_status GROUP BY ALL
), own AS (
    SELECT source, account_id, sum(due_amount - paid_amount) AS owed
    FROM core.chargebacks WHERE loan_id IS NULL AND due_date <= {_AS_OF} GROUP BY ALL
)
SELECT 1 FROM {{batch}} s
LEFT JOIN {ALLOCATION} p USING (product_code)
LEFT JOIN loans l USING (source, account_id)
LEFT JOIN own o USING (source, account_id)
WHERE s.remaining_amount IS DISTINCT FROM coalesce(l.remaining, 0) + coalesce(o.owed, 0)
    - CASE WHEN p.allocation = 'account' THEN s.surplus_amount ELSE 0 END
""",
            why="An account's remaining is its loans' less the surplus of its common pot.",
        ),
        _holds(
            "(negative_since IS NOT NULL) = (is_in_credit OR is_over_limit OR is_past_due)"
            " AND coalesce(negative_since <= as_of, true) AND is_in_credit = (remaining_amount < 0)"
            " AND is_over_limit = (available_credit_amount < 0) AND is_past_due = (past_due_amount > 0)",
            why="The three flags say what their amounts say, and a negative standing has its first day.",
        ),
        _history_24m(),
        sql_check(
            "SELECT 1 FROM {batch} s FULL JOIN core.accounts a USING (source, account_id)"
            " WHERE s.as_of IS NULL OR a.customer_id IS NULL",
            why="Every account has a status.",
        ),
    ]


def _history(policy: Policy) -> list[Check]:
    return [
        _bucket_edges(policy),
        _holds(
            f"month_end = last_day(month_end) AND month_end <= {_AS_OF}",
            why="History stands at ends of months that are over.",
        ),
    ]


_SUMS = ("loan_count", "outstanding_principal_amount", "past_due_amount")
_DIMENSIONS = {"lender_id": "lenders", "product_code": "products", "region_code": "regions"}


def _adds_up(kept: str, of: str) -> Check:
    """The rows of one dimension together are the row of everything."""
    others = " AND ".join(f"{name} = '{ALL}'" for name in _DIMENSIONS if name != kept)
    differ = " OR ".join(
        f"sum({name}) FILTER ({kept} <> '{ALL}') IS DISTINCT FROM sum({name}) FILTER ({kept} = '{ALL}')"
        for name in (*_SUMS, "account_count")
    )
    return sql_check(
        f"SELECT 1 FROM {{batch}} WHERE {others} GROUP BY as_of, currency HAVING {differ}",
        why=f"The total is the sum of the {of}.",
    )


def _portfolio() -> list[Check]:
    return [
        *(_adds_up(kept, of) for kept, of in _DIMENSIONS.items()),
        _holds(
            "outstanding_principal_amount = 0 OR (0 <= par90_rate AND par90_rate <= par60_rate"
            " AND par60_rate <= par30_rate AND par30_rate <= par1_rate AND par1_rate <= 1)",
            why="More days past due never hold more principal.",
        ),
    ]


def _buckets() -> list[Check]:
    """The same loans are counted twice: by bucket, and in the portfolio."""
    sums = ", ".join(f"sum({name}) AS {name}" for name in _SUMS)
    differ = " OR ".join(f"coalesce(b.{name}, 0) IS DISTINCT FROM p.{name}" for name in _SUMS)
    return [
        sql_check(
            f"""
WITH buckets AS (
    SELECT as_of, currency, {sums} FROM {{batch}} WHERE product_code = '{ALL}' GROUP BY ALL
), total AS (
    FROM risk.portfolio WHERE lender_id = '{ALL}' AND product_code = '{ALL}' AND region_code = '{ALL}'
)
SELECT 1 FROM buckets b FULL JOIN total p USING (as_of, currency) WHERE {differ}
""",
            why="The buckets together hold what the portfolio holds.",
        ),
    ]


def _files() -> list[Check]:
    return [
        _holds(
            "rows_received = rows_accepted + rows_refused + rows_duplicate"
            " AND least(rows_accepted, rows_refused, rows_duplicate) >= 0",
            why="Every row received is accepted, refused or a duplicate.",
        ),
        _holds(
            "amount_received_cents = amount_accepted_cents + amount_refused_cents + amount_duplicate_cents",
            why="Every cent received is accepted, refused or a duplicate.",
        ),
        _holds(
            "outcome = 'accepted' OR rows_refused = rows_received",
            why="Of a refused file no row is taken.",
        ),
    ]
