"""Killed at any point, then run again: the same result as undisturbed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from flows.demo import DEMO_NIGHTS, write_demo
from flows.stores.lake import Lake
from flows.stores.vault import Vault
from flows.stores.warehouse import Warehouse
from tests.nights import Bank

ROOT = Path(__file__).parents[2]
DEATHS = (
    pytest.param("lake file", 3, "after", marks=pytest.mark.slow),
    ("state file", 1, "after"),
    pytest.param("next file", 1, "after", marks=pytest.mark.slow),
    pytest.param("table", 5, "after", marks=pytest.mark.slow),
    pytest.param("manifest", 1, "before", marks=pytest.mark.slow),
    pytest.param("manifest", 1, "after", marks=pytest.mark.slow),
    pytest.param("checkpoint", 1, "before", marks=pytest.mark.slow),
    pytest.param("publish", 1, "before", marks=pytest.mark.slow),
    ("publish", 1, "after"),
)
FIRST, SECOND = (night.isoformat() for night in DEMO_NIGHTS[:2])


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bank]:
    """A folder as it was before the second night, and a bank that had it undisturbed."""
    bank = Bank(tmp_path_factory.mktemp("undisturbed"), {"person_key": "test"})
    write_demo(bank.landing, DEMO_NIGHTS[:1])
    bank.night(FIRST)
    write_demo(bank.landing, DEMO_NIGHTS[1:2])
    before = tmp_path_factory.mktemp("before")
    shutil.copytree(bank.root, before, dirs_exist_ok=True)
    bank.night(SECOND)
    return before, bank


@pytest.mark.parametrize(("point", "call", "when"), DEATHS)
def test_killed_and_run_again(point: str, call: int, when: str, two_nights: tuple[Path, Bank], tmp_path: Path) -> None:
    before, undisturbed = two_nights
    shutil.copytree(before, tmp_path, dirs_exist_ok=True)
    script = [sys.executable, "-m", "tests.flows.dying", str(tmp_path), SECOND, point, str(call), when]
    killed = subprocess.run(
        script, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    bank = Bank(tmp_path, {"person_key": "test"})
    bank.night(SECOND)
    ours, theirs = bank.tables(), undisturbed.tables()
    assert [name for name in theirs if ours[name] != theirs[name]] == []
    assert not list(bank.warehouse.glob(".next-*"))
    assert vault_of(bank).equals(vault_of(undisturbed))
    assert len(list((bank.warehouse / "vault").iterdir())) == len(list((undisturbed.warehouse / "vault").iterdir()))


def vault_of(bank: Bank) -> pl.DataFrame:
    """What the vault holds."""
    published = Warehouse(bank.warehouse).published()
    assert published is not None
    lake = Lake(bank.settings.lake_place()).at(published.manifest)
    vault = Vault.of(bank.warehouse / "vault", bank.settings.keyring, lake.manifest)
    rows = vault.scan().collect()
    assert rows.height
    return rows.sort("source", "customer_id", "delivery_no", "line_number")
