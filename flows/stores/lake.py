"""The lake: immutable Parquet facts, deltas and state, and the manifests that say which files make it up.

A run only adds files, named after the run, and one manifest; nothing of it counts until the warehouse that names the
manifest is published. What neither the published manifest nor its predecessor names is swept at the next start.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import cast

import polars as pl
from pydantic import BaseModel, ConfigDict

from flows.errors import Damaged, WrongUse
from flows.stores import storage
from transforms.aggregates.kept import KEPT
from transforms.feeds import FEEDS
from transforms.layout import SCHEMA_VERSION
from transforms.sending_tables import SENDING_TABLES
from transforms.tables import TABLES

ORDER: dict[str, pl.DataType] = {"delivery_no": pl.Int32(), "line_number": pl.Int64(), "run_no": pl.Int32()}
"""Where a fact comes from: the delivery, its line in it, and the run that took it."""

_DELIVERIES: dict[str, pl.DataType] = {
    "delivery_no": pl.Int32(),
    "source": pl.String(),
    "kind": pl.String(),
    "business_date": pl.Date(),
    "seq": pl.Int32(),
    "file_name": pl.String(),
    "path": pl.String(),
    "sha256": pl.String(),
    "run_no": pl.Int32(),
}


_RUNS: dict[str, pl.DataType] = {
    "run_no": pl.Int32(),
    "run_id": pl.String(),
    "attempt": pl.Int32(),
    "kind": pl.String(),
    "as_of": pl.Date(),
    "policy": pl.String(),
}
"""Published runs, with the policy of each as JSON."""

_RELEASED: dict[str, pl.DataType] = {
    "run_no": pl.Int32(),
    "path": pl.String(),
    "sha256": pl.String(),
    "feed": pl.String(),
    "line_number": pl.Int64(),
    "key": pl.String(),
}
"""Waiting rows that a run let in."""

WAITING_ROWS: dict[str, pl.DataType] = {
    "account_no": pl.Int32(),
    "feed": pl.String(),
    "source": pl.String(),
    "key": pl.String(),
    "delivery_no": pl.Int32(),
    "line_number": pl.Int64(),
    "amount_cents": pl.Int64(),
    "waits_for": pl.List(pl.String()),
    "row": pl.String(),
    "first_refused_on": pl.Date(),
}
"""Rows whose references do not hold, with what they say as JSON."""


def dataset_of(table: str) -> str:
    """Name of the dataset that keeps the rows of a published table."""
    return table.replace(".", "/")


def dataset_of_kept(name: str) -> str:
    """Name of the dataset of a set of sums by month: see `transforms/aggregates/kept.py`."""
    return f"state/sums_{name}"


def _datasets() -> dict[str, dict[str, pl.DataType]]:
    """Every dataset of the lake and the schema of its files."""
    number: dict[str, pl.DataType] = {"account_no": pl.Int32()}
    run: dict[str, pl.DataType] = {"run_no": pl.Int32()}
    datasets = {
        "deliveries": _DELIVERIES,
        "accounts": {**number, "source": pl.String(), "account_id": pl.String(), "first_seen_run": pl.String(), **run},
        "runs": _RUNS,
        "released": _RELEASED,
        "links": {**number, "other_no": pl.Int32()},
        "state/open_items": {
            **number,
            "source": pl.String(),
            "loan_id": pl.String(),
            "due_date": pl.Date(),
            "uncovered_cents": pl.Int64(),
            "uncovered_charges_cents": pl.Int64(),
        },
        "state/paid_months": {
            **number,
            "source": pl.String(),
            "loan_id": pl.String(),
            "month_end": pl.Date(),
        },
        "state/deferred": {
            **number,
            "source": pl.String(),
            "loan_id": pl.String(),
            "first_day": pl.Date(),
            "last_day": pl.Date(),
        },
        "state/next_change": {**number, "next_change": pl.Date()},
        "state/waiting": WAITING_ROWS,
        **{dataset_of_kept(name): each.schema for name, each in KEPT.items()},
    }
    for feed in FEEDS.values():
        account = number if feed.of_account else {}
        datasets[f"facts/{feed.name}"] = {**account, **feed.facts, **ORDER}
        keys = {name: kind for name, kind in feed.facts.items() if name in ("source", *feed.key)}
        datasets[f"repeats/{feed.name}"] = {**keys, **ORDER}
    datasets["repeats/identities"] = {"source": pl.String(), "customer_id": pl.String(), **ORDER}
    for name in ("files", "refused_rows", "checks", "runs"):
        datasets[f"ops/{name}"] = {**TABLES[f"ops.{name}"].schema, **run}
    for table in SENDING_TABLES:
        datasets[dataset_of(table.name)] = {**table.schema, **run}
    # what a record said, without names; only the next correction asks for it
    datasets["share/sent"]["record"] = pl.String()
    return datasets


DATASETS = _datasets()
_BY_ACCOUNT = frozenset(name for name, schema in DATASETS.items() if "account_no" in schema)
"""Datasets whose files lie in the order of accounts, so that a batch of them reads a part of each file."""
SORTED_ROWS = 4_000_000
"""Rows that are put in order at once; bounds memory."""
_MANIFESTS = "manifests"
_WORK = "work"
MOST_DELTAS = 30
"""More delta files than these behind a base file are compacted."""
LARGEST_DELTAS = 0.1
"""Deltas with more than this share of the base file's rows are compacted."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LakeFile(_Frozen):
    """One immutable file: dataset, path below the lake, rows and SHA-256."""

    dataset: str
    path: str
    rows: int
    sha256: str


