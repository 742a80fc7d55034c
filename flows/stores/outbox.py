"""The outbox: files for recipients, with names in clear, for the owner alone; there once the ledger knows them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from flows.stores.durable import flush_folder, write_durably

_PART = ".part"


@dataclass(frozen=True, slots=True)
class Outbox:
    """The folder of files for recipients, one folder for each of them."""

    root: Path

    def relative(self, recipient: str, name: str) -> str:
        """Path of a file for a recipient, below the outbox."""
        return f"{quote(recipient, safe='')}/{name}"

    def put(self, relative: str, content: bytes) -> str:
        """Writes a file that is not yet to be taken, for the owner alone; its SHA-256."""
        path = self._part(relative)
        for folder in (self.root, path.parent):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        write_durably(path, content, mode=0o600)
        return hashlib.sha256(content).hexdigest()

    def settle(self, sent: Callable[[], Mapping[str, str]]) -> None:
        """Gives their names to the files that the ledger knows, and deletes those that it does not.

        Args:
            sent: gives SHA-256 by path below the outbox of every file in the ledger; asked only when there are such.
        """
        parts = sorted(self.root.rglob(f"*{_PART}*"))
        ledger = sent() if parts else {}
        for path in parts:
            final = path.with_name(path.name.removesuffix(_PART))
            known = ledger.get(final.relative_to(self.root).as_posix())
            if path.suffix == _PART and known == hashlib.sha256(path.read_bytes()).hexdigest():
                path.replace(final)
                flush_folder(final.parent)
            else:
                path.unlink()

    def file(self, relative: str) -> Path:
        """A file that was sent."""
        return self.root / relative

    def _part(self, relative: str) -> Path:
        path = self.file(relative)
        return path.with_name(path.name + _PART)
