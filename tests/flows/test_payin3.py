"""The real pay-in-3 book: the figures an independent solver gives, every row and cent, and a second full extract."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from tests.nights import Bank

BOOK = Path(__file__).parents[2].parent / "shared" / "data" / "payin3"
FILES = ("transactions", "repayments")
CORE = ("core.accounts", "core.loans", "core.installments", "core.repayments", "core.chargebacks", "core.customers")
STANDING = ("status.loan_status", "status.account_status", "status.loan_history")

pytestmark = pytest.mark.skipif(not BOOK.is_dir(), reason="the pay-in-3 book does not lie beside the repository")


def extract(bank: Bank, date_and_seq: str) -> None:
    """Lands the whole book, byte for byte."""
    for name in FILES:
        bank.land(f"{name}_{date_and_seq}.csv", (BOOK / f"{name}.csv").read_bytes(), "payin3")


def rows(name: str) -> list[dict[str, str]]:
    """The rows of one of the files."""
    with (BOOK / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def cents(amounts: list[int]) -> Decimal:
    """Their sum in major units."""
    return Decimal(sum(amounts)) / 100


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """The book after its first night."""
    bank = Bank(tmp_path_factory.mktemp("payin3"))
    extract(bank, "20240624")
    bank.night("2024-06-24")
    return bank


def test_standing(bank: Bank) -> None:
    assert bank.ask("""
SELECT count(*), count(*) FILTER (dpd > 0), count(*) FILTER (dpd > 30), count(*) FILTER (dpd > 60),
    count(*) FILTER (dpd > 90) FROM status.loan_status
""") == [(1000, 45, 32, 27, 22)]


def test_amounts(bank: Bank) -> None:
    assert bank.ask("""
SELECT currency, sum(past_due_amount)::VARCHAR, sum(outstanding_principal_amount)::VARCHAR,
    sum(remaining_amount)::VARCHAR, count(*) FILTER (is_in_credit),
    (-sum(remaining_amount) FILTER (is_in_credit))::VARCHAR
FROM status.loan_status GROUP BY currency
""") == [("INR", "101802.52", "629189.96", "522110.98", 74, "128165.67")]
    assert bank.ask("SELECT count(*) FROM status.loan_status WHERE is_in_credit <> (remaining_amount < 0)") == [(0,)]


def test_buckets(bank: Bank) -> None:
    counted = [955, 13, 5, 5, 1, 2, 1, 18]
    of_loans = bank.ask("SELECT bucket, count(*) FROM status.loan_status GROUP BY bucket ORDER BY bucket")
    assert of_loans == [(f"M{number}", count) for number, count in enumerate(counted)]
    late = "SELECT bucket, loan_count FROM risk.buckets WHERE product_code = 'ALL' AND bucket > 'M0' ORDER BY bucket"
    assert bank.ask(late) == of_loans[1:], "the aggregate counts the same loans"


def test_a_month_end_before(bank: Bank) -> None:
    assert bank.ask("""
SELECT sum(past_due_amount)::VARCHAR, count(*) FILTER (past_due_amount > 0), count(*) FILTER (dpd > 90)
FROM status.loan_history WHERE month_end = '2023-12-31'
""") == [("64956.48", 22, 18)]


def test_every_row_and_cent_received_is_accepted(bank: Bank) -> None:
    """Of a transaction come an account, a customer, and an instalment more than its tenure."""
    transactions, repayments = map(rows, FILES)
    plan = [
        int(row["downPaymentAmount"]) + int(row["tenure"]) * (int(row["emiPrincipal"]) + int(row["emiInterest"]))
        for row in transactions
    ]
    limit = 100_000_00
    received = {
        "accounts": (len(transactions), cents([limit] * len(transactions))),
        "customers": (len(transactions), Decimal(0)),
        "installments": (sum(int(row["tenure"]) + 1 for row in transactions), cents(plan)),
        "repayments": (len(repayments), cents([abs(int(row["amount"])) for row in repayments])),
    }
    assert bank.ask("""
SELECT feed, rows_received, amount_received, rows_accepted, amount_accepted, rows_refused + rows_duplicate,
    amount_refused + amount_duplicate FROM ops.files ORDER BY feed
""") == [(feed, *told, *told, 0, Decimal(0)) for feed, told in received.items()]
    assert bank.ask("SELECT line_count FROM ops.files GROUP BY line_count ORDER BY 1") == [(1000,), (2883,)]
    assert bank.ask("SELECT count(*) FROM ops.refused_rows") == [(0,)]


def test_equal_lines_are_payments_of_their_own(bank: Bank) -> None:
    lines = [tuple(row.values()) for row in rows("repayments")]
    assert len(set(lines)) < len(lines)
    assert bank.ask("SELECT count(*), count(DISTINCT repayment_id) FROM core.repayments") == [(len(lines), len(lines))]


def test_another_full_extract_doubles_nothing(bank: Bank) -> None:
    """On the same day every figure stays as it is; on the next one all rows are duplicates again."""
    before = bank.tables()
    told = {table: before[table] for table in (*CORE, *STANDING)}
    extract(bank, "20240624_2")
    assert bank.night("2024-06-24").run is not None
    after = bank.tables()
    assert [table for table in told if after[table] != told[table]] == []
    extract(bank, "20240625")
    bank.night("2024-06-25")
    assert bank.tables()["core.accounts"] == told["core.accounts"]
    assert bank.ask("SELECT count(*), sum(amount) FROM core.repayments WHERE NOT is_void") == [
        (2883, cents([abs(int(row["amount"])) for row in rows("repayments")]))
    ]
    assert bank.ask("""
SELECT run_id, sum(rows_received), sum(rows_accepted), sum(rows_refused), sum(rows_duplicate),
    sum(amount_received) = sum(amount_duplicate)
FROM ops.files WHERE run_id <> '2024-06-24.1' GROUP BY run_id ORDER BY run_id
""") == [("2024-06-24.2", 7977, 0, 0, 7977, True), ("2024-06-25.1", 7977, 0, 0, 7977, True)]
