"""Small landing folders: which file is a delivery, which is a stranger, and what control files say."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import date
from pathlib import Path

import pytest

from flows.stores.landing import (
    BadControl,
    Control,
    Discovery,
    HashCache,
    Replay,
    Stamp,
    control_mismatches,
    control_path,
    discover,
    read_control,
    still,
)
from transforms.mapping import Mapping, canonical, parse_mapping
from transforms.refusals import FileRefusal

TODAY = date(2026, 3, 2)
LONG_AGO_NS = 1_700_000_000_000_000_000


def put(folder: Path, name: str, content: bytes = b"a\n1\n") -> Path:
    """A file that has lain there for long."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    return path


def look(landing: Path, as_of: date = TODAY) -> Discovery:
    return discover(landing, canonical, as_of, HashCache(landing.parent / "hashes.json"))


def names(found: Discovery) -> list[str]:
    return [delivery.relative for delivery in found.deliveries]


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir()
    return folder


# ---------------------------------------------------------------- discovery


def test_a_delivery_says_where_it_is_from(landing: Path) -> None:
    path = put(landing, "harbour/repayments_full_20260301_07.csv.gz", b"content")
    (delivery,) = look(landing).deliveries
    assert (delivery.source, delivery.kind, delivery.name) == ("harbour", "repayments", path.name)
    assert (delivery.business_date, delivery.seq) == (date(2026, 3, 1), 7)
    assert (delivery.path, delivery.relative) == (path, "harbour/repayments_full_20260301_07.csv.gz")
    assert (delivery.sha256, delivery.size) == (hashlib.sha256(b"content").hexdigest(), 7)


def test_deliveries_come_by_date_then_seq_then_name_and_not_before_their_date(landing: Path) -> None:
    for number, name in enumerate(
        [
            "b/accounts_20260301.csv",
            "a/repayments_20260301.csv",
            "a/accounts_20260302_10.parquet",
            "a/accounts_20260302_2.jsonl.zst",
            "a/events_20260228.tsv",
            "a/orders_20260303.txt",
        ]
    ):
        put(landing, name, b"%d" % number)
    assert names(look(landing)) == [
        "a/events_20260228.tsv",
        "b/accounts_20260301.csv",
        "a/repayments_20260301.csv",
        "a/accounts_20260302_2.jsonl.zst",
        "a/accounts_20260302_10.parquet",
    ]
    assert look(landing).strangers == ()


def test_the_mapping_names_the_kind_of_file(landing: Path) -> None:
    document = {"files": {"bills": {"pattern": "BILL_??", "feeds": {"installments": {}}}}}
    put(landing, "harbour/BILL_CN_20260301.csv")
    put(landing, "harbour/BILL_20260301.csv")
    asked: list[str] = []

    def mapping(source: str) -> Mapping:
        asked.append(source)
        return parse_mapping(document, source)

    found = discover(landing, mapping, TODAY, HashCache(landing / "h"))
    assert [(delivery.kind, delivery.name) for delivery in found.deliveries] == [("bills", "BILL_CN_20260301.csv")]
    assert found.strangers == (
        ("harbour/BILL_20260301.csv", "The mapping of harbour has no file for the name 'BILL'; it has bills."),
    )
    assert asked == ["harbour"]


def test_the_last_eight_digits_of_a_name_are_its_date(landing: Path) -> None:
    put(landing, "a/accounts_20260101_20260131.csv")
    (delivery,) = look(landing).deliveries
    assert (delivery.business_date, delivery.seq) == (date(2026, 1, 31), 0)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("accounts_20260301.csv", "folder of its source"),
        ("harbour/march/accounts_20260301.csv", "folder of its source"),
        ("har bour/accounts_20260301.csv", "no name of a source"),
        ("harbour/accounts_20260230.csv", "20260230 is not in the calendar"),
        ("harbour/accounts_00000101.csv", "00000101 is not in the calendar"),
        ("harbour/accounts.csv", "The name is not <name>_<YYYYMMDD>"),
        ("harbour/accounts_20260301_1_2.csv", "The name is not <name>_<YYYYMMDD>"),
        ("harbour/accounts_20260301_1234567890.csv", "The name is not <name>_<YYYYMMDD>"),
        ("harbour/accounts_２０２６０３０１.csv", "The name is not <name>_<YYYYMMDD>"),
        ("harbour/accounts_20260301.xlsx", "The ending is none of .csv"),
        ("harbour/accounts_20260301.csv.zip", "The ending is none of .csv"),
        ("harbour/accounts_20260301", "The ending is none of .csv"),
        ("harbour/debts_20260301.csv", "no file for the name 'debts'"),
    ],
)
def test_strangers_are_named_with_a_sentence(landing: Path, name: str, said: str) -> None:
    put(landing, name)
    found = look(landing)
    assert found.deliveries == ()
    ((relative, sentence),) = found.strangers
    assert relative == name
    assert said in sentence
    assert sentence.endswith(".")


