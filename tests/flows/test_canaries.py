"""The real command with Prefect's own server, stopped by a check: nothing planted stands in its database or logs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.canaries import ADDRESS, CITY, NAME, NUMBER, PHONE, leaks, names
from tests.flows.small import ACCOUNTS
from tests.nights import Bank

ROOT = Path(__file__).parents[2]
HEAD = "customer_id,id_type,id_number,name,birth_date,phone,address,city,state_code,postal_code\n"
TOLD = f"C,resident_id,{NUMBER},{NAME},1990-01-01,{PHONE},{ADDRESS},{CITY},PLANTED,PLANTED\n"
SCRIPT = """
import shutil, sys
from pathlib import Path
from expectations import published
from expectations.checks import Suite, sql_check
from flows import cli, run

delete = shutil.rmtree
run.shutil.rmtree = lambda path, **given: None if "work" in Path(path).parts else delete(path, **given)
published.suites = lambda *_, **o: [Suite("x", None, "core.customers", [sql_check("SELECT 1 FROM {batch}", why="No.")])]
cli.main()
"""
"""A night that a check stops, and whose scratch is kept."""


@pytest.mark.server
def test_no_byte_that_the_command_writes_names_a_person(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    bank.land("accounts_20260210.csv", ACCOUNTS)
    bank.land("customers_20260210.csv", HEAD + TOLD + "D" + TOLD[1:].replace("1990-01-01", NAME) + "E" + TOLD[1:9])
    bank.land("customers_20260210_1.csv", (HEAD + TOLD).replace(",", ";"))
    bank.land("customers_20260210_2.csv", TOLD + TOLD)
    bank.land("customers_20260210_3.csv", (HEAD + TOLD).encode("gb18030"))
    home = tmp_path / "prefect"
    (tmp_path / "tmp").mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_HOME": str(home),
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "TMPDIR": str(tmp_path / "tmp"),
        "PYTHONPATH": str(ROOT),
    }
    night = ("nightly", "--as-of", "2026-02-10", "--landing", str(bank.landing), "-w", str(bank.warehouse))
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("w") as told, err.open("w") as complained:
        script = [sys.executable, "-c", SCRIPT, *night]
        stopped = subprocess.run(script, cwd=tmp_path, env=environment, stdout=told, stderr=complained, check=False)
    assert stopped.returncode == 1, err.read_text()[-2000:]
    assert list(bank.warehouse.glob("work/*/masked/customers.parquet")), "the scratch of the night is still there"
    assert leaks(bank.warehouse, home, tmp_path / "tmp") == []
    assert list(home.rglob("prefect.db")), "Prefect's database was looked at, too"
    assert not names(out.read_bytes())
    assert not names(err.read_bytes())
