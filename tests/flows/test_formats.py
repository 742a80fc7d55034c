"""One delivery in many formats gives the same rows, and line numbers stay those of the file."""

from __future__ import annotations

import gzip
import io
import json
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
import zstandard

from tests.flows.small import MONEY, NIGHT, land_base, map_source
from tests.nights import Bank

NOTE = 'first, then\na "second" line'
TABLE = [
    ["event_id", "account_id", "kind", "event_date", "loan_id", "amount", "note"],
    ["E1", "A", "charge_off", "2026-02-10", "L", "10.50", "客户来电"],
    ["E2", "A", "reminder", "2026-02-10", "L", "", NOTE],
    ["E3", "A", "reminder", "2026-02-30", "L", "", ""],
    ["E4", "A", "reminder", "2026-02-11", "L", "", ""],
]
"""The third row has no such day; in delimited files it begins on line 5, since the note before it takes two lines."""


def delimited(delimiter: str, newline: str = "\n", quote: str = '"') -> str:
    """The table with every cell that needs it in quotes."""
    lines = []
    for row in TABLE:
        cells = [
            quote + cell.replace(quote, quote * 2) + quote if {delimiter, quote, "\n"} & set(cell) else cell
            for cell in row
        ]
        lines.append(delimiter.join(cells) + newline)
    return "".join(lines)


def json_lines() -> str:
    """The table as JSON, a number for the amount, and empty cells left out."""
    records = ({name: cell for name, cell in zip(TABLE[0], row, strict=True) if cell} for row in TABLE[1:])
    lines = (json.dumps(record, ensure_ascii=False).replace('"10.50"', "10.50") + "\n" for record in records)
    return "".join(lines)


def parquet() -> bytes:
    """The table with a native amount; the day that is none keeps the dates text."""
    columns = dict(zip(TABLE[0], map(list, zip(*TABLE[1:], strict=True)), strict=True))
    amount = pl.when(pl.col("amount") != "").then("amount").cast(pl.Decimal(10, 2))
    buffer = io.BytesIO()
    pl.DataFrame(columns).with_columns(amount=amount).write_parquet(buffer)
    return buffer.getvalue()


CSV = delimited(",")
FORMATS: dict[str, tuple[str, bytes, str, int]] = {
    "csv": ("events_20260210.csv", CSV.encode(), "", 5),
    "csv-of-windows": ("events_20260210.csv", delimited(",", "\r\n").encode(), "", 5),
    "csv-without-last-end": ("events_20260210.csv", CSV.encode().removesuffix(b"\n"), "", 5),
    "csv-with-blank-lines": ("events_20260210.csv", b"\n" + CSV.encode() + b"\n\n", "", 6),
    "tsv": ("events_20260210.tsv", delimited("\t").encode(), "", 5),
    "bars": ("events_20260210.txt", delimited("|").encode(), 'delimiter = "|"', 5),
    "other-quote": ("events_20260210.csv", delimited(";", quote="'").encode(), "delimiter = ';'\nquote = \"'\"", 5),
    "jsonl": ("events_20260210.jsonl", json_lines().encode(), "", 3),
    "parquet": ("events_20260210.parquet", parquet(), "", 3),
    "csv-gz": ("events_20260210.csv.gz", gzip.compress(CSV.encode()), "", 5),
    "csv-zst": ("events_20260210.csv.zst", zstandard.compress(CSV.encode()), "", 5),
    "jsonl-gz": ("events_20260210.jsonl.gz", gzip.compress(json_lines().encode()), "", 3),
    "parquet-zst": ("events_20260210.parquet.zst", zstandard.compress(parquet()), "", 3),
    "utf-8-sig": ("events_20260210.csv", CSV.encode("utf-8-sig"), 'encoding = "utf-8-sig"', 5),
    "bom-unasked": ("events_20260210.csv", CSV.encode("utf-8-sig"), "", 5),
    "gb18030": ("events_20260210.csv", CSV.encode("gb18030"), 'encoding = "gb18030"', 5),
    "gb18030-gz": ("events_20260210.csv.gz", gzip.compress(CSV.encode("gb18030")), 'encoding = "gb18030"', 5),
    "utf-16": ("events_20260210.csv", CSV.encode("utf-16"), 'encoding = "utf-16"', 5),
    "preamble": ("events_20260210.csv", b"made on Tuesday\n" + CSV.encode(), "skip_lines = 1", 6),
    "no-header": (
        "events_20260210.csv",
        CSV.split("\n", 1)[1].encode(),
        f"header = false\ncolumns = {json.dumps(TABLE[0])}",
        4,
    ),
}
"""Source: file name, bytes, its [files.events.format], and the line on which the bad row begins."""

