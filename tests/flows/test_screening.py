"""`tally share screen`: a night fills the tables, and the answer as table, CSV, HTML and PDF."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.flows.command import tally
from tests.flows.small import land_base
from tests.nights import Bank

RELATION = "relation_id,company_id,kind,customer_id,other_company_id,share_rate,amount\n"


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    bank = Bank(tmp_path_factory.mktemp("screening"))
    land_base(bank, "bank")
    bank.land("companies_20260210.csv", "company_id,kind\n<b>F1</b>,company\nF2,project\n")
    bank.land("relations_20260210.csv", RELATION + "V1,<b>F1</b>,controller,C,,0.6,\nV2,F2,sponsor,,<b>F1</b>,0.5,\n")
    bank.land(
        "consents_20260210.csv",
        "consent_id,customer_id,recipient,purpose,granted_date\nK,C,leasing,loan,2026-02-01\n",
    )
    bank.land(
        "screenings_20260210.csv",
        "screening_id,company_id,recipient,purpose,asked_date\n"
        "S/1,<b>F1</b>,leasing,loan,2026-02-09\nS/2,F2,leasing,loan,2026-02-09\nS/3,F2,other,loan,2026-02-09\n"
        "S/4,F2,leasing,loan,2026-02-11\n=S5,=1+1,leasing,loan,2026-02-09\n",
    )
    bank.night("2026-02-10")
    return bank


def test_a_night_fills_the_tables(bank: Bank) -> None:
    ask = "SELECT screening_id, person_count, withheld_count, is_complete FROM share.screening ORDER BY ALL"
    assert bank.ask(ask) == [("=S5", 0, 0, False), ("S/1", 1, 0, True), ("S/2", 1, 0, True), ("S/3", 0, 1, False)]
    persons = "SELECT screening_id, person_no, chain_depth, share_rate FROM share.screening_persons ORDER BY ALL"
    assert bank.ask(persons) == [("S/1", 1, 1, 0.6), ("S/2", 1, 2, 0.3)]


def test_table_and_csv(bank: Bank, tmp_path: Path) -> None:
    said = tally("share", "screen", "--company", "F2", "-w", bank.warehouse)
    assert said.code == 0
    assert "F2" in said.out
    assert "<b>F1" not in said.out
    written = tally("share", "screen", "--recipient", "leasing", "-f", "csv", "-o", tmp_path, "-w", bank.warehouse)
    assert written.code == 0
    rows = list(csv.DictReader((tmp_path / "screening.csv").read_text().splitlines()))
    assert [(row["screening_id"], row["company_id"]) for row in rows] == [
        ("'=S5", "'=1+1"),
        ("S/1", "<b>F1</b>"),
        ("S/2", "F2"),
    ], "no spreadsheet runs what a lender wrote"
    assert len(list(csv.DictReader((tmp_path / "screening_trend.csv").read_text().splitlines()))) == 24
    assert tally("share", "screen", "-f", "csv", "-w", bank.warehouse).out.count("\n") == 5


@pytest.mark.parametrize("kind", ["html", "pdf"])
def test_a_page_for_each_counterparty(bank: Bank, tmp_path: Path, kind: str) -> None:
    for folder in ("one", "two"):
        said = tally("share", "screen", "-f", kind, "-o", tmp_path / folder, "-w", bank.warehouse)
        assert said.code == 0, said.err
    names = [f"bank_%3DS5.{kind}", *(f"bank_S%2F{number}.{kind}" for number in (1, 2, 3))]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == names
    for name in names:
        data = (tmp_path / "one" / name).read_bytes()
        assert data == (tmp_path / "two" / name).read_bytes()
        if kind == "pdf":
            assert data.startswith(b"%PDF")
            assert data.count(b"/Type /Page\n") == 1
        else:
            assert b"<b>F1" not in data
            assert "评级理由" in data.decode()
            assert data.count(b"<rect") == (0 if name in (names[0], names[3]) else 12)
            assert ("Unknown 未知" in data.decode()) is (name == names[0])


def test_mistakes_are_sentences(bank: Bank) -> None:
    for words, sentence in (
        (("--format", "pdf"), "name a folder with --output"),
        (("--output", "x"), "A table is for the terminal"),
        (("--company", "NOBODY"), "No screening is published for that"),
    ):
        said = tally("share", "screen", *words, "-w", bank.warehouse)
        assert (said.code, sentence in said.err) == (2, True)
