"""Small files taken apart: every record at its line, damage named and never spread, whichever way a file is read."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from flows.stores import records
from flows.stores.records import MAX_RECORD_LINES, Profile, Records, Unreadable, profile, raw_lines, read
from transforms.mapping import FileFormat
from transforms.refusals import RECORD_REFUSALS, Refusal

Row = tuple[int, int, str | None, *tuple[str | None, ...]]
"""line_number, line_span, damage and the cells."""


def take(folder: Path, content: bytes, name: str = "loans_20260301.csv", **settings: object) -> Records:
    """The records of a file with that content, staged below the folder."""
    path = folder / name
    path.write_bytes(content)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    file_format = FileFormat.model_validate(settings)
    return read(path, file_format, work, profile(path, file_format))


def rows(taken: Records) -> list[Row]:
    """All rows, checked for what holds of every file."""
    frame = taken.rows.collect()
    assert frame.schema == {
        "line_number": pl.Int64(),
        "line_span": pl.Int32(),
        "damage": pl.String(),
        **dict.fromkeys(taken.columns, pl.String()),
    }
    assert frame.height == taken.line_count
    assert frame["line_number"].is_sorted()
    assert set(frame["damage"].drop_nulls()) <= set(RECORD_REFUSALS)
    assert not any(any(cells) for _, _, damage, *cells in frame.rows() if damage)
    return frame.rows()


def raw(folder: Path, taken: Records, name: str = "loans_20260301.csv", **settings: object) -> list[str]:
    """The raw text of every record."""
    wanted = taken.rows.select("line_number", "line_span").collect().rows()
    texts = raw_lines(folder / name, FileFormat.model_validate(settings), wanted, folder / "work")
    return [texts[line] for line, _ in wanted]


# ---------------------------------------------------------------- delimited


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


@pytest.mark.parametrize(("lines", "is_good"), [(MAX_RECORD_LINES, True), (MAX_RECORD_LINES + 1, False)])
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
    monkeypatch.setattr(records, "MAX_COLUMNS", 2)
    with pytest.raises(Unreadable, match="3 columns; at most 2"):
        take(tmp_path, b"a,b,c\n")
    monkeypatch.setattr(records, "BLOCK_BYTES", 8)
    with pytest.raises(Unreadable, match="more than 2 columns"):
        take(tmp_path, b'{"a":1}\n{"b":1}\n{"c":1}\n', "x.jsonl")
    monkeypatch.setattr(records, "MAX_LINE_BYTES", 50)
    with pytest.raises(Unreadable, match="A line is longer"):
        take(tmp_path, b"a\n" + b"x" * 100)
    with pytest.raises(Unreadable, match="tells no format"):
        take(tmp_path, b"a\n1\n", "x.xlsx")


# ---------------------------------------------------------------- encodings and compression


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


def zst(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


PACKERS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zst}


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


# ---------------------------------------------------------------- fixed width, JSON lines, Parquet

POSITIONS = [{"name": "id", "start": 1, "length": 2}, {"name": "note", "start": 4, "length": 3}]


def test_fixed_width_counts_characters(tmp_path: Path) -> None:
    content = "好1-abc tail\n\n22-x\r\n33\n".encode() + b"4\xff-abc\n"
    taken = take(tmp_path, content, "x.txt", type="fixed", positions=POSITIONS)
    assert (taken.columns, taken.header) == (("id", "note"), None)
    assert rows(taken) == [
        (1, 1, None, "好1", "abc"),
        (3, 1, None, "22", "x"),
        (4, 1, Refusal.TOO_FEW_FIELDS, None, None),
        (5, 1, Refusal.BAD_ENCODING, None, None),
    ]


def test_json_lines_keep_the_text_of_numbers(tmp_path: Path) -> None:
    lines = [
        '{"id": 1, "amount": 12.30, "is_paid": true}',
        "",
        '{"amount": 1e3, " note ": "x\\ny", "id": "007", "is_paid": false}',
        '{"id": null, "amount": ""}',
        f'{{"id": {"9" * 5000}}}',
    ]
    taken = take(tmp_path, "\n".join(lines).encode(), "x.jsonl")
    assert taken.columns == ("id", "amount", "is_paid", "note")
    assert rows(taken) == [
        (1, 1, None, "1", "12.30", "true", None),
        (3, 1, None, "007", "1e3", "false", "x\ny"),
        (4, 1, None, None, None, None, None),
        (5, 1, None, "9" * 5000, None, None, None),
    ]


@pytest.mark.parametrize(
    ("line", "damage"),
    [
        (b'{"a": {"b": 1}}', Refusal.BAD_RECORD),
        (b'{"a": [1]}', Refusal.BAD_RECORD),
        (b'{"a": 1, "a": 2}', Refusal.BAD_RECORD),
        (b'{"a": 1, " a": 2}', Refusal.BAD_RECORD),
        (b'{"": 1}', Refusal.BAD_RECORD),
        (b'{"a": NaN}', Refusal.BAD_RECORD),
        (b'{"a": "\\ud800"}', Refusal.BAD_RECORD),
        (b'{"a": 1', Refusal.BAD_RECORD),
        (b'{"a": 1} {"a": 2}', Refusal.BAD_RECORD),
        (b'["a"]', Refusal.BAD_RECORD),
        (b"12", Refusal.BAD_RECORD),
        (b"[" * 100_000, Refusal.BAD_RECORD),
        (b'{"a": "\xff"}', Refusal.BAD_ENCODING),
    ],
)
def test_damaged_json_lines(tmp_path: Path, line: bytes, damage: Refusal) -> None:
    taken = take(tmp_path, b'{"a": 0}\n' + line + b'\n{"a": 9}\n', "x.jsonl")
    assert rows(taken) == [(1, 1, None, "0"), (2, 1, damage, None), (3, 1, None, "9")]


def test_json_keys_that_records_need_are_unreadable(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="'line_number', which is kept"):
        take(tmp_path, b'{"line_number": 1}\n', "x.jsonl")


def test_columns_found_late_reach_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "BLOCK_BYTES", 16)
    monkeypatch.setattr(records, "PART_BYTES", 1)
    taken = take(tmp_path, b'{"a": 1}\n{"b": 2}\n' * 3, "x.jsonl")
    assert len(list((tmp_path / "work").iterdir())) > 1
    assert rows(taken) == [(n, 1, None, "1" if n % 2 else None, None if n % 2 else "2") for n in range(1, 7)]


def parquet(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


def test_parquet_as_text(tmp_path: Path) -> None:
    moment = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            " amount ": [Decimal("12.30"), None],
            "rate": [0.1, 1e20],
            "day": [date(2026, 3, 1), None],
            "moment": pl.Series([moment, None]).dt.convert_time_zone("Asia/Shanghai"),
            "wall": [moment.replace(tzinfo=None), None],
            "hour": [time(7, 5), None],
            "is_paid": [True, False],
            "name": ["", "好"],
        }
    )
    moments = ("2026-03-02T07:30:00.000000+08:00", "2026-03-01T23:30:00.000000")
    expected: list[Row] = [
        (1, 1, None, "12.30", "0.1", "2026-03-01", *moments, "07:05:00", "true", None),
        (2, 1, None, None, "1e+20", None, None, None, None, "false", "好"),
    ]
    for name, content in (("x.parquet", parquet(frame)), ("x.parquet.gz", gzip.compress(parquet(frame)))):
        taken = take(tmp_path, content, name)
        assert taken.columns[:2] == ("amount", "rate")
        assert rows(taken) == expected
        assert json.loads(raw(tmp_path, taken, name)[1])["name"] == "好"
    assert rows(take(tmp_path, parquet(frame.clear()), "x.parquet")) == []
    assert take(tmp_path, b"", "x.parquet").columns == ()


def test_days_that_no_calendar_has_stay_numbers(tmp_path: Path) -> None:
    frame = pl.DataFrame({"day": pl.Series([2**31 - 1, 0], dtype=pl.Int32).cast(pl.Date)})
    assert rows(take(tmp_path, parquet(frame), "x.parquet")) == [(1, 1, None, "2147483647"), (2, 1, None, "1970-01-01")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\n", "not Parquet"),
        (parquet(pl.DataFrame({"a": [1]}))[:-9], "not Parquet"),
        (parquet(pl.DataFrame({"a": [[1]]})), "'a' holds List"),
        (parquet(pl.DataFrame({"a": [{"b": 1}]})), "'a' holds Struct"),
        (parquet(pl.DataFrame({"a": [b"x"]})), "'a' holds Binary"),
        (parquet(pl.DataFrame({"a": [timedelta(1)]})), "'a' holds Duration"),
        (parquet(pl.DataFrame({"a": [1], " a": [2]})), "Columns 1 and 2 have the same name"),
    ],
)
def test_unreadable_parquet(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        take(tmp_path, content, "x.parquet")


def test_a_damaged_page_shows_when_reading_begins(tmp_path: Path) -> None:
    content = bytearray(parquet(pl.DataFrame({"a": [str(number) for number in range(5000)]})))
    content[100:400] = bytes(300)
    with pytest.raises(Unreadable, match="not Parquet"):
        take(tmp_path, bytes(content), "x.parquet")


def test_text_in_parquet_that_is_none_shows_when_reading_begins(tmp_path: Path) -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array([b"\xff"]).view(pa.string())}), file)
    with pytest.raises(Unreadable, match="not Parquet"):
        take(tmp_path, file.getvalue(), "x.parquet")


def test_errors_of_the_disk_are_not_the_file_s(tmp_path: Path) -> None:
    for name in ("x.csv", "x.csv.gz", "x.parquet"):
        with pytest.raises(FileNotFoundError):
            profile(tmp_path / name, FileFormat())


# ---------------------------------------------------------------- properties


NORMAL: dict[str, object] = {}
WAYS: dict[str, dict[str, object]] = {
    "as it comes": NORMAL,
    "in tiny blocks": {"BLOCK_BYTES": 24, "GLANCE_BYTES": 24, "PART_BYTES": 1},
    "staged": {"profile": lambda path, _: Profile("", path.stat().st_size)},
    "line by line": {"_Delimited.regular": lambda *_, **__: None},
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
    found = [one_way({**way, "MAX_RECORD_LINES": 3}, content, "x.csv", **settings) for way in WAYS.values()]
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
