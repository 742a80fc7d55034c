"""Where the lake lies: a folder, or a prefix in S3-compatible storage, both spoken to as a path.

A folder's files are flushed to disk; an object store keeps an object whole or not at all by itself. The endpoint and
credentials of a store come from the environment, as every client of it reads them: AWS_ENDPOINT_URL,
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from flows.errors import WrongUse
from flows.stores.durable import flush, flush_folder, write_durably

_REMOTE = "s3://"


def place(location: str | Path) -> Path:
    """The folder, or the prefix of a store as a path that behaves like one.

    Raises:
        WrongUse: the store is of a kind that is not known, or its client is not installed.
    """
    text = str(location)
    if "://" not in text:
        return Path(text)
    if not text.startswith(_REMOTE):
        raise WrongUse(f"A lake is a folder or lies at {_REMOTE}bucket/prefix; {text} is neither.")
    try:
        from upath import UPath
    except ImportError:
        raise WrongUse(f"{text} needs the extra `scale`: pip install 'tallystick[scale]'.") from None
    # the client names the endpoint itself, but polars' own reader wants to be told that a plain one is meant
    if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        os.environ.setdefault("AWS_ALLOW_HTTP", "true")
    return cast("Path", UPath(text.rstrip("/"), use_listings_cache=False))


def is_local(path: Path) -> bool:
    """Whether the path lies in a file system of this machine."""
    return isinstance(path, Path)


def make_folder(path: Path) -> None:
    """Makes a folder; a store needs none."""
    if is_local(path):
        path.mkdir(parents=True, exist_ok=True)


def write(path: Path, content: bytes) -> None:
    """Writes a small file that is there whole or not at all."""
    if is_local(path):
        make_folder(path.parent)
        write_durably(path, content)
    else:
        path.write_bytes(content)


def settle(written: Path, path: Path) -> None:
    """Brings a finished local file to its place, durably; `written` may be that place already."""
    if is_local(path):
        if written != path:
            make_folder(path.parent)
            shutil.move(written, path)
        flush(path)
        flush_folder(path.parent)
        return
    path.fs.put_file(str(written), path.path)  # type: ignore[attr-defined]
    written.unlink()


def fetch(path: Path, folder: Path) -> Path:
    """The file as a local one: itself, or a copy in the folder."""
    if is_local(path):
        return path
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / path.name
    path.fs.get_file(path.path, str(copy))  # type: ignore[attr-defined]
    return copy


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below a folder, sorted; none where there is no folder."""
    if not folder.exists():
        return
    yield from (path for path in sorted(folder.rglob("*"), key=str) if path.is_file())


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
