"""One run: its number, its place, its policy, and the record it leaves when it does not publish."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.errors import CheckFailed, WrongUse
from flows.runners import Runner, runner
from flows.settings import Settings
from flows.stores import storage
from flows.stores.durable import write_durably
from flows.stores.keyring import fingerprint
from flows.stores.lake import Lake, Manifest
from flows.stores.outbox import Outbox
from flows.stores.seal import Seal
from flows.stores.vault import Vault
from flows.stores.warehouse import Published, Warehouse
from transforms.months import turns_a_month
from transforms.persons import PersonKey
from transforms.policy import Policy

if TYPE_CHECKING:
    import duckdb

MEMORY_FOR_ALL = "2GB"
"""What DuckDB may hold in a night that tells every account anew."""
MEMORY_FOR_CHANGES = "512MB"
"""The same in one that tells what has changed."""
MEMORY_FOR_READING = "256MB"
"""The same of the published file, of which rows are read once."""


@dataclass(frozen=True, slots=True)
class Run:
    """What every step of a run knows."""

    run_id: str
    run_no: int
    attempt: int
    kind: str
    as_of: date
    started_at: datetime
    settings: Settings
    policy: Policy
    lake: Lake
    published: Published | None
    previous: Path | None
    """Warehouse file of the night before; None before the first."""
    held: tuple[str, ...] = ()
    """SHA-256 of deliveries left out by hand."""
    seal: Seal = field(default_factory=Seal.of_this_process, repr=False)
    """Seals what lies in `work` and names persons."""

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse it publishes to."""
        return Warehouse(self.settings.warehouse)

    @property
    def vault(self) -> Vault:
        """The vault as the run found it."""
        return Vault.of(self.settings.warehouse / "vault", self.settings.keyring, self.lake.manifest)

    @property
    def goes_on_from(self) -> Published | None:
        """The last night, when its books are gone on with; None when every account is worked on.

        That is so before the first night, and under another policy.
        """
        last = self.published
        return last if last is not None and last.policy_hash == self.policy.hash else None

    @property
    def tells_all(self) -> bool:
        """Whether rows of every account are told anew: in the first night, by another policy, when the month turns."""
        last = self.goes_on_from
        return last is None or turns_a_month(last.as_of, self.as_of)

    @property
    def memory(self) -> str:
        """What DuckDB may hold before it spills: as it is set, else more where rows of every account are told anew."""
        return self.settings.memory or (MEMORY_FOR_ALL if self.tells_all else MEMORY_FOR_CHANGES)

    @property
    def person_key(self) -> PersonKey:
        """The key and the hash of the warehouse's person_id; for a new warehouse, those of the settings.

        Raises:
            WrongUse: the key is not at hand, or the settings want another hash.
        """
        return person_key(self.settings, self.lake.manifest)

    @property
    def work(self) -> Path:
        """Folder for what nobody keeps."""
        return self.settings.warehouse / "work" / self.run_id

    @property
    def docs(self) -> Path:
        """Folder of its Data Docs."""
        return self.settings.warehouse.absolute() / "docs" / self.run_id

    def reader(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A read-only connection to the warehouse of the night before."""
        return self.warehouse.reader(self.previous, self.settings.memory or MEMORY_FOR_READING)

    def open_next(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A connection to the warehouse file that the run builds aside."""
        return self.warehouse.next(self.run_id, self.memory)

    @property
    def runner(self) -> Runner:
        """Where its batches are worked on."""
        return runner(self.settings.runner)

    def shared_place(self, name: str) -> Path:
        """A folder that every worker of the runner reaches, as it reaches the lake."""
        return self.lake.work / self.run_id / name

    def clear_work(self) -> None:
        """Deletes what nobody keeps."""
        shutil.rmtree(self.work, ignore_errors=True)
        storage.clear(self.lake.work)

    def workplace(self, name: str) -> Path:
        """A folder below `work`, made if need be."""
        path = self.work / name
        path.mkdir(parents=True, exist_ok=True)
        return path


@dataclass(slots=True)
class Failure:
    """What is told of a run that does not publish."""

    deliveries: list[dict[str, Any]] = field(default_factory=list)
    """Path and SHA-256 of what it had taken in."""


def person_key(settings: Settings, manifest: Manifest | None) -> PersonKey:
    """The key and the hash that a manifest names; without one, those of the settings.

    Raises:
        WrongUse: the key is not at hand, or the settings want another hash.
    """
    key = person_key_in_force(settings, manifest)
    if settings.person_hash not in (None, key.hash):
        raise WrongUse(
            f"The persons of this warehouse are known by {key.hash}, and TALLY_PERSON_HASH asks for"
            f" {settings.person_hash}; run `tally keys rotate --person` to change over, or leave the setting out."
        )
    return key


def person_key_in_force(settings: Settings, manifest: Manifest | None) -> PersonKey:
    """The key and the hash that a manifest names, whatever the settings want next; without one, theirs.

    Raises:
        WrongUse: the key is not at hand.
    """
    if manifest is None or manifest.person_key is None:
        return PersonKey(settings.key(), settings.person_hash or "hmac-sha256")
    used, _, named = manifest.person_key.partition(":")
    return PersonKey(settings.keyring.in_force("person", named), "hmac-sm3" if used == "hmac-sm3" else "hmac-sha256")


def name_of(key: PersonKey) -> str:
    """Hash and fingerprint of a person key, as a manifest names it."""
    return f"{key.hash}:{fingerprint('person', key.key)}"


def settle_keys(settings: Settings, manifest: Manifest | None) -> None:
    """Ends a rotation that was killed, whichever of old and new the published manifest names."""
    person = manifest.person_key.partition(":")[2] if manifest and manifest.person_key else None
    settings.keyring.settle("person", person)
    settings.keyring.settle("vault", manifest.vault_key if manifest else None)


@contextmanager
def running(
    settings: Settings, as_of: date, kind: str, held: tuple[str, ...] = (), *, takes_in: bool = True
) -> Iterator[tuple[Run, Failure]]:
    """Holds the warehouse, sweeps what earlier runs left, and records a failure.

    Of a run that takes nothing in, a user's mistake is no failure: there is nothing to account for.

    Raises:
        Locked: another run holds the warehouse.
        WrongUse: the date lies before the last published one, or the lake is another warehouse's.
    """
    warehouse = Warehouse(settings.warehouse)
    with warehouse.locked():
        policy = settings.rules()
        published = warehouse.published()
        if published and as_of < published.as_of:
            raise WrongUse(
                f"The night of {as_of} lies before the last published one ({published.as_of}); "
                "facts that come late are taken by the next night."
            )
        lake = Lake(settings.lake_place())
        if published:
            lake = lake.at(published.manifest)
        elif strange := [name for name in lake.nights() if not warehouse.next_file(name).exists()]:
            raise WrongUse(
                f"{lake.root} holds nights of another warehouse ({', '.join(strange)}), and {warehouse.root} none: "
                "name a place of its own with --lake, or run `tally rebuild` if the warehouse is lost."
            )
        lake.sweep()
        settle_keys(settings, lake.manifest)
        warehouse.sweep()
        shutil.rmtree(settings.warehouse / "work", ignore_errors=True)
        number = _published_nights(warehouse, published, as_of) + 1
        run_id = f"{as_of}.{number}"
        run = Run(
            run_id=run_id,
            run_no=published.run_no + 1 if published else 1,
            attempt=len(list(_records(settings).glob(f"{run_id}.*.json"))) + 1,
            kind=kind,
            as_of=as_of,
            started_at=datetime.now(UTC),
            settings=settings,
            policy=policy,
            lake=lake,
            published=published,
            previous=warehouse.file if published else None,
            held=held,
        )
        run.vault.sweep(run.vault.files)
        Outbox(settings.outbox).settle(lake.files_sent)
        failure = Failure()
        try:
            yield run, failure
        except Exception as error:
            if takes_in or not isinstance(error, WrongUse):
                _record(run, failure, error)
            raise
        finally:
            run.clear_work()


def _published_nights(warehouse: Warehouse, published: Published | None, as_of: date) -> int:
    if published is None:
        return 0
    with warehouse.reader() as connection:
        row = connection.execute(
            "SELECT count(*) FROM ops.runs WHERE outcome = 'published' AND as_of = ?", [as_of]
        ).fetchone()
    return int(row[0]) if row else 0


def _records(settings: Settings) -> Path:
    return settings.warehouse / "runs"


def _record(run: Run, failure: Failure, error: Exception) -> None:
    """Writes what became of the run; the next published night folds it into ops.runs."""
    folder = _records(run.settings)
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "run_id": run.run_id,
        "attempt": run.attempt,
        "as_of": run.as_of.isoformat(),
        "kind": run.kind,
        "started_at": run.started_at.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
        "outcome": "refused" if isinstance(error, CheckFailed) else "failed",
        "reason": str(error) or type(error).__name__,
        "policy_version": run.policy.version,
        "held": list(run.held),
        "deliveries": failure.deliveries,
    }
    content = json.dumps(document, ensure_ascii=False, indent=1).encode()
    write_durably(folder / f"{run.run_id}.{run.attempt}.json", content)


def unpublished_runs(settings: Settings) -> list[dict[str, Any]]:
    """The records of runs that did not publish, oldest first."""
    documents = [json.loads(path.read_bytes()) for path in sorted(_records(settings).glob("*.json"))]
    return sorted(documents, key=lambda document: document["started_at"])
