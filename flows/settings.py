"""Settings of a run: where things are, from the command line, the environment (TALLY_…) and defaults."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ByteSize, Field, SecretStr, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

import flows
from flows.errors import WrongUse
from flows.runners import PROCESSES
from flows.stores import storage
from flows.stores.keyring import KeyName, Keyring
from transforms.mapping import Mapping, MappingError, canonical, parse_mapping
from transforms.persons import PersonHash
from transforms.policy import Policy, PolicyError, mistakes, parse_policy
from transforms.sharing.institution import Institution, InstitutionError, parse_institution

DEFAULT_POLICY = "cn-2023"
LEAST_MEMORY = "64MB"
"""What DuckDB may hold at the least: with a few megabytes it fails amid a commit, and may crash the process then."""
_SECRETS = ("person_key", "person_key_before", "vault_key", "vault_key_before")


def _enough(memory: str) -> str:
    """The setting, if DuckDB can work with so much; else an error of pydantic."""
    bytes_of = TypeAdapter(ByteSize).validate_python
    if memory.endswith("%"):
        import psutil  # most settings name no share

        held = float(memory[:-1]) / 100 * psutil.virtual_memory().total
    else:
        held = bytes_of(memory)
    if held < bytes_of(LEAST_MEMORY):
        raise PydanticCustomError("memory", f"is less than the {LEAST_MEMORY} that DuckDB needs at the least")
    return memory


class Settings(BaseSettings):
    """Where a run reads and writes, and what it may use."""

    model_config = SettingsConfigDict(env_prefix="TALLY_", frozen=True, extra="forbid")

    landing: Path = Path("data/landing")
    """Folder into which sources drop their files."""
    warehouse: Path = Path("data/warehouse")
    """Folder of the published warehouse, the lake and the reports."""
    lake: str | None = None
    """Where the lake lies: a folder, or s3://bucket/prefix; empty: the folder `lake` of the warehouse."""
    runner: str = PROCESSES
    """Where batches of accounts are worked on: here, processes, or dask://host:port."""
    sources: Path | None = None
    """Folder of source mappings; before those of the warehouse and the shipped ones."""
    policy: Path | None = None
    """Policy file, or the name of a shipped one; empty: the shipped cn-2023."""
    person_key: Annotated[SecretStr, Field(min_length=1)] | None = None
    """Key of the hash that stands for a person; empty: the key file."""
    person_key_before: Annotated[SecretStr, Field(min_length=1)] | None = None
    """The key that person_key takes the place of, while `tally keys rotate` runs."""
    person_hash: PersonHash | None = None
    """The hash that stands for a person; empty: the warehouse's, and HMAC-SHA256 for a new one."""
    vault_key: Annotated[SecretStr, Field(min_length=32)] | None = None
    """Key of the vault, of 32 characters or more; empty: the key file."""
    vault_key_before: Annotated[SecretStr, Field(min_length=32)] | None = None
    """The key that vault_key takes the place of, while `tally keys rotate` runs."""
    memory: Annotated[str, Field(pattern=r"^\d+(\.\d+)? ?([KMGT]i?B|%)$"), AfterValidator(_enough)] | None = None
    """Memory that DuckDB may use before it spills to disk; empty: as much as a night of its kind needs."""

    @classmethod
    def given(cls, **settings: Path | str | None) -> Settings:
        """The settings, those that are None from the environment or as they are by default.

        Raises:
            WrongUse: one of them is wrong; names each.
        """
        try:
            return cls.model_validate({name: value for name, value in settings.items() if value is not None})
        except ValidationError as error:
            lines = (line.partition(":") for line in mistakes(error, _SECRETS))
            wrong = ";".join(f" TALLY_{place.upper()}:{what}" for place, _, what in lines)
            raise WrongUse(f"A setting in the environment is wrong:{wrong}.") from None

    def lake_place(self) -> Path:
        """Root of the lake.

        Raises:
            WrongUse: it is neither a folder nor a store that is known and lets us in.
            TryAgain: the store does not answer.
        """
        return storage.place(self.lake or self.warehouse / "lake")

    def mapping(self, source: str) -> Mapping:
        """The mapping of a source: own folder, the warehouse's, shipped, else the canonical layout.

        Raises:
            WrongUse: the mapping has mistakes, each is named; or there is no such folder of mappings.
        """
        if self.sources is not None and not self.sources.is_dir():
            raise WrongUse(f"There is no folder of source mappings {self.sources}; name another with --sources.")
        folders = [self.sources, self.warehouse / "sources", shipped("sources")]
        for folder in folders:
            if folder is not None and (path := folder / f"{source}.toml").exists():
                try:
                    return parse_mapping(_toml(path), source)
                except MappingError as error:
                    raise WrongUse(f"The mapping {path} has mistakes:\n{error}") from None
        return canonical(source)

    def rules(self) -> Policy:
        """The policy.

        Raises:
            WrongUse: the policy has mistakes; names each.
        """
        return load_policy(self.policy)

    @property
    def outbox(self) -> Path:
        """Folder of the files for recipients."""
        return self.warehouse / "outbox"

    @property
    def keyring(self) -> Keyring:
        """The keys of the person hash and of the vault."""
        before: dict[KeyName, SecretStr | None] = {"person": self.person_key_before, "vault": self.vault_key_before}
        given: dict[KeyName, SecretStr | None] = {"person": self.person_key, "vault": self.vault_key}
        return Keyring(self.warehouse / "keys", _secrets(given), _secrets(before))

    def key(self) -> bytes:
        """The key of the person hash: from the settings, else from its file, made on first use for the owner alone.

        Raises:
            WrongUse: the key file is open to others, or empty.
        """
        return self.keyring.key("person")


