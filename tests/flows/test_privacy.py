"""Names and identity numbers stand nowhere; a person is a keyed hash, the same at every lender."""

from __future__ import annotations

import csv
import gzip
import hashlib
import hmac
import io
import json
import logging
import re
import shutil
import stat
from pathlib import Path

import duckdb
import polars as pl
import pytest

from expectations import published
from expectations.checks import Suite, sql_check
from flows.errors import CheckFailed, WrongUse
from flows.quarantine import show_rows
from tests.flows.canaries import ADDRESS, CITY, NAME, NUMBER, PHONE, leaks, names
from tests.flows.command import tally
from tests.flows.small import ACCOUNTS, map_source
from tests.nights import Bank
from transforms.policy import Policy

MARK = "PLANTED"
HEAD = "customer_id,id_type,id_number,name,birth_date,is_deleted\n"
WHOLE = "customer_id,id_type,id_number,name,birth_date,phone,address,city,state_code,postal_code\n"
TOLD = f"C,resident_id,{NUMBER},{NAME},1990-01-01,{PHONE},{ADDRESS},{CITY},PLANTED,PLANTED\n"
FILES: dict[str, dict[str, str | bytes]] = {
    "good": {"customers_20260210.csv": f"{HEAD}C,resident_id,{NUMBER},{NAME},1990-01-01,\n"},
    "whole": {"customers_20260210.csv": WHOLE + TOLD},
    "whole-bytes": {"customers_20260210.csv": (WHOLE + TOLD + TOLD[:-9]).encode("gb18030")},
    "whole-quoted": {"customers_20260210.csv": WHOLE + TOLD.replace(NAME, f'"{NAME}\n{NAME}"')},
    "whole-delimiter": {"customers_20260210.csv": (WHOLE + TOLD).replace(",", ";")},
    "whole-gzip": {"customers_20260210.csv.gz": gzip.compress((WHOLE + TOLD).encode())},
    "whole-headless": {"customers_20260210.csv": TOLD + TOLD},
    "whole-jsonl": {
        "customers_20260210.jsonl": json.dumps({"customer_id": "C", "name": NAME, "phone": PHONE, "address": ADDRESS})
        + "\n"
    },
    "same": {"customers_20260210.csv": f"{HEAD}K,RESIDENT_ID, {NUMBER.lower()},{NAME},1990-01-01,\n"},
    "unnumbered": {"customers_20260210.csv": f"{HEAD}C,resident_id,,{NAME},1990-01-01,\n"},
    "bad-cell": {"customers_20260210.csv": f"{HEAD}C,resident_id,{NUMBER},{NAME},1990-02-30,\n"},
    "name-for-date": {"customers_20260210.csv": f"{HEAD}C,resident_id,{NUMBER},1990-02-20,{NAME},\n"},
    "short": {"customers_20260210.csv": f"{HEAD}C,resident_id,{NUMBER},{NAME}\n"},
    "long": {"customers_20260210.csv": f"{HEAD}C,resident_id,{NUMBER},{NAME},1990-01-01,,{NAME}\n"},
    "bytes": {"customers_20260210.csv": f"{HEAD}C,resident_id,{NUMBER},".encode() + NAME.encode("gb18030") + b",,\n"},
    "open-quote": {"customers_20260210.csv": f'{HEAD}C,resident_id,{NUMBER},"{NAME},1990-01-01,\n'},
    "conflict": {"customers_20260210.csv": f"{HEAD}C,x,{NUMBER},{NAME},1990-01-01,\nC,y,1,{NAME},1990-01-02,\n"},
    "deleted": {"customers_20260210.csv": f"{HEAD}C,resident_id,{NUMBER},{NAME},1990-01-01,true\n"},
    "headless": {"customers_20260210.csv": f"C,resident_id,{NUMBER},{NAME},1990-01-01,x\nD,resident_id,{NUMBER}\n"},
    "headless-twice": {"customers_20260210.csv": f"C,{NAME},{NAME},1990-01-01\n"},
    "other-delimiter": {"customers_20260210.csv": (HEAD + f"C,,{NUMBER},{NAME},,\n").replace(",", ";")},
    "unknown-column": {"customers_20260210.csv": f"{HEAD.strip()},x\nC,,{NUMBER},{NAME},1990-01-01,,1\n{NAME}\n"},
    "no-gzip": {"customers_20260210.csv.gz": f"{HEAD}C,resident_id,{NUMBER},{NAME},1990-01-01,\n"},
    "gzip": {"customers_20260210.csv.gz": gzip.compress(f"{HEAD}C,,{NUMBER},{NAME},1990-02-30,\n".encode())},
    "jsonl": {
        "customers_20260210.jsonl": json.dumps({"customer_id": "C", "name": NAME, "birth_date": NUMBER})
        + f'\n{{"customer_id": "C", "name": "{NAME}"\n'
    },
    "clients": {
        "clients_20260210.csv": "account_id,customer_id,product_code,opened_date,credit_limit,name,id_number\n"
        f"A,C,x,2026-01-01,1.00,{NAME},{NUMBER}\nB,C,x,2026-02-30,1.00,{NAME},{NUMBER}\nB,{NAME}\n"
    },
    "clients-delimiter": {
        "clients_20260210.csv": "account_id;customer_id;product_code;opened_date;credit_limit;name;id_number\n"
        f"A;C;x;2026-01-01;1.00;{NAME};{NUMBER}\nB,{NAME}\n"
    },
    "orphans": {"orders_20260210.csv": "order_id,account_id,order_date,amount\nO,Z,2026-02-10,1.00\n"},
}
"""Source: its files. Whatever goes wrong in them, nothing of a person may remain."""
CLIENTS = "[files.clients.feeds.accounts]\n[files.clients.feeds.customers]\n"


