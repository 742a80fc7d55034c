"""`tally share translate`: what a user gives and gets, whatever the format; mistakes end with a sentence."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from tests.flows.command import Said, tally

ROWS = "loan_no,bucket,currency,outstanding\nL1,M0,CNY,100.00\nL2,M2,CNY,-1.50\nL3,M7,,0.05\n"
BAD = "L4,M9,CNY,1\n,M1,CNY,1\nL6,M1\n"


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """A file with three good rows and three bad ones."""
    path = tmp_path / "sent.csv"
    path.write_text(ROWS + BAD, encoding="utf-8")
    return path


def translated(path: Path, *words: object, institution: object = "m_bucket_lender") -> Said:
    return tally("share", "translate", path, "--institution", institution, *words)


def test_a_summary_by_code_and_the_rows_refused(sent: Path) -> None:
    done = translated(sent)
    assert done.code == 0
    for words in ("6 received = 3 translated + 3 refused", "181 or more", "71 to 78", "not one of the codes agreed"):
        assert words in done.out


def test_rows_as_csv_and_refusals_beside_them(sent: Path) -> None:
    done = translated(sent, "-f", "csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [(row["line_number"], row["key"], row["code"], row["amount"], row["currency"]) for row in rows] == [
        ("2", "L1", "M0", "100.00", "CNY"),
        ("3", "L2", "M2", "-1.50", "CNY"),
        ("4", "L3", "M7", "0.05", "CNY"),
    ]
    assert [(row["dpd_from"], row["dpd_to"]) for row in rows] == [("0", "0"), ("31", "60"), ("181", "")]
    assert {row["policy_version"] for row in rows} == {"cn-2023.1"}
    assert done.err.splitlines() == [
        f"{sent}:5: bucket: The value is not one of the codes agreed.",
        f"{sent}:6: loan_no: A required value is empty.",
        f"{sent}:7: The record has fewer fields than the header.",
        f"{sent}: 6 received = 3 translated + 3 refused.",
    ]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_have_their_refused_rows_beside_them(sent: Path, kind: str) -> None:
    target = sent.with_name(f"told.{kind}")
    done = translated(sent, "-f", kind, "-o", target)
    beside = sent.with_name("told.refused.csv")
    assert done.out.splitlines() == [str(target), str(beside)]
    rows = pl.read_parquet(target) if kind == "parquet" else pl.read_csv(target)
    assert rows["amount"].to_list() == (
        [Decimal("100.00"), Decimal("-1.50"), Decimal("0.05")] if kind == "parquet" else [100.0, -1.5, 0.05]
    )
    assert pl.read_csv(beside)["line_number"].to_list() == [5, 6, 7]


def test_json_holds_rows_and_refusals(sent: Path) -> None:
    told = json.loads(translated(sent, "-f", "json").out)
    assert (told["received_count"], told["translated_count"], told["refused_count"]) == (6, 3, 3)
    assert [row["bucket_lower"] for row in told["rows"]] == ["M0", "M2", "M7"]
    assert [row["line_number"] for row in told["refused"]] == [5, 6, 7]
    assert all(re.fullmatch(r"-?\d+\.\d\d", row["amount"]) for row in told["rows"]), "money is no binary fraction"


def test_another_encoding_and_compression(tmp_path: Path) -> None:
    path = tmp_path / "sent.csv.gz"
    path.write_bytes(gzip.compress('借据号,五级分类,币种,余额\nA,次级,CNY,"1,234.50"\n'.encode("gb18030")))
    done = translated(path, "-f", "csv", "--policy", "cn-card", institution="five_tier_bank")
    row = next(csv.DictReader(io.StringIO(done.out)))
    assert (row["code"], row["amount"], row["dpd_from"], row["dpd_to"]) == ("次级", "1234.50", "91", "270")
    # the older edges of cards make of the same days anything from substandard to loss
    assert (row["five_tier_lower"], row["five_tier_upper"], row["is_five_tier_exact"]) == ("3", "5", "false")


def test_too_many_refused_rows_stop_it(tmp_path: Path) -> None:
    path = tmp_path / "sent.csv"
    path.write_text(ROWS + "L,M9,CNY,1\n" * 21, encoding="utf-8")
    target = tmp_path / "told.csv"
    done = translated(path, "-f", "csv", "-o", target)
    assert done.code == 1
    assert not target.exists()
    assert f"{path}:5: bucket: The value is not one of the codes agreed." in done.err
    assert "24 received = 3 translated + 21 refused; the policy lets fewer pass" in done.err
    assert "Traceback" not in done.err


OWN = '[columns]\nkey = "loan_no"\ncode = "bucket"\n[codes]\nM0 = { from = 0, to = 0 }\nM1 = { from = 30, to = 1 }\n'


@pytest.mark.parametrize(
    ("file", "institution", "words", "said"),
    [
        ("absent.csv", "m_bucket_lender", (), "There is no file absent.csv."),
        ("sent.csv", "absent", (), "There is no institution absent: give the path of a TOML file, or one of five_tier"),
        ("sent.csv", "pboc_lender", (), "lacks what the institution pboc_lender names: key = 'contract_no'"),
        ("sent.csv", "own.toml", (), "The institution own.toml has mistakes:\ncodes.M1: Value error, to = 1 is less"),
        ("sent.csv", "torn.toml", (), "torn.toml is not TOML"),
        ("empty.csv", "m_bucket_lender", (), "empty.csv is empty."),
        ("sent.csv", "m_bucket_lender", ("-o", "x"), "A summary is for the terminal"),
        ("sent.csv", "m_bucket_lender", ("-f", "parquet"), "Parquet is for files"),
        ("sent.csv", "m_bucket_lender", ("--policy", "none"), "There is no policy none"),
        ("sent.csv", "m_bucket_lender", ("-f", "csv", "-o", "no/such/x.csv"), "no/such/x.csv can't be written"),
    ],
)
def test_mistakes_end_with_a_sentence(
    file: str, institution: str, words: tuple[str, ...], said: str, sent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sent.parent)
    Path("own.toml").write_text(OWN, encoding="utf-8")
    Path("torn.toml").write_text("columns = ", encoding="utf-8")
    Path("empty.csv").write_text("", encoding="utf-8")
    done = translated(Path(file), *words, institution=institution)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
