"""Running nights for real: exit codes, a check that stops publishing, holds, locks, quarantine, secrets, the file."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from expectations import published
from expectations.checks import Suite, sql_check
from flows.cli import app
from flows.errors import CheckFailed, Locked, WrongUse
from flows.stores.warehouse import Warehouse
from tests.nights import Bank
from transforms.policy import Policy

ROOT = Path(__file__).parents[2]
ACCOUNTS = """account_id,customer_id,product_code,opened_date,credit_limit
A,C,baitiao,2026-01-01,500.00
"""
LOANS = """loan_id,account_id,installment_no,due_date,principal,order_date
L,A,1,2026-02-10,100.00,2026-01-10
"""
MONEY = "repayment_id,account_id,paid_date,amount,kind,loan_id\n"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """A bank after its first night."""
    bank = Bank(tmp_path_factory.mktemp("first"), judged=True)
    bank.land("accounts_20260210.csv", ACCOUNTS)
    bank.land("installments_20260210.csv", LOANS)
    bank.land("repayments_20260210.csv", MONEY + "P1,A,2026-02-10,10.00,payment,L\n")
    bank.night("2026-02-10")
    return bank


@pytest.fixture
def bank(first: Bank, tmp_path: Path) -> Bank:
    """The same, to be worked on."""
    shutil.copytree(first.root, tmp_path, dirs_exist_ok=True)
    return Bank(tmp_path, judged=True)


def tally(*words: object) -> tuple[int, str]:
    """Exit code and output of the command, as a user gets them."""
    command = [sys.executable, "-m", "flows.cli", *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    return done.returncode, done.stdout + done.stderr


def broken(why: str) -> list[Suite]:
    """A suite whose one critical check fails as long as P2 is there."""
    check = sql_check("SELECT 1 FROM {batch} WHERE repayment_id = 'P2'", why=why)
    return [Suite("core.repayments", None, "core.repayments", [check])]


def test_a_critical_check_stops_publishing_and_holding_goes_on(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_policy: Policy, **_: bool) -> list[Suite]:
        return broken("P2 must not be.")

    path = bank.land("repayments_20260211.csv", MONEY + "P2,A,2026-02-11,10.00,payment,L\n")
    before = bank.tables()
    monkeypatch.setattr(published, "suites", failing)
    with pytest.raises(CheckFailed, match=r"P2 must not be.*repayments_20260211\.csv.*--hold") as raised:
        bank.night("2026-02-11")
    assert raised.value.exit_code == 1
    assert bank.tables() == before, "nothing was published"
    record = json.loads((bank.warehouse / "runs" / "2026-02-11.1.1.json").read_text())
    assert record["outcome"] == "refused"
    (delivery,) = record["deliveries"]
    assert delivery["path"] == "bank/repayments_20260211.csv"
    told = CliRunner().invoke(app, ["runs", "-w", str(bank.warehouse)])
    assert told.exit_code == 0
    assert "refused" in told.output
    outcome = bank.night("2026-02-11", delivery["sha256"])
    assert outcome.run is None or outcome.run["outcome"] == "published"
    assert path.exists()
    monkeypatch.undo()
    bank.night("2026-02-12")
    assert bank.ask("SELECT run_id, attempt, outcome FROM ops.runs ORDER BY started_at")[1:2] == [
        ("2026-02-11.1", 1, "refused")
    ]
    assert bank.ask("SELECT count(*) FROM core.repayments") == [(2,)], "no longer held, it is taken"


def test_a_check_that_raises_counts_as_critical(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(_policy: Policy, **_: bool) -> list[Suite]:
        return [Suite("x", None, "core.repayments", [sql_check("SELECT no_such FROM {batch}", why="It cannot run.")])]

    bank.land("repayments_20260211.csv", MONEY + "P2,A,2026-02-11,10.00,payment,L\n")
    monkeypatch.setattr(published, "suites", raising)
    with pytest.raises(CheckFailed, match="It cannot run"):
        bank.night("2026-02-11")


def test_a_locked_warehouse_says_who_holds_it(bank: Bank) -> None:
    with (bank.warehouse / ".lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("process 4711")
        lock.flush()
        with pytest.raises(Locked, match="process 4711") as raised:
            bank.night("2026-02-11")
    assert raised.value.exit_code == 3


def test_wrong_use_is_one_sentence_and_exit_code_2(bank: Bank, tmp_path: Path) -> None:
    """By the real command and its own server; all other mistakes are made in `test_cli.py`."""
    policy = tmp_path / "policy.toml"
    policy.write_text('version = "x"\nvolume_factor = 0.5\n[products.default]\nallocation = "both"\n')
    cases = {
        "policy mistakes": ["nightly", "--policy", policy, "--landing", bank.landing, "-w", bank.warehouse],
        "a write": ["query", "DROP TABLE core.loans", "-w", bank.warehouse],
    }
    for name, words in cases.items():
        code, said = tally(*words)
        assert code == 2, (name, said)
        assert "Traceback" not in said, (name, said)
        assert re.search(r"^tally: \S.*[^\n]", said, re.MULTILINE), (name, said)
        if name == "policy mistakes":
            assert "volume_factor" in said
            assert "products.default.allocation" in said


def test_query_formats(bank: Bank, tmp_path: Path) -> None:
    sql = "SELECT loan_id, dpd FROM status.loan_status"
    assert "loan_id" in tally("query", sql, "-w", bank.warehouse)[1]
    assert tally("query", sql, "-w", bank.warehouse, "-f", "csv") == (0, "loan_id,dpd\nL,0\n")
    assert json.loads(tally("query", sql, "-w", bank.warehouse, "-f", "json")[1]) == [{"loan_id": "L", "dpd": 0}]
    target = tmp_path / "out.parquet"
    assert tally("query", sql, "-w", bank.warehouse, "-f", "parquet", "-o", target)[0] == 0
    with duckdb.connect() as connection:
        assert connection.execute(f"SELECT * FROM '{target}'").fetchall() == [("L", 0)]


def test_quarantine_mended_rows_come_in(bank: Bank, tmp_path: Path) -> None:
    bank.land("repayments_20260211.csv", MONEY + "P2,A,2026-02-30,10.00,payment,L\nP3,A,2026-02-11,x,payment,L\n")
    bank.night("2026-02-11")
    runner, place = CliRunner(), ["-w", str(bank.warehouse)]
    assert "bad_date" in runner.invoke(app, ["quarantine", "list", *place]).output
    shown = runner.invoke(app, ["quarantine", "show", *place, "--reason", "bad_amount"]).output
    assert "P3" in shown
    assert "P2" not in shown
    export = tmp_path / "refused.csv"
    assert runner.invoke(app, ["quarantine", "show", *place, "--export", str(export)]).exit_code == 0
    with export.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["raw"] = row["raw"].replace("2026-02-30", "2026-02-10").replace(",x,", ",12.00,")
    with export.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    words = ["quarantine", "replay", str(export), *place, "--landing", str(bank.landing)]
    assert runner.invoke(app, words).exit_code == 0
    bank.night("2026-02-12")
    assert bank.ask("SELECT repayment_id, amount FROM core.repayments ORDER BY ALL") == [
        ("P1", 10),
        ("P2", 10),
        ("P3", 12),
    ]
    assert bank.ask("SELECT DISTINCT replay_of FROM ops.files WHERE replay_of IS NOT NULL") == [
        ("bank/repayments_20260211.csv line 2, 3",)
    ]


def test_init_guesses_a_mapping_that_works(tmp_path: Path) -> None:
    sample = tmp_path / "flows_20260210.csv"
    sample.write_text(
        "流水号;账户;入账日;金额;类型;借据\nP1;A;10.02.2026;1.234,50;还款;L\nP2;A;10.02.2026;8,00;还款;L\n",
        encoding="gb18030",
    )
    target = tmp_path / "guess.toml"
    done = CliRunner().invoke(app, ["init", str(sample), "--source", "shop", "-o", str(target)])
    assert done.exit_code == 0, done.output
    text = target.read_text()
    assert "gb18030" in text
    assert "check" in done.output.lower() or "check" in text.lower()


def test_heavy_libraries_are_loaded_by_those_who_need_them() -> None:
    script = (
        "import sys, flows.cli; heavy = {'prefect', 'great_expectations', 'polars', 'pandas', 'duckdb'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_every_command_has_its_help() -> None:
    for words in ([], ["nightly"], ["backfill"], ["query"], ["quarantine"], ["serve"], ["init"], ["demo"], ["runs"]):
        done = CliRunner().invoke(app, [*words, "--help"])
        assert done.exit_code == 0
        assert "Usage" in done.output


def test_the_published_file(bank: Bank) -> None:
    file = bank.warehouse / "tally.duckdb"
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
    assert not file.with_name("tally.duckdb.wal").exists()
    with duckdb.connect(str(file), read_only=True) as reader:
        bank.land("repayments_20260211.csv", MONEY + "P2,A,2026-02-11,10.00,payment,L\n")
        bank.night("2026-02-11")
        assert reader.execute("SELECT count(*) FROM core.repayments").fetchall() == [(1,)], "a reader keeps its night"
    assert bank.ask("SELECT count(*) FROM core.repayments") == [(2,)]
    assert not list(bank.warehouse.glob(".next-*"))
    silent = """
SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name IN ('core', 'status', 'risk', 'ops')
    AND table_name <> 'loan_history_known' AND NOT coalesce(regexp_matches(comment, '[一-龥]'), false)
UNION ALL SELECT table_name, '' FROM duckdb_tables() WHERE NOT coalesce(regexp_matches(comment, '[一-龥]'), false)
"""
    assert bank.ask(silent) == []


def test_what_nobody_names_is_swept(bank: Bank) -> None:
    lost = bank.warehouse / "lake" / "facts" / "repayments" / "2026-02-09.9.parquet"
    lost.write_bytes(b"left by a killed run")
    leftover = bank.warehouse / ".next-2026-02-11.1.duckdb"
    leftover.write_bytes(b"left by a killed run")
    stale = bank.warehouse / "tally.duckdb.wal"
    stale.write_bytes(b"stale")
    bank.land("repayments_20260211.csv", MONEY + "P2,A,2026-02-11,10.00,payment,L\n")
    bank.night("2026-02-11")
    assert not lost.exists()
    assert not leftover.exists()
    assert not stale.exists()
    assert Warehouse(bank.warehouse).published() is not None


def test_a_file_of_another_layout_names_migrate(bank: Bank) -> None:
    file = bank.warehouse / "tally.duckdb"
    file.chmod(0o644)
    with duckdb.connect(str(file)) as connection:
        connection.execute("UPDATE ops.meta SET schema_version = 99")
    with pytest.raises(WrongUse, match="99"):
        Warehouse(bank.warehouse).published()


def test_a_mapping_whose_expression_fits_no_file_is_refused_by_its_place(bank: Bank) -> None:
    mapping = bank.warehouse / "sources" / "shop.toml"
    mapping.parent.mkdir(exist_ok=True)
    mapping.write_text(
        'source = "shop"\n[files.orders.feeds.orders.columns]\norder_id = "id"\naccount_id = "account"\n'
        'order_date = "day"\namount = { expression = "NO_SUCH_FUNCTION(sum)" }\n'
    )
    with pytest.raises(WrongUse, match=r"shop\.toml[^$]*amount"):
        bank.settings.mapping("shop")
