"""CSV cells that a spreadsheet must not run; numbers stay numbers."""

from __future__ import annotations

import polars as pl
import pytest

from flows.spreadsheet import no_formula, no_formulas

HARMFUL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x"]
HARMLESS = ["", "F-DAM", "1=1", "a@b", "'=1", "企业"]


@pytest.mark.parametrize("text", HARMFUL)
def test_what_begins_a_formula_gets_an_apostrophe(text: str) -> None:
    assert no_formula(text) == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_stays(text: str) -> None:
    assert no_formula(text) == text


def test_frames_alike_and_numbers_stay() -> None:
    rows = pl.DataFrame({"text": [*HARMFUL, *HARMLESS, None], "number": range(-len(HARMFUL) - len(HARMLESS), 1)})
    safe = no_formulas(rows)
    assert safe["text"].to_list() == [*(f"'{text}" for text in HARMFUL), *HARMLESS, None]
    assert safe["number"].equals(rows["number"])
