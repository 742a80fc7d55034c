"""Keys of the person hash and of the vault: told apart by fingerprint, and rotated by a run of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from flows.errors import Damaged, WrongUse
from flows.run import Run, name_of, person_key_in_force
from flows.settings import Settings
from flows.stores.keyring import KeyName, fingerprint, seal
from flows.stores.lake import Lake, LakeWriter, Manifest
from flows.stores.tables import copy_tables
from flows.stores.vault import Vault
from flows.stores.warehouse import Warehouse
from flows.upkeep import publish_upkeep, same_tables, upkeep
from flows.vaulting import put
from transforms.persons import PersonKey, person_id

_FACTS = "facts/customers"
PERSON_TABLES = ("core.customers", "status.customer_status")
"""Published tables with a person_id."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """One key: what it is for, its fingerprint, where it is, and whether the published warehouse is made with it."""

    name: KeyName
    hash: str
    fingerprint: str
    place: str
    state: str


def keys(settings: Settings) -> list[KeyState]:
    """Every key at hand and every key that the published warehouse needs; never a key itself."""
    manifest = _manifest(settings)
    person = (manifest.person_key or "" if manifest else "").rpartition(":")
    needed: dict[KeyName, str | None] = {"person": person[2] or None, "vault": manifest.vault_key if manifest else None}
    hashes: dict[KeyName, str] = {"person": person[0] or settings.person_hash or "hmac-sha256", "vault": "aes-256-gcm"}
    ring = settings.keyring
    found = []
    for name, named in needed.items():
        at_hand = [(fingerprint(name, key), place) for key, place in ring.places(name)]
        for print_, place in at_hand:
            state = "in force" if named == print_ else "not used yet" if named is None else "not in force"
            found.append(KeyState(name, hashes[name], print_, place, state))
        if named is not None and named not in [print_ for print_, _ in at_hand]:
            found.append(KeyState(name, hashes[name], named, "", "in force, but not at hand: put it back from a copy"))
    return found


def rotate(settings: Settings, names: Sequence[KeyName], *, is_lost: bool = False) -> list[str]:
    """Puts new keys in the place of those in force, as one published run; what it did, in sentences.

    Every person_id is worked out again from the vault, in the lake and in the warehouse, so persons are known across
    lenders as before, and no hash of the old key is left. The vault is sealed again. Killed at any point, the old keys
    are in force or the new ones, never a mix.

    Args:
        settings: the warehouse, and the new keys where keys come from the environment.
        names: the keys to rotate.
        is_lost: the vault's key is gone: begins an empty vault.

    Raises:
        Locked: another run holds the warehouse.
        WrongUse: nothing is published yet, a key is not at hand, or there is no new one.
    """
    with upkeep(settings, "rotate") as (run, writer):
        vault = Vault(run.vault.root, run.vault.keyring, key=run.vault.key) if is_lost else run.vault
        rows = vault.scan().collect()
        told: list[str] = []
        persons: pl.DataFrame | None = None
        if "person" in names:
            new = _new_person_key(settings, run.lake.manifest)
            persons = _persons(run, rows, person_key_in_force(settings, run.lake.manifest), new)
            _rehash(run, writer, persons)
            writer.person_key = name_of(new)
            told.append(f"{persons.height} person(s) are known by {new.hash} with the key {writer.person_key[-16:]}.")
        if "vault" in names:
            by = seal(settings.keyring.make_next("vault"))
            if by.fingerprint == run.vault.key:
                raise WrongUse(_same("vault"))
            put(writer, vault, rows, by)
            told.append(f"The vault is sealed with the key {by.fingerprint}: {rows.height} row(s).")
        publish_upkeep(run, writer, same_tables if persons is None else lambda run: _copy(run, persons))
        return told


def _new_person_key(settings: Settings, manifest: Manifest | None) -> PersonKey:
    """The key and hash to change over to."""
    old = person_key_in_force(settings, manifest)
    new = PersonKey(settings.keyring.make_next("person"), settings.person_hash or old.hash)
    if new == old:
        raise WrongUse(_same("person"))
    return new


def _same(name: KeyName) -> str:
    variable = f"TALLY_{name.upper()}_KEY"
    return (
        f"The {name} key that {variable} gives is in force already; give the new key as {variable} and the old one as"
        f" {variable}_BEFORE."
    )


def _persons(run: Run, rows: pl.DataFrame, old: PersonKey, new: PersonKey) -> pl.DataFrame:
    """One row per person that a fact names: person_id, new_id.

    A person whose number the vault no longer has, deleted or forgotten, gets a hash of the old hash: nobody can work it
    out again, and the rows of the person stay together.

    Raises:
        WrongUse: customers have a hash and never were in the vault.
    """
    customer = ["source", "customer_id"]
    named = run.lake.scan(_FACTS).select(*customer, "person_id").drop_nulls("person_id").unique().collect()
    numbers = rows.select("id_type", "id_number").drop_nulls().unique()
    pairs = numbers.select(
        person_id("id_type", "id_number", old), person_id("id_type", "id_number", new).alias("new_id")
    ).unique()
    unknown = named.join(pairs, on="person_id", how="anti")
    absent = unknown.join(rows, on=customer, how="anti").select(customer).unique().height
    if absent:
        raise WrongUse(
            f"The numbers of {absent} customer(s) are not in the vault, so nobody can work out their new hash; have the"
            " lenders deliver these customers again, run a night, and rotate then."
        )
    gone = (
        unknown.select("person_id")
        .unique()
        .with_columns(new_id=pl.col("person_id").map_elements(new.digest, return_dtype=pl.String))
    )
    return pl.concat([pairs, gone]).join(named, on="person_id", how="semi")


def _rehash(run: Run, writer: LakeWriter, persons: pl.DataFrame) -> None:
    """Writes the facts of customers anew, with the new hashes."""
    facts = run.lake.scan(_FACTS).join(persons.lazy(), on="person_id", how="left", maintain_order="left")
    writer.rewrite(_FACTS, facts.with_columns(person_id="new_id").drop("new_id"))


def _copy(run: Run, persons: pl.DataFrame) -> None:
    """The next warehouse file: every table of the published one, in a new file so that no old hash lies in it.

    Raises:
        Damaged: it tells other persons apart than the published one.
    """
    run.warehouse.begin(run.run_id, fresh=True)
    with run.open_next() as connection:
        connection.register("persons", persons.to_arrow())
        copy_tables(connection, run.warehouse.file, PERSON_TABLES, "persons")
        count = "SELECT count(DISTINCT person_id) || ' persons of ' || count(person_id) FROM {}core.customers"
        before, after = (connection.execute(count.format(of)).fetchall()[0][0] for of in ("published.", ""))
        connection.execute("DETACH published")
    if before != after:
        raise Damaged(f"With the new key {before} customers would be {after}; nothing was published.")


def _manifest(settings: Settings) -> Manifest | None:
    """The manifest of the published warehouse."""
    published = Warehouse(settings.warehouse).published()
    return Lake(settings.lake_place()).at(published.manifest).manifest if published else None