def test_what_is_no_regular_file_is_a_stranger(landing: Path) -> None:
    (landing / "a").mkdir()
    (landing / "a" / "accounts_20260301.csv").symlink_to("nowhere")
    os.mkfifo(landing / "a" / "orders_20260301.csv")
    assert look(landing).strangers == (
        ("a/accounts_20260301.csv", "This is no regular file."),
        ("a/orders_20260301.csv", "This is no regular file."),
    )


@pytest.mark.parametrize(
    "name",
    [
        "a/accounts_20260301.ctl",
        "a/accounts_20260301.csv.md5",
        "a/accounts_20260301.csv.part",
        "a/accounts_20260301.csv.tmp",
        "a/.accounts_20260301.csv",
        "a/.old/accounts_20260301.csv",
        ".DS_Store",
    ],
)
def test_sidecars_hidden_and_unfinished_files_are_passed_over(landing: Path, name: str) -> None:
    put(landing, name)
    assert look(landing) == Discovery(())


def test_no_landing_folder_is_an_empty_one(tmp_path: Path) -> None:
    assert look(tmp_path / "none") == Discovery(())


def test_the_same_bytes_under_another_name_are_taken_once(landing: Path) -> None:
    put(landing, "a/accounts_b_20260301.csv", b"same")
    put(landing, "a/accounts_a_20260301.csv", b"same")
    put(landing, "a/accounts_c_20260301.csv", b"other")
    put(landing, "a/accounts_a_20260302.csv", b"same")
    put(landing, "a/accounts_a_20260301_2.csv", b"same")
    put(landing, "a/orders_20260301.csv", b"same")
    put(landing, "b/accounts_20260301.csv", b"same")
    found = look(landing)
    assert "a/accounts_b_20260301.csv" not in names(found)
    assert len(found.deliveries) == 6
    sentence = "The file holds the same bytes as a/accounts_a_20260301.csv, which is taken."
    assert found.twins == (("a/accounts_b_20260301.csv", sentence),)


