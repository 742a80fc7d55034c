"""The keys: of the person hash and of the vault, from the environment or from files that only their owner may read.

A key that is being rotated in lies beside the one in force as `<name>.next.key`. Which of the two is in force is told
by the published manifest alone, so that a rotation killed at any point leaves the old key or the new one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from flows.errors import WrongUse
from flows.stores.durable import flush_folder, write_durably
from flows.stores.seal import Seal

KeyName = Literal["person", "vault"]
_LOST: dict[KeyName, str] = {
    "person": "To change it, give both, the old one as TALLY_PERSON_KEY_BEFORE, and run `tally keys rotate --person`;"
    " without it no person is recognised again.",
    "vault": "To change it, give both, the old one as TALLY_VAULT_KEY_BEFORE, and run `tally keys rotate --vault`; when"
    " it is lost for good, so are names and numbers: `tally keys rotate --vault --lost` begins an empty vault.",
}


@dataclass(frozen=True, slots=True)
class Keyring:
    """Where the keys are; `given` come from the environment, `before` are those that they take the place of."""

    root: Path
    given: dict[KeyName, bytes]
    before: dict[KeyName, bytes]

    def path(self, name: KeyName, state: str = "") -> Path:
        """The file of a key; `.next`: of the one being rotated in."""
        return self.root / f"{name}{state}.key"

    def key(self, name: KeyName) -> bytes:
        """A key: as given, else from its file, made on first use for the owner alone.

        Raises:
            WrongUse: the key file is open to others, or empty.
        """
        if name in self.given:
            return self.given[name]
        if not self.path(name).exists():
            self._make(self.path(name))
        return _read(self.path(name), name)

    def make_next(self, name: KeyName) -> bytes:
        """The key to rotate to: as given, else a new one in a file beside the one in force."""
        if name in self.given:
            return self.given[name]
        self._make(self.path(name, ".next"))
        return _read(self.path(name, ".next"), name)

    def places(self, name: KeyName) -> list[tuple[bytes, str]]:
        """Every key at hand and where it is, the one that a first use takes first."""
        variable = f"TALLY_{name.upper()}_KEY"
        before = [(self.before[name], f"{variable}_BEFORE")] if name in self.before else []
        if name in self.given:
            return [(self.given[name], variable), *before]
        paths = (path for path in (self.path(name), self.path(name, ".next")) if path.exists())
        return [*((_read(path, name), str(path)) for path in paths), *before]

    def in_force(self, name: KeyName, named: str | None) -> bytes:
        """The key of a fingerprint; without one, the key that a first use takes.

        Raises:
            WrongUse: it is not at hand.
        """
        if named is None:
            return self.key(name)
        for key, _ in self.places(name):
            if fingerprint(name, key) == named:
                return key
        place = f"TALLY_{name.upper()}_KEY" if name in self.given else str(self.path(name))
        raise WrongUse(
            f"The {name} key {named}, with which this warehouse was made, is not at hand ({place} has none or another);"
            f" put it back from a copy. {_LOST[name]}"
        )

    def settle(self, name: KeyName, in_force: str | None) -> None:
        """Ends a rotation that was killed: keeps the file of the key in force, deletes the other.

        Args:
            name: the key.
            in_force: fingerprint of the key that the published manifest names.
        """
        path, following = self.path(name), self.path(name, ".next")
        if not following.exists() or name in self.given:
            return
        if in_force is not None and fingerprint(name, _read(following, name)) == in_force:
            following.replace(path)
        else:
            following.unlink()
        flush_folder(self.root)

    def _make(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_durably(path, secrets.token_hex(32).encode(), mode=0o600)


def fingerprint(name: KeyName, key: bytes) -> str:
    """Half of a hash that tells a key apart and gives nothing of it away."""
    return hmac.new(key, f"tally {name} key".encode(), hashlib.sha256).hexdigest()[:16]


def seal(key: bytes) -> Seal:
    """The seal of a vault key, whatever its length."""
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"tally vault").derive(key)
    return Seal(derived, fingerprint("vault", key))


def _read(path: Path, name: KeyName) -> bytes:
    if path.stat().st_mode & 0o077:
        raise WrongUse(f"{path} can be read by others; run `chmod 600 {path}`.")
    key = path.read_text().strip()
    if not key:
        raise WrongUse(f"{path} is empty; put the key back from a copy. {_LOST[name]}")
    return key.encode()
