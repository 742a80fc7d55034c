"""The real pay-in-3 book: the figures of an independent solver, and a second full extract that doubles nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.nights import Bank

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "payin3"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the real pay-in-3 book is not here")


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    bank = Bank(tmp_path_factory.mktemp("payin3"))
    for feed in ("transactions", "repayments"):
        bank.land(f"{feed}_20240624.csv", (DATA / f"{feed}.csv").read_bytes(), source="payin3")
    bank.night("2024-06-24")
    return bank


def test_standing(bank: Bank) -> None:
    assert bank.ask("""
SELECT count(*), count(*) FILTER (dpd > 0), count(*) FILTER (dpd > 30), count(*) FILTER (dpd > 60),
    count(*) FILTER (dpd > 90), sum(past_due_amount)::VARCHAR, sum(outstanding_principal_amount)::VARCHAR,
    sum(remaining_amount)::VARCHAR, count(*) FILTER (remaining_amount < 0),
    sum(remaining_amount) FILTER (remaining_amount < 0)::VARCHAR
FROM status.loan_status""") == [(1000, 45, 32, 27, 22, "101802.52", "629189.96", "522110.98", 74, "-128165.67")]


def test_buckets(bank: Bank) -> None:
    found = bank.ask("SELECT count(*) FROM status.loan_status GROUP BY bucket ORDER BY bucket")
    assert [count for (count,) in found] == [955, 13, 5, 5, 1, 2, 1, 18]


def test_month_end(bank: Bank) -> None:
    assert bank.ask("""
SELECT sum(past_due_amount)::VARCHAR, count(*) FILTER (past_due_amount > 0), count(*) FILTER (dpd > 90)
FROM status.loan_history WHERE month_end = '2023-12-31'""") == [("64956.48", 22, 18)]


def test_every_table_has_rows(bank: Bank) -> None:
    empty = {name for name, rows in bank.tables().items() if not rows}
    assert empty == {
        "core.events",
        "core.orders",
        "ops.refused_rows",
        "ops.restatements",
        "status.account_changes",
        "status.loan_history_past",
    }


def test_another_full_extract_doubles_nothing(bank: Bank) -> None:
    before = bank.ask("SELECT count(*), sum(amount) FROM core.repayments")
    for feed in ("transactions", "repayments"):
        bank.land(f"{feed}_20240625.csv", (DATA / f"{feed}.csv").read_bytes(), source="payin3")
    bank.night("2024-06-25")
    assert bank.ask("SELECT count(*), sum(amount) FROM core.repayments") == before
    assert bank.ask("SELECT sum(rows_accepted) FROM ops.files WHERE run_id = '2024-06-25.1'") == [(0,)]
