"""Fixed width, JSON lines and Parquet, as text rows."""

from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.stores.records import Unreadable, limits, profile
from tests.flows.stores.records.taking import POSITIONS, Row, raw, rows, take
from transforms.mapping import FileFormat
from transforms.refusals import Refusal


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
    monkeypatch.setattr(limits, "BLOCK_BYTES", 16)
    monkeypatch.setattr(limits, "PART_BYTES", 1)
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
