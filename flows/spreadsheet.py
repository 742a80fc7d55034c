"""Text that a spreadsheet must not take for a formula."""

from __future__ import annotations

import re

import polars as pl

_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""First characters by which spreadsheets know a formula, full-width ones of Chinese and Japanese keyboards included."""


def no_formula(text: str) -> str:
    """The text, behind an apostrophe where a spreadsheet would run it; numbers are not text and stay as they are.

    The apostrophe is the mitigation that OWASP names for CSV injection; a spreadsheet shows the cell without it.
    """
    return f"'{text}" if text.startswith(_BEGINS_FORMULA) else text


def no_formulas(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with `no_formula` of every text, for CSV."""
    begins = "^[" + "".join(re.escape(mark) for mark in _BEGINS_FORMULA) + "]"
    text = pl.col(pl.String)
    return rows.with_columns(pl.when(text.str.contains(begins)).then(pl.lit("'") + text).otherwise(text).name.keep())
