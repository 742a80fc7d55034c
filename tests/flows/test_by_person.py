"""Parts by person: every row in one part, every person in one part, types as `read` gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.by_person import by_person
from flows.stores.tables import Writer, create, read
from transforms.tables import TABLES

ASKED = {
    "status.loan_status": ("source", "account_id", "loan_id", "remaining_amount"),
    "status.account_status": ("source", "account_id", "customer_id", "as_of"),
    "core.customers": ("source", "customer_id", "person_id"),
}
SOURCES = ("north", "south")
CUSTOMERS = st.dictionaries(
    st.tuples(st.sampled_from(SOURCES), st.sampled_from("abcdef")), st.sampled_from(("P", "Q", None))
)
ACCOUNTS = st.lists(st.tuples(st.sampled_from(SOURCES), st.sampled_from("abcdefg"), st.integers(0, 2)), max_size=12)
"""Source, customer (g is nobody we know), loans."""


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        create(made)
        yield made


def fill(connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Mapping[str, object]]) -> None:
    writer = Writer(connection)
    writer.clear(name)
    writer.append_frame(name, pl.DataFrame(rows, schema=TABLES[name].schema))


@given(CUSTOMERS, ACCOUNTS, st.integers(1, 5))
def test_every_row_and_every_person_stands_in_one_part(
    connection: duckdb.DuckDBPyConnection,
    tmp_path_factory: pytest.TempPathFactory,
    customers: dict[tuple[str, str], str | None],
    accounts: list[tuple[str, str, int]],
    size: int,
) -> None:
    known = [
        {"source": source, "customer_id": customer, "person_id": person}
        for (source, customer), person in customers.items()
    ]
    fill(connection, "core.customers", known)
    named = [
        {"source": source, "customer_id": customer, "account_id": f"A{number}"}
        for number, (source, customer, _) in enumerate(accounts)
    ]
    fill(connection, "status.account_status", named)
    loans = [
        {"source": source, "account_id": f"A{number}", "loan_id": f"L{number}/{loan}", "remaining_cents": 12_345}
        for number, (source, _, count) in enumerate(accounts)
        for loan in range(count)
    ]
    fill(connection, "status.loan_status", loans)
    folder = tmp_path_factory.mktemp("parts")
    parts = list(by_person(connection, ASKED, size, folder))
    assert len(parts) == max(-(-len(accounts) // size), 1)
    assert not folder.exists()
    for table, columns in ASKED.items():
        whole = read(connection, table, columns=columns)
        together = pl.concat(part[table] for part in parts)
        assert together.select(whole.columns).sort(pl.all()).equals(whole.sort(pl.all())), table
    where: dict[object, set[int]] = {}
    for number, part in enumerate(parts):
        in_part = part["status.account_status"].rows(named=True)
        mine = {row["account_id"] for row in in_part}
        assert {row["account_id"] for row in part["status.loan_status"].rows(named=True)} <= mine
        for row in (*in_part, *part["core.customers"].rows(named=True)):
            key = (row["source"], row["customer_id"])
            where.setdefault(customers.get(key) or key, set()).add(number)
    assert all(len(found) == 1 for found in where.values()), where
