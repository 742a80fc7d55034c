"""The shared aggregates against a plain recount, and what they hide."""

from __future__ import annotations

from collections import Counter
from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from transforms.sharing.industry import RATES, lender_comparison, overlap, people_cells, portfolio
from transforms.tables import ALL

DAY = date(2026, 9, 30)
Account = tuple[str, str, str, int, bool]
"""Source, customer, lender, loans, late."""


def frames(accounts: list[Account], persons: dict[tuple[str, str], str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """account_status and customers."""
    status = pl.DataFrame(
        [
            (source, customer, DAY, "CNY", lender, loans, late, 100 * late)
            for source, customer, lender, loans, late in accounts
        ],
        schema={
            "source": pl.String,
            "customer_id": pl.String,
            "as_of": pl.Date,
            "currency": pl.String,
            "lender_id": pl.String,
            "loan_count": pl.Int64,
            "is_past_due": pl.Boolean,
            "past_due_cents": pl.Int64,
        },
        orient="row",
    )
    known = pl.DataFrame(
        [(*who, person) for who, person in persons.items()],
        schema={"source": pl.String, "customer_id": pl.String, "person_id": pl.String},
        orient="row",
    )
    return status, known


ACCOUNTS = st.lists(
    st.tuples(
        st.sampled_from(("north", "south")),
        st.sampled_from("abcdef"),
        st.sampled_from(("L1", "L2", "L3")),
        st.integers(0, 2),
        st.booleans(),
    ),
    max_size=25,
)
PERSONS = st.dictionaries(
    st.tuples(st.sampled_from(("north", "south")), st.sampled_from("abcdef")), st.sampled_from("PQR"), max_size=8
)


@given(ACCOUNTS, PERSONS)
def test_overlap_counts_people(accounts: list[Account], persons: dict[tuple[str, str], str]) -> None:
    """With nothing to hide, it is the plain count of people by lenders and late lenders."""
    told = overlap([people_cells(*frames(accounts, persons))], least=1)
    lenders: dict[str, set[str]] = {}
    late: dict[str, set[str]] = {}
    owed: Counter[str] = Counter()
    for source, customer, lender, loans, is_late in accounts:
        if loans:
            who = persons.get((source, customer), f"{source}-{customer}")
            lenders.setdefault(who, set()).add(lender)
            late.setdefault(who, set()).update({lender} if is_late else ())
            owed[who] += 100 * is_late
    expected: Counter[tuple[str, str]] = Counter()
    amounts: Counter[tuple[str, str]] = Counter()
    for who, has in lenders.items():
        for cell in {(a, b) for a in (str(len(has)), ALL) for b in (str(len(late[who])), ALL)}:
            expected[cell] += 1
            amounts[cell] += owed[who]
    rows = told.select("lenders", "late_lenders", "person_count", "past_due_cents").rows()
    assert {(a, b): (people, cents) for a, b, people, cents in rows} == {
        cell: (people, amounts[cell]) for cell, people in expected.items()
    }


@given(ACCOUNTS, PERSONS, st.integers(2, 6))
def test_overlap_shows_nobody_alone(accounts: list[Account], persons: dict[tuple[str, str], str], least: int) -> None:
    told = overlap([people_cells(*frames(accounts, persons))], least=least)
    shown = told.filter(pl.col("suppression").is_null())
    assert shown.filter(pl.col("person_count") < least).is_empty()
    hidden = told.filter(pl.col("suppression").is_not_null())
    assert hidden.select("person_count", "past_due_cents").null_count().sum_horizontal().sum() == 2 * hidden.height


def pooled(*cells: tuple[str, int, float]) -> pl.DataFrame:
    """risk.portfolio of lenders, each with accounts and a rate."""
    return pl.DataFrame(
        [(DAY, "CNY", lender, ALL, ALL, n, n, 1000 * n, 10, *[rate] * len(RATES)) for lender, n, rate in cells],
        schema=[
            *("as_of", "currency", "lender_id", "product_code", "region_code", "loan_count", "account_count"),
            *("outstanding_principal_cents", "past_due_cents", *RATES),
        ],
        orient="row",
    )


def test_a_lender_stands_beside_the_pool() -> None:
    told = lender_comparison(portfolio(pooled(("L1", 30, 0.1), ("L2", 70, 0.3), (ALL, 100, 0.24)), least=10))
    assert told.select("lender_id", "par30_rate", "pool_par30_rate").rows() == [("L1", 0.1, 0.24), ("L2", 0.3, 0.24)]


def test_a_small_lender_is_hidden_with_the_next_smallest() -> None:
    """Else the pool less the others would be the small one."""
    cells = pooled(("L1", 4, 0.1), ("L2", 70, 0.3), ("L3", 90, 0.2), (ALL, 164, 0.24))
    told = lender_comparison(portfolio(cells, least=10))
    assert told.select("lender_id", "par30_rate", "suppression").rows() == [
        ("L1", None, "small"),
        ("L2", None, "complementary"),
        ("L3", 0.2, None),
    ]
