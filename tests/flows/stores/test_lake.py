"""The lake: deltas, compaction, damage; nothing counts that no manifest names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flows.errors import Damaged, WrongUse
from flows.stores import lake as stores
from flows.stores import storage
from flows.stores.lake import Lake, LakeWriter
from tests.flows.servers import store

DATASET = "released"


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A prefix in an object store."""
    with store(tmp_path_factory.mktemp("store"), "tally") as place:
        yield place


@pytest.fixture(params=["folder", "store"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where a lake lies: in a folder, or in an object store."""
    if request.param == "folder":
        return tmp_path / "lake"
    return storage.place(f"{request.getfixturevalue('prefix')}/{tmp_path.name}")


def rows(*numbers: int) -> pl.DataFrame:
    known = {"path": "p", "sha256": "s", "feed": "f", "key": "k"}
    schema = {name: kind for name, kind in stores.DATASETS[DATASET].items() if name != "run_no"}
    return pl.DataFrame([{**known, "line_number": number} for number in numbers], schema=schema)


def run(lake: Lake, number: int, *numbers: int) -> Lake:
    """One run that adds rows."""
    with tempfile.TemporaryDirectory() as scratch:
        writer = LakeWriter(lake, f"2026-01-01.{number}", number, Path(scratch))
        writer.add(DATASET, rows(*numbers))
        return writer.commit(date(2026, 1, 1), "hash")


def numbers_of(lake: Lake) -> list[tuple[int, int]]:
    return sorted(lake.scan(DATASET).select("run_no", "line_number").collect().rows())


def test_small_deltas_stay_until_they_are_a_tenth_of_the_base(root: Path) -> None:
    lake = run(Lake(root), 1, *range(100))
    for number in range(2, 12):
        lake = run(lake, number, number)
    assert len(lake.paths(DATASET)) == 11
    before = numbers_of(lake)
    lake = run(lake, 12, 12)
    assert len(lake.paths(DATASET)) == 1
    assert numbers_of(lake) == sorted([*before, (12, 12)]), "every row keeps the run that took it"


def test_many_deltas_become_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "LARGEST_DELTAS", 99)
    lake = Lake(tmp_path)
    for number in range(1, stores.MOST_DELTAS + 2):
        lake = run(lake, number, number)
    assert len(lake.paths(DATASET)) == stores.MOST_DELTAS + 1
    lake = run(lake, stores.MOST_DELTAS + 2, 0)
    assert len(lake.paths(DATASET)) == 1


def test_the_predecessor_can_still_be_read_after_compaction(root: Path) -> None:
    first = run(Lake(root), 1, 1)
    second = run(first, 2, 2)
    second.sweep()
    assert numbers_of(first) == [(1, 1)]
    assert numbers_of(second) == [(1, 1), (2, 2)]


def test_what_no_manifest_names_is_swept_and_what_is_not_the_lakes_stays(root: Path) -> None:
    lake = run(Lake(root), 1, 1)
    leavings = [root / DATASET / "2026-01-01.2.parquet", lake.manifests / "2026-01-01.2.json", lake.work / "a" / "b"]
    strangers = [root / "thesis.docx", root / "photos" / "cat.png"]
    for path in (*leavings, *strangers):
        storage.write(path, b"bytes")
    lake.sweep()
    assert not any(path.exists() for path in leavings)
    assert all(path.exists() for path in strangers)
    assert lake.damaged() == []
    assert lake.nights() == ["2026-01-01.1"]


def test_an_earlier_try_of_a_step_leaves_nothing(tmp_path: Path) -> None:
    writer = LakeWriter(Lake(tmp_path), "2026-01-01.1", 1, tmp_path)
    writer.add(DATASET, rows(1, 2))
    writer.add(DATASET, rows(3))
    assert numbers_of(writer.now()) == [(1, 3)]


@pytest.mark.parametrize("parts", [1, 4])
@pytest.mark.parametrize(
    "numbers",
    [[1, 1, 2, 5], [5, 2, 1, 1], [2, None, 1, None, 2], [None, None]],
    ids=["in order", "back", "gaps", "none"],
)
def test_rows_lie_in_the_order_of_accounts(
    root: Path, monkeypatch: pytest.MonkeyPatch, numbers: list[int | None], parts: int
) -> None:
    monkeypatch.setattr(stores, "SORTED_ROWS", -(-len(numbers) // parts))
    dataset = "state/paid_months"
    loans = [f"{place}" for place in range(len(numbers))]
    told = pl.DataFrame({"account_no": numbers, "loan_id": loans}, schema_overrides={"account_no": pl.Int32})
    with tempfile.TemporaryDirectory() as scratch:
        writer = LakeWriter(Lake(root), "2026-01-01.1", 1, Path(scratch))
        writer.add(dataset, told.with_columns(source=pl.lit("s"), month_end=pl.lit(date(2026, 1, 31))))
        found = writer.now().scan(dataset).select("account_no", "loan_id").collect()
        left = [path for path in Path(scratch).rglob("*") if path.is_file()]
    assert found.rows() == told.sort("account_no", nulls_last=True, maintain_order=True).rows()
    assert left == []


def test_no_rows_no_file(root: Path) -> None:
    assert run(Lake(root), 1).paths(DATASET) == []


def test_damage_is_found(root: Path) -> None:
    lake = run(Lake(root), 1, 1)
    assert lake.damaged() == []
    (path,) = lake.paths(DATASET)
    path.write_bytes(path.read_bytes()[:-1])
    assert [root / file.path for file in lake.damaged()] == [path]


def test_unreadable_and_unknown_manifests_are_refused(tmp_path: Path) -> None:
    lake = run(Lake(tmp_path), 1, 1)
    name = "2026-01-01.1.json"
    text = (lake.manifests / name).read_text()
    (lake.manifests / name).write_text(text.replace('"schema_version": ', '"schema_version": 9'))
    with pytest.raises(WrongUse, match="tally migrate"):
        Lake(tmp_path).at(name)
    (lake.manifests / name).write_text("{")
    with pytest.raises(Damaged, match=name):
        Lake(tmp_path).at(name)
