"""Keys are rotated and people forgotten by a run that leaves every figure as it was."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import shutil
import stat
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flows import keys, rebuild, upkeep
from flows.errors import Damaged, WrongUse
from flows.identities import identities
from flows.keys import rotate
from flows.settings import Settings
from flows.stores.keyring import Keyring
from flows.stores.lake import Lake, LakeWriter
from flows.stores.vault import Vault
from flows.stores.warehouse import Warehouse
from tests.flows.small import ACCOUNTS, LOANS
from tests.nights import Bank

HEAD = "customer_id,id_type,id_number,name,phone,address,city,valid_from,is_deleted\n"
FIRST = "C,resident_id,99010119900517001X,韩梅梅,13900001111,中关村大街1号,北京,,\n"
OTHER = "K,resident_id,99010119900517001x,Han Meimei,13900001111,1 High St,Beijing,,\n"
ALONE = "Z,passport,E1234567,李雷,13900002222,长安街2号,北京,,\n"
PERSONS = "SELECT source, customer_id, person_id FROM core.customers ORDER BY ALL"


def person(key: str, said: str, digest: str = "sha256") -> str:
    return hmac.new(key.encode(), said.encode(), digest).hexdigest()


def read(bank: Bank, day: str = "2026-02-28", known: int | None = None) -> list[tuple[object, ...]]:
    """What the vault says of every customer: source, customer_id, name, phone."""
    published = Warehouse(bank.warehouse).published()
    assert published is not None
    lake = Lake(bank.settings.lake_place()).at(published.manifest)
    vault = Vault.of(bank.warehouse / "vault", bank.settings.keyring, lake.manifest)
    return (
        identities(lake, vault, date.fromisoformat(day), known).select("source", "customer_id", "name", "phone").rows()
    )


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """Two lenders with a person in common, after one night."""
    bank = Bank(tmp_path_factory.mktemp("first"))
    bank.land("accounts_20260210.csv", ACCOUNTS)
    bank.land("installments_20260210.csv", LOANS)
    bank.land("customers_20260210.csv", HEAD + FIRST + ALONE)
    bank.land("customers_20260210.csv", HEAD + OTHER, "other")
    bank.night("2026-02-10")
    return bank


@pytest.fixture
def bank(first: Bank, tmp_path: Path) -> Bank:
    """The same, to be worked on."""
    shutil.copytree(first.root, tmp_path, dirs_exist_ok=True)
    return Bank(tmp_path)


def bytes_with(bank: Bank, text: str) -> list[Path]:
    """Files below the warehouse that hold the text, as it is or in a column."""
    held = [path for path in bank.warehouse.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
    tables = [Path(name) for name, rows in bank.tables().items() if text in repr(rows)]
    lake = [path for path in bank.warehouse.rglob("*.parquet") if text in repr(pl.read_parquet(path).rows())]
    return [*held, *tables, *lake]


def figures(bank: Bank) -> dict[str, list[tuple[object, ...]]]:
    """Every table but those of the runs and those that name persons."""
    left_out = ("ops.runs", "ops.meta", *keys.PERSON_TABLES)
    return {name: rows for name, rows in bank.tables().items() if name not in left_out}


def test_the_vault_says_who_customers_are(bank: Bank) -> None:
    assert read(bank) == [
        ("bank", "C", "韩梅梅", "13900001111"),
        ("bank", "Z", "李雷", "13900002222"),
        ("other", "K", "Han Meimei", "13900001111"),
    ]
    (path,) = (bank.warehouse / "vault").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"\xe9\x9f\xa9" not in path.read_bytes()


def test_only_what_differs_is_kept_with_its_days_and_the_night_that_knew_it(bank: Bank) -> None:
    before = sorted((bank.warehouse / "vault").iterdir())
    bank.land("customers_20260211.csv", HEAD + FIRST + ALONE)
    bank.night("2026-02-11")
    assert sorted((bank.warehouse / "vault").iterdir()) == before, "the same extract again adds nothing"
    moved = FIRST.replace("13900001111", "13900003333").replace(",,\n", ",2026-02-15,\n")
    bank.land("customers_20260220.csv", HEAD + moved + ALONE.replace("2222", "4444"))
    bank.night("2026-02-20")
    assert read(bank)[:2] == [("bank", "C", "韩梅梅", "13900003333"), ("bank", "Z", "李雷", "13900004444")]
    assert read(bank, "2026-02-14")[:2] == [
        ("bank", "C", "韩梅梅", "13900001111"),
        ("bank", "Z", "李雷", "13900002222"),
    ]
    counts = "SELECT rows_accepted, rows_duplicate FROM ops.files WHERE path = 'bank/customers_20260220.csv'"
    assert bank.ask(counts) == [(1, 1)], "a new telephone number alone is no new fact, and still kept"


def test_the_deleted_vanish_from_the_vault(bank: Bank) -> None:
    before = sorted((bank.warehouse / "vault").iterdir())
    bank.land("customers_20260211.csv", HEAD + "C,,,,,,,,true\n")
    bank.night("2026-02-11")
    assert read(bank) == [("bank", "Z", "李雷", "13900002222"), ("other", "K", "Han Meimei", "13900001111")]
    assert read(bank, known=1) == read(bank), "for every earlier night, too"
    assert not set(before) & set((bank.warehouse / "vault").iterdir()), "what was written before is gone at once"
    bank.land("customers_20260209.csv", HEAD + FIRST)
    bank.night("2026-02-12")
    assert len(read(bank)) == 2, "what comes late from before the deletion stays out"


def test_the_forgotten_vanish_and_every_figure_stays(bank: Bank) -> None:
    before = figures(bank)
    assert upkeep.forget(bank.settings, "bank", ["C", "unknown"]) == 1
    assert read(bank) == [("bank", "Z", "李雷", "13900002222"), ("other", "K", "Han Meimei", "13900001111")]
    assert figures(bank) == before
    assert upkeep.forget(bank.settings, "bank", ["C"]) == 0
    rotate(bank.settings, ["person"])
    ((_, _, c), (_, _, z), (_, _, k)) = bank.ask(PERSONS)
    assert c == k != z


def test_rotated_keys_leave_no_old_hash_and_every_join(bank: Bank) -> None:
    said = "RESIDENT_ID\x1f99010119900517001X"
    old_key = bank.settings.key().decode()
    before, told = figures(bank), bank.ask(PERSONS)
    assert told[0][2] == told[2][2] == person(old_key, said)
    lines = rotate(bank.settings, ["person", "vault"])
    assert "2 person(s)" in lines[0]
    new_key = bank.settings.key().decode()
    assert new_key != old_key
    now = bank.ask(PERSONS)
    assert now[0][2] == now[2][2] == person(new_key, said)
    assert bank.ask("SELECT kind FROM ops.runs WHERE run_id = '2026-02-10.2'") == [("rotate",)]
    assert figures(bank) == before
    for _, _, hashed in told:
        assert bytes_with(bank, hashed) == []
    assert sorted(path.name for path in (bank.warehouse / "keys").iterdir()) == ["person.key", "vault.key"]
    assert len(read(bank)) == 3
    bank.land("customers_20260212.csv", HEAD + FIRST + ALONE)
    bank.night("2026-02-12")
    assert bank.ask("SELECT sum(rows_duplicate) FROM ops.files WHERE business_date = '2026-02-12'") == [(2,)]


@pytest.mark.slow
def test_a_warehouse_with_a_rotation_is_rebuilt_as_it_was(bank: Bank) -> None:
    rotate(bank.settings, ["person"])
    bank.land("customers_20260212.csv", HEAD + ALONE.replace("Z,", "Y,"))
    bank.night("2026-02-12")
    before = bank.tables()
    (bank.warehouse / "tally.duckdb").unlink()
    rebuild.replay(bank.settings)
    after = bank.tables()
    assert [name for name in before if before[name] != after[name]] == []


def test_sm3_by_choice(bank: Bank) -> None:
    chosen = Bank(bank.root, {"person_hash": "hmac-sm3"})
    bank.land("customers_20260212.csv", HEAD + ALONE.replace("Z,", "Y,"))
    with pytest.raises(WrongUse, match=r"known by hmac-sha256.*keys rotate --person"):
        chosen.night("2026-02-12")
    rotate(chosen.settings, ["person"])
    assert bank.ask(PERSONS)[0][2] == person(bank.settings.key().decode(), "RESIDENT_ID\x1f99010119900517001X", "sm3")
    assert [key.hash for key in keys.keys(bank.settings)] == ["hmac-sm3", "aes-256-gcm"]


POINTS: list[tuple[object, str, int, str]] = [
    (Warehouse, "publish", 1, "before"),
    (Warehouse, "publish", 1, "after"),
]
MORE_POINTS: list[tuple[object, str, int, str]] = [
    (Keyring, "make_next", 1, "after"),
    (Keyring, "make_next", 2, "after"),
    (Vault, "write", 1, "after"),
    (LakeWriter, "rewrite", 1, "after"),
    (Warehouse, "begin", 1, "after"),
    (LakeWriter, "commit", 1, "after"),
    (Vault, "sweep", 1, "after"),
    (Vault, "sweep", 2, "before"),
    (Keyring, "settle", 3, "before"),
    (Keyring, "settle", 3, "after"),
    (Keyring, "settle", 4, "after"),
    (Lake, "sweep", 2, "before"),
]
"""Owner and name of a function, which of its calls in a rotation, and whether it breaks off before or after it."""


@pytest.mark.parametrize(
    ("owner", "name", "call", "when"),
    [*POINTS, *(pytest.param(*point, marks=pytest.mark.slow) for point in MORE_POINTS)],
)
def test_a_rotation_that_breaks_off_leaves_the_old_keys_or_the_new(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, call: int, when: str
) -> None:
    """Old until the rename of the warehouse, new after it; the next run ends what was begun."""
    before, figured = bank.ask(PERSONS), figures(bank)
    with monkeypatch.context() as patch:
        calls = break_off(patch, owner, name, call, when)
        with pytest.raises(KeyboardInterrupt):
            rotate(bank.settings, ["person", "vault"])
    assert len(calls) == call
    assert len(read(bank)) == 3, "the right one of two keys is found at once"
    is_old = bank.ask(PERSONS) == before
    assert is_old is ((owner, name, call, when) in (POINTS[0], *MORE_POINTS[:7]))
    assert bank.night("2026-02-10").run is None, "nothing is new, but what was begun is ended"
    assert sorted(path.name for path in (bank.warehouse / "keys").iterdir()) == ["person.key", "vault.key"]
    assert len(list((bank.warehouse / "vault").iterdir())) == 1
    assert len(read(bank)) == 3
    hashed = person(bank.settings.key().decode(), "RESIDENT_ID\x1f99010119900517001X")
    assert [row[2] for row in bank.ask(PERSONS) if row[1] != "Z"] == [hashed, hashed]
    assert figures(bank) == figured
    if not is_old:
        assert [path for _, _, old in before for path in bytes_with(bank, old)] == []


def break_off(patch: pytest.MonkeyPatch, owner: object, name: str, call: int, when: str) -> list[None]:
    """Lets the n-th call of a function end everything, as a kill does; its calls so far."""
    real: Callable[..., object] = getattr(owner, name)
    calls: list[None] = []

    def broken(*args: object, **given: object) -> object:
        calls.append(None)
        if len(calls) == call and when == "before":
            raise KeyboardInterrupt
        result = real(*args, **given)
        if len(calls) == call:
            raise KeyboardInterrupt
        return result

    patch.setattr(owner, name, broken)
    return calls


@pytest.mark.slow
def test_keys_from_the_environment_are_rotated_with_both(bank: Bank) -> None:
    old = {f"{name}_key": (bank.warehouse / "keys" / f"{name}.key").read_text() for name in ("person", "vault")}
    new = {"person_key": "two", "vault_key": "2" * 32}
    shutil.rmtree(bank.warehouse / "keys")
    bank.options = dict(old)
    with pytest.raises(WrongUse, match="in force already"):
        rotate(bank.settings, ["person"])
    bank.options = dict(new)
    bank.land("customers_20260211.csv", HEAD + ALONE.replace("Z,", "Y,"))
    with pytest.raises(WrongUse, match=r"person key .* is not at hand.*TALLY_PERSON_KEY_BEFORE"):
        bank.night("2026-02-11")
    with pytest.raises(WrongUse, match="is not at hand"):
        rotate(bank.settings, ["vault"])
    bank.options = {**new, **{f"{name}_before": key for name, key in old.items()}}
    bank.night("2026-02-11")
    rotate(bank.settings, ["person", "vault"])
    bank.options = dict(new)
    assert len(read(bank)) == 4
    assert not (bank.warehouse / "keys").exists()
    assert bank.ask(PERSONS)[0][2] == person("two", "RESIDENT_ID\x1f99010119900517001X")


def test_a_lost_vault_key_is_a_sentence_and_an_empty_vault(bank: Bank) -> None:
    key = bank.warehouse / "keys" / "vault.key"
    key.write_text("3" * 64)
    with pytest.raises(WrongUse, match=r"vault key [0-9a-f]{16}.*is not at hand.*put it back from a copy.*--lost"):
        read(bank)
    states = {(state.name, state.state) for state in keys.keys(bank.settings)}
    assert states >= {("vault", "not in force"), ("vault", "in force, but not at hand: put it back from a copy")}
    rotate(bank.settings, ["vault"], is_lost=True)
    assert read(bank) == []


@pytest.mark.slow
def test_an_empty_vault_is_filled_by_what_is_delivered_again(bank: Bank) -> None:
    rotate(bank.settings, ["vault"], is_lost=True)
    bank.land("customers_20260211.csv", HEAD + FIRST)
    bank.night("2026-02-11")
    assert len(read(bank)) == 1


def test_a_changed_or_cut_vault_is_noticed(bank: Bank) -> None:
    (path,) = (bank.warehouse / "vault").iterdir()
    content = path.read_bytes()
    for spoiled in (content[:-5], content[:-28], content[:100] + bytes([content[100] ^ 1]) + content[101:]):
        path.chmod(0o600)
        path.write_bytes(spoiled)
        with pytest.raises(Damaged, match="is not as it was written"):
            read(bank)
    path.unlink()
    with pytest.raises(Damaged, match="is gone"):
        read(bank)


def test_customers_that_never_were_in_the_vault_stop_a_rotation(bank: Bank) -> None:
    rotate(bank.settings, ["vault"], is_lost=True)
    before = bank.ask(PERSONS)
    with pytest.raises(WrongUse, match=r"3 customer.*deliver these customers again"):
        rotate(bank.settings, ["person"])
    assert bank.ask(PERSONS) == before


def test_keys_are_listed_by_fingerprint_alone(bank: Bank) -> None:
    listed = keys.keys(bank.settings)
    assert [(key.name, key.state) for key in listed] == [("person", "in force"), ("vault", "in force")]
    secrets = [(bank.warehouse / "keys" / f"{name}.key").read_text() for name in ("person", "vault")]
    said = repr([dataclasses.astuple(key) for key in listed])
    assert not any(secret in said or hashlib.sha256(secret.encode()).hexdigest()[:16] in said for secret in secrets)
    assert [key.state for key in keys.keys(Settings(warehouse=bank.root / "none"))] == []