MAPPING = """
[files.accounts.feeds.accounts]
[files.installments.feeds.installments]
[files.events.feeds.events]
[files.events.format]
"""
ZAHLUNGEN = """Konto;Tag;Betrag;Art;Filiale
A;10.02.2026;1.234,50;Zahlung;x
A;10.02.2026;1.234,50;Zahlung;x
A;09.02.2026;0,07;Erstattung;x
A;10.02.2026;1.50;Zahlung;x
A;10.02.2026;1.2345,00;Zahlung;x
A;10.02.2026;12,345;Zahlung;x
"""
"""Two equal lines are two payments; a point that parts no thousands makes an amount of nothing."""
OWN_LAYOUT = """
[files.accounts.feeds.accounts]
[files.installments.feeds.installments]
[files.zahlungen]
ignore_columns = ["Filiale"]
[files.zahlungen.format]
delimiter = ";"
[files.zahlungen.reading]
date_format = "%d.%m.%Y"
decimal_mark = ","
thousands_mark = "."
[files.zahlungen.feeds.repayments.columns]
repayment_id = { id = "row_hash" }
account_id = "Konto"
paid_date = "Tag"
amount = "Betrag"
kind = "Art"
loan_id = { constant = "L" }
[files.zahlungen.feeds.repayments.codes]
kind = { "Zahlung" = "payment", "Erstattung" = "refund" }
"""
MOMENTS = "P,A,2026-02-10T23:30:00Z,10.00,payment,L,,\n"
CONVERTED = """
[files.accounts.feeds.accounts]
[files.installments.feeds.installments]
[files.repayments.reading]
timestamps = "convert"
[files.repayments.feeds.repayments]
"""


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """One night; each format is a source."""
    bank = Bank(tmp_path_factory.mktemp("formats"))
    for source in (*FORMATS, "convert", "cut", "own"):
        land_base(bank, source)
    for source, (name, content, options, _) in FORMATS.items():
        bank.land(name, content, source)
        map_source(bank, source, MAPPING + options)
    for source in ("convert", "cut"):
        bank.land("repayments_20260210.csv", MONEY + MOMENTS, source)
    map_source(bank, "convert", CONVERTED)
    bank.land("zahlungen_20260210.csv", ZAHLUNGEN, "own")
    map_source(bank, "own", OWN_LAYOUT)
    bank.night(NIGHT)
    return bank


def refused(bank: Bank, source: str) -> list[tuple[Any, ...]]:
    """Path, line, raw line and reasons of the source's refused rows."""
    return bank.ask(
        "SELECT path, line_number, raw, reasons FROM ops.refused_rows"
        f" WHERE source = '{source}' ORDER BY path, line_number"
    )


@pytest.mark.parametrize("source", list(FORMATS))
def test_every_format_gives_the_same_rows(bank: Bank, source: str) -> None:
    name, _, _, bad_line = FORMATS[source]
    assert bank.ask(
        "SELECT event_id, kind, event_date::VARCHAR, amount, note FROM core.events"
        f" WHERE source = '{source}' ORDER BY event_id"
    ) == [
        ("E1", "charge_off", "2026-02-10", Decimal("10.50"), "客户来电"),
        ("E2", "reminder", "2026-02-10", None, NOTE),
        ("E4", "reminder", "2026-02-11", None, None),
    ]
    ((path, line, raw, reasons),) = refused(bank, source)
    assert (path, line, reasons) == (f"{source}/{name}", bad_line, ["bad_date"])
    assert "2026-02-30" in raw
    counts = f"SELECT line_count, rows_received, rows_accepted, amount_received FROM ops.files WHERE path = '{path}'"
    assert bank.ask(counts) == [(4, 4, 3, Decimal("10.50"))]


def test_a_layout_of_ones_own(bank: Bank) -> None:
    assert bank.ask(
        "SELECT paid_date::VARCHAR, amount::VARCHAR, kind FROM core.repayments WHERE source = 'own' ORDER BY ALL"
    ) == [("2026-02-09", "0.07", "refund"), ("2026-02-10", "1234.50", "payment"), ("2026-02-10", "1234.50", "payment")]
    assert [(line, raw, reasons) for _, line, raw, reasons in refused(bank, "own")] == [
        (5, "A;10.02.2026;1.50;Zahlung;x", ["bad_amount"]),
        (6, "A;10.02.2026;1.2345,00;Zahlung;x", ["bad_amount"]),
        (7, "A;10.02.2026;12,345;Zahlung;x", ["bad_amount"]),
    ]


def test_moments_are_cut_or_converted_as_the_mapping_says(bank: Bank) -> None:
    """Half past eleven at night in London is half past seven of the next morning in Shanghai."""
    found = dict(bank.ask("SELECT source, paid_date::VARCHAR FROM core.repayments WHERE source IN ('convert', 'cut')"))
    assert found == {"convert": "2026-02-11", "cut": "2026-02-10"}
