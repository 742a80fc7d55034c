"""How a published table is declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from transforms.fields import FIELDS, Field, schema_of

Scope = Literal["state", "night"]


@dataclass(frozen=True, slots=True)
class Table:
    """One published table: grain, key and columns.

    scope `state`: a function of facts, policy and date alone; `night`: also of the sequence of nights.
    """

    name: str
    scope: Scope
    en: str
    zh: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    night_columns: tuple[str, ...] = ()
    """Columns of a state table that depend on the sequence of nights all the same."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The declared fields, in order."""
        return tuple(FIELDS[name] for name in self.columns)

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Names and types inside."""
        return schema_of(self.columns)
