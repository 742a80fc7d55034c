"""The quarantine: what was refused or waits, shown, exported for mending, and replayed as deliveries."""

from __future__ import annotations

import contextlib
import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from flows.errors import WrongUse
from flows.report import table
from flows.settings import Settings
from flows.stores.landing import FileName, NotADelivery, control_path
from flows.stores.warehouse import Warehouse
from transforms.refusals import Refusal

EXPORTED = ("source", "path", "sha256", "line_number", "feed", "key", "reasons", "details", "raw")
"""Columns of an export; only `raw` is meant to be changed."""

_COUNTS = """
SELECT path, feed, reason, CASE WHEN NOT is_waiting THEN 'refused' WHEN released_on IS NULL THEN 'waiting'
    ELSE 'released' END AS state, count(*)
FROM (SELECT *, unnest(reasons) AS reason FROM ops.refused_rows) GROUP BY ALL ORDER BY ALL
"""
_ROWS = """
SELECT source, path, sha256, line_number, feed, key, array_to_string(reasons, ' '), array_to_string(details, ' '), raw
FROM ops.refused_rows
WHERE released_on IS NULL AND (?1 IS NULL OR path = ?1) AND (?2 IS NULL OR list_contains(reasons, ?2))
ORDER BY path, line_number, feed, key
"""
_IS_KNOWN = "SELECT 1 FROM ops.files WHERE path = ? LIMIT 1"
_REASONS = tuple(reason.value for reason in Refusal)
_TAKEN = "SELECT any_value(header) FROM ops.files WHERE path = ? AND sha256 = ? AND outcome = 'accepted' GROUP BY path"


def show_counts(settings: Settings) -> None:
    """Prints how many rows are refused, waiting or released, by file and reason."""
    with Warehouse(settings.warehouse).reader() as connection:
        rows = connection.execute(_COUNTS).fetchall()
    _console().print(table("Quarantine", ("file", "feed", "reason", "state", "rows"), rows))


def show_rows(settings: Settings, path: str | None, reason: str | None, export: Path | None) -> None:
    """Prints refused and waiting rows, or writes them as CSV for mending.

    Raises:
        WrongUse: the reason is none of the vocabulary, no delivery has the path, or the file cannot be written.
    """
    if reason is not None and reason not in _REASONS:
        raise WrongUse(f"There is no reason {reason}; it is one of {', '.join(_REASONS)}.")
    with Warehouse(settings.warehouse).reader() as connection:
        if path is not None and not connection.execute(_IS_KNOWN, [path]).fetchall():
            raise WrongUse(f"No delivery {path} was ever read; `tally runs` lists them as they are to be written.")
        rows = connection.execute(_ROWS, [path, reason]).fetchall()
    if export is None:
        shown = [(f"{row[1]}:{row[3]}", row[4], row[5], row[7], row[8] or "") for row in rows]
        _console().print(table("Quarantine", ("file:line", "feed", "key", "why", "as delivered"), shown))
        return
    try:
        with export.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.writer(file)
            writer.writerow(EXPORTED)
            writer.writerows(rows)
    except OSError as error:
        raise WrongUse(f"{export} cannot be written ({error.strerror}).") from None
    _console().print(
        f"{len(rows)} row(s) are in {export}: mend the column raw, then `tally quarantine replay {export}`.",
        soft_wrap=True,
    )


def _console() -> Console:
    return Console(width=None if Console().is_terminal else 200)


def replay(settings: Settings, mended: Path) -> Iterator[str]:
    """Writes one delivery per original file, with a control file that names each line's origin; says what it wrote.

    A mended row has the business date of its original, so that it does not win over what came later.

    Raises:
        WrongUse: the file is no export, or a row cannot be replayed.
    """
    groups: dict[tuple[str, str, str], dict[int, str]] = defaultdict(dict)
    for row in _exported(mended):
        place = f"line {row['line_number']} of {row['path']}"
        if row["raw"].startswith("[withheld"):
            raise WrongUse(
                f"{mended}: {place} may name a person and was never kept; take its row out of this file, and have the "
                "lender send it again."
            )
        lines = groups[row["source"], row["path"], row["sha256"]]
        # a line that gives rows of several feeds stands once for each that was refused
        if lines.setdefault(int(row["line_number"]), row["raw"]) != row["raw"]:
            raise WrongUse(f"{mended}: {place} stands there twice, mended in two ways; mend both alike.")
    # all are looked at before the first is written: a mistake in the last must not leave half a replay
    made = [
        _mended(settings, source, path, _header(settings, path, sha256), dict(sorted(lines.items())))
        for (source, path, sha256), lines in groups.items()
    ]
    for delivery in made:
        yield delivery.land(settings)


