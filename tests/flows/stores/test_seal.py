"""Sealed files: read as they were written, with their key alone, in their place alone."""

from __future__ import annotations

import stat
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.errors import Damaged
from flows.stores.keyring import Keyring, fingerprint, seal
from flows.stores.seal import Seal, fingerprint_of

SCHEMA: dict[str, pl.DataType] = {"name": pl.String(), "count": pl.Int64()}
ROWS = st.lists(st.tuples(st.none() | st.text(), st.none() | st.integers(-(2**63), 2**63 - 1)))


def frame(rows: list[tuple[str | None, int | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@given(st.lists(ROWS, max_size=3), st.none() | st.integers(0, 5))
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, parts: object, count: object
) -> None:
    assert isinstance(parts, list)
    path = tmp_path_factory.mktemp("seal") / "a.sealed"
    key = Seal.of_this_process()
    frames = [frame(rows) for rows in parts]
    whole = pl.concat([frame([]), *frames])
    assert key.write(path, frames) == whole.height
    scan = key.scan([path], SCHEMA)
    assert scan.collect().equals(whole)
    few = scan.head(count) if isinstance(count, int) else scan
    assert few.collect().equals(whole.head(count) if isinstance(count, int) else whole)
    positive = pl.col("count") > 0
    assert scan.filter(positive).select("name").collect().equals(whole.filter(positive).select("name"))


def test_a_column_that_a_file_lacks_is_null(tmp_path: Path) -> None:
    key = Seal.of_this_process()
    for name, rows in (("a", frame([("x", 1)])), ("b", pl.DataFrame({"name": ["y"]}))):
        key.write(tmp_path / name, [rows])
    assert key.scan([tmp_path / "a", tmp_path / "b"], SCHEMA).collect().rows() == [("x", 1), ("y", None)]


def test_a_file_is_for_its_owner_and_tells_its_key_by_fingerprint(tmp_path: Path) -> None:
    path, key = tmp_path / "a", seal(b"key")
    key.write(path, [frame([("韩梅梅", 1)])])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert fingerprint_of(path) == key.fingerprint == fingerprint("vault", b"key")
    assert "韩梅梅".encode() not in path.read_bytes()
    (tmp_path / "other").write_bytes(b"PAR1")
    assert fingerprint_of(tmp_path / "other") is None


def test_another_key_another_name_or_another_byte_is_damage(tmp_path: Path) -> None:
    path, key = tmp_path / "a", seal(b"key")
    key.write(path, [frame([("x", 1)]), frame([("y", 2)])])
    content = path.read_bytes()
    with pytest.raises(Damaged, match="not sealed with the key"):
        list(seal(b"other").read(path))
    with pytest.raises(Damaged, match="as it was written"):
        list(Seal(b"0" * 32, key.fingerprint).read(path))
    path.rename(tmp_path / "b")
    with pytest.raises(Damaged, match="as it was written"):
        list(key.read(tmp_path / "b"))
    header = len(b"tally sealed 1\n") + 16
    for place in range(header, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(Damaged):
            list(key.read(path))
        path.write_bytes(content[:place])
        with pytest.raises(Damaged):
            list(key.read(path))


def test_a_key_file_is_whole_or_not_there(tmp_path: Path) -> None:
    ring = Keyring(tmp_path / "keys", {}, {})
    key = ring.key("vault")
    assert ring.key("vault") == key
    assert [path.name for path in ring.root.iterdir()] == ["vault.key"]
    assert stat.S_IMODE(ring.path("vault").stat().st_mode) == 0o600
    following = ring.make_next("vault")
    ring.settle("vault", fingerprint("vault", key))
    assert ring.key("vault") == key
    assert ring.make_next("vault") != following, "a key that was never in force is not used again"
    newest = ring.make_next("vault")
    assert ring.in_force("vault", fingerprint("vault", newest)) == newest
    ring.settle("vault", fingerprint("vault", newest))
    assert [path.name for path in ring.root.iterdir()] == ["vault.key"]
    assert ring.key("vault") == newest
