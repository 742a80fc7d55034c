"""Where a lake may lie, and the sentences where it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.errors import TryAgain, WrongUse
from flows.stores import storage
from tests.flows.servers import free_port, store


def test_a_folder_is_the_same_wherever_a_worker_is_started() -> None:
    assert storage.place("lake") == Path.cwd() / "lake"


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        ("ftp://host/lake", "neither"),
        ("s3://bucket", "a prefix of its own"),
        ("s3://bucket/", "a prefix of its own"),
        ("s3:///lake", "a prefix of its own"),
    ],
)
def test_a_lake_lies_in_a_folder_or_below_a_prefix(location: str, sentence: str) -> None:
    with pytest.raises(WrongUse, match=sentence):
        storage.place(location)


def test_files_come_and_go_alike(tmp_path: Path) -> None:
    with store(tmp_path, "tally") as prefix:
        for root in (tmp_path / "lake", storage.place(prefix)):
            assert list(storage.files_below(root)) == []
            storage.clear(root)
            written = tmp_path / "written"
            written.write_bytes(b"once")
            storage.hand_over(written, root / "work" / "a")
            written.write_bytes(b"again")
            storage.settle(written, root / "work" / "a")
            storage.write(root / "b", b"small")
            assert not written.exists()
            assert [path.name for path in storage.files_below(root)] == ["b", "a"]
            assert storage.fetch(root / "work" / "a", tmp_path / "fetched").read_bytes() == b"again"
            storage.clear(root / "work")
            assert [path.name for path in storage.files_below(root)] == ["b"]
        with pytest.raises(WrongUse, match="There is no bucket other at http"):
            storage.place("s3://other/lake")


def test_a_store_that_does_not_answer_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with pytest.raises(TryAgain, match=r"s3://tally/lake at http.* does not answer"):
        storage.place("s3://tally/lake")
