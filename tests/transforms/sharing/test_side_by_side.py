"""The standards side by side: the table of the edges, row for row, by every shipped policy."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.transforms.sharing.test_translation import CARD_TIER, EDGES, FIVE_TIER, MANY, POLICIES
from transforms.policy import FiveTierPolicy, Policy
from transforms.sharing.side_by_side import side_by_side

DAY = date(2026, 9, 30)


@pytest.mark.parametrize(("name", "left_out"), [("cn-2023", CARD_TIER), ("cn-card", FIVE_TIER)])
def test_it_is_the_table_of_the_edges(name: str, left_out: int) -> None:
    wanted: list[tuple[Any, ...]] = [
        tuple(cell for place, cell in enumerate(row) if place not in (1, left_out)) for row in EDGES
    ]
    # rows in which nothing but the other policy's class changes are one
    rows = [row for place, row in enumerate(wanted) if place == 0 or row[1:] != wanted[place - 1][1:]]
    ends = [row[0] - 1 for row in rows[1:]]
    told = side_by_side(POLICIES[name], DAY).drop("as_of", "policy_version", "dpd_to").rows()
    assert told == rows
    assert side_by_side(POLICIES[name], DAY)["dpd_to"].to_list() == [*ends, None]
    assert ends[-1] < MANY


def test_a_policy_of_ones_own_has_its_own_edges() -> None:
    own = Policy(version="own", five_tier=FiveTierPolicy(upper_days=(7, 100, 200, 500)))
    told = side_by_side(own, DAY)
    changes = {row[0] for row in told.select("dpd_from").rows()}
    # default makes it 3 before its days would
    assert {0, 1, 8, 91, 201, 501} <= changes
    assert 101 not in changes
    assert told.filter(told["dpd_from"] == 501)["five_tier"].to_list() == [5]
    assert set(told["policy_version"]) == {"own"}
