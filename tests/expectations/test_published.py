"""Every check of the published tables: a small consistent warehouse passes it, and one statement breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations import published
from expectations.checks import SQL_EXPECTATION, CheckResult, Suite
from expectations.engine import run_suites
from flows.stores.tables import Writer, create
from tests.expectations.risk_breaks import RISK_BREAKS
from tests.slow.deliveries import Delivery, pack
from tests.slow.ledgers import POLICY, account, filed, installment, payment, repayment
from tests.slow.strategies import histories, policies
from tests.transforms.memory import Memory
from transforms.policy import Policy
from transforms.refusals import WAITING, Refusal
from transforms.tables import TABLES

AS_OF = date(2026, 6, 15)
SUITES = {suite.name: suite for suite in published.suites(POLICY)}

LEDGER = [
    filed("customers", "2026-01-01", customer_id="c"),
    filed("consents", "2026-01-01", consent_id="g", customer_id="c", recipient="bureau", purpose="report"),
    filed(
        "consents",
        "2026-01-01",
        consent_id="h",
        customer_id="c",
        recipient="lender",
        purpose="loan",
        granted_date=date(2026, 1, 1),
    ),
    filed("notices", "2026-01-01", notice_id="n", customer_id="c", sent_date=date(2026, 3, 1)),
    filed("companies", "2026-01-01", company_id="f", kind="company"),
    filed("relations", "2026-01-01", relation_id="v", company_id="f", kind="guarantor", customer_id="c"),
    filed(
        "screenings",
        "2026-01-01",
        screening_id="s",
        company_id="f",
        recipient="lender",
        purpose="loan",
        asked_date=date(2026, 1, 1),
    ),
    # each loan by itself: l is late, k overpaid, m has not started and holds its payment
    account("a", "pay"),
    *(installment(number, f"2026-0{number + 1}-01", 300, 3, 1) for number in (1, 2, 3)),
    payment("2026-02-01", 304),
    payment("2026-03-10", 100),
    repayment("chargeback", "2026-03-20", 100, of="payment 2026-03-10"),
    payment("2026-03-25", 50),
    repayment("reversal", "2026-04-01", 50, of="payment 2026-03-25"),
    installment(1, "2026-02-01", 100, loan="k"),
    payment("2026-01-20", 150, loan="k"),
    installment(1, "2027-01-01", 80, loan="m", ordered="2026-12-01"),
    payment("2026-05-01", 50, loan="m"),
    filed("orders", "2026-01-01", order_id="o", account_id="a", order_date=date(2026, 1, 1), amount_cents=900),
    filed("events", "2026-01-01", event_id="e", account_id="a", kind="reminder", event_date=date(2026, 4, 1)),
    # one pot for two loans, with a surplus, some of which was paid out
    account("b", "line", limit=50),
    *(installment(1, f"2026-0{month}-15", 200, loan=loan, account_id="b") for loan, month in (("p", 4), ("q", 8))),
    repayment("payment", "2026-04-10", 450, loan=None, account_id="b"),
    repayment("chargeback", "2026-05-10", 30, loan=None, account_id="b"),
    # another currency, over the limit
    account("z", "pay", limit=50, currency="INR"),
    installment(1, "2026-07-01", 70, loan="r", account_id="z"),
    repayment("payment", "2026-06-01", 10, loan="r", account_id="z"),
]

FILE: dict[str, object] = {
    "run_id": "2026-06-15.1",
    "source": "north",
    "feed": "repayments",
    "path": "north/repayments_20260615.csv",
    "sha256": "0" * 64,
    "rows_received": 6,
    "rows_accepted": 3,
    "rows_refused": 2,
    "rows_duplicate": 1,
    "amount_received_cents": 600,
    "amount_accepted_cents": 300,
    "amount_refused_cents": 200,
    "amount_duplicate_cents": 100,
    "outcome": "accepted",
}
REFUSED: dict[str, object] = {"rows_accepted": 0, "rows_refused": 6, "rows_duplicate": 0, "amount_accepted_cents": 0}
REFUSED |= {"amount_refused_cents": 600, "amount_duplicate_cents": 0, "outcome": "refused"}


def warehouse(connection: duckdb.DuckDBPyConnection, policy: Policy, deliveries: list[Delivery], as_of: date) -> None:
    """The tables as they are published, and the relations that the caller of the suites provides."""
    memory = Memory(policy)
    memory.night(deliveries, as_of)
    create(connection)
    writer = Writer(connection)
    for name, rows in memory.tables.items():
        lacking = {column: kind for column, kind in TABLES[name].schema.items() if column not in rows.columns}
        writer.append_frame(name, rows.with_columns(pl.lit(None, kind).alias(name) for name, kind in lacking.items()))
    products = policy.product_frame(memory.tables["core.accounts"]["product_code"])
    files = [FILE, {**FILE, **REFUSED, "feed": "orders", "path": "north/orders_20260615.csv"}]
    provided = {
        published.ALLOCATION: products.select("product_code", "allocation"),
        published.LOST_LOANS: pl.DataFrame(schema={"source": pl.String, "loan_id": pl.String}),
        published.FILES: pl.DataFrame(files, schema=TABLES["ops.files"].schema),
    }
    for name, rows in provided.items():
        connection.register("provided", rows.to_arrow())
        connection.execute(f"CREATE TABLE {name} AS FROM provided")
        connection.unregister("provided")


@pytest.fixture(scope="module")
def consistent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a warehouse in which everything holds."""
    path = tmp_path_factory.mktemp("warehouse") / "tally.duckdb"
    with duckdb.connect(path) as connection:
        warehouse(connection, POLICY, pack(LEDGER), AS_OF)
    return path


