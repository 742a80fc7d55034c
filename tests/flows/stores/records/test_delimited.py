"""Delimited files: every record at its line, damage named and never spread."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from flows.stores.records import Unreadable, limits, profile
from tests.flows.stores.records.taking import Row, raw, rows, take
from transforms.mapping import FileFormat
from transforms.refusals import Refusal


def test_a_regular_file_is_scanned_where_it_lies(tmp_path: Path) -> None:
    taken = take(tmp_path, b" loan , due \nL1, 5 \nL2,\n")
    assert taken.columns == ("loan", "due")
    assert taken.header == " loan , due "
    assert rows(taken) == [(2, 1, None, "L1", " 5 "), (3, 1, None, "L2", None)]
    assert not list((tmp_path / "work").iterdir())


def test_profile_tells_hash_size_and_regularity(tmp_path: Path) -> None:
    content = b"a,b\n1,2\n\n3,4\n"
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    seen = profile(path, FileFormat())
    assert (seen.sha256, seen.size, seen.line_count) == (hashlib.sha256(content).hexdigest(), len(content), 2)
    assert profile(path, FileFormat(), sha256="known").sha256 == "known"
    path.write_bytes(b"a,b\n1\n" + b"x,y\n" * 500_000)
    broken = profile(path, FileFormat())
    assert broken.line_count is None
    assert broken.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("end", [True, False])
def test_line_ends_and_blank_lines(tmp_path: Path, newline: bytes, end: bool) -> None:
    lines = [b"", b"a,b", b"", b"", b"1,2", b"", b",", b"3,4"]
    taken = take(tmp_path, newline.join(lines) + newline * end)
    assert rows(taken) == [(5, 1, None, "1", "2"), (7, 1, None, None, None), (8, 1, None, "3", "4")]


def test_wrong_numbers_of_fields_part_only_their_own_rows(tmp_path: Path) -> None:
    taken = take(tmp_path, b"a,b\n1,2\n3\n\n4,5,6\n7,8\n")
    assert rows(taken) == [
        (2, 1, None, "1", "2"),
        (3, 1, Refusal.TOO_FEW_FIELDS, None, None),
        (5, 1, Refusal.TOO_MANY_FIELDS, None, None),
        (6, 1, None, "7", "8"),
    ]
    assert raw(tmp_path, taken) == ["1,2", "3", "4,5,6", "7,8"]


def test_quotes_hold_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    taken = take(tmp_path, b'a,b\n"1,5","say ""hi"""\n"x\r\ny\n\nz",2\n"",3\n')
    assert rows(taken) == [
        (2, 1, None, "1,5", 'say "hi"'),
        (3, 4, None, "x\r\ny\n\nz", "2"),
        (7, 1, None, None, "3"),
    ]
    assert raw(tmp_path, taken)[1] == '"x\ny\n\nz",2'


def test_quotes_around_whole_fields_do_not_cost_the_scan(tmp_path: Path) -> None:
    taken = take(tmp_path, b'"a","b"\n"1,5",""\n"2","x ""y"""\n')
    assert rows(taken) == [(2, 1, None, "1,5", None), (3, 1, None, "2", 'x "y"')]
    assert not list((tmp_path / "work").iterdir())


def test_an_unclosed_quote_damages_its_line_alone(tmp_path: Path) -> None:
    taken = take(tmp_path, b'a,b\n1,"open\n2,x\n3,"fine"\n4,y\n')
    assert rows(taken) == [
        (2, 1, Refusal.BAD_RECORD, None, None),
        (3, 1, None, "2", "x"),
        (4, 1, None, "3", "fine"),
        (5, 1, None, "4", "y"),
    ]
    last = take(tmp_path, b'a,b\n1,2\n3,"open\n4,5')
    assert rows(last)[1:] == [(3, 1, Refusal.BAD_RECORD, None, None), (4, 1, None, "4", "5")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'"1"x,2', (2, 1, Refusal.BAD_RECORD, None, None)),
        (b'"1" ,2', (2, 1, Refusal.BAD_RECORD, None, None)),
        (b'5" pipe,2', (2, 1, None, '5" pipe', "2")),
        (b'say "hi",2', (2, 1, None, 'say "hi"', "2")),
    ],
)
def test_text_behind_a_closing_quote_is_bad_and_a_quote_inside_a_field_is_text(
    tmp_path: Path, line: bytes, expected: Row
) -> None:
    assert rows(take(tmp_path, b"a,b\n" + line + b"\n")) == [expected]


