"""The keyed hash that stands for a person: the same at every lender, and telling nothing without its key."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import polars as pl
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

PersonHash = Literal["hmac-sha256", "hmac-sm3"]


@dataclass(frozen=True, slots=True)
class PersonKey:
    """A key and the hash that it is used with (SM3: GB/T 32905-2016)."""

    key: bytes
    hash: PersonHash = "hmac-sha256"

    def digest(self, text: str) -> str:
        """The text's hash under the key, in 64 hexadecimal digits."""
        if self.hash == "hmac-sha256":
            return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()
        code = HMAC(self.key, hashes.SM3())
        code.update(text.encode())
        return code.finalize().hex()


def person_id(id_type: str, id_number: str, key: PersonKey) -> pl.Expr:
    """The keyed hash of two columns, identity type and number, both in one spelling; null where either is missing."""
    spelled = [_each(pl.col(name), _spelled) for name in (id_type, id_number)]
    return _each(pl.concat_str(spelled, separator="\x1f"), key.digest).alias("person_id")


def _spelled(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().upper()


def _each(column: pl.Expr, function: Callable[[str], str]) -> pl.Expr:
    def of(texts: pl.Series) -> pl.Series:
        said = [None if text is None else function(text) for text in texts]
        return pl.Series(texts.name, said, dtype=pl.String)

    return column.map_batches(of, return_dtype=pl.String, is_elementwise=True)
