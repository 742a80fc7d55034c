"""Random published rows: every aggregate equals a plain recount, whatever the parts, and the identities hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from itertools import chain

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms import recount
from transforms.aggregates.all_risk import kept_sums
from transforms.aggregates.kept import KEPT, together, without
from transforms.months import month_ends
from transforms.tables import ALL, BUCKETS, TABLES

from .frames import (
    DPD,
    POLICY,
    Row,
    Said,
    account,
    all_risk,
    cash,
    customer,
    default,
    instalment,
    loan,
    month,
    published,
    tables,
    whole,
)

AT = date(2026, 6, 15)
FIRST = date(2024, 11, 1)
SLICES = ("lender_id", "product_code", "region_code")
STATES = (*BUCKETS, "charged_off", "paid_off", "-")
FEWER = settings(max_examples=25)
"""A whole book is slow to draw; the thorough profile's many examples are for others."""
Frames = dict[str, pl.DataFrame]

days = st.dates(FIRST, AT)
texts = st.none() | days.map(date.isoformat)
amounts = st.integers(1, 40)


@st.composite
def loans(draw: st.DrawFn, loan_id: str, account_id: str) -> list[Said]:
    """A loan with a course through the states, and what else is told of it."""
    start = draw(days)
    off = draw(st.none() | st.dates(start, AT))
    state = draw(st.sampled_from(STATES[:-1]))
    owed = 0 if state == "paid_off" else draw(st.integers(0, 40))
    edges = sorted(draw(st.lists(st.dates(start, AT), max_size=3)))
    firsts = dict(zip((f"first_over_{days}_on" for days in (30, 60, 90)), edges, strict=False))
    said = [
        loan(
            loan_id,
            start.isoformat(),
            draw(amounts),
            account_id=account_id,
            bucket=state if state in DPD else "M0",
            dpd=DPD.get(state, 0),
            outstanding_principal_cents=owed,
            remaining_cents=owed + draw(st.integers(-2, 2)),
            is_settled=state == "paid_off",
            past_due_charges_cents=draw(st.integers(0, 5)),
            charged_off_on=off,
            charged_off_cents=draw(amounts) if off else 0,
            five_tier=draw(st.integers(1, 5)),
            ifrs9_stage=draw(st.integers(1, 3)),
            first_due_date=start + timedelta(days=draw(st.integers(1, 40))),
            first_late_7_on=draw(st.none() | days),
            first_late_30_on=draw(st.none() | days),
            last_due_date=start + timedelta(days=draw(st.integers(30, 900))),
            **firsts,
        )
    ]
    found = ""
    for end in month_ends(start, AT):
        # history is silent of a loan only once it has been paid off
        found = draw(st.sampled_from(STATES if found in ("paid_off", "-") else STATES[:-1]))
        if found != "-":
            said.append(month(loan_id, end.isoformat(), found, 0 if found == "paid_off" else draw(amounts)))
    return [*said, *draw(defaults(loan_id, start)), *draw(money(loan_id))]


@st.composite
def defaults(draw: st.DrawFn, loan_id: str, start: date) -> list[Said]:
    """Up to two defaults, one after the other; they are over when they end by the day."""
    said = []
    since = start
    for _ in range(draw(st.integers(0, 2))):
        since += timedelta(days=draw(st.integers(0, 90)))
        ends = since + timedelta(days=draw(st.integers(1, 90)))
        if since <= AT:
            said.append(default(since.isoformat(), ends.isoformat(), loan_id=loan_id, is_over=ends <= AT))
        since = ends
    return said


@st.composite
def money(draw: st.DrawFn, loan_id: str) -> list[Said]:
    """Instalments and repayments."""
    said = []
    for _ in range(draw(st.integers(0, 4))):
        due, paid = draw(days).isoformat(), draw(days).isoformat()
        said.append(
            instalment(due, draw(amounts), draw(texts), loan_id=loan_id, plan=draw(texts), replaced=draw(texts))
        )
        kind = draw(st.sampled_from(("payment", "recovery", "refund")))
        said.append(cash(paid, draw(amounts), kind, loan_id=loan_id, is_void=draw(st.booleans())))
    return said


@st.composite
def books(draw: st.DrawFn) -> Frames:
    """A few accounts with a few loans each."""
    said: list[Said] = [customer("c0", "p"), customer("c1", draw(st.sampled_from(("p", "q", None))))]
    for number in range(draw(st.integers(0, 4))):
        name = f"a{number}"
        said.append(
            account(
                name,
                draw(st.sampled_from(("pay", "line"))),
                lender=draw(st.sampled_from(("north", "south"))),
                region=draw(st.sampled_from(("east", None))),
                currency=draw(st.sampled_from(("CNY", "INR"))),
                customer=f"c{draw(st.integers(0, 2))}",
                is_in_credit=draw(st.booleans()),
            )
        )
        for other in range(draw(st.integers(0, 3))):
            said += draw(loans(f"{name}/{other}", name))
    return tables(said, AT.isoformat())


def of(frames: Frames, accounts: list[str]) -> Frames:
    """What is told of some accounts, and of all customers."""
    names = [name for name in frames["core.loans"]["loan_id"] if name.split("/")[0] in accounts]
    chosen = {}
    for table, rows in frames.items():
        if table == "core.customers":
            chosen[table] = rows
        elif table == "status.account_status":
            chosen[table] = rows.filter(pl.col("account_id").is_in(accounts))
        else:
            chosen[table] = rows.filter(pl.col("loan_id").is_in(names))
    return chosen


