"""The fast transforms against the slow solver, on random ledgers: every state table, whole and night by night."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.slow.deliveries import Delivery, Row
from tests.slow.solve import solve
from tests.slow.strategies import histories, policies, splits
from tests.transforms import recount
from tests.transforms.memory import Memory, state_rows, waiting_rows
from transforms.policy import Policy

WAITS = (0, 35, 120, 420)
"""Days after the last delivery; rules that hold for months need time to give way."""


def assert_equal_tables(memory: Memory, expected: dict[str, list[Row]]) -> None:
    for name, rows in expected.items():
        if name == "waiting":
            assert sorted(waiting_rows(memory), key=repr) == sorted(rows, key=repr)
        else:
            assert state_rows(memory, name) == rows, name


@given(policies(), histories(), st.sampled_from(WAITS))
@settings(deadline=None)
def test_every_table_is_what_the_slow_solver_says(policy: Policy, deliveries: list[Delivery], wait: int) -> None:
    as_of = max(delivery.business_date for delivery in deliveries) + timedelta(days=wait)
    memory = Memory(policy)
    memory.night(deliveries, as_of)
    assert_equal_tables(memory, solve(deliveries, policy, as_of))
    assert_risk(memory, policy, as_of)


@given(policies(), histories(), st.data())
@settings(deadline=None)
def test_any_split_into_nights_gives_the_same_tables(
    policy: Policy, deliveries: list[Delivery], data: st.DataObject
) -> None:
    nights = data.draw(splits(deliveries))
    memory = Memory(policy)
    taken: Sequence[Delivery] = []
    for as_of, visible in nights:
        memory.night([delivery for delivery in visible if delivery not in taken], as_of)
        taken = visible
    as_of, visible = nights[-1]
    assert_equal_tables(memory, solve(visible, policy, as_of))
    assert_risk(memory, policy, as_of)


def assert_risk(memory: Memory, policy: Policy, as_of: date) -> None:
    """Each aggregate equals a plain recount of the status and core rows."""
    for name, count in recount.TABLES.items():
        expected = count(memory.tables, policy, as_of)
        found = {
            tuple(row[column] for column in recount.KEYS[name]): {
                column: row[column] for column in row if column not in ("as_of", "policy_version", *recount.KEYS[name])
            }
            for row in memory.tables[name].rows(named=True)
        }
        assert found.keys() == expected.keys(), name
        for key, row in expected.items():
            assert recount.alike(found[key], row), (name, key, found[key], row)