def parquet() -> bytes:
    """A file of customers in Parquet, its birthday none."""
    buffer = io.BytesIO()
    pl.DataFrame({"customer_id": ["C"], "id_number": [NUMBER], "name": [NAME], "birth_date": ["never"]}).write_parquet(
        buffer
    )
    return buffer.getvalue()


def failing(_policy: Policy, **_: bool) -> list[Suite]:
    """The suites, and one critical check that fails."""
    return [Suite("x", None, "core.customers", [sql_check("SELECT 1 FROM {batch}", why="Nobody may be there.")])]


@pytest.fixture(scope="module")
def told() -> io.StringIO:
    """What is logged meanwhile."""
    return io.StringIO()


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, told: io.StringIO) -> Bank:
    """A night that is stopped by a check, then one that is not, with all of that."""
    bank = Bank(tmp_path_factory.mktemp("privacy"), docs=True)
    for source, files in FILES.items():
        for name, content in files.items():
            bank.land(name, content, source)
    bank.land("customers_20260210.parquet", parquet(), "parquet")
    bank.land("accounts_20260210.csv", ACCOUNTS, "good")
    for source in ("clients", "clients-delimiter"):
        map_source(bank, source, CLIENTS)
    handler = logging.StreamHandler(told)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(published, "suites", failing)
            patch.setattr(shutil, "rmtree", lambda *_, **__: None)
            with pytest.raises(CheckFailed, match="Nobody may be there"):
                bank.night("2026-02-10")
        assert list((bank.warehouse / "work").rglob("identities/*.sealed")), (
            "what a night leaves meanwhile is still there"
        )
        assert list((bank.warehouse / "work").rglob("records/*/*.sealed")), "and what it takes apart line by line"
        assert leaks(bank.warehouse) == [], "not even of a run that failed, nor while it ran"
        bank.night("2026-02-10")
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    return bank


def test_no_byte_below_the_warehouse_names_a_person(bank: Bank) -> None:
    assert leaks(bank.warehouse) == []
    assert [path for path in bank.warehouse.rglob("*.html") if path.is_file()], "Data Docs were looked at, too"


def test_no_log_line_names_a_person(bank: Bank, told: io.StringIO) -> None:
    assert bank.ask("SELECT count(*) FROM core.customers WHERE person_id IS NOT NULL")[0][0] > 0
    assert "read delivery" in told.getvalue()
    assert not names(told.getvalue().encode())


def test_no_command_names_a_person(bank: Bank, tmp_path: Path) -> None:
    """Not even when it fails; and nothing that it writes does."""
    shutil.copytree(bank.root, tmp_path, dirs_exist_ok=True)
    bank, export = Bank(tmp_path), tmp_path / "export.csv"
    where = ("-w", str(bank.warehouse))
    said = [
        tally("quarantine", "show", *where),
        tally("quarantine", "show", *where, "--export", export),
        tally("quarantine", "replay", export, "--landing", bank.landing, *where),
        tally("runs", *where),
        tally("status", "--customer", "C", "--source", "good", *where),
        tally("query", "SELECT name FROM core.customers", *where),
        tally("query", "SELECT CAST(person_id AS DATE) FROM core.customers", *where),
        tally("keys", "rotate", *where),
        tally("keys", "list", *where),
        tally("keys", "forget", "--source", "good", "C", *where),
    ]
    assert [one.code for one in said] == [0, 0, 2, 0, 0, 2, 2, 0, 0, 0]
    assert [one for one in said if names((one.out + one.err).encode())] == []
    assert leaks(bank.warehouse) == []
    assert not names(export.read_bytes())
    assert "1 of 1 customer(s) were in the vault, and are no more." in said[-1].out
    sealed = [path for path in bank.warehouse.rglob("*") if path.suffix == ".sealed"]
    assert [path.parent for path in sealed] == [bank.warehouse / "vault"]