class Manifest(_Frozen):
    """What the lake is made of after a run, and what the run was."""

    schema_version: int
    run_id: str
    run_no: int
    as_of: date
    previous: str | None
    policy_hash: str
    deliveries: int
    accounts: int
    files: tuple[LakeFile, ...]
    person_key: str | None = None
    """Hash and fingerprint of the key that person_id is made with, as `hmac-sha256:0123456789abcdef`."""
    vault_key: str | None = None
    """Fingerprint of the key that the vault is sealed with."""
    vault: tuple[LakeFile, ...] = ()
    """The files of the vault, by their paths below it."""

    def of(self, dataset: str) -> list[LakeFile]:
        """The files of one dataset, oldest first."""
        return [file for file in self.files if file.dataset == dataset]


@dataclass(frozen=True, slots=True)
class Lake:
    """The lake in a folder, as one manifest says (none: empty)."""

    root: Path
    manifest: Manifest | None = None

    @property
    def manifests(self) -> Path:
        """Folder of the manifests."""
        return self.root / _MANIFESTS

    @property
    def work(self) -> Path:
        """Folder for what a run exchanges with its workers; empty after a night."""
        return self.root / _WORK

    def paths(self, dataset: str) -> list[Path]:
        """The files of one dataset, oldest first."""
        return [self.root / file.path for file in self.manifest.of(dataset)] if self.manifest else []

    def scan(self, dataset: str) -> pl.LazyFrame:
        """All rows of one dataset, with its declared columns; columns younger than a file read as null."""
        return scan(dataset, self.paths(dataset))

    def at(self, name: str) -> Lake:
        """The lake as the manifest of that name says.

        Raises:
            Damaged: the manifest cannot be read.
            WrongUse: it was written by another layout of the lake.
        """
        path = self.manifests / name
        try:
            document = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise Damaged(
                f"The manifest {path} cannot be read ({error}); name the lake with --lake or TALLY_LAKE if it lies "
                "elsewhere, or restore it from a copy."
            ) from None
        if document.get("schema_version") != SCHEMA_VERSION:
            raise WrongUse(
                f"{path} has layout {document.get('schema_version')}, and this program writes {SCHEMA_VERSION}; "
                "run `tally migrate`."
            )
        return Lake(self.root, Manifest.model_validate(document))

    def sweep(self) -> None:
        """Deletes what neither this manifest nor its predecessor names: leavings of runs that did not publish.

        Only the lake's own folders are looked into; whatever else lies beside them stays.
        A predecessor whose persons are hashed with another key is not kept: with its key, its hashes go.
        """
        kept: set[Path] = set()
        lake: Lake | None = self if self.manifest else None
        for _ in range(2):
            if lake is None or lake.manifest is None or self._is_rotated_out(lake.manifest):
                break
            kept.add(self.manifests / manifest_name(lake.manifest.run_id))
            kept |= {self.root / file.path for file in lake.manifest.files}
            previous = lake.manifest.previous
            lake = self.at(previous) if previous and (self.manifests / previous).exists() else None
        for folder in sorted({name.partition("/")[0] for name in (*DATASETS, _MANIFESTS, _WORK)}):
            for path in storage.files_below(self.root / folder):
                if path not in kept:
                    path.unlink()

    def files_sent(self) -> dict[str, str]:
        """SHA-256 by path below the outbox of every file that was sent."""
        return dict(self.scan("share/files").select("sent_path", "sha256").collect().iter_rows())

    def nights(self) -> list[str]:
        """The run_id of every manifest that is there, published or not."""
        return [path.stem for path in storage.files_below(self.manifests)]

    def _is_rotated_out(self, other: Manifest) -> bool:
        return (
            other.person_key is not None and self.manifest is not None and other.person_key != self.manifest.person_key
        )

    def damaged(self) -> list[LakeFile]:
        """The files that are missing or whose SHA-256 differs from what was written."""
        return [file for file in (self.manifest.files if self.manifest else ()) if not self._is_sound(file)]

    def _is_sound(self, file: LakeFile) -> bool:
        path = self.root / file.path
        return path.exists() and storage.sha256(path) == file.sha256


