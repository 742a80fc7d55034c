"""The fast transforms against the slow solver, every column of every state table, on random ledgers."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.slow.deliveries import Delivery, Row
from tests.slow.solve import solve
from tests.slow.strategies import histories, policies, splits
from tests.slow.walks import days_of_change
from tests.transforms.memory import Memory, state_rows, waiting_rows
from transforms.policy import Policy


def assert_equal_tables(memory: Memory, expected: dict[str, list[Row]]) -> None:
    """Every state table and the waiting rows are the same."""
    for name, rows in expected.items():
        if name == "waiting":
            assert sorted(waiting_rows(memory), key=repr) == sorted(rows, key=repr)
        else:
            assert state_rows(memory, name) == rows, name


@given(policies(), histories(), st.data())
def test_every_table_is_what_the_slow_solver_says(
    policy: Policy, deliveries: list[Delivery], data: st.DataObject
) -> None:
    as_of = data.draw(st.sampled_from(sorted({delivery.business_date for delivery in deliveries})))
    visible = [delivery for delivery in deliveries if delivery.business_date <= as_of]
    memory = Memory(policy)
    memory.night(visible, as_of)
    assert_equal_tables(memory, solve(visible, policy, as_of, days_of_change))


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
    assert_equal_tables(memory, solve(visible, policy, as_of, days_of_change))
