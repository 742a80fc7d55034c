"""Each folder beside this file is a story a person can check by hand; a new folder is a new test."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import duckdb
import pytest

from tests.nights import Bank

HERE = Path(__file__).parent
STORIES = sorted(path.parent.name for path in HERE.glob("*/README.md"))


def test_there_are_stories() -> None:
    assert len(STORIES) >= 20


@pytest.mark.parametrize("story", STORIES)
def test_story(story: str, tmp_path: Path) -> None:
    folder = HERE / story
    policy = folder / "policy.toml"
    bank = Bank(tmp_path, {"policy": policy} if policy.exists() else None)
    nights = sorted(path.name for path in (folder / "nights").iterdir())
    told = sorted(path.name for path in (folder / "expected").iterdir())
    assert set(told) <= set(nights)
    for night in nights:
        (bank.landing / "bank").mkdir(parents=True, exist_ok=True)
        for path in (folder / "nights" / night).glob("*_*.csv"):
            shutil.copy(path, bank.landing / "bank" / path.name)
        bank.night(night)
        for path in sorted((folder / "expected" / night).glob("*.csv")):
            check(bank, path)


def check(bank: Bank, path: Path) -> None:
    """The table holds these rows and no others, in the columns named, ordered by them as the file is."""
    with path.open(newline="") as file:
        columns, *rows = list(csv.reader(file))
    with duckdb.connect(str(bank.warehouse / "tally.duckdb"), read_only=True) as connection:
        names = ", ".join(f"coalesce(CAST({column} AS VARCHAR), '')" for column in columns)
        found = connection.execute(f"SELECT {names} FROM {path.stem}").fetchall()
    assert sorted(found) == sorted(tuple(row) for row in rows), f"{path.parent.name}: {path.stem}"
