"""Takes deliveries: what lies in the landing folder, which file is which, and what its control file says."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from flows.stores.durable import write_durably
from flows.stores.records import COMPRESSIONS, ENDINGS
from transforms.mapping import Mapping
from transforms.policy import mistakes
from transforms.refusals import FileRefusal

CONTROL_ENDING = ".ctl"
SIDECAR_ENDINGS = (CONTROL_ENDING, ".done", ".md5", ".ok", ".sha256")
"""Files that go with a data file and hold no rows."""
UNFINISHED_ENDINGS = (".part", ".tmp")

_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_DATED = re.compile(r"(?P<name>.+)_(?P<date>[0-9]{8})(?:_(?P<seq>[0-9]{1,9}))?")
_AMOUNT = re.compile(r"(?P<sign>[+-]?)(?P<units>[0-9]+)(?:\.(?P<cents>[0-9]{1,2}))?")
_SETTLED_NS = 2_000_000_000
"""A file younger than this could change again without another modification time; its hash is not kept."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """How the file system tells that a file is still the same."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """The file's stamp now; OSError when it is not there."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivered file."""

    source: str
    kind: str
    """The mapping's kind of file."""
    name: str
    """File name with its endings."""
    business_date: date
    seq: int
    """0 when the name has none."""
    path: Path
    relative: str
    """Path below the landing folder, with slashes."""
    sha256: str
    """Of the bytes as delivered."""
    stamp: Stamp

    @property
    def size(self) -> int:
        """Bytes as delivered."""
        return self.stamp.size

    @property
    def order(self) -> tuple[date, int, str, str]:
        """Sort key: business date, seq, file name; the source breaks ties."""
        return self.business_date, self.seq, self.name, self.source


@dataclass(frozen=True, slots=True)
class Discovery:
    """What lies in the landing folder; files are named by their path below it."""

    deliveries: tuple[Delivery, ...]
    """Those with a business date up to the night's, in order."""
    strangers: tuple[tuple[str, str], ...] = ()
    """Files that are no delivery, each with a sentence that says why."""
    twins: tuple[tuple[str, str], ...] = ()
    """Files with the bytes of another delivery of the same date and seq, each with a sentence that names it."""
    unsettled: tuple[str, ...] = ()
    """Files that changed while they were hashed; they are left for the next run."""


