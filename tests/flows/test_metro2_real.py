"""A real Metro 2 file, de-identified: everything in it is read, counted, checked and written again."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from flows.metro2_files import read_metro2
from tests.flows.command import tally
from transforms.bureau.metro2_records import read, split, write

FILE = Path(__file__).parents[2].parent / "shared" / "data" / "cfpb_metro2" / "m2_2k_lines_deidentified.TXT"
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="the real file does not lie beside the repository")


def test_every_base_segment_is_read_and_written_again_byte_for_byte() -> None:
    rows = split(FILE.read_bytes())
    file = read(rows)
    assert (rows.height, file.base.height, file.header.height, file.trailer.height) == (2000, 1997, 1, 1)
    assert {name: part.height for name, part in file.segments.items() if part.height} == {"J1": 395, "J2": 417}
    again = write(file).join(rows, on="line_number", how="full")
    assert again.filter(pl.col("text") != pl.col("raw")).is_empty()
    assert again.filter(pl.col("text").is_null())["line_number_right"].to_list() == [2]


def test_totals() -> None:
    base = read_metro2(FILE)["base"]
    assert base["current_balance"].sum() == 9_002_379
    assert base["amount_past_due"].sum() == 28_744
    assert (base["amount_past_due"] > 0).sum() == 64
    assert dict(base["account_status"].value_counts().iter_rows()) == {
        "97": 1231,
        "13": 366,
        "11": 323,
        "71": 31,
        "64": 27,
        "78": 12,
        "80": 5,
        "82": 1,
        "96": 1,
    }


def test_the_bad_line_is_told_and_inconsistencies_are_listed() -> None:
    tables = read_metro2(FILE)
    (bad,) = tables["unreadable"].to_dicts()
    assert (bad["line_number"], bad["raw"][:15]) == (2, "UNPARSEABLE0526")
    assert "four digits" in bad["reason"]
    found = dict(tables["inconsistencies"]["rule"].value_counts().iter_rows())
    assert {name: count for name, count in found.items() if not name.startswith("trailer.")} == {
        "past_due_of_current": 2,
        "past_due_of_late": 5,
        "past_due_within_balance": 1,
        "balance_of_gone": 1,
        "not_negative": 1,
        "first_delinquency_needed": 12,
        "first_delinquency_not_asked_for": 8,
        "first_delinquency_order": 80,
        "last_payment_order": 1,
        "identity": 1997,
        "record_length": 1,
    }
    assert sum(name.startswith("trailer.") for name in found) == 26


def test_the_command_reads_it(tmp_path: Path) -> None:
    said = tally("share", "read", FILE)
    assert said.code == 0
    for figure in ("1,997", "9,002,379", "28,744", "1,231", "first_delinquency_needed"):
        assert figure in said.out
    assert tally("share", "read", FILE, "-f", "parquet", "-o", tmp_path / "out").code == 0
    assert pl.read_parquet(tmp_path / "out" / "base.parquet").height == 1997
    assert pl.read_parquet(tmp_path / "out" / "unreadable.parquet").height == 1
    assert len(tally("share", "read", FILE, "-f", "csv").out.splitlines()) == 1998
    assert len(json.loads(tally("share", "read", FILE, "-f", "json").out)["J2"]) == 417
