"""The real command with Prefect's own server: nothing planted stands in its database, in logs, or on the terminal."""

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

landing, warehouse, export = sys.argv[1:]
place = ["-w", warehouse]
night = ["nightly", "--as-of", "2026-02-10", "--landing", landing, *place]
whole, delete = published.suites, shutil.rmtree


def said(*words):
    sys.argv[1:] = words
    try:
        cli.main()
    except SystemExit as end:
        print("ended with", end.code, flush=True)


run.shutil.rmtree = lambda path, **given: None if Path(path).is_relative_to(warehouse) else delete(path, **given)
published.suites = lambda policy: [Suite("x", None, "core.customers", [sql_check("SELECT 1 FROM {batch}", why="No.")])]
said(*night)
published.suites = whole
said(*night)
said("quarantine", "show", *place)
said("quarantine", "show", *place, "--export", export)
said("quarantine", "replay", export, "--landing", landing, *place)
said("runs", *place)
said("status", "--customer", "C", *place)
said("query", "SELECT name FROM core.customers", *place)
said("query", "SELECT CAST(person_id AS DATE) FROM core.customers", *place)
said("keys", "rotate", *place)
said("keys", "list", *place)
"""
"""A night that a check stops, one that is published, every way of looking at them, and a rotation; scratch is kept."""


@pytest.mark.server
def test_no_byte_that_the_command_writes_names_a_person(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    bank.land("accounts_20260210.csv", ACCOUNTS)
    bank.land("customers_20260210.csv", HEAD + TOLD + TOLD.replace("1990-01-01", NAME) + TOLD[:-9] + f"{NAME}\n")
    bank.land("customers_20260210_1.csv", (HEAD + TOLD).replace(",", ";"))
    bank.land("customers_20260210_2.csv", TOLD + TOLD)
    bank.land("customers_20260210_3.csv", (HEAD + TOLD).encode("gb18030"))
    home = tmp_path / "prefect"
    (tmp_path / "tmp").mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_HOME": str(home),
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "TMPDIR": str(tmp_path / "tmp"),
        "PYTHONPATH": str(ROOT),
    }
    script = [sys.executable, "-c", SCRIPT, str(bank.landing), str(bank.warehouse), str(tmp_path / "export.csv")]
    done = subprocess.run(script, cwd=tmp_path, env=environment, capture_output=True, check=False, timeout=300)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == 0, err[-2000:]
    assert [line[11:] for line in out.splitlines() if line.startswith("ended with")] == [
        *"10",
        *"00",
        "2",
        *"00",
        *"22",
        *"00",
    ]
    assert not names(done.stdout), out
    assert not names(done.stderr), err
    bank_files = [path for path in bank.landing.rglob("*") if path.is_file()]
    assert names(b"".join(path.read_bytes() for path in bank_files)), "it is all there in what the lender sent"
    places = [path for path in tmp_path.iterdir() if path != bank.landing]
    for path in places:
        assert leaks(path) == []
    assert list(home.rglob("prefect.db")), "Prefect's database was looked at, too"
    assert not names((tmp_path / "export.csv").read_bytes())
    assert list(bank.warehouse.glob("work/*/masked/customers.parquet")), "so was the scratch of the nights"