@dataclass(slots=True)
class HashCache:
    """SHA-256 of files, kept as JSON so that unchanged files are not read again."""

    path: Path
    known: dict[str, tuple[Stamp, str]] = field(default_factory=dict)
    used: dict[str, tuple[Stamp, str]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> HashCache:
        """The cache in a file; empty when there is none that can be read, since it can be made anew."""
        try:
            entries = json.loads(path.read_bytes())
            known = {name: (Stamp(*map(int, stamp)), str(sha256)) for name, (*stamp, sha256) in entries.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            known = {}
        return cls(path, known)

    def stamped_hash(self, file: Path) -> tuple[Stamp, str] | None:
        """The file's stamp and SHA-256; None when it changed while it was read.

        Raises:
            OSError: it cannot be read.
        """
        stamp = Stamp.of(file)
        entry = self.known.get(str(file))
        if entry is None or entry[0] != stamp:
            with file.open("rb") as content:
                entry = stamp, hashlib.file_digest(content, "sha256").hexdigest()
            if Stamp.of(file) != stamp:
                return None
        if time.time_ns() - stamp.mtime_ns > _SETTLED_NS:
            self.used[str(file)] = entry
        return entry

    def save(self) -> None:
        """Writes the hashes that were asked for; files that are gone are forgotten."""
        entries = {name: (s.size, s.mtime_ns, s.inode, sha256) for name, (s, sha256) in sorted(self.used.items())}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(self.path, json.dumps(entries, ensure_ascii=False, indent=1).encode())


class NotADelivery(ValueError):
    """Why a file is no delivery, in a sentence."""


def _without_endings(name: str) -> tuple[str, str]:
    """The name without its endings, and the ending that tells its type.

    Raises:
        NotADelivery: the endings are unknown.
    """
    bare = name
    for compression in COMPRESSIONS:
        bare = bare.removesuffix(compression)
    for ending in ENDINGS:
        if bare.endswith(ending):
            return bare.removesuffix(ending), ending
    raise NotADelivery(f"The ending is none of {', '.join(ENDINGS)}, alone or with {' or '.join(COMPRESSIONS)} behind.")


@dataclass(frozen=True, slots=True)
class FileName:
    """The parts of a delivery's file name: `<stem>_<YYYYMMDD>[_<seq>]<ending>`."""

    stem: str
    business_date: date
    seq: int
    """0 when the name has none."""
    ending: str
    """Type alone, such as `.csv`, whatever compression stands behind it."""

    @classmethod
    def parse(cls, name: str) -> FileName:
        """The parts.

        Raises:
            NotADelivery: the name is not that of a delivery.
        """
        bare, ending = _without_endings(name)
        dated = _DATED.fullmatch(bare)
        if dated is None:
            raise NotADelivery("The name is not <name>_<YYYYMMDD> or <name>_<YYYYMMDD>_<seq> before its ending.")
        digits = dated["date"]
        try:
            day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
        except ValueError:
            raise NotADelivery(f"The business date {digits} is not in the calendar.") from None
        return cls(dated["name"], day, int(dated["seq"] or 0), ending)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file whose name is that of a delivery."""

    source: str
    kind: str
    name: FileName
    path: Path


def discover(landing: Path, mappings: Callable[[str], Mapping], as_of: date, hashes: HashCache) -> Discovery:
    """Finds the deliveries up to a date and tells what every other file is.

    Hidden and unfinished files are passed over, and so are control files and deliveries of a later date.

    Args:
        landing: the folder with one folder a source.
        mappings: the mapping of a source.
        as_of: the latest business date.
        hashes: of files seen before; takes up new ones, and is not saved here.

    Raises:
        What `mappings` raises: a mapping that cannot be read stops the discovery.
    """
    mapping_of = cache(mappings)
    candidates: list[_Candidate] = []
    strangers: dict[str, str] = {}
    for path in _files(landing):
        try:
            candidates.append(_candidate(path, landing, mapping_of))
        except NotADelivery as reason:
            strangers[_relative(path, landing)] = str(reason)
    due = [candidate for candidate in candidates if candidate.name.business_date <= as_of]
    deliveries: list[Delivery] = []
    unsettled: list[str] = []
    with ThreadPoolExecutor() as pool:
        for candidate, entry in zip(due, pool.map(lambda one: _try_hash(hashes, one.path), due), strict=True):
            relative = _relative(candidate.path, landing)
            if isinstance(entry, OSError):
                strangers[relative] = f"The file cannot be read: {entry.strerror}."
            elif entry is None:
                unsettled.append(relative)
            else:
                deliveries.append(_delivery(candidate, relative, *entry))
    kept, twins = _without_twins(sorted(deliveries, key=lambda delivery: delivery.order))
    return Discovery(kept, tuple(sorted(strangers.items())), twins, tuple(sorted(unsettled)))


def still(delivery: Delivery) -> bool:
    """Whether the file on disk is the one that was hashed; ask it again after reading."""
    try:
        return Stamp.of(delivery.path) == delivery.stamp
    except OSError:
        return False


def _files(landing: Path) -> Iterator[Path]:
    """Everything below the folder that is neither a folder nor hidden, unfinished or a sidecar, by path."""
    for path in sorted(landing.iterdir() if landing.is_dir() else ()):
        if path.name.startswith(".") or path.suffix in (*UNFINISHED_ENDINGS, *SIDECAR_ENDINGS):
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _relative(path: Path, landing: Path) -> str:
    return path.relative_to(landing).as_posix()


def _candidate(path: Path, landing: Path, mappings: Callable[[str], Mapping]) -> _Candidate:
    """What the file's place and name say.

    Raises:
        NotADelivery: they are none of a delivery.
    """
    folders = path.relative_to(landing).parts[:-1]
    if len(folders) != 1:
        raise NotADelivery("A delivery lies in the folder of its source: landing/<source>/<file>.")
    source = folders[0]
    if not _SOURCE.fullmatch(source):
        raise NotADelivery(f"The folder {source!r} is no name of a source: letters, digits, dot, dash, underscore.")
    if not path.is_file():
        raise NotADelivery("This is no regular file.")
    name = FileName.parse(path.name)
    found = mappings(source).file_for(name.stem)
    if found is None:
        kinds = ", ".join(mappings(source).files)
        raise NotADelivery(f"The mapping of {source} has no file for the name {name.stem!r}; it has {kinds}.")
    return _Candidate(source, found[0], name, path)


def _try_hash(hashes: HashCache, path: Path) -> tuple[Stamp, str] | OSError | None:
    try:
        return hashes.stamped_hash(path)
    except OSError as error:
        return error


def _delivery(candidate: _Candidate, relative: str, stamp: Stamp, sha256: str) -> Delivery:
    return Delivery(
        source=candidate.source,
        kind=candidate.kind,
        name=candidate.path.name,
        business_date=candidate.name.business_date,
        seq=candidate.name.seq,
        path=candidate.path.absolute(),
        relative=relative,
        sha256=sha256,
        stamp=stamp,
    )


def _without_twins(deliveries: list[Delivery]) -> tuple[tuple[Delivery, ...], tuple[tuple[str, str], ...]]:
    """The same bytes are one delivery, under the name that comes first; the others, each with a sentence."""
    first: dict[tuple[str, str, date, int, str], Delivery] = {}
    twins: list[tuple[str, str]] = []
    for delivery in deliveries:
        key = (delivery.source, delivery.kind, delivery.business_date, delivery.seq, delivery.sha256)
        same = first.setdefault(key, delivery)
        if same is not delivery:
            twins.append((delivery.relative, f"The file holds the same bytes as {same.relative}, which is taken."))
    return tuple(first.values()), tuple(twins)


# ---------------------------------------------------------------- control files


class BadControl(ValueError):
    """A control file that cannot be read (FileRefusal.BAD_CONTROL); the text says why."""


def _cents(value: object) -> object:
    """Whole cents of a decimal, exactly; ValueError for more than two places."""
    if value is None:
        return None
    amount = _AMOUNT.fullmatch(str(value))
    if isinstance(value, bool) or amount is None:
        raise ValueError("not a decimal with at most two places")
    cents = int(amount["units"]) * 100 + int((amount["cents"] or "").ljust(2, "0"))
    return -cents if amount["sign"] == "-" else cents


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Replay(_Frozen):
    """A mended row and where it came from."""

    line: Annotated[int, Field(ge=1)]
    """Its line in the file beside the control file."""
    path: str
    """The file that it was refused in, below the landing folder."""
    line_number: Annotated[int, Field(ge=1)]
    """Its line there."""


class Control(_Frozen):
    """What a control file says; None where it says nothing."""

    rows: Annotated[int | None, Field(ge=0)] = None
    """Records as delivered."""
    sha256: Annotated[str | None, Field(pattern=r"^[0-9a-fA-F]{64}$")] = None
    amount_total_cents: Annotated[int | None, Field(alias="amount_total"), BeforeValidator(_cents)] = None
    replays: tuple[Replay, ...] = ()

    @field_validator("replays", mode="before")
    @classmethod
    def _lists_are_tuples(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value


def control_path(path: Path) -> Path:
    """Where the control file of a data file lies: the same name without the endings."""
    return path.with_name(_without_endings(path.name)[0] + CONTROL_ENDING)


def read_control(path: Path) -> Control | None:
    """The control file of a data file; None when there is none.

    Raises:
        BadControl: it is there, but cannot be read.
    """
    control = control_path(path)
    try:
        document = json.loads(
            control.read_bytes(), parse_float=str, parse_constant=_no_number, object_pairs_hook=_no_key_twice
        )
        return Control.model_validate(document)
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise BadControl(f"{control.name}: {'; '.join(mistakes(error))}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BadControl(f"{control.name} is no JSON that can be read: {error}") from None


def _no_number(text: str) -> str:
    raise ValueError(f"{text} is no number")


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a key is there twice")
    return document


def control_mismatches(
    control: Control, rows: int, sha256: str, amount_cents: int, unreadable_count: int
) -> list[tuple[FileRefusal, str]]:
    """What the control file says otherwise than the file, each with a sentence that names both figures.

    Args:
        control: what it says.
        rows: records in the file.
        sha256: of the file as delivered.
        amount_cents: sum of the amounts that can be read.
        unreadable_count: amounts that cannot; the control total is not met then.
    """
    found: list[tuple[FileRefusal, str]] = []
    if control.rows not in (None, rows):
        found.append((FileRefusal.CONTROL_ROWS, f"The control file says {control.rows} records, the file has {rows}."))
    if control.sha256 is not None and control.sha256.lower() != sha256:
        said = f"The control file says SHA-256 {control.sha256.lower()}, the file has {sha256}."
        found.append((FileRefusal.CONTROL_SHA256, said))
    total = control.amount_total_cents
    if total is not None and (total != amount_cents or unreadable_count):
        besides = f" and {unreadable_count} that cannot be read" if unreadable_count else ""
        said = f"The control file says {_major(total)} in all, the file has {_major(amount_cents)}{besides}."
        found.append((FileRefusal.CONTROL_AMOUNT, said))
    return found


def _major(cents: int) -> str:
    """Cents as a decimal in major units."""
    units, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{units}.{rest:02d}"