def scan(dataset: str, paths: Iterable[Path]) -> pl.LazyFrame:
    """All rows of the files, with the dataset's declared columns."""
    schema = DATASETS[dataset]
    files = list(paths)
    if not files:
        return pl.LazyFrame(schema=schema)
    return pl.scan_parquet(
        [str(file) for file in files],
        schema=schema,
        missing_columns="insert",
        extra_columns="ignore",
        storage_options=None if storage.is_local(files[0]) else storage.reading(),
    )


def _put_in_order(path: Path, folder: Path) -> None:
    """Puts the rows of a file in the order of accounts; of many, those of some accounts at a time.

    Most deliveries are told in the order of accounts, and then there is nothing to do.
    """
    rows, number = pl.scan_parquet(path), pl.col("account_no")
    numbers = rows.select(number).collect().to_series()
    if numbers.is_sorted(nulls_last=True):
        return
    parts = -(-len(numbers) // SORTED_ROWS)
    width = (cast("int | None", numbers.max()) or 0) // parts + 1
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{part}.parquet" for part in range(parts + 1)]
    for part, some in enumerate(paths):
        of_part = number.is_null() if part == parts else number // width == part
        rows.filter(of_part).sort(number, maintain_order=True).sink_parquet(some, compression="lz4")
    _sink(pl.concat([pl.scan_parquet(some) for some in paths]), path)
    for some in paths:
        some.unlink()


def _sink(rows: pl.LazyFrame, path: Path) -> None:
    rows.sink_parquet(path, compression="zstd", compression_level=1, mkdir=True)


def manifest_name(run_id: str) -> str:
    """File name of a run's manifest."""
    return f"{run_id}.json"


@dataclass(slots=True)
class LakeWriter:
    """Adds one run's files to a lake; `commit` writes the manifest."""

    lake: Lake
    run_id: str
    run_no: int
    scratch: Path
    """Folder for files on their way to a lake that is not local."""
    files: list[LakeFile] = field(default_factory=list)
    person_key: str | None = None
    vault_key: str | None = None
    vault: list[LakeFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Starts from what the lake holds."""
        if (held := self.lake.manifest) is not None:
            self.files, self.vault = list(held.files), list(held.vault)
            self.person_key, self.vault_key = held.person_key, held.vault_key

    def path(self, dataset: str, suffix: str = ".parquet") -> Path:
        """Where this run writes a dataset."""
        return self.lake.root / dataset / f"{self.run_id}{suffix}"

    def add(self, dataset: str, rows: pl.DataFrame | pl.LazyFrame) -> None:
        """Adds a delta to a dataset, stamped with the run; no rows, no file."""
        self._write(dataset, rows, keep_older=True)

    def replace(self, dataset: str, rows: pl.DataFrame | pl.LazyFrame) -> None:
        """Puts one file in the place of all older ones of a dataset."""
        self._write(dataset, rows, keep_older=False)

    def now(self) -> Lake:
        """The lake with what this run has written so far."""
        return Lake(self.lake.root, self._manifest(date.min, "", 0, 0))

    def compact(self) -> None:
        """Puts one base file in the place of base and deltas wherever the deltas have become too many or too large."""
        for dataset in DATASETS:
            files = [] if dataset.startswith("state/") else [file for file in self.files if file.dataset == dataset]
            deltas = files[1:]
            if not deltas:
                continue
            is_large = sum(file.rows for file in deltas) > LARGEST_DELTAS * files[0].rows
            if is_large or len(deltas) > MOST_DELTAS:
                self.rewrite(dataset, self.now().scan(dataset))

    def rewrite(self, dataset: str, rows: pl.LazyFrame) -> None:
        """Puts rows in the place of a dataset as one file, by partition where it has one; the run of each is kept."""
        path = self.path(dataset, ".base.parquet")
        written = self._sink(dataset, rows, path)
        self.files = [file for file in self.files if file.dataset != dataset]
        self._name(dataset, written, path)

    def commit(self, as_of: date, policy_hash: str) -> Lake:
        """Compacts what needs it and writes the manifest durably; the lake of it."""
        self.compact()
        lake = self.now()
        deliveries, accounts = (
            lake.scan(name).select(pl.len()).collect().item() for name in ("deliveries", "accounts")
        )
        manifest = self._manifest(as_of, policy_hash, deliveries, accounts)
        path = self.lake.manifests / manifest_name(self.run_id)
        storage.write(path, manifest.model_dump_json(indent=1).encode())
        return Lake(self.lake.root, manifest)

    def _manifest(self, as_of: date, policy_hash: str, deliveries: int, accounts: int) -> Manifest:
        before = self.lake.manifest
        return Manifest(
            schema_version=SCHEMA_VERSION,
            run_id=self.run_id,
            run_no=self.run_no,
            as_of=as_of,
            previous=manifest_name(before.run_id) if before else None,
            policy_hash=policy_hash,
            deliveries=deliveries,
            accounts=accounts,
            files=tuple(self.files),
            person_key=self.person_key,
            vault_key=self.vault_key,
            vault=tuple(self.vault),
        )

    def _write(self, dataset: str, rows: pl.DataFrame | pl.LazyFrame, *, keep_older: bool) -> None:
        schema = DATASETS[dataset]
        stamped = rows.lazy()
        if "run_no" in schema:
            stamped = stamped.with_columns(run_no=pl.lit(self.run_no))
        typed = stamped.select(pl.col(name).cast(kind) for name, kind in schema.items())
        path = self.path(dataset)
        written = self._sink(dataset, typed, path)
        relative = path.relative_to(self.lake.root).as_posix()
        # what stands at this path is of an earlier try of the same step
        self.files = [f for f in self.files if f.path != relative and (keep_older or f.dataset != dataset)]
        self._name(dataset, written, path)

    def _sink(self, dataset: str, rows: pl.LazyFrame, path: Path) -> Path:
        """Writes rows to where they belong or, when that is not local, to a file on its way there."""
        written = path if storage.is_local(path) else self.scratch / path.parent.name / path.name
        _sink(rows, written)
        if dataset in _BY_ACCOUNT:
            _put_in_order(written, self.scratch / "loose" / dataset)
        return written

    def _name(self, dataset: str, written: Path, path: Path) -> None:
        """Notes a file that was written for the manifest and brings it to its place; one without rows is dropped."""
        count = pl.scan_parquet(written).select(pl.len()).collect().item()
        relative = path.relative_to(self.lake.root).as_posix()
        if count == 0:
            written.unlink()
            return
        sha256 = storage.sha256(written)
        storage.settle(written, path)
        self.files.append(LakeFile(dataset=dataset, path=relative, rows=count, sha256=sha256))
