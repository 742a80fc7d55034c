"""Looking up by place and by join: what stands beside a key is the same, wherever the numbers lie."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.lookup import looked_up

NUMBERS = st.one_of(st.integers(-5, 30), st.integers(-(2**31), 2**31 - 1))
ROWS = st.lists(st.one_of(st.none(), NUMBERS), max_size=30)
OTHERS = st.dictionaries(NUMBERS, st.tuples(st.one_of(st.none(), st.text(max_size=3)), st.integers(0, 9)), max_size=30)


def frames(
    rows: list[int | None], others: dict[int, tuple[str | None, int]], kind: pl.DataType
) -> tuple[pl.DataFrame, pl.DataFrame]:
    told = {"n": list(others), "text": [text for text, _ in others.values()], "x": [x for _, x in others.values()]}
    schema = {"n": pl.Int64(), "text": pl.String(), "x": pl.Int8()}
    return pl.DataFrame({"n": rows}, schema={"n": kind}), pl.DataFrame(told, schema=schema)


@given(ROWS, OTHERS)
def test_each_row_finds_its_own(rows: list[int | None], others: dict[int, tuple[str | None, int]]) -> None:
    found = looked_up(*frames(rows, others, pl.Int32()), ["n"])
    assert found.columns == ["text", "x"]
    nothing = (None, None)
    assert found.rows() == [nothing if number is None else others.get(number, nothing) for number in rows]


@pytest.mark.parametrize("others", [[7], [7, -3], [7, 5_000_000], []])
def test_numbers_far_apart_and_close_together(others: list[int]) -> None:
    rows, told = frames([8, 7, None, 6, 5_000_000, 7], {number: (str(number), 1) for number in others}, pl.Int64())
    found = looked_up(rows, told, ["n"])["text"].to_list()
    assert found == [str(number) if number in others else None for number in rows["n"]]


def test_keys_of_several_parts_are_joined() -> None:
    rows = pl.DataFrame({"a": [1, 1, None], "b": ["x", "y", "x"]})
    others = pl.DataFrame({"a": [1, None], "b": ["y", "x"], "said": [5, 6]})
    assert looked_up(rows, others, ["a", "b"])["said"].to_list() == [None, 5, None]