def test_quotes_that_open_nothing_bind_no_lines_together(tmp_path: Path) -> None:
    taken = take(tmp_path, b'a,b\n5",2\n6",3\n')
    assert rows(taken) == [(2, 1, None, '5"', "2"), (3, 1, None, '6"', "3")]


def test_a_return_inside_a_line_is_text(tmp_path: Path) -> None:
    taken = take(tmp_path, b"a,b\n\r,x\ry\r\n1,2\r\r\n")
    assert rows(taken) == [(2, 1, None, "\r", "x\ry"), (3, 1, None, "1", "2\r")]


@pytest.mark.parametrize(("lines", "is_good"), [(limits.MAX_RECORD_LINES, True), (limits.MAX_RECORD_LINES + 1, False)])
def test_a_record_takes_at_most_so_many_lines(tmp_path: Path, lines: int, is_good: bool) -> None:
    note = "\n".join(f"line {number},x" for number in range(lines))
    taken = rows(take(tmp_path, f'a,b,c\n1,2,"{note}"\n9,9,9\n'.encode()))
    if is_good:
        assert taken == [(2, lines, None, "1", "2", note), (lines + 2, 1, None, "9", "9", "9")]
    else:
        assert taken[0] == (2, 1, Refusal.BAD_RECORD, None, None, None)
        assert taken[1] == (3, 1, Refusal.TOO_FEW_FIELDS, None, None, None)
        assert taken[-1] == (lines + 2, 1, None, "9", "9", "9")


def test_bytes_that_are_no_text_part_only_their_own_rows(tmp_path: Path) -> None:
    content = "a,b\n1,好\n".encode() + b"2,\xff\n3,\xe5\xa5\n" + "4,吗\n".encode()
    taken = take(tmp_path, content)
    assert rows(taken) == [
        (2, 1, None, "1", "好"),
        (3, 1, Refusal.BAD_ENCODING, None, None),
        (4, 1, Refusal.BAD_ENCODING, None, None),
        (5, 1, None, "4", "吗"),
    ]
    assert raw(tmp_path, taken) == ["1,好", r"2,\xff", r"3,\xe5\xa5", "4,吗"]


def test_a_quoted_record_with_a_bad_line_is_refused_whole(tmp_path: Path) -> None:
    taken = take(tmp_path, b'a,b\n1,"x\n\xff\ny"\n2,z\n')
    assert rows(taken) == [(2, 3, Refusal.BAD_ENCODING, None, None), (5, 1, None, "2", "z")]


@pytest.mark.parametrize(
    ("name", "settings", "content"),
    [
        ("x_20260301.tsv", {}, "a\tb\n1\t2\n"),
        ("x_20260301.txt", {"delimiter": "|"}, "a|b\n1|2\n"),
        ("x_20260301.csv", {"delimiter": "，"}, "a，b\n1，2\n"),
        ("x_20260301.csv", {"quote": "'"}, "a,'b'\n'1',2\n"),
        ("x_20260301.csv", {"quote": "“"}, "a,b\n“1“,2\n"),
        ("x_20260301.dat", {"type": "delimited"}, "a,b\n1,2\n"),
    ],
)
def test_delimiters_and_quotes(tmp_path: Path, name: str, settings: dict[str, Any], content: str) -> None:
    taken = take(tmp_path, content.encode(), name, **settings)
    assert taken.columns == ("a", "b")
    assert rows(taken) == [(2, 1, None, "1", "2")]