def by_person(frames: Frames) -> list[list[str]]:
    """The accounts of each person: what is told of persons in parts needs all of them in one."""
    persons = dict(frames["core.customers"].select("customer_id", "person_id").iter_rows())
    accounts: defaultdict[str, list[str]] = defaultdict(list)
    for account_id, customer_id in frames["status.account_status"].select("account_id", "customer_id").iter_rows():
        accounts[persons.get(customer_id) or customer_id].append(account_id)
    return list(accounts.values())


@given(books(), st.data())
@FEWER
def test_every_aggregate_is_what_a_plain_recount_gives_whole_and_in_parts(frames: Frames, data: st.DataObject) -> None:
    persons = by_person(frames)
    place = data.draw(st.integers(0, len(persons)))
    parts = [published(of(frames, [*chain(*some)])) for some in (persons[:place], persons[place:])]
    found, in_parts = all_risk([published(frames)], POLICY, AT), all_risk(parts, POLICY, AT)
    for name, count in recount.TABLES.items():
        expected = count(frames, POLICY, AT)
        key = recount.KEYS[name]
        told = keyed(found[name], key)
        assert told.keys() == expected.keys(), name
        for where, row in expected.items():
            assert recount.alike(told[where], row), (name, where, told[where], row)
    for name, rows in found.items():
        one, other = keyed(in_parts[name], TABLES[name].key), keyed(rows, TABLES[name].key)
        assert one.keys() == other.keys(), name
        assert all(recount.alike(one[where], other[where]) for where in other), name


@given(books(), st.data())
@FEWER
def test_sums_without_some_accounts_are_those_of_the_others(frames: Frames, data: st.DataObject) -> None:
    accounts = frames["status.account_status"]["account_id"].to_list()
    place = data.draw(st.integers(0, len(accounts)))
    some, others = (kept_sums([published(of(frames, each))], AT) for each in (accounts[:place], accounts[place:]))
    everyone = kept_sums([published(frames)], AT)
    for name, each in KEPT.items():
        left, key = without(everyone, some)[name], list(each.key)
        assert left.sort(key).equals(others[name].select(left.columns).sort(key)), name
        again = together(without(everyone, some), some)[name]
        assert again.sort(key).equals(everyone[name].select(again.columns).sort(key)), name


def keyed(rows: pl.DataFrame, key: Iterable[str]) -> dict[tuple[object, ...], Row]:
    """The figures of each row by its key."""
    apart = ("as_of", "policy_version", *key)
    return {
        tuple(row[column] for column in key): {name: value for name, value in row.items() if name not in apart}
        for row in rows.rows(named=True)
    }


@given(books())
@FEWER
def test_the_identities_hold(frames: Frames) -> None:
    found = all_risk([published(frames)], POLICY, AT)
    for name, rows in found.items():
        assert_rates_lie_between_nothing_and_everything(name, rows)
    for name in ("vintage", "roll_rate", "first_payment_default", "expected_credit_loss", "collection"):
        assert_all_is_the_sum_over_each_dimension(f"risk.{name}", found[f"risk.{name}"])
    loans = frames["core.loans"]
    assert_month_zero_is_what_was_originated(found["risk.vintage"], loans)
    assert_every_started_loan_goes_somewhere(found["risk.roll_rate"], loans)
    losses = found["risk.expected_credit_loss"]
    assert losses.filter(~pl.col("expected_loss_cents").is_between(0, pl.col("exposure_cents"))).is_empty()


def assert_rates_lie_between_nothing_and_everything(name: str, rows: pl.DataFrame) -> None:
    for column in rows.columns:
        # more may come in than was written off
        if (column.endswith("_rate") and column != "recovery_rate") or column.startswith("rate_by"):
            assert rows.filter(~pl.col(column).is_between(0, 1 + 1e-12)).is_empty(), (name, column)


def assert_all_is_the_sum_over_each_dimension(name: str, rows: pl.DataFrame) -> None:
    grain = [column for column in TABLES[name].key if column not in ("as_of", *SLICES)]
    sums = [column for column in rows.columns if column.endswith(("_count", "_cents")) and "rate" not in column]
    total = totals(whole(rows.rows(named=True)), grain, sums)
    for kept in SLICES:
        of_kept = [row for row in rows.rows(named=True) if row[kept] != ALL]
        assert totals(of_kept, grain, sums) == total, (name, kept)


def totals(rows: Iterable[Row], grain: list[str], sums: list[str]) -> dict[tuple[object, ...], list[int]]:
    found: dict[tuple[object, ...], list[int]] = defaultdict(lambda: [0] * len(sums))
    for row in rows:
        key = tuple(row[column] for column in grain)
        found[key] = [had + row[column] for had, column in zip(found[key], sums, strict=True)]
    return found


def assert_month_zero_is_what_was_originated(vintages: pl.DataFrame, loans: pl.DataFrame) -> None:
    rows = whole(vintages.rows(named=True), months_on_book=0)
    over = loans.filter(pl.col("origination_date").dt.month_end() <= AT)
    assert sum(row["principal_cents"] for row in rows) == over["principal_cents"].sum()
    assert sum(row["loan_count"] for row in rows) == over.height


def assert_every_started_loan_goes_somewhere(rolls: pl.DataFrame, loans: pl.DataFrame) -> None:
    going: dict[date, int] = defaultdict(int)
    for row in whole(rolls.rows(named=True)):
        going[row["month_end"]] += row["loan_count"]
    starts = loans["origination_date"].to_list()
    ends = month_ends(min(starts, default=AT), AT)
    assert going == {end: sum(start <= end for start in starts) for end in ends if starts}