def _secrets(keys: dict[KeyName, SecretStr | None]) -> dict[KeyName, bytes]:
    return {name: key.get_secret_value().encode() for name, key in keys.items() if key is not None}


def shipped(folder: str) -> Path:
    """A folder of files that come with the program: in the package, or in the checkout it is run from."""
    package = Path(flows.__file__).parent
    inside = package / "shipped" / folder
    return inside if inside.exists() else package.parent / folder


def shipped_policies() -> dict[str, Path]:
    """The policies that come with the program, by name."""
    return {path.stem: path for path in sorted(shipped("policies").glob("*.toml"))}


def load_policy(given: Path | None) -> Policy:
    """A policy from its file, or by the name of a shipped one; empty: the default one.

    Raises:
        WrongUse: there is none, or it has mistakes; names each.
    """
    known = shipped_policies()
    path = given or known[DEFAULT_POLICY]
    if not path.is_file():
        if str(path) not in known:
            raise WrongUse(f"There is no policy {path}: give the path of a TOML file, or one of {', '.join(known)}.")
        path = known[str(path)]
    try:
        return parse_policy(_toml(path))
    except PolicyError as error:
        raise WrongUse(f"The policy {path} has mistakes:\n{error}") from None


def shipped_institutions() -> dict[str, Path]:
    """The institutions whose codes come with the program, by name."""
    return {path.stem: path for path in sorted(shipped("institutions").glob("*.toml"))}


def load_institution(given: Path) -> Institution:
    """An institution's codes from their file, or by the name of a shipped one.

    Raises:
        WrongUse: there is none, or it has mistakes; names each.
    """
    known = shipped_institutions()
    path = given
    if not path.is_file():
        if str(path) not in known:
            raise WrongUse(
                f"There is no institution {path}: give the path of a TOML file, or one of {', '.join(known)}."
            )
        path = known[str(path)]
    try:
        return parse_institution(_toml(path), path.stem)
    except InstitutionError as error:
        raise WrongUse(f"The institution {path} has mistakes:\n{error}") from None


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongUse(f"{path} cannot be read ({error.strerror}); give the path of a TOML file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongUse(f"{path} is not TOML: {error}.") from None
