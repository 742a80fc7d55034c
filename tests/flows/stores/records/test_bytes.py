"""Encodings and compressions: the same rows whatever the bytes are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.stores.records import Unreadable, profile
from tests.flows.stores.records.taking import PACKERS, raw, rows, take
from transforms.mapping import FileFormat
from transforms.refusals import Refusal


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gb18030", "big5", "utf-16", "utf-16-le", "utf-32", "utf-7"]
)
def test_encodings(tmp_path: Path, encoding: str) -> None:
    content = 'a,b\n1,中文|"\n\n2,"言,\n語"\n'.encode(encoding)
    assert rows(take(tmp_path, content, encoding=encoding)) == [
        (2, 1, None, "1", '中文|"'),
        (4, 2, None, "2", "言,\n語"),
    ]


def test_a_mark_at_the_beginning_is_understood_by_itself(tmp_path: Path) -> None:
    for content in (b"a,b\n1,2\n", b"a,b\n1\n"):
        assert take(tmp_path, b"\xef\xbb\xbf" + content).columns == ("a", "b")
    taken = take(tmp_path, b"\xef\xbb\xbf1,2\n", header=False, columns=["a", "b"])
    assert rows(taken) == [(1, 1, None, "1", "2")]
    assert raw(tmp_path, taken) == ["1,2"]


def test_bad_bytes_in_other_encodings_take_no_line_end_with_them(tmp_path: Path) -> None:
    content = "a,b\n1,好\n2,".encode("gb18030") + b"\x81\n3,\xff,,\n" + "4,吗\n".encode("gb18030")
    taken = take(tmp_path, content, encoding="gb18030")
    assert rows(taken) == [
        (2, 1, None, "1", "好"),
        (3, 1, Refusal.BAD_ENCODING, None, None),
        (4, 1, Refusal.BAD_ENCODING, None, None),
        (5, 1, None, "4", "吗"),
    ]
    assert raw(tmp_path, taken, encoding="gb18030") == ["1,好", r"2,\x81", r"3,\xff,,", "4,吗"]
    cut_off = take(tmp_path, "a,b\n1,2\n3,4\n".encode("utf-16-le") + b"\x41", encoding="utf-16-le")
    assert rows(cut_off)[2] == (4, 1, Refusal.BAD_ENCODING, None, None)


@pytest.mark.parametrize(("ending", "pack"), PACKERS.items())
def test_compressed_files(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    content = "a,b\n1,好\n".encode("gb18030") + b"2\n"
    two = pack(content) + pack(b"3,4")
    taken = take(tmp_path, two, f"x.csv{ending}", encoding="gb18030")
    assert rows(taken) == [
        (2, 1, None, "1", "好"),
        (3, 1, Refusal.TOO_FEW_FIELDS, None, None),
        (4, 1, None, "3", "4"),
    ]
    assert raw(tmp_path, taken, f"x.csv{ending}", encoding="gb18030") == ["1,好", "2", "3,4"]
    seen = profile(tmp_path / f"x.csv{ending}", FileFormat())
    assert (seen.sha256, seen.size) == (hashlib.sha256(two).hexdigest(), len(two))


@pytest.mark.parametrize(("ending", "pack"), PACKERS.items())
def test_damaged_compression_is_unreadable(tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b"a,b\n" + b"1,2\n" * 1000)
    for damaged in (packed[:-3], packed[:9], packed + b"trailing", b"a,b\n1,2\n"):
        with pytest.raises(Unreadable, match="damaged or cut off"):
            take(tmp_path, damaged, f"x.csv{ending}")