def test_a_file_that_cannot_be_opened_is_a_stranger(landing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(landing, "a/accounts_20260301.csv")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(HashCache, "stamped_hash", refuse)
    assert look(landing).strangers == (("a/accounts_20260301.csv", "The file cannot be read: Permission denied."),)


# ---------------------------------------------------------------- hashes and identity


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are hashed from now on."""
    read: list[str] = []
    digest = hashlib.file_digest

    def watched(file, algorithm):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        read.append(Path(file.name).name)
        return digest(file, algorithm)

    monkeypatch.setattr(hashlib, "file_digest", watched)
    return read


def test_unchanged_files_are_hashed_once(landing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = count_reads(monkeypatch)
    store = landing.parent / "state" / "hashes.json"
    kept, gone = put(landing, "a/accounts_20260301.csv"), put(landing, "a/orders_20260301.csv")

    def night() -> Discovery:
        hashes = HashCache.load(store)
        found = discover(landing, canonical, TODAY, hashes)
        hashes.save()
        return found

    first = night()
    assert sorted(read) == [kept.name, gone.name]
    assert night() == first
    assert len(read) == 2
    gone.unlink()
    night()
    assert list(json.loads(store.read_bytes())) == [str(kept)]
    put(landing, "a/accounts_20260301.csv", b"longer than before")
    assert night().deliveries[0].sha256 == hashlib.sha256(b"longer than before").hexdigest()
    assert len(read) == 3


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"x": 1}', b'{"x": [1, 2, "h"]}', b'{"x": ["a", 2, 3, "h"]}'])
def test_a_cache_that_cannot_be_read_is_made_anew(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, "hashes.json", content)
    assert HashCache.load(tmp_path / "hashes.json").known == {}
    assert HashCache.load(tmp_path / "none.json").known == {}


def test_the_hash_of_a_file_just_written_is_not_kept(landing: Path) -> None:
    path = put(landing, "a/accounts_20260301.csv")
    path.touch()
    hashes = HashCache(landing / "h")
    discover(landing, canonical, TODAY, hashes)
    assert hashes.used == {}


def test_a_file_that_changes_while_it_is_hashed_is_left(landing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(landing, "a/accounts_20260301.csv")
    put(landing, "a/orders_20260301.csv")
    digest = hashlib.file_digest

    def growing(file, algorithm):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        if "orders" in file.name:
            put(landing, "a/orders_20260301.csv", b"more and more")
        return digest(file, algorithm)

    monkeypatch.setattr(hashlib, "file_digest", growing)
    found = look(landing)
    assert names(found) == ["a/accounts_20260301.csv"]
    assert found.unsettled == ("a/orders_20260301.csv",)


def test_still_tells_whether_the_file_is_the_one_that_was_hashed(landing: Path) -> None:
    path = put(landing, "a/accounts_20260301.csv")
    (delivery,) = look(landing).deliveries
    assert still(delivery)
    assert delivery.stamp == Stamp.of(path)
    path.touch()
    assert not still(delivery)
    put(landing, "a/accounts_20260301.csv")
    assert still(delivery)
    put(landing, "a/.new").replace(path)  # the same size and time, another file
    assert not still(delivery)
    path.unlink()
    assert not still(delivery)


# ---------------------------------------------------------------- control files


def control(folder: Path, content: str) -> Control | None:
    put(folder, "accounts_20260301_2.ctl", content.encode())
    return read_control(folder / "accounts_20260301_2.csv.gz")


def test_the_control_file_has_the_name_without_the_endings(tmp_path: Path) -> None:
    for ending in (".csv", ".csv.gz", ".parquet", ".jsonl.zst"):
        assert control_path(tmp_path / f"a.b_20260301{ending}") == tmp_path / "a.b_20260301.ctl"
    assert read_control(tmp_path / "accounts_20260301.csv") is None


def test_what_a_control_file_says(tmp_path: Path) -> None:
    assert control(tmp_path, "{}") == Control()
    assert control(tmp_path, '{"rows": 3}') == Control(rows=3)
    digest = "AB" * 32
    text = f'{{"rows": 0, "sha256": "{digest}", "amount_total": "99812.40", "replays": []}}'
    full = control(tmp_path, text)
    assert full is not None
    assert (full.rows, full.sha256, full.amount_total_cents, full.replays) == (0, digest, 99_812_40, ())
    line = control(tmp_path, '{"replays": [{"line": 2, "path": "a/accounts_20260228.csv", "line_number": 71}]}')
    assert line is not None
    assert line.replays == (Replay(line=2, path="a/accounts_20260228.csv", line_number=71),)


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ('"99812.40"', 99_812_40),
        ("99812.40", 99_812_40),
        ("0.1", 10),
        ("12", 12_00),
        ('"-0.05"', -5),
        ('"+7.5"', 7_50),
        ('"90071992547409.93"', 9_007_199_254_740_993),
        ("null", None),
    ],
)
def test_totals_are_exact(tmp_path: Path, text: str, cents: int | None) -> None:
    said = control(tmp_path, f'{{"amount_total": {text}}}')
    assert said is not None
    assert said.amount_total_cents == cents


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is no JSON that can be read"),
        ("[" * 100_000, "is no JSON that can be read"),
        ('{"rows": 1', "is no JSON that can be read"),
        ('{"rows": 1, "rows": 2}', "a key is there twice"),
        ('{"rows": NaN}', "NaN is no number"),
        ("[]", "document"),
        ('{"row": 1}', "row: no such setting"),
        ('{"rows": "1"}', "rows: "),
        ('{"rows": 1.0}', "rows: "),
        ('{"rows": true}', "rows: "),
        ('{"rows": -1}', "rows: "),
        ('{"sha256": "abc"}', "sha256: "),
        ('{"amount_total": "1.005"}', "amount_total: .*at most two places"),
        ('{"amount_total": 1.005}', "amount_total: .*at most two places"),
        ('{"amount_total": "1,000.00"}', "amount_total: .*at most two places"),
        ('{"amount_total": "many"}', "amount_total: .*at most two places"),
        ('{"amount_total": 1e3}', "amount_total: .*at most two places"),
        ('{"amount_total": true}', "amount_total: .*at most two places"),
        ('{"amount_total_cents": 5}', "amount_total_cents: no such setting"),
        ('{"replays": [{"line": 2, "path": "x"}]}', "replays.0.line_number: is required"),
        ('{"replays": [{"line": 0, "path": "x", "line_number": 1}]}', "replays.0.line: "),
    ],
)
def test_bad_control_files(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(BadControl, match=f"accounts_20260301_2.ctl.*{said}"):
        control(tmp_path, content)


def test_a_control_file_that_is_a_folder_is_bad(tmp_path: Path) -> None:
    (tmp_path / "accounts_20260301.ctl").mkdir()
    with pytest.raises(BadControl, match="Is a directory"):
        read_control(tmp_path / "accounts_20260301.csv")


SAID = Control.model_validate({"rows": 2, "sha256": "AB" * 32, "amount_total": "10.05"})


def test_a_control_file_that_is_met() -> None:
    assert control_mismatches(SAID, 2, "ab" * 32, 10_05, 0) == []
    assert control_mismatches(Control(), 2, "ab" * 32, 10_05, 3) == []


def test_mismatches_name_both_figures() -> None:
    assert control_mismatches(SAID, 3, "cd" * 32, -5, 0) == [
        (FileRefusal.CONTROL_ROWS, "The control file says 2 records, the file has 3."),
        (FileRefusal.CONTROL_SHA256, f"The control file says SHA-256 {'ab' * 32}, the file has {'cd' * 32}."),
        (FileRefusal.CONTROL_AMOUNT, "The control file says 10.05 in all, the file has -0.05."),
    ]
    zero = Control.model_validate({"rows": 0, "amount_total": "0"})
    assert [reason for reason, _ in control_mismatches(zero, 1, "", 1, 0)] == [
        FileRefusal.CONTROL_ROWS,
        FileRefusal.CONTROL_AMOUNT,
    ]


def test_a_total_is_not_met_when_an_amount_cannot_be_read() -> None:
    assert control_mismatches(SAID, 2, "ab" * 32, 10_05, 1) == [
        (
            FileRefusal.CONTROL_AMOUNT,
            "The control file says 10.05 in all, the file has 10.05 and 1 that cannot be read.",
        )
    ]
