"""Metro 2 records: what is written is read again, lines are never lost, and lengths are what they are."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.transforms.bureau.records import GOOD, file_of_records, files
from transforms.bureau.fixed_width import Segment, TooLong, Type, fields
from transforms.bureau.metro2_fields import BASE, HEADER, LAYOUT, TRAILER
from transforms.bureau.metro2_records import Metro2File, joined, read, split, totals, write

LINE = write(file_of_records(GOOD))["text"][1]


def reasons(*lines: str) -> list[tuple[int, str]]:
    found = read(split("\n".join(lines).encode("latin-1") + b"\n")).unreadable
    return found.select("line_number", "reason").rows()


def test_every_record_is_426_long_and_positions_are_the_published_ones() -> None:
    assert [each.length for each in (HEADER, BASE, TRAILER)] == [426] * 3
    assert {name: segment.length for name, segment in LAYOUT.items() if name[1:].isdigit()} == {
        "J1": 100,
        "J2": 200,
        "K1": 34,
        "K2": 34,
        "K3": 40,
        "K4": 30,
        "L1": 54,
        "N1": 146,
    }
    place = {field.name: (field.start, field.end) for field in BASE.fields}
    assert place["consumer_account_number"] == (43, 72)
    assert place["account_status"] == (124, 125)
    assert place["payment_history_profile"] == (127, 150)
    assert place["date_of_first_delinquency"] == (190, 197)
    assert place["surname"] == (232, 256)
    assert place["residence_code"] == (426, 426)
    totals_at = {field.name: field.start for field in TRAILER.fields}
    assert (totals_at["status_97_total"], totals_at["n1_total"], totals_at["telephone_all_total"]) == (255, 273, 399)


def test_a_record_by_hand() -> None:
    """Cut out by position: what a person reads off the layout."""
    assert len(LINE) == 426
    assert (LINE[:4], LINE[42:44], LINE[72:75], LINE[75:83]) == ("0426", "L1", "I06", "01152026")
    assert (LINE[123:125], LINE[125], LINE[126:150]) == ("78", " ", "1000000" + "B" * 17)
    assert (LINE[154:163], LINE[163:172], LINE[189:197]) == ("000000500", "000000200", "08202026")
    assert (LINE[197:205], LINE[231:256].rstrip(), LINE[297:306]) == ("00000000", "ROE", "123456789")


@given(files())
def test_what_is_written_is_read_and_written_again(file: Metro2File) -> None:
    """Tables to bytes and back, bytes to tables and back, with line ends and without."""
    content = joined(write(file))
    rows = split(content)
    assert_frame_equal(split(content.replace(b"\n", b"")), rows)
    again = read(rows)
    assert again.unreadable.is_empty()
    assert_frame_equal(again.base, file.base)
    for name, part in file.segments.items():
        assert_frame_equal(again.segments[name], part.sort("line_number", "segment_no"))
    assert joined(write(again)) == content


@given(
    st.lists(st.text(st.characters(codec="latin-1", exclude_characters="\n\r"), max_size=500), min_size=1, max_size=8)
)
def test_no_line_is_lost(lines: list[str]) -> None:
    rows = split("".join(f"{line}\n" for line in [*lines, LINE]).encode("latin-1"))
    file = read(rows)
    told = [*file.header["line_number"], *file.base["line_number"], *file.trailer["line_number"]]
    assert sorted([*told, *file.unreadable["line_number"]]) == list(range(1, len(lines) + 2))
    assert len(lines) + 1 in told


def test_each_thing_that_cannot_be_read_has_its_reason() -> None:
    negative = LINE[:163] + "-00000015" + LINE[172:]
    broken = [
        "",
        "UNPARSEABLE" + LINE,
        LINE[:163] + "0000001X5" + LINE[172:],
        LINE[:75] + "02302026" + LINE[83:],
        LINE[:123] + "77" + LINE[125:],
        LINE + "Q9" + " " * 30,
        LINE + "K4" + "02" + "99999999" + "0" * 17 + " ",
    ]
    assert reasons(LINE, negative, *broken) == [
        (3, "The line does not begin with the length of its record, four digits."),
        (4, "The line does not begin with the length of its record, four digits."),
        (5, "base.amount_past_due (positions 164-172) is no whole number."),
        (6, "base.date_opened (positions 76-83) is no date (MMDDYYYY)."),
        (7, "base.account_status (positions 124-125) is no status that is known."),
        (8, "What stands behind the base segment is no segment that is known (number 1)."),
        (9, "K4.deferred_payment_start_date (positions 5-12) is no date (MMDDYYYY)."),
    ]


def test_a_negative_amount_is_read_and_written_as_it_stood() -> None:
    line = LINE[:163] + "-00000015" + LINE[172:]
    file = read(split(line.encode()))
    assert file.base["amount_past_due"].to_list() == [-15]
    assert write(file)["text"].to_list() == [line]


def test_line_ends_of_windows_and_blanks_behind_are_taken() -> None:
    padded = LINE + " " * 200
    file = read(split(f"{LINE}\r\n{padded}\r\n".encode()))
    assert file.base["record_length"].to_list() == [426, 626]
    assert write(file)["text"].to_list() == [LINE, padded]


def test_totals_count_numbers_that_are_neither_zeros_nor_nines() -> None:
    rows = [
        {**GOOD, "line_number": n, "social_security_number": said}
        for n, said in enumerate((None, "", "999999999", "123456789"), 2)
    ]
    rows[0] |= {"date_of_birth": None, "telephone_number": "5551234567", "ecoa_code": "Z"}
    other = {
        "line_number": 2,
        "segment_no": 1,
        "segment_identifier": "J1",
        "date_of_birth": date(1980, 1, 1),
        "ecoa_code": "Z",
    }
    file = file_of_records(*rows, J1=[other])
    told = totals(file.base, file.segments)
    assert {name: count for name, count in told.items() if count} == {
        "base_total": 4,
        "status_78_total": 4,
        "j1_total": 1,
        "ecoa_z_total": 2,
        "ssn_all_total": 1,
        "ssn_base_total": 1,
        "birth_date_all_total": 4,
        "birth_date_base_total": 3,
        "birth_date_j1_total": 1,
        "telephone_all_total": 1,
    }
    assert set(told) == {field.name for field in TRAILER.fields if field.name.endswith("_total")}


def test_a_value_that_does_not_fit_is_never_cut_in_silence() -> None:
    with pytest.raises(TooLong, match=r"base.consumer_account_number takes 30 characters; a value has 31") as error:
        write(file_of_records({**GOOD, "consumer_account_number": "S" * 31}))
    assert "SSS" not in str(error.value)


def test_a_table_with_a_gap_or_a_name_twice_is_no_layout() -> None:
    with pytest.raises(ValueError, match="begins at 4, not at 3"):
        Segment("X", "", fields([(1, 2, "a", Type.TEXT), (4, 1, "b", Type.TEXT)]))
    with pytest.raises(ValueError, match="declared twice"):
        Segment("X", "", fields([(1, 2, "a", Type.TEXT), (3, 1, "a", Type.TEXT)]))


def test_an_empty_file_has_empty_tables() -> None:
    file = read(split(b""))
    assert file.base.is_empty()
    assert file.base.schema == pl.Schema({"line_number": pl.Int64(), "record_length": pl.Int64(), **BASE.schema})