def test_lines_are_withheld_and_still_told_apart(bank: Bank, tmp_path: Path) -> None:
    rows = bank.ask("SELECT source, raw FROM ops.refused_rows WHERE source <> 'orphans'")
    assert {source for source, _ in rows} >= {
        *("bad-cell", "name-for-date", "short", "long", "bytes", "open-quote", "conflict", "unknown-column"),
        *("gzip", "jsonl", "clients", "clients-delimiter", "parquet"),
    }
    assert [row for row in rows if not re.fullmatch(r"\[withheld: \d+ bytes, sha256 [0-9a-f]{64}\]", row[1])] == []
    line = FILES["bad-cell"]["customers_20260210.csv"].splitlines()[1]
    assert isinstance(line, str)
    content = line.encode()
    assert ("bad-cell", f"[withheld: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}]") in rows
    export = tmp_path / "export.csv"
    show_rows(bank.settings, None, None, export)
    with export.open(newline="", encoding="utf-8-sig") as file:
        assert len(list(csv.DictReader(file))) == len(rows) + 1
    assert MARK.encode() not in export.read_bytes()


def test_a_person_is_the_keyed_hash_of_type_and_number(bank: Bank) -> None:
    """In one spelling, whatever the lender's; nothing where the number is missing."""
    key = (bank.warehouse / "keys" / "person.key").read_text().strip().encode()
    said = f"RESIDENT_ID\x1f{NUMBER}".upper().encode()
    person = hmac.new(key, said, hashlib.sha256).hexdigest()
    found = dict(
        bank.ask("SELECT source, person_id FROM core.customers WHERE source IN ('good', 'same', 'unnumbered')")
    )
    assert found == {"good": person, "same": person, "unnumbered": None}


def test_the_key_is_made_once_and_for_its_owner_alone(bank: Bank) -> None:
    key = bank.warehouse / "keys" / "person.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert re.fullmatch("[0-9a-f]{64}", key.read_text())
    first = key.read_bytes()
    assert bank.settings.key() == first == bank.settings.key()
    key.chmod(0o644)
    with pytest.raises(WrongUse, match="chmod 600"):
        bank.settings.key()
    key.chmod(0o600)


def test_the_same_key_gives_the_same_person_in_another_warehouse(bank: Bank, tmp_path: Path) -> None:
    key = (bank.warehouse / "keys" / "person.key").read_text()
    persons = []
    for name, given in (("equal", key), ("other", "another key")):
        twin = Bank(tmp_path / name, {"person_key": given})
        twin.land("customers_20260210.csv", FILES["good"]["customers_20260210.csv"])
        twin.night("2026-02-10")
        persons += twin.ask("SELECT person_id FROM core.customers")
        assert not (twin.warehouse / "keys" / "person.key").exists()
    ((held,),) = bank.ask("SELECT person_id FROM core.customers WHERE source = 'good'")
    assert persons[0] == (held,)
    assert persons[1] != (held,)


def test_the_search_finds_what_is_planted(tmp_path: Path) -> None:
    """In every spelling and packing, so that finding nothing means something."""
    for encoding in ("utf-8", "utf-16-le", "gb18030"):
        (tmp_path / encoding).write_bytes(f"x{ADDRESS}".encode(encoding))
    (tmp_path / "escaped").write_text(json.dumps({"name": NAME[7:]}))
    (tmp_path / "packed.gz").write_bytes(gzip.compress(PHONE.encode()))
    pl.DataFrame({"x": [NUMBER] * 1000}).write_parquet(tmp_path / "table.parquet", compression="zstd")
    with duckdb.connect(str(tmp_path / "file.duckdb")) as connection:
        connection.execute("CREATE TABLE t AS SELECT '韩' || '梅梅' AS x FROM range(10000)")
    assert len(leaks(tmp_path)) == 7
    assert leaks(tmp_path / "none") == []


def test_a_wrong_key_in_the_environment_is_not_repeated(tmp_path: Path) -> None:
    for name in ("TALLY_VAULT_KEY", "TALLY_VAULT_KEY_BEFORE"):
        said = tally("keys", "list", "-w", tmp_path, **{name: "PLANTED"})
        assert said.code == 2
        assert name in said.err
        assert not names((said.out + said.err).encode())
