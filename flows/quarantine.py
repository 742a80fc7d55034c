"""The quarantine: what was refused or waits, shown, exported for mending, and replayed as deliveries."""

from __future__ import annotations

import contextlib
import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from flows.errors import WrongUse
from flows.report import table
from flows.settings import Settings
from flows.stores.landing import FileName, NotADelivery, control_path
from flows.stores.warehouse import Warehouse

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
_TAKEN = "SELECT any_value(header) FROM ops.files WHERE path = ? AND sha256 = ? AND outcome = 'accepted' GROUP BY path"


def show_counts(settings: Settings) -> None:
    """Prints how many rows are refused, waiting or released, by file and reason."""
    with Warehouse(settings.warehouse).reader() as connection:
        rows = connection.execute(_COUNTS).fetchall()
    _console().print(table("Quarantine", ("file", "feed", "reason", "state", "rows"), rows))


def show_rows(settings: Settings, path: str | None, reason: str | None, export: Path | None) -> None:
    """Prints refused and waiting rows, or writes them as CSV for mending."""
    with Warehouse(settings.warehouse).reader() as connection:
        rows = connection.execute(_ROWS, [path, reason]).fetchall()
    if export is None:
        shown = [(f"{row[1]}:{row[3]}", row[4], row[5], row[7], row[8] or "") for row in rows]
        _console().print(table("Quarantine", ("file:line", "feed", "key", "why", "as delivered"), shown))
        return
    with export.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(EXPORTED)
        writer.writerows(rows)
    _console().print(
        f"{len(rows)} row(s) are in {export}: mend the column raw, then `tally quarantine replay {export}`."
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
        if row["raw"].startswith("[withheld"):
            raise WrongUse(
                f"{mended}: line {row['line_number']} of {row['path']} may name a person and was never kept; "
                "have the lender send it again."
            )
        groups[row["source"], row["path"], row["sha256"]][int(row["line_number"])] = row["raw"]
    for (source, path, sha256), lines in groups.items():
        yield _deliver(settings, source, path, _header(settings, path, sha256), dict(sorted(lines.items())))


def _exported(mended: Path) -> list[dict[str, str]]:
    try:
        with mended.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WrongUse(f"{mended} cannot be read as CSV in UTF-8 ({error}).") from None
    if tuple(reader.fieldnames or ()) != EXPORTED:
        raise WrongUse(f"{mended} is no export: its columns must be {', '.join(EXPORTED)}.")
    return rows


def _header(settings: Settings, path: str, sha256: str) -> str | None:
    """The first line of the original file; it must have been taken."""
    with Warehouse(settings.warehouse).reader() as connection:
        found = connection.execute(_TAKEN, [path, sha256]).fetchone()
    if found is None:
        raise WrongUse(f"{path} was refused as a whole; have it mended and delivered again instead of single rows.")
    header: str | None = found[0]
    return header


def _deliver(settings: Settings, source: str, path: str, header: str | None, lines: dict[int, str]) -> str:
    name = FileName.parse(Path(path).name)
    mapping = settings.mapping(source).file_for(name.stem)
    if mapping is None:
        raise WrongUse(f"The mapping of {source} no longer knows {path}.")
    file_format = mapping[1].format
    folder = settings.landing / source
    folder.mkdir(parents=True, exist_ok=True)
    ending = ".jsonl" if name.ending == ".parquet" else name.ending
    target = folder / f"{name.stem}_{name.business_date:%Y%m%d}_{_free_seq(settings, source, name)}{ending}"
    head = [*([""] * file_format.skip_lines), *([header] if header is not None and ending != ".jsonl" else [])]
    origins = _origins(path, lines, first=len(head) + 1)
    content = "".join(f"{line}\n" for line in (*head, *lines.values()))
    control = {"rows": len(lines), "replays": origins}
    control_path(target).write_text(json.dumps(control, ensure_ascii=False), encoding="utf-8")
    target.write_bytes(content.encode(file_format.encoding, "surrogateescape"))
    return f"{target}: {len(lines)} row(s) of {path}; the next night takes them."


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
