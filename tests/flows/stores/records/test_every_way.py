"""Whichever way a file is read, the rows are the same and no line is lost."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.stores import records
from flows.stores.records import Profile, Records, Unreadable, raw_lines, read
from tests.flows.stores.records.taking import PACKERS, POSITIONS, Row, rows, take
from transforms.mapping import FileFormat

NORMAL: dict[str, object] = {}
WAYS: dict[str, dict[str, object]] = {
    "as it comes": NORMAL,
    "in tiny blocks": {"limits.BLOCK_BYTES": 24, "limits.GLANCE_BYTES": 24, "limits.PART_BYTES": 1},
    "staged": {"profile": lambda path, _: Profile("", path.stat().st_size)},
    "line by line": {"delimited.Delimited.regular": lambda *_, **__: None},
}


def one_way(way: dict[str, object], content: bytes, name: str, **settings: object) -> tuple[Records, list[Row]] | None:
    """The records of a file with that content; None when it is unreadable."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for attribute, value in way.items():
            patch.setattr(f"flows.stores.records.{attribute}", value)
        path = Path(folder) / name
        path.write_bytes(content)
        file_format = FileFormat.model_validate(settings)
        try:
            taken = read(path, file_format, Path(folder), records.profile(path, file_format))
        except Unreadable:
            return None
        found = rows(taken)
        wanted = [(line, span) for line, span, *_ in found]
        assert sorted(raw_lines(path, file_format, wanted, Path(folder))) == [line for line, _ in wanted]
        return taken, found


@st.composite
def regular_files(draw: st.DrawFn) -> tuple[bytes, list[Row]]:
    """A file as a good writer would write it, and its rows."""
    width = draw(st.integers(1, 4))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    quotes_all = draw(st.booleans())
    plain = st.text("ab1 好\0;|", max_size=4)
    cell = draw(st.sampled_from([plain, st.text('ab, "\n\r好', max_size=4)]))

    def written(text: str) -> str:
        is_needed = any(mark in text for mark in ',"\n\r') or (width == 1 and not text)
        return '"' + text.replace('"', '""') + '"' if is_needed or quotes_all else text

    lines = [",".join("abcd"[:width])]
    expected: list[Row] = []
    number = 2
    for cells in draw(st.lists(st.lists(cell, min_size=width, max_size=width), max_size=12)):
        blank = draw(st.integers(0, 5)) // 4
        lines += [""] * blank
        number += blank
        line = ",".join(map(written, cells))
        span = line.count("\n") + 1
        expected.append((number, span, None, *(text or None for text in cells)))
        lines.append(line)
        number += span
    return (newline.join(lines) + newline * draw(st.booleans())).encode(), expected


@given(regular_files(), st.sampled_from(list(WAYS)))
def test_every_way_reads_a_regular_file_rightly(file: tuple[bytes, list[Row]], way: str) -> None:
    content, expected = file
    found = one_way(WAYS[way], content, "x.csv")
    assert found is not None
    assert found[1] == expected


TOKENS = [b"a", b"1", b",", b",", b'"', b'"', b'""', b'"a"', b"\n", b"\n", b"\r\n", b"\r", b"\xff", "好".encode()]


@given(
    st.lists(st.sampled_from(TOKENS), max_size=60).map(b"".join),
    st.sampled_from([b"", b"a\n", b"a,b\n"]),
    st.sampled_from(["utf-8", "gb18030"]),
    st.sampled_from(['"', ""]),
)
@example(b'1,"\n"",2\n', b"a,b\n", "utf-8", '"')
@example(b'"\n' * 9, b"a\n", "utf-8", '"')
def test_every_way_gives_the_same_and_loses_no_line(garbage: bytes, header: bytes, encoding: str, quote: str) -> None:
    content = header + garbage
    settings = {"encoding": encoding, "quote": quote}
    found = [one_way({**way, "limits.MAX_RECORD_LINES": 3}, content, "x.csv", **settings) for way in WAYS.values()]
    if found[0] is None:
        assert found == [None] * len(WAYS)
        return
    taken, expected = found[0]
    for other in found[1:]:
        assert other is not None
        assert other[1] == expected
    lines = content.split(b"\n")
    filled = [number for number, line in enumerate(lines, 1) if line not in (b"", b"\r")]
    header_lines = taken.header.count("\n") + 1 if taken.header is not None else 0
    covered = [filled[0] + offset for offset in range(header_lines)] if filled else []
    covered += [line + offset for line, span, *_ in expected for offset in range(span)]
    assert len(covered) == len(set(covered))
    assert set(filled) <= set(covered)


@given(
    st.one_of(
        st.binary(max_size=200), st.lists(st.sampled_from([*TOKENS, b"{", b"}", b":"]), max_size=40).map(b"".join)
    ),
    st.sampled_from(["x.csv", "x.jsonl", "x.parquet", "x.csv.gz", "x.jsonl.zst", "x.txt"]),
    st.sampled_from(["utf-8", "gb18030", "utf-16", "utf-7", "cp1252", "big5"]),
    st.booleans(),
)
def test_garbage_is_unreadable_or_parted(garbage: bytes, name: str, encoding: str, is_packed: bool) -> None:
    pack = PACKERS.get(Path(name).suffix, bytes)
    settings = {"type": "fixed", "positions": POSITIONS} if name == "x.txt" else {}
    found = one_way(NORMAL, pack(garbage) if is_packed else garbage, name, encoding=encoding, **settings)
    if found is not None and encoding == "utf-8" and is_packed and name in ("x.jsonl", "x.jsonl.zst", "x.txt"):
        lines = garbage.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        assert [line for line, *_ in found[1]] == [n for n, line in enumerate(lines, 1) if line not in (b"", b"\r")]


@pytest.mark.slow
def test_millions_of_quoted_lines_are_scanned_as_they_are_written(tmp_path: Path) -> None:
    """Polars splits a large file among its threads: no quote may confuse where a line begins."""
    cells = ['x,"y"', "", '"', "plain", ",,,"]
    lines = [
        '"' + '","'.join(cell.replace('"', '""') for cell in (str(n), cells[n % 5], cells[n % 3])) + '"'
        for n in range(2_000_000)
    ]
    taken = take(tmp_path, ("a,b,c\n" + "\n".join(lines)).encode())
    assert not list((tmp_path / "work").iterdir())
    expected = pl.LazyFrame({"n": range(2_000_000)}).select(
        line_number=pl.col("n") + 2,
        a=pl.col("n").cast(pl.String),
        b=(pl.col("n") % 5).replace_strict({n: cell or None for n, cell in enumerate(cells)}),
        c=(pl.col("n") % 3).replace_strict({n: cells[n] or None for n in range(3)}),
    )
    assert taken.rows.select("line_number", "a", "b", "c").collect().equals(expected.collect())
