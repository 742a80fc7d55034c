"""Accounts that share a key with a new fact are linked, whichever of them came first."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.arrivals import links

KEY = ["source", "repayment_id"]
FACTS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("1234"), st.none() | st.integers(1, 5)), max_size=12)


def frame(facts: list[tuple[str, str, int | None]]) -> pl.LazyFrame:
    schema = {"source": pl.String, "repayment_id": pl.String, "account_no": pl.Int32}
    return pl.LazyFrame(facts, schema=schema, orient="row")


def pairs(facts: list[tuple[str, str, int | None]], keys: set[tuple[str, str]]) -> set[tuple[int, int]]:
    """The smallest account of each of the keys with every other one of it, the slow way."""
    found = set()
    for key in keys:
        accounts = {account for *own, account in facts if tuple(own) == key and account is not None}
        found |= {(min(accounts), other) for other in accounts if other != min(accounts)}
    return found


@given(before=FACTS, new=FACTS)
def test_linked_are_those_that_share_a_key_of_a_new_fact(
    before: list[tuple[str, str, int | None]], new: list[tuple[str, str, int | None]]
) -> None:
    every = [*before, *new]
    found = links(frame(new), frame(every), KEY).collect().rows()
    assert set(found) == pairs(every, {(source, name) for source, name, _ in new})
    assert len(found) == len(set(found))


@given(new=FACTS)
def test_where_all_facts_are_new_none_has_to_be_named(new: list[tuple[str, str, int | None]]) -> None:
    found = links(None, frame(new), KEY).collect().rows()
    assert sorted(found) == sorted(links(frame(new), frame(new), KEY).collect().rows())


@pytest.mark.parametrize("new", [None, frame([])])
def test_nobody_shares_what_is_not_there(new: pl.LazyFrame | None) -> None:
    assert links(new, frame([]), KEY).collect().is_empty()
