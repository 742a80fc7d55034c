"""The vault: names, numbers and addresses, sealed; the only place where they are kept.

Its files are as immutable and as uniquely named as the lake's, and the run's manifest names them. What the published
manifest does not name is deleted at once, so that what was taken out of the vault is gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from flows.errors import Damaged
from flows.stores import storage
from flows.stores.keyring import Keyring, seal
from flows.stores.lake import ORDER, LakeFile, Manifest
from flows.stores.seal import Seal, fingerprint_of
from transforms.feeds import IDENTITIES

SCHEMA: dict[str, pl.DataType] = {**IDENTITIES.facts, **ORDER}
"""One row per version of a customer's clear values; of a deleted or forgotten one, its last row without them."""


@dataclass(frozen=True, slots=True)
class Vault:
    """The vault in a folder, as a manifest names its files and their key."""

    root: Path
    keyring: Keyring
    files: tuple[LakeFile, ...] = ()
    key: str | None = None
    """Fingerprint of the key in force; None before the first."""

    @classmethod
    def of(cls, root: Path, keyring: Keyring, manifest: Manifest | None) -> Vault:
        """The vault as a manifest says (none: empty)."""
        return cls(root, keyring, manifest.vault, manifest.vault_key) if manifest else cls(root, keyring)

    def seal(self) -> Seal:
        """The seal in force.

        Raises:
            WrongUse: its key is not at hand.
        """
        return seal(self.keyring.in_force("vault", self.key))

    def scan(self) -> pl.LazyFrame:
        """All rows, in clear.

        Raises:
            WrongUse: the key is not at hand.
            Damaged: a file is not as it was written.
        """
        if not self.files:
            return pl.LazyFrame(schema=SCHEMA)
        paths = [self.root / file.path for file in self.files]
        if lost := [str(path) for path in paths if not path.exists() or fingerprint_of(path) is None]:
            raise Damaged(
                f"{', '.join(lost)} is gone or no file of the vault; put it back from a copy, or begin an empty vault"
                " with `tally keys rotate --vault --lost`."
            )
        return self.seal().scan(paths, SCHEMA)

    def write(self, name: str, rows: pl.DataFrame, by: Seal) -> LakeFile:
        """Writes one file of the vault; it counts once a published manifest names it."""
        path = self.root / f"{name}.sealed"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        count = by.write(path, [rows.select(pl.col(column).cast(kind) for column, kind in SCHEMA.items())])
        return LakeFile(dataset=IDENTITIES.name, path=path.name, rows=count, sha256=storage.sha256(path))

    def sweep(self, named: Iterable[LakeFile]) -> None:
        """Deletes every file that is not among those named."""
        kept = {self.root / file.path for file in named}
        for path in self.root.glob("*") if self.root.exists() else ():
            if path not in kept:
                path.unlink()
