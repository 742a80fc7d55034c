"""`tally share read` without a real file: what it is told wrongly, and a layout that is what the docs say."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.metro2_layout import layout
from tests.flows.command import tally
from transforms.bureau.metro2_fields import LAYOUT
from transforms.bureau.metro2_rules import RULES

ROOT = Path(__file__).parents[2]
HEADER = "0426HEADER".ljust(426) + "\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("absent.txt",), "absent.txt can't be read: No such file or directory."),
        (("other.txt",), "other.txt holds no Metro 2 record in character format"),
        (("good.txt", "-f", "parquet"), "Parquet is for files: name a folder with --output."),
        (("good.txt", "-o", "out"), "A summary is for the terminal"),
    ],
)
def test_mistakes_end_with_a_sentence(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other.txt").write_text("account,amount\n1,2\n", encoding="utf-8")
    Path("good.txt").write_text(HEADER, encoding="utf-8")
    done = tally("share", "read", *words)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_file_of_a_header_alone_is_read(tmp_path: Path) -> None:
    path = tmp_path / "header.txt"
    path.write_text(HEADER, encoding="utf-8")
    done = tally("share", "read", path)
    assert done.code == 0
    assert "header_and_trailer" in done.out


def test_the_layout_in_the_docs_is_the_declared_one() -> None:
    done = tally("share", "layout")
    assert done.out == layout() == (ROOT / "docs" / "metro2-layout.md").read_text(encoding="utf-8")
    for segment in LAYOUT.values():
        assert all(f"`{name}`" in done.out for name in segment.names)
    assert all(rule.sentence in done.out for rule in RULES)
