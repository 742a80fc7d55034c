"""The hash that stands for a person, against published vectors."""

from __future__ import annotations

import polars as pl
import pytest
from cryptography.hazmat.primitives import hashes

from transforms.persons import PersonHash, PersonKey, person_id


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_sm3_is_that_of_the_standard(message: bytes, digest: str) -> None:
    """The two examples of GB/T 32905-2016, annex A."""
    code = hashes.Hash(hashes.SM3())
    code.update(message)
    assert code.finalize().hex() == digest


def test_hmac_sha256_is_that_of_rfc_4231() -> None:
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert PersonKey(b"Jefe").digest("what do ya want for nothing?") == expected


@pytest.mark.parametrize("key", [b"k", b"k" * 64, b"k" * 65, "密钥".encode()])
def test_hmac_sm3_is_the_construction_of_rfc_2104(key: bytes) -> None:
    """Worked out here from SM3 alone: blocks of 64 bytes, longer keys hashed first."""

    def sm3(content: bytes) -> bytes:
        code = hashes.Hash(hashes.SM3())
        code.update(content)
        return code.finalize()

    block = (sm3(key) if len(key) > 64 else key).ljust(64, b"\0")
    inner = sm3(bytes(byte ^ 0x36 for byte in block) + "证件".encode())
    expected = sm3(bytes(byte ^ 0x5C for byte in block) + inner).hex()
    assert PersonKey(key, "hmac-sm3").digest("证件") == expected


@pytest.mark.parametrize("method", ["hmac-sha256", "hmac-sm3"])
def test_one_person_in_any_spelling_and_none_without_a_number(method: PersonHash) -> None:
    rows = pl.DataFrame(
        {
            "kind": ["resident_id", "RESIDENT_ID", "resident_id", "passport", None],
            "number": ["99010119900517001x", "９９010119900517001X ", None, "99010119900517001x", "1"],
        }
    )
    key = PersonKey(b"key", method)
    first, second, third, fourth, fifth = rows.select(person_id("kind", "number", key))["person_id"]
    assert first == second == key.digest("RESIDENT_ID\x1f99010119900517001X")
    assert fourth not in (None, first)
    assert third is fifth is None