@pytest.fixture
def tally(consistent: Path, tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy of it, to be broken."""
    path = tmp_path / "tally.duckdb"
    path.write_bytes(consistent.read_bytes())
    with duckdb.connect(path) as connection:
        yield connection


def failed(connection: duckdb.DuckDBPyConnection, *suites: Suite) -> dict[str, CheckResult]:
    """The results of the checks that fail, by their why."""
    results = run_suites(connection, suites, run_name="test", docs=None)
    assert len(results) == sum(len(suite.checks) for suite in suites)
    return {result.why: result for result in results if not result.success}


BREAKS: dict[tuple[str, str], list[str]] = {
    ("core.loans", "No loan of the night before is lost unless a fact says why."): [
        "INSERT INTO lost_loans VALUES ('north', 'gone')",
    ],
    ("core.loans", "Every loan stands on an account."): ["DELETE FROM core.accounts WHERE account_id = 'b'"],
    ("core.loans", "A loan has a status once it has started, and none before."): [
        "DELETE FROM status.loan_status WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET loan_id = 'ghost' WHERE loan_id = 'l'",
        "INSERT INTO status.loan_status BY NAME SELECT * REPLACE ('ghost' AS loan_id) FROM status.loan_status LIMIT 1",
        "UPDATE core.loans SET origination_date = DATE '2026-06-15' WHERE loan_id = 'm'",
        "UPDATE core.loans SET origination_date = DATE '2026-06-16' WHERE loan_id = 'l'",
    ],
    ("core.installments", "The parts of an instalment add up to what is due."): [
        *(
            f"UPDATE core.installments SET {part}_amount = {part}_amount + 0.01 WHERE loan_id = 'k'"
            for part in ("principal", "interest", "fee")
        ),
        "UPDATE core.installments SET interest_amount = NULL WHERE loan_id = 'k'",
    ],
    ("core.installments", "No instalment takes less than nothing or more than is due."): [
        "UPDATE core.installments SET paid_amount = due_amount + 0.01 WHERE loan_id = 'k'",
        "UPDATE core.installments SET paid_amount = -0.01 WHERE loan_id = 'm'",
    ],
    ("core.chargebacks", "No chargeback takes less than nothing or more than is due."): [
        "UPDATE core.chargebacks SET paid_amount = due_amount + 0.01",
        "UPDATE core.chargebacks SET paid_amount = -0.01",
    ],
    (
        "core.repayments",
        "Credits = paid on instalments + paid on chargebacks + surplus + held for loans not started.",
    ): [
        "DELETE FROM core.repayments WHERE repayment_id = 'payment 2026-02-01'",
        "UPDATE core.repayments SET is_void = false WHERE repayment_id = 'payment 2026-03-25'",
        "UPDATE core.repayments SET paid_date = DATE '2026-06-16' WHERE repayment_id = 'payment 2026-02-01'",
        "UPDATE core.repayments SET currency = 'INR' WHERE repayment_id = 'payment 2026-02-01'",
        "UPDATE core.repayments SET loan_id = 'm' WHERE repayment_id = 'payment 2026-02-01'",
        "UPDATE core.loans SET origination_date = DATE '2026-06-15' WHERE loan_id = 'm'",
        "UPDATE policy_products SET allocation = 'account'",
        "UPDATE core.installments SET paid_amount = paid_amount - 0.01 WHERE loan_id = 'r'",
        "UPDATE core.chargebacks SET paid_amount = paid_amount - 0.01 WHERE account_id = 'b'",
        "UPDATE status.account_status SET surplus_amount = surplus_amount + 0.01 WHERE account_id = 'z'",
    ],
    ("status.loan_status", "The bucket is what the days past due say, at every edge."): [
        "UPDATE status.loan_status SET bucket = 'M3' WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET bucket = NULL WHERE loan_id = 'k'",
    ],
    ("status.loan_status", "Days past due, the oldest late item and the amount past due say the same."): [
        "UPDATE status.loan_status SET dpd = dpd + 1 WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET dpd = -1 WHERE loan_id = 'k'",
        "UPDATE status.loan_status SET oldest_due_date = oldest_due_date - 1 WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET oldest_due_date = NULL WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET is_past_due = false WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET past_due_amount = 0 WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET contractual_dpd = NULL WHERE loan_id = 'k'",
    ],
    ("status.loan_status", "What is late is part of what remains, and neither principal nor surplus is negative."): [
        "UPDATE status.loan_status SET past_due_amount = remaining_amount + surplus_amount + 0.01 WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET outstanding_principal_amount = -0.01 WHERE loan_id = 'k'",
        "UPDATE status.loan_status SET surplus_amount = -0.01 WHERE loan_id = 'r'",
    ],
    ("status.loan_status", "A loan is in credit when less than nothing remains."): [
        "UPDATE status.loan_status SET is_in_credit = false WHERE loan_id = 'k'",
        "UPDATE status.loan_status SET is_in_credit = true WHERE loan_id = 'l'",
    ],
    ("status.loan_status", "The string has one place for each of 24 months."): [
        "UPDATE status.loan_status SET history_24m = history_24m || '0' WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET history_24m = history_24m[2:] || '8' WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET history_24m = NULL WHERE loan_id = 'l'",
    ],
    ("status.account_status", "The bucket is what the days past due say, at every edge."): [
        "UPDATE status.account_status SET bucket = 'M0' WHERE account_id = 'a'",
    ],
    ("status.account_status", "An account's remaining is its loans' less the surplus of its common pot."): [
        "UPDATE status.account_status SET remaining_amount = remaining_amount + 0.01 WHERE account_id = 'a'",
        "UPDATE status.account_status SET surplus_amount = surplus_amount + 0.01 WHERE account_id = 'b'",
        "UPDATE status.loan_status SET remaining_amount = remaining_amount - 0.01 WHERE loan_id = 'k'",
        "UPDATE core.chargebacks SET paid_amount = paid_amount - 0.01 WHERE account_id = 'b'",
        "UPDATE policy_products SET allocation = 'loan' WHERE product_code = 'line'",
    ],
    (
        "status.account_status",
        "The three flags say what their amounts say, and a negative standing has its first day.",
    ): [
        "UPDATE status.account_status SET is_past_due = NOT is_past_due WHERE account_id = 'a'",
        "UPDATE status.account_status SET is_over_limit = NOT is_over_limit WHERE account_id = 'z'",
        "UPDATE status.account_status SET is_in_credit = NOT is_in_credit WHERE account_id = 'b'",
        "UPDATE status.account_status SET negative_since = NULL WHERE account_id = 'a'",
        "UPDATE status.account_status SET negative_since = as_of + 1 WHERE account_id = 'a'",
        "UPDATE status.account_status SET available_credit_amount = NULL WHERE account_id = 'b'",
    ],
    ("status.account_status", "The string has one place for each of 24 months."): [
        "UPDATE status.account_status SET history_24m = '' WHERE account_id = 'a'",
    ],
    ("status.account_status", "Every account has a status."): [
        "DELETE FROM status.account_status WHERE account_id = 'z'",
        "DELETE FROM core.accounts WHERE account_id = 'z'",
    ],
    ("status.loan_history", "The bucket is what the days past due say, at every edge."): [
        "UPDATE status.loan_history SET bucket = 'M1' WHERE loan_id = 'l' AND month_end = DATE '2026-04-30'",
    ],
    ("status.loan_history", "History stands at ends of months that are over."): [
        "UPDATE status.loan_history SET month_end = month_end - 1 WHERE loan_id = 'l'",
        "UPDATE status.loan_history SET month_end = DATE '2026-06-30' WHERE month_end = DATE '2026-05-31'",
    ],
    ("risk.portfolio", "The total is the sum of the lenders."): [
        *(
            f"UPDATE risk.portfolio SET {figure} = {figure} + 1 WHERE lender_id = 'ALL' AND currency = 'INR'"
            for figure in ("loan_count", "account_count", "outstanding_principal_amount", "past_due_amount")
        ),
        "DELETE FROM risk.portfolio WHERE lender_id = 'ALL' AND currency = 'INR'",
        "DELETE FROM risk.portfolio WHERE lender_id <> 'ALL' AND currency = 'INR'",
    ],
    ("risk.portfolio", "More days past due never hold more principal."): [
        "UPDATE risk.portfolio SET par1_rate = 1.01 WHERE currency = 'INR'",
        "UPDATE risk.portfolio SET par30_rate = par1_rate + 0.01 WHERE currency = 'INR'",
        "UPDATE risk.portfolio SET par60_rate = 0.01 WHERE currency = 'INR'",
        "UPDATE risk.portfolio SET par90_rate = 0.01 WHERE currency = 'INR'",
        "UPDATE risk.portfolio SET par90_rate = -0.01 WHERE currency = 'INR'",
        "UPDATE risk.portfolio SET par90_rate = NULL WHERE currency = 'INR'",
    ],
    ("risk.buckets", "The buckets together hold what the portfolio holds."): [
        *(
            f"UPDATE risk.buckets SET {figure} = {figure} + 1 WHERE product_code = 'ALL' AND bucket = 'M4'"
            for figure in ("loan_count", "outstanding_principal_amount", "past_due_amount")
        ),
        "DELETE FROM risk.buckets WHERE currency = 'INR'",
        "DELETE FROM risk.portfolio WHERE currency = 'INR'",
    ],
    ("status.loan_status", "Default, stage and class say the same of a loan."): [
        "UPDATE status.loan_status SET ifrs9_stage = 2 WHERE loan_id = 'l'",
        "UPDATE status.loan_status SET default_since = as_of WHERE loan_id = 'k'",
        "UPDATE status.loan_status SET five_tier = 0 WHERE loan_id = 'k'",
        "UPDATE status.loan_status SET default_ends_on = as_of WHERE loan_id = 'l'",
    ],
    ("status.loan_status", "A loan has one credit status, and a charged-off one still owes."): [
        "UPDATE status.loan_status SET credit_status = 'fine' WHERE loan_id = 'k'",
        "UPDATE status.loan_status SET credit_status = 'charged_off' WHERE loan_id = 'k'",
        "UPDATE status.loan_status SET charged_off_on = as_of WHERE loan_id = 'l'",
    ],
    ("status.loan_defaults", "The default that runs is the one that the loan's status tells."): [
        "UPDATE status.loan_defaults SET default_since = default_since + 1",
        "UPDATE status.loan_status SET default_since = NULL WHERE loan_id = 'l'",
    ],
    ("status.loan_defaults", "A default ends after it began."): [
        "UPDATE status.loan_defaults SET default_ends_on = default_since",
    ],
    ("status.customer_status", "Every account counts with exactly one person."): [
        "UPDATE status.customer_status SET account_count = account_count + 1",
        "UPDATE status.customer_status SET remaining_amount = remaining_amount + 0.01",
        "DELETE FROM status.customer_status WHERE currency = 'INR'",
    ],
    ("risk.vintage", "At month 0 a cohort holds what its month originated."): [
        "UPDATE risk.vintage SET loan_count = loan_count + 1",
        "UPDATE risk.vintage SET principal_amount = principal_amount + 0.01",
        "DELETE FROM core.loans WHERE loan_id = 'l'",
    ],
    ("risk.vintage", "What was ever late is part of the cohort."): [
        "UPDATE risk.vintage SET ever_90_count = ever_60_count + 1",
        "UPDATE risk.vintage SET ever_30_amount = principal_amount + 0.01",
    ],
    ("risk.roll_rate", "What left a state is what was in it."): [
        "UPDATE risk.roll_rate SET rate_by_count = rate_by_count / 2",
        "UPDATE risk.roll_rate SET rate_by_amount = rate_by_amount / 2 WHERE rate_by_amount > 0",
    ],
    ("risk.first_payment_default", "Only first instalments that are old enough can be late."): [
        "UPDATE risk.first_payment_default SET fpd7_count = known7_count + 1",
        "UPDATE risk.first_payment_default SET known30_count = loan_count + 1",
    ],
    ("risk.expected_credit_loss", "No expected loss exceeds its exposure."): [
        "UPDATE risk.expected_credit_loss SET expected_loss_amount = exposure_amount + 0.01",
        "UPDATE risk.expected_credit_loss SET expected_loss_amount = -0.01",
    ],
    ("risk.concentration", "Shares add up to no more than the whole."): [
        "UPDATE risk.concentration SET hhi_rate = 1.1",
        "UPDATE risk.concentration SET top10_rate = largest_rate / 2",
    ],
    ("risk.early_warning", "A warning stands above its limit."): [
        "UPDATE risk.early_warning SET is_warning = true, upper_limit_rate = 1",
        "UPDATE risk.early_warning SET roll_forward_rate = 1.1",
    ],
    ("risk.collection", "What was collected was due, and what was cured was in default."): [
        "UPDATE risk.collection SET collected_amount = due_amount + 0.01",
        "UPDATE risk.collection SET cured_count = default_count + 1",
        "UPDATE risk.collection SET redefault_count = cured_count + 1",
    ],
    ("ops.files", "Every row received is accepted, refused or a duplicate."): [
        "UPDATE night_files SET rows_accepted = rows_accepted + 1 WHERE outcome = 'accepted'",
        "UPDATE night_files SET rows_accepted = -1, rows_duplicate = 5 WHERE outcome = 'accepted'",
        "UPDATE night_files SET rows_duplicate = NULL WHERE outcome = 'accepted'",
    ],
    ("ops.files", "Every cent received is accepted, refused or a duplicate."): [
        "UPDATE night_files SET amount_duplicate_cents = 0 WHERE outcome = 'accepted'",
    ],
    ("ops.files", "Of a refused file no row is taken."): [
        "UPDATE night_files SET rows_refused = 5, rows_accepted = 1 WHERE outcome = 'refused'",
    ],
    ("share.portfolio", "A cell shows enough people, or nothing."): [
        "UPDATE share.portfolio SET loan_count = 1 WHERE currency = 'INR'",
        "UPDATE share.portfolio SET par30_rate = 0 WHERE currency = 'INR'",
    ],
    ("share.portfolio", "What is shown of the portfolio is what risk says, and every cell is accounted for."): [
        "DELETE FROM share.portfolio WHERE currency = 'INR'",
        "DELETE FROM risk.portfolio WHERE currency = 'INR'",
        "UPDATE share.portfolio SET suppression = 'complementary' WHERE currency = 'INR'",
    ],
    ("share.lender_comparison", "The pool is that of the shared portfolio, and a hidden lender shows no rate."): [
        "UPDATE share.lender_comparison SET par30_rate = 0.5 WHERE currency = 'INR'",
        "UPDATE share.lender_comparison SET pool_npl_rate = 0.5 WHERE currency = 'INR'",
    ],
    ("share.overlap", "A cell shows enough people, or nothing."): [
        "UPDATE share.overlap SET person_count = 1 WHERE currency = 'INR'",
        "UPDATE share.overlap SET suppression = NULL WHERE currency = 'INR'",
    ],
    ("share.overlap", "Nobody is late where they have no loan."): [
        "UPDATE share.overlap SET late_lenders = '9' WHERE currency = 'INR' AND lenders = '1' AND late_lenders = '0'",
    ],
    ("share.standards", "Every number of days lies in one range."): [
        "DELETE FROM share.standards WHERE dpd_from = 0",
        "UPDATE share.standards SET dpd_to = dpd_to + 1 WHERE dpd_from = 30",
    ],
    ("share.screening", "A grade is told of those who were looked at, and says when somebody was left out."): [
        "UPDATE share.screening SET grade = NULL",
        "UPDATE share.screening SET person_count = 0, default_person_count = 0",
        "UPDATE share.screening SET withheld_count = 1",
        "UPDATE share.screening SET grade_reasons_en = []",
        "UPDATE share.screening SET kind = NULL",
        "UPDATE share.screening SET default_person_count = person_count + 1",
    ],
    ("share.screening", "Whoever asked by the day is answered, if only that the counterparty is not known."): [
        "UPDATE share.screening SET screening_id = 'other'",
    ],
    ("share.screening_amounts", "No part is larger than its whole."): [
        "UPDATE share.screening_amounts SET defaulted_principal_amount = outstanding_principal_amount + 0.01",
        "UPDATE share.screening_amounts SET guarantee_default_amount = guarantee_amount + 0.01",
        "UPDATE share.screening_amounts SET person_hhi = 1.1",
    ],
    ("share.screening_persons", "Every person that counts is told, and nobody else."): [
        "UPDATE share.screening_persons SET person_no = 2",
        "UPDATE share.screening SET person_count = 2",
    ],
    **RISK_BREAKS,
}
"""For each check that a table declares for itself: statements each of which breaks it, and no other of its suite."""


def breaks_of_grain(suite: Suite) -> dict[str, str]:
    """For each check of the key: a statement that breaks it; it may break others, for it makes a row of nobody."""
    key = TABLES[suite.name].key
    breaks = {}
    for check in suite.checks:
        if check.expectation != SQL_EXPECTATION:
            one = f"rowid = (SELECT min(rowid) FROM {suite.table})"
            breaks[check.why] = f"UPDATE {suite.table} SET {check.column} = NULL WHERE {one}"
        elif check.column == ", ".join(key):
            breaks[check.why] = f"INSERT INTO {suite.table} FROM {suite.table} LIMIT 1"
    return breaks


GRAIN = [(name, why, statement) for name, suite in SUITES.items() for why, statement in breaks_of_grain(suite).items()]
OWN = [(name, why, statement) for (name, why), statements in BREAKS.items() for statement in statements]


def test_every_check_is_told_by_suite_and_why_and_can_be_broken() -> None:
    declared = [(suite.name, check.why) for suite in SUITES.values() for check in suite.checks]
    assert len(set(declared)) == len(declared)
    assert sorted(declared) == sorted([*BREAKS, *((name, why) for name, why, _ in GRAIN)])
    assert all(BREAKS.values())


def test_every_state_table_has_its_suite() -> None:
    assert set(SUITES) == {"ops.files", *(name for name, table in TABLES.items() if table.scope == "state")}
    assert {check.severity for suite in SUITES.values() for check in suite.checks} == {"critical"}


def test_a_consistent_warehouse_passes_every_check(tally: duckdb.DuckDBPyConnection) -> None:
    for suite in SUITES.values():
        assert tally.sql(f"FROM {suite.table}").fetchall(), f"{suite.table} is empty: nothing can fail in it"
    assert failed(tally, *SUITES.values()) == {}


@pytest.mark.parametrize(("name", "why", "statement"), OWN)
def test_a_statement_breaks_one_check(tally: duckdb.DuckDBPyConnection, name: str, why: str, statement: str) -> None:
    tally.execute(statement)
    result = failed(tally, SUITES[name])
    assert list(result) == [why]
    assert result[why].unexpected_count > 0


@pytest.mark.parametrize(("name", "why", "statement"), GRAIN)
def test_a_key_is_there_and_unique(tally: duckdb.DuckDBPyConnection, name: str, why: str, statement: str) -> None:
    tally.execute(statement)
    assert failed(tally, SUITES[name])[why].unexpected_count == 1


@pytest.mark.parametrize("name", ["core.installments", "core.repayments", "status.loan_history"])
def test_of_a_part_keys_of_accounts_worked_on_are_looked_for_everywhere(
    tally: duckdb.DuckDBPyConnection, name: str
) -> None:
    suite = next(each for each in published.suites(POLICY, is_part=True) if each.name == name)

    def is_twice() -> bool:
        return any(why.endswith(published.NO_KEY_TWICE) for why in failed(tally, suite))

    theirs = f"{name} SEMI JOIN {published.WORKED_ON} USING (source, account_id)"
    tally.execute(f"CREATE TABLE {published.WORKED_ON} AS SELECT source, account_id FROM {name} LIMIT 1")
    assert not is_twice()
    tally.execute(f"INSERT INTO {name} SELECT * REPLACE ('another' AS account_id) FROM {theirs} LIMIT 1")
    assert is_twice()
    tally.execute(f"DELETE FROM {published.WORKED_ON}")
    assert not is_twice()


def test_instalments_of_the_original_plan_are_told_apart_by_number(tally: duckdb.DuckDBPyConnection) -> None:
    tally.execute("UPDATE core.installments SET installment_no = 1 WHERE loan_id = 'l'")
    assert [result.column_name for result in failed(tally, SUITES["core.installments"]).values()] == [
        "source, loan_id, plan_date, installment_no"
    ]


EDGES = {0: "M0", 1: "M1", 30: "M1", 31: "M2", 60: "M2", 61: "M3", 90: "M3", 91: "M4", 120: "M4", 121: "M5"}
EDGES |= {150: "M5", 151: "M6", 180: "M6", 181: "M7", 2000: "M7"}


def test_the_bucket_is_right_at_every_edge(tally: duckdb.DuckDBPyConnection) -> None:
    tally.execute("CREATE TABLE edges (dpd INTEGER, bucket VARCHAR)")
    tally.executemany("INSERT INTO edges VALUES (?, ?)", list(EDGES.items()))
    (check,) = [check for check in SUITES["status.loan_history"].checks if check.column == "bucket"]
    edges = Suite("edges", None, "edges", [check])
    assert failed(tally, edges) == {}
    tally.execute("UPDATE edges SET bucket = 'M' || (bucket[2]::INT + 1) % 8")
    assert failed(tally, edges)[check.why].unexpected_count == len(EDGES)


def test_rows_that_wait_are_reported_by_their_reason() -> None:
    schema = TABLES["ops.refused_rows"].schema
    rows = [
        {"is_waiting": True, "reasons": [Refusal.ORPHAN.value]},
        {"is_waiting": True, "reasons": [Refusal.NO_LOAN.value, Refusal.ORPHAN.value]},
        {"is_waiting": True, "reasons": [Refusal.BAD_REFERENCE.value]},
        {"is_waiting": False, "reasons": [Refusal.BAD_DATE.value]},
    ]
    suite = published.references()
    with duckdb.connect() as connection:
        connection.register(published.REFUSED, pl.DataFrame(rows, schema=schema).to_arrow())
        results = run_suites(connection, [suite], run_name="test", docs=None)
        connection.register(published.REFUSED, pl.DataFrame(rows[3:], schema=schema).to_arrow())
        assert failed(connection, suite) == {}
    assert {(result.column_name, result.unexpected_count) for result in results} == {
        ("orphan", 2),
        ("no_loan", 1),
        ("bad_reference", 1),
    }
    assert {result.severity for result in results} == {"warning"}
    assert [check.column for check in suite.checks] == list(WAITING)


@pytest.mark.slow
@settings(max_examples=200)
@given(policies(), histories(), st.data())
def test_no_check_fails_on_what_the_transforms_make(
    policy: Policy, deliveries: list[Delivery], data: st.DataObject
) -> None:
    """A critical check stops publishing, so it may never fail by mistake, whatever lenders send."""
    as_of = data.draw(st.sampled_from(sorted({delivery.business_date for delivery in deliveries})))
    with duckdb.connect() as connection:
        warehouse(connection, policy, [each for each in deliveries if each.business_date <= as_of], as_of)
        for suite in published.suites(policy):
            for check in suite.checks:
                absent = f"SELECT 1 FROM {{batch}} WHERE {check.column} IS NULL"
                query = str(check.kwargs.get("unexpected_rows_query", absent)).format(batch=suite.table)
                assert not connection.sql(query).fetchall(), (suite.name, check.why)
