"""The published file: whole, closed, read-only, told in two languages; readers keep their night, leavings are swept."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from flows import judging
from flows.errors import TryAgain
from flows.run import Run
from flows.stores.limited import limited
from flows.stores.warehouse import Warehouse
from tests.flows.hungry import hungry
from tests.flows.small import GOOD, MONEY, land_base
from tests.nights import Bank
from transforms.tables import TABLES

COUNT = "SELECT count(*) FROM core.repayments"
READER = f"""
import sys, duckdb
held = duckdb.connect(sys.argv[1], read_only=True)
for _ in sys.stdin:
    print(held.execute("{COUNT}").fetchone()[0], flush=True)
held.close()
print(duckdb.connect(sys.argv[1], read_only=True).execute("{COUNT}").fetchone()[0])
"""
"""Another process that opens the file once, and asks it whenever it is given a line; at the end it opens it anew."""


def payment(bank: Bank, number: int, day: str) -> None:
    """Lands a payment of its own."""
    line = GOOD["repayments"].replace("P,", f"P{number},", 1).replace("2026-02-10", day)
    bank.land(f"repayments_{day.replace('-', '')}.csv", f"{MONEY}{line}\n")


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """A bank after two nights."""
    bank = Bank(tmp_path_factory.mktemp("file"))
    land_base(bank, "bank")
    for number, day in enumerate(("2026-02-10", "2026-02-11"), 1):
        payment(bank, number, day)
        bank.night(day)
    return bank


def test_it_is_read_only_and_closed(bank: Bank) -> None:
    assert stat.S_IMODE((bank.warehouse / "tally.duckdb").stat().st_mode) == 0o444
    beside = [path.name for path in bank.warehouse.iterdir() if ".duckdb" in path.name]
    assert beside == ["tally.duckdb"], "no log, and nothing left of what was built aside"


def test_it_may_be_copied_anywhere(bank: Bank, tmp_path: Path) -> None:
    copied = shutil.copyfile(bank.warehouse / "tally.duckdb", tmp_path / "elsewhere.duckdb")
    with duckdb.connect(str(copied), read_only=True) as connection:
        assert connection.execute(COUNT).fetchall() == [(2,)]


def test_every_table_and_column_is_told_in_english_and_chinese(bank: Bank) -> None:
    told = bank.ask("""
SELECT schema_name || '.' || table_name AS name, comment FROM duckdb_tables()
UNION ALL SELECT schema_name || '.' || view_name, comment FROM duckdb_views() WHERE NOT internal
UNION ALL SELECT c.schema_name || '.' || c.table_name || '.' || column_name, c.comment
FROM duckdb_columns() c JOIN duckdb_tables() t USING (schema_name, table_name)
""")
    assert len(told) > sum(len(table.columns) for table in TABLES.values())
    assert [name for name, text in told if not re.search("[A-Za-z]{3}.*[一-龥]", text or "", re.DOTALL)] == []


def test_a_reader_keeps_its_night_while_the_next_is_published(bank: Bank) -> None:
    command = [sys.executable, "-c", READER, str(bank.warehouse / "tally.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.write("\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "2\n"
        payment(bank, 3, "2026-02-12")
        bank.night("2026-02-12")
        assert bank.ask(COUNT) == [(3,)]
        held, anew = reader.communicate("\n")[0].split()
    assert (held, anew) == ("2", "3"), "its night while it is open, the next one once it has closed it"


def test_a_run_that_reads_spills_apart_from_other_readers(bank: Bank) -> None:
    """They all spill beside the file, under the same names."""
    spilled = bank.warehouse / ".next-spilled"
    with Warehouse(bank.warehouse).reader(memory="60MB") as connection:
        connection.execute(
            "CREATE TEMP TABLE much AS SELECT repeat('x', 50) || hash(i) AS x FROM range(1_500_000) r(i)"
        )
        assert list(spilled.iterdir()), "it had to spill"
    assert not spilled.exists()
    assert not (bank.warehouse / "tally.duckdb.tmp").exists()


@pytest.mark.parametrize(("owner", "name"), [(judging, "limited"), (Run, "reader"), (Run, "open_next")])
def test_too_little_memory_is_a_sentence(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, name: str
) -> None:
    """Wherever in the night it is that DuckDB has not enough; what was published stands."""
    poor = Bank(tmp_path, {"memory": "64MB"})
    shutil.copytree(bank.root, tmp_path, dirs_exist_ok=True)
    payment(poor, 9, "2026-02-14")
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, hungry(getattr(owner, name)))
        with pytest.raises(
            TryAgain, match=r"needed more than the 64MB of memory .* TALLY_MEMORY=4GB, and run the same command"
        ):
            poor.night("2026-02-14")
    assert poor.ask(COUNT) == bank.ask(COUNT)
    assert poor.night("2026-02-14").run is not None, "so much is enough for so small a book"


HINT = "failed to pin block of size 256.0 KiB\n* Increasing the memory limit (SET memory_limit='...GB')"
"""What DuckDB says of too little memory, whatever its error is."""


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (duckdb.OutOfMemoryException("could not allocate block"), TryAgain, "needed more than the 64MB"),
        (duckdb.TransactionException(f"Failed to commit: {HINT}"), TryAgain, "needed more than the 64MB"),
        (duckdb.FatalException(f"Failed to rollback transaction: {HINT}"), TryAgain, "needed more than the 64MB"),
        (duckdb.TransactionException("Failed to commit: conflict"), duckdb.TransactionException, "conflict"),
    ],
)
def test_errors_of_memory_are_told_from_others(error: duckdb.Error, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said), limited(":memory:", "64MB") as connection:
        raise error
    with pytest.raises(duckdb.ConnectionException, match="closed"):
        connection.execute("SELECT 1")


def test_leavings_are_swept_at_the_next_start(bank: Bank) -> None:
    """Kept is what the published manifest or its predecessor names; all else in the lake goes."""
    payment(bank, 4, "2026-02-13")
    bank.night("2026-02-13")
    lake = bank.warehouse / "lake"
    by_name = {path.name: json.loads(path.read_bytes()) for path in (lake / "manifests").iterdir()}
    latest = by_name["2026-02-13.1.json"]
    before = by_name[latest["previous"]]
    named = {lake / file["path"] for document in (latest, before) for file in document["files"]}
    manifests = {lake / "manifests" / f"{document['run_id']}.json" for document in (latest, before)}
    outdated = {path for path in lake.rglob("*") if path.is_file()} - named - manifests
    assert outdated, "there is something that only older manifests name"
    left = [
        lake / "facts" / "repayments" / "2026-02-14.1.parquet",
        lake / "manifests" / "2026-02-14.1.json",
        bank.warehouse / ".next-2026-02-14.1.duckdb",
        bank.warehouse / ".next-2026-02-14.1.duckdb.wal",
        bank.warehouse / ".next-2026-02-14.1.duckdb.tmp" / "duckdb_temp_storage_DEFAULT-0.tmp",
        bank.warehouse / "tally.duckdb.wal",
        bank.warehouse / "work" / "2026-02-14.1" / "left",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left by a run that was killed")
    assert bank.night("2026-02-13").run is None, "even where there is nothing new"
    assert [path for path in (*left, *outdated) if path.exists()] == []
    assert {path for path in lake.rglob("*") if path.is_file()} == named | manifests
    assert bank.ask(COUNT) == [(4,)]
