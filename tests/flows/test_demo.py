"""The demo's three nights: every flaw gets what it is meant to get; rebuilt, all is equal; again, nothing is new."""

from __future__ import annotations

import pytest

from flows.demo import DEMO_FLAWS, DEMO_NIGHTS, write_demo
from flows.errors import WrongUse
from flows.rebuild import replay
from tests.nights import Bank
from transforms.aggregates.all_risk import SERIES
from transforms.refusals import FileRefusal, Refusal
from transforms.tables import TABLES

REFUSED = {reason.value for reason in Refusal}
WHOLE = {reason.value for reason in FileRefusal}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    bank = Bank(tmp_path_factory.mktemp("demo"), {"person_key": "test"})
    for night in DEMO_NIGHTS:
        write_demo(bank.landing, [night])
        bank.night(night.isoformat())
    return bank


def test_every_refused_row_is_one_that_is_meant(bank: Bank) -> None:
    refused_files = {flaw.path for flaw in DEMO_FLAWS if flaw.line_number == 0 and flaw.outcome in WHOLE}
    meant = {(flaw.path, flaw.line_number): flaw.outcome for flaw in DEMO_FLAWS if flaw.outcome in REFUSED}
    meant |= {(flaw.path, flaw.line_number): "orphan" for flaw in DEMO_FLAWS if flaw.outcome == "released"}
    found = {
        (path, line): reasons
        for path, line, reasons in bank.ask("SELECT path, line_number, reasons FROM ops.refused_rows")
        if path not in refused_files
    }
    assert found.keys() == meant.keys()
    assert all(meant[place] in reasons for place, reasons in found.items())


def test_refused_files_are_those_that_are_meant(bank: Bank) -> None:
    meant = {flaw.path for flaw in DEMO_FLAWS if flaw.outcome in WHOLE}
    assert {path for (path,) in bank.ask("SELECT path FROM ops.files WHERE outcome = 'refused'")} == meant


def test_waiting_row_was_released(bank: Bank) -> None:
    (flaw,) = (flaw for flaw in DEMO_FLAWS if flaw.outcome == "released")
    assert bank.ask(
        f"SELECT released_on::VARCHAR FROM ops.refused_rows WHERE path = '{flaw.path}'"
        f" AND line_number = {flaw.line_number}"
    ) == [(DEMO_NIGHTS[1].isoformat(),)]


def test_all_tables_carry_rows(bank: Bank) -> None:
    assert [name for name, rows in bank.tables().items() if not rows] == []


def test_rebuilt_is_equal(bank: Bank) -> None:
    before = bank.tables()
    replay(bank.settings)
    after = bank.tables()
    assert [name for name in before if before[name] != after[name]] == []


def test_the_same_night_again_publishes_nothing(bank: Bank) -> None:
    before = (bank.warehouse / "tally.duckdb").stat()
    outcome = bank.night(DEMO_NIGHTS[-1].isoformat())
    assert outcome.run is None
    assert (bank.warehouse / "tally.duckdb").stat().st_mtime_ns == before.st_mtime_ns


def test_an_earlier_night_is_refused(bank: Bank) -> None:
    with pytest.raises(WrongUse, match="lies before the last published one"):
        bank.night(DEMO_NIGHTS[0].isoformat())


def test_a_night_with_nothing_new_carries_on(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Days pass without a file: a later date publishes what the days change, equal to all of it taken at once."""
    later = "2026-11-15"
    bank.night(later)
    scratch = Bank(tmp_path_factory.mktemp("scratch"), {"person_key": "test"})
    write_demo(scratch.landing, DEMO_NIGHTS)
    scratch.night(later)
    for table in TABLES.values():
        if table.scope == "state" and table.name not in SERIES:
            columns = ", ".join(field.name for field in table.fields if field.name not in table.night_columns)
            asked = f"SELECT {columns} FROM {table.name} ORDER BY ALL"
            assert bank.ask(asked) == scratch.ask(asked), table.name
