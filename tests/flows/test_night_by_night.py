"""The same facts night by night, over ends and middles of months, and all in one night: the same tables."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from unittest import mock

import polars as pl
import pytest

from flows import aggregating, standings
from flows.invented import Book, write_book, write_night
from flows.run import MEMORY_FOR_ALL, MEMORY_FOR_CHANGES, Run
from flows.stores import lake, tables
from flows.stores.tables import read
from flows.stores.warehouse import Warehouse
from tests.nights import Bank
from transforms.aggregates.all_risk import SERIES, kept_sums
from transforms.tables import TABLES

BOOK = Book(accounts=240)
NIGHTS = [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 4), date(2026, 1, 31), date(2026, 2, 3)]
"""The turn of a month, two nights in which most accounts stand as before, an end of a month, the next month."""
OF_NIGHTS = ("first_seen_run", "known_from", "as_of")
"""Columns that speak of nights; every as-of date is the last one's all the same."""


def bank_at(root: Path) -> Bank:
    return Bank(root, {"person_key": "the same everywhere"})


@dataclass(frozen=True, slots=True)
class Nights:
    """A bank, and what its nights did."""

    bank: Bank
    told: list[int | None]
    """How many accounts each night told anew; None: all."""
    behind: list[date | None]
    """Each time that sums by month were told from the warehouse: the day behind which; None: of all months."""
    runs: list[Run]
    whole: Counter[str]
    """Tables of which all rows were read to tell the standings, and how often."""


@pytest.fixture(scope="module")
def by_night(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """A night for each delivery; parts are small, and the lake is compacted all the time."""
    bank = bank_at(tmp_path_factory.mktemp("by_night"))
    write_book(bank.landing, BOOK)
    with (
        mock.patch.object(lake, "MOST_DELTAS", 1),
        mock.patch.object(lake, "SORTED_ROWS", 1_000),
        mock.patch.object(standings, "CARRIED_ACCOUNTS", 50),
        mock.patch.object(tables, "RENEWED_AT_ONCE", 7),
        mock.patch.object(aggregating, "PART_ACCOUNTS", 30),
        mock.patch.object(aggregating, "DAY_ACCOUNTS", 60),
        mock.patch.object(standings, "read", wraps=read) as looked_up,
        mock.patch.object(standings, "_finish", wraps=standings._finish) as finish,  # noqa: SLF001
        mock.patch.object(aggregating, "kept_sums", wraps=kept_sums) as summed,
    ):
        bank.night(BOOK.as_of.isoformat())
        for night in NIGHTS:
            write_night(bank.landing, BOOK, night, share=0.05)
            bank.night(night.isoformat())
    told = [call.args[3] for call in finish.call_args_list]
    behind = [call.kwargs.get("behind") for call in summed.call_args_list]
    runs = [call.args[0] for call in finish.call_args_list]
    whole = Counter(call.args[1] for call in looked_up.call_args_list if len(call.args) < 3 or call.args[2] is None)
    return Nights(bank, [None if accounts is None else accounts.height for accounts in told], behind, runs, whole)


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """One night with everything."""
    bank = bank_at(tmp_path_factory.mktemp("at_once"))
    write_book(bank.landing, BOOK)
    for night in NIGHTS:
        write_night(bank.landing, BOOK, night, share=0.05)
    bank.night(NIGHTS[-1].isoformat())
    return bank


def rows(bank: Bank, table: str) -> pl.DataFrame:
    with Warehouse(bank.warehouse).reader() as connection:
        found = read(connection, table)
    if table in SERIES:
        found = found.filter(pl.col("as_of") == NIGHTS[-1])
    if "as_of" in found.columns:
        assert found["as_of"].unique().to_list() in ([], [NIGHTS[-1]]), table
    return found.drop(OF_NIGHTS, strict=False).sort(pl.all())


@pytest.mark.parametrize("table", [name for name, each in TABLES.items() if each.scope == "state"])
def test_nights_give_what_one_night_gives(table: str, by_night: Nights, at_once: Bank) -> None:
    one, other = rows(by_night.bank, table), rows(at_once, table)
    assert one.height == other.height, table
    floats = [name for name, kind in one.schema.items() if kind.is_float()]
    assert one.drop(floats).equals(other.drop(floats)), table
    for name in floats:
        assert (one[name].fill_null(-1) - other[name].fill_null(-1)).abs().max() in (None, pytest.approx(0)), table


def test_nights_in_the_middle_of_a_month_tell_some_accounts_anew(by_night: Nights) -> None:
    first, turn, *ordinary, end, turned = by_night.told
    assert (first, turn, end, turned) == (None, None, None, None)
    assert len(ordinary) == 2
    assert all(told is not None and 0 < told < BOOK.accounts // 2 for told in ordinary), ordinary


def test_nights_in_the_middle_of_a_month_look_nobody_up_whom_nothing_concerns(by_night: Nights) -> None:
    for_all = sum(told is None for told in by_night.told[1:])  # before the first there is nothing to read
    assert by_night.whole == {"core.customers": for_all, "status.account_status": for_all}


def test_a_night_that_tells_only_what_changed_needs_less_memory(by_night: Nights) -> None:
    expected = [MEMORY_FOR_ALL if told is None else MEMORY_FOR_CHANGES for told in by_night.told]
    assert [run.memory for run in by_night.runs] == expected
    set_by_hand = [replace(run, settings=run.settings.model_copy(update={"memory": "3GB"})) for run in by_night.runs]
    assert {run.memory for run in set_by_hand} == {"3GB"}


def test_months_that_were_over_are_not_told_again(by_night: Nights) -> None:
    touched_alone = None  # what the accounts worked on added before, once in each later night
    assert by_night.behind == [touched_alone] * 4 + [date(2026, 1, 4)] + [touched_alone], "January alone, of all others"