def _exported(mended: Path) -> list[dict[str, str]]:
    try:
        with mended.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except OSError as error:
        raise WrongUse(f"{mended} cannot be read ({error.strerror}).") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise WrongUse(f"{mended} cannot be read as CSV in UTF-8 ({error}).") from None
    if tuple(reader.fieldnames or ()) != EXPORTED:
        raise WrongUse(f"{mended} is no export: its columns must be {', '.join(EXPORTED)}.")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(EXPORTED) or None in row.values():
            raise WrongUse(f"{mended}: row {number} has not the {len(EXPORTED)} fields of an export.")
        if not row["line_number"].isdecimal():
            raise WrongUse(f"{mended}: row {number} has no line number; only the column raw is meant to be changed.")
    return rows


def _header(settings: Settings, path: str, sha256: str) -> str | None:
    """The first line of the original file; it must have been taken."""
    with Warehouse(settings.warehouse).reader() as connection:
        found = connection.execute(_TAKEN, [path, sha256]).fetchone()
    if found is None:
        raise WrongUse(
            f"{path} was refused as a whole; take its rows out of the export, and have the file mended and delivered "
            "again."
        )
    header: str | None = found[0]
    return header


@dataclass(frozen=True, slots=True)
class _Mended:
    """Mended lines of one original file, as the bytes of the delivery that they become."""

    source: str
    path: str
    """Of the original file."""
    name: FileName
    lines: int
    control: str
    content: bytes

    def land(self, settings: Settings) -> str:
        """Writes the delivery after its control file; says what it wrote."""
        folder = settings.landing / self.source
        folder.mkdir(parents=True, exist_ok=True)
        name, seq = self.name, _free_seq(settings, self.source, self.name)
        ending = ".jsonl" if name.ending == ".parquet" else name.ending
        target = folder / f"{name.stem}_{name.business_date:%Y%m%d}_{seq}{ending}"
        control_path(target).write_text(self.control, encoding="utf-8")
        target.write_bytes(self.content)
        return f"{target}: {self.lines} row(s) of {self.path}; the next night takes them."


def _mended(settings: Settings, source: str, path: str, header: str | None, lines: dict[int, str]) -> _Mended:
    name = FileName.parse(Path(path).name)
    mapping = settings.mapping(source).file_for(name.stem)
    if mapping is None:
        raise WrongUse(f"The mapping of {source} no longer knows {path}.")
    file_format = mapping[1].format
    is_records = name.ending in (".parquet", ".jsonl")
    head = [*([""] * file_format.skip_lines), *([] if is_records or header is None else [header])]
    control = {"rows": len(lines), "replays": _origins(path, lines, first=len(head) + 1)}
    text = "".join(f"{line}\n" for line in (*head, *lines.values()))
    try:
        content = text.encode(file_format.encoding, "surrogateescape")
    except UnicodeEncodeError as error:
        raise WrongUse(
            f"{path} is written in {file_format.encoding}, which has no {text[error.start]!r}; mend the row without it."
        ) from None
    return _Mended(source, path, name, len(lines), json.dumps(control, ensure_ascii=False), content)


def _free_seq(settings: Settings, source: str, name: FileName) -> int:
    """A sequence number that no delivery of that name and date has, landed or taken."""
    landed = [path.name for path in (settings.landing / source).iterdir()]
    with Warehouse(settings.warehouse).reader() as connection:
        rows = connection.execute("SELECT DISTINCT path FROM ops.files WHERE source = ?", [source]).fetchall()
    highest = 0
    for path in (*landed, *(row[0] for row in rows)):
        with contextlib.suppress(NotADelivery):
            other = FileName.parse(Path(path).name)
            if (other.stem, other.business_date) == (name.stem, name.business_date):
                highest = max(highest, other.seq)
    return highest + 1


def _origins(path: str, lines: dict[int, str], first: int) -> list[dict[str, object]]:
    """Per record of the new file: the physical line on which it begins, and where it came from."""
    origins: list[dict[str, object]] = []
    place = first
    for line_number, text in lines.items():
        origins.append({"line": place, "path": path, "line_number": line_number})
        place += text.count("\n") + 1
    return origins
