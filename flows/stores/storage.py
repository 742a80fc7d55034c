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
from uuid import uuid4

from flows.errors import TryAgain, WrongUse
from flows.stores.durable import flush, flush_folder, write_durably

_REMOTE = "s3://"


def place(location: str | Path) -> Path:
    """The folder, or the prefix of a store as a path that behaves like one; whole, whatever folder a worker is in.

    Raises:
        WrongUse: the store is of a kind that is not known, its client is not installed, or it lets nobody in.
        TryAgain: the store does not answer.
    """
    text = str(location)
    if "://" not in text:
        return Path(text).absolute()
    if not text.startswith(_REMOTE):
        raise WrongUse(f"A lake is a folder or lies at {_REMOTE}bucket/prefix; {text} is neither.")
    if not all(text.removeprefix(_REMOTE).strip("/").partition("/")):
        raise WrongUse(f"A lake needs a prefix of its own: {_REMOTE}bucket/prefix; {text} names none.")
    try:
        from upath import UPath
    except ImportError:
        raise WrongUse(f"{text} needs the extra `scale`: pip install 'tallystick[scale]'.") from None
    found = cast("Path", UPath(text.rstrip("/"), use_listings_cache=False))
    _must_answer(found, text)
    return found


def _must_answer(path: Path, text: str) -> None:
    """Asks the store for one name below the path: what is wrong is told before any work."""
    from botocore.exceptions import BotoCoreError, NoCredentialsError

    bucket, _, prefix = text.removeprefix(_REMOTE).partition("/")
    where = os.environ.get("AWS_ENDPOINT_URL", "AWS")
    try:
        path.fs.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=1)  # type: ignore[attr-defined]
    except FileNotFoundError:
        raise WrongUse(f"There is no bucket {bucket} at {where}; make it, or name another with --lake.") from None
    except (PermissionError, NoCredentialsError) as error:
        raise WrongUse(
            f"{where} does not let us into {text} ({error}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        ) from None
    except (OSError, BotoCoreError) as error:
        raise TryAgain(f"{text} at {where} does not answer ({error}); see AWS_ENDPOINT_URL, and try again.") from None


def reading() -> dict[str, str] | None:
    """What polars' own reader of stores has to be told besides the environment: that a plain endpoint is meant."""
    plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
    return {"aws_allow_http": "true"} if plain else None


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
    if written != path:
        hand_over(written, path)
    if is_local(path):
        flush(path)
        flush_folder(path.parent)


def hand_over(written: Path, path: Path) -> None:
    """Brings a finished local file to its place, whole at any moment, for the length of a run: nothing is flushed."""
    if is_local(path):
        make_folder(path.parent)
        beside = path.with_name(f"{path.name}.{uuid4().hex}")
        shutil.move(written, beside)
        beside.replace(path)
        return
    path.fs.put_file(str(written), path.path)  # type: ignore[attr-defined]
    written.unlink()


def clear(folder: Path) -> None:
    """Deletes a folder with everything below it, if it is there."""
    if is_local(folder):
        shutil.rmtree(folder, ignore_errors=True)
    elif folder.exists():
        folder.fs.rm(folder.path, recursive=True)  # type: ignore[attr-defined]


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
