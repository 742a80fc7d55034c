"""Codes of a closed vocabulary, each with its one sentence."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class ReasonCode(StrEnum):
    """A code and what it says: the value is the code, `sentence` says it in words. Members are `CODE, sentence`."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> Self:
        """The member of that code, with its sentence."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.sentence = sentence
        return member