def test_without_quoting_a_quote_is_text(tmp_path: Path) -> None:
    assert rows(take(tmp_path, b'a,b\n"1,2"\n', quote="")) == [(2, 1, None, '"1', '2"')]


def test_names_by_position_and_lines_to_skip(tmp_path: Path) -> None:
    taken = take(tmp_path, b"report\n\n1,2\n", header=False, columns=["a", "b"], skip_lines=1)
    assert (taken.columns, taken.header) == (("a", "b"), None)
    assert rows(taken) == [(3, 1, None, "1", "2")]
    assert rows(take(tmp_path, b"report\nof\na,b\n1,2\n", skip_lines=2)) == [(4, 1, None, "1", "2")]


@pytest.mark.parametrize("content", [b"", b"\n\r\n"])
def test_nothing_is_an_empty_file_without_columns(tmp_path: Path, content: bytes) -> None:
    for name in ("x.csv", "x.jsonl", "x.csv.zst", "x.csv.gz"):
        taken = take(tmp_path, b"" if name.endswith(("zst", "gz")) else content, name)
        assert (taken.columns, taken.header, rows(taken)) == ((), None, [])
    assert take(tmp_path, content, header=False, columns=["a"]).columns == ("a",)


@pytest.mark.parametrize("content", [b"a,b", b"a,b\n", b"a,b\n\n\n"])
def test_a_header_alone_is_an_empty_file(tmp_path: Path, content: bytes) -> None:
    taken = take(tmp_path, content)
    assert (taken.columns, rows(taken)) == (("a", "b"), [])


@pytest.mark.parametrize(
    ("content", "settings", "said"),
    [
        (b"a,b, a\n1,2,3\n", {}, "Columns 1 and 3 have the same name"),
        (b"a,,b\n1,2,3\n", {}, "Column 2 has no name"),
        (b"a,damage\n1,2\n", {}, "'damage', which is kept"),
        (b"a,\xff\n1,2\n", {}, "header is not text in utf-8"),
        ("a,b\n1,2\n".encode("utf-16"), {}, "header is not text in utf-8"),
        (b'a,"b\n1,2\n', {}, "header cannot be taken apart"),
        (b"one\ntwo\n", {"skip_lines": 2}, "header is missing"),
        (b"a\n", {"encoding": "hex"}, "none for text"),
        (b"a\n", {"encoding": "punycode"}, "cannot be read as punycode"),
        (b"a\n", {"encoding": "undefined"}, "cannot be read as undefined"),
        (b"a\n", {"delimiter": '"'}, "cannot be told from the text"),
        (b"a\n", {"delimiter": "\n"}, "cannot be told from the text"),
        (b"1,2\n", {"header": False, "columns": ["a", "a"]}, "Columns 1 and 2 have the same name"),
    ],
)
def test_unreadable_delimited_files(tmp_path: Path, content: bytes, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        take(tmp_path, content, **settings)


def test_limits_make_a_file_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_COLUMNS", 2)
    with pytest.raises(Unreadable, match="3 columns; at most 2"):
        take(tmp_path, b"a,b,c\n")
    monkeypatch.setattr(limits, "BLOCK_BYTES", 8)
    with pytest.raises(Unreadable, match="more than 2 columns"):
        take(tmp_path, b'{"a":1}\n{"b":1}\n{"c":1}\n', "x.jsonl")
    monkeypatch.setattr(limits, "MAX_LINE_BYTES", 50)
    with pytest.raises(Unreadable, match="A line is longer"):
        take(tmp_path, b"a\n" + b"x" * 100)
    with pytest.raises(Unreadable, match="tells no format"):
        take(tmp_path, b"a\n1\n", "x.xlsx")
