"""What may be told to whom: small cases by hand, and every rule against a plain reading of it on random histories."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.policy import SharingPolicy
from transforms.sharing.lawful import Asked, HeldBack, gate, negative
from transforms.tables import TABLES

DAY = date(2026, 9, 30)
ASKED = Asked("bureau", "report", DAY)
RULES = SharingPolicy(notice_days=10, retention_years=5)
SUBJECT: dict[str, pl.DataType] = {
    "source": pl.String(),
    "loan_id": pl.String(),
    "customer_id": pl.String(),
    "began_on": pl.Date(),
    "ended_on": pl.Date(),
    "delinquent_since": pl.Date(),
    "is_closed": pl.Boolean(),
}


def frame(table: str, *rows: dict[str, Any]) -> pl.DataFrame:
    """Rows of a published table; what is not said is null."""
    schema = TABLES[table].schema
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def subject(began: date | None = None, ended: date | None = None, **said: object) -> dict[str, Any]:
    row = {"source": "bank", "loan_id": "L", "customer_id": "C", "began_on": began, "ended_on": ended}
    return {**row, "delinquent_since": None, "is_closed": False, **said}


def consent(granted: date, withdrawn: date | None = None, **said: object) -> dict[str, Any]:
    row = {"source": "bank", "customer_id": "C", "recipient": "bureau", "purpose": "report"}
    return {**row, "granted_date": granted, "withdrawn_date": withdrawn, **said}


def notice(sent: date, loan: str | None = None) -> dict[str, Any]:
    return {"source": "bank", "customer_id": "C", "loan_id": loan, "sent_date": sent}


def reasons(
    of: dict[str, Any], consents: list[dict[str, Any]], notices: list[dict[str, Any]], rules: SharingPolicy = RULES
) -> list[str]:
    rows = pl.DataFrame([of], schema=SUBJECT)
    found = gate(rows, frame("core.consents", *consents), frame("core.notices", *notices), rules, ASKED)
    assert found.height == 1
    told: list[str] = found["reasons"][0].to_list()
    return told


GIVEN = [consent(date(2026, 1, 1))]
LATE = date(2026, 9, 1)


@pytest.mark.parametrize(
    ("consents", "expected"),
    [
        ([], ["no_consent"]),
        ([consent(DAY)], []),
        ([consent(DAY + timedelta(days=1))], ["no_consent"]),
        ([consent(date(2026, 1, 1), DAY + timedelta(days=1))], []),
        ([consent(date(2026, 1, 1), DAY)], ["consent_withdrawn"]),
        ([consent(date(2026, 1, 1), date(2026, 2, 1)), consent(date(2026, 3, 1))], []),
        ([consent(date(2026, 1, 1), recipient="lender")], ["no_consent"]),
        ([consent(date(2026, 1, 1), purpose="marketing")], ["no_consent"]),
        ([consent(date(2026, 1, 1), source="other")], ["no_consent"]),
    ],
)
def test_consent_is_for_one_recipient_and_purpose(consents: list[dict[str, Any]], expected: list[str]) -> None:
    assert reasons(subject(), consents, []) == expected


@pytest.mark.parametrize(
    ("notices", "expected"),
    [
        ([], ["no_notice"]),
        ([notice(date(2026, 9, 20))], []),
        ([notice(date(2026, 9, 21))], ["no_notice"]),
        ([notice(date(2026, 8, 31))], ["no_notice"]),  # of something else: it was not late yet
        ([notice(date(2026, 9, 10), "L")], []),
        ([notice(date(2026, 9, 10), "K")], ["no_notice"]),
    ],
)
def test_negative_information_needs_a_notice_in_time(notices: list[dict[str, Any]], expected: list[str]) -> None:
    assert reasons(subject(LATE), GIVEN, notices) == expected
    assert reasons(subject(), GIVEN, notices) == []


def test_negative_information_is_kept_for_years_from_its_end() -> None:
    told = [notice(date(2020, 1, 15))]
    ended = date(2021, 9, 30)
    assert reasons(subject(date(2020, 1, 1), ended, is_closed=True), GIVEN, told) == ["retention_ended"]
    assert reasons(subject(date(2020, 1, 1), ended + timedelta(days=1), is_closed=True), GIVEN, told) == []
    assert reasons(subject(date(2020, 1, 1), is_closed=True), GIVEN, told) == []
    # a loan that goes on is told of, and nothing of it is negative any more: no notice is needed
    assert reasons(subject(date(2020, 1, 1), ended), GIVEN, []) == []


def test_a_debt_still_owed_leaves_so_many_years_after_it_became_delinquent() -> None:
    rules = SharingPolicy(retention_years=7, retention_from="delinquency")
    since = DAY.replace(year=2019) - timedelta(days=180)
    told = [notice(since)]
    assert reasons(subject(since, delinquent_since=since), GIVEN, told, rules) == ["retention_ended"]
    day_later = since + timedelta(days=1)
    assert reasons(subject(since, delinquent_since=day_later), GIVEN, told, rules) == []


def statement(
    *installments: tuple[str, str | None], status: dict[str, Any], events: list[dict[str, Any]]
) -> pl.DataFrame:
    """Negative information of one loan, from due and settled dates."""
    key = {"source": "bank", "loan_id": "L", "account_id": "A"}
    tables = {
        "core.installments": frame(
            "core.installments",
            *(
                {**key, "due_date": date.fromisoformat(due), "settled_date": settled and date.fromisoformat(settled)}
                for due, settled in installments
            ),
        ),
        "core.chargebacks": frame("core.chargebacks"),
        "core.events": frame("core.events", *({"source": "bank", "account_id": "A", **event} for event in events)),
        "core.loans": frame("core.loans", {**key, "origination_date": date(2026, 1, 1)}),
        "status.loan_status": frame("status.loan_status", {**key, "remaining_cents": 0, "is_settled": True, **status}),
    }
    return negative(tables, DAY)


def test_bad_behaviour_runs_from_the_first_late_day_to_the_last_settlement() -> None:
    paid = statement(("2026-02-01", "2026-02-02"), ("2026-03-01", "2026-03-05"), status={}, events=[])
    assert paid.rows() == [("bank", "L", date(2026, 3, 2), date(2026, 3, 5))]
    open_still = statement(("2026-03-01", "2026-03-05"), ("2026-04-01", None), status={}, events=[])
    assert open_still.rows() == [("bank", "L", date(2026, 3, 2), None)]
    assert statement(("2026-09-30", None), ("2026-10-30", None), status={}, events=[]).is_empty()


def test_charge_off_and_telling_events_are_bad_behaviour() -> None:
    off = {"charged_off_on": date(2026, 5, 1), "last_paid_date": date(2026, 8, 1)}
    assert statement(status=off, events=[]).rows() == [("bank", "L", date(2026, 5, 1), date(2026, 8, 1))]
    owed = {**off, "is_settled": False, "remaining_cents": 1}
    assert statement(status=owed, events=[]).rows() == [("bank", "L", date(2026, 5, 1), None)]
    paid_by_another = [{"kind": "guarantor_paid", "event_date": date(2026, 4, 1)}]
    assert statement(status={}, events=paid_by_another).rows() == [("bank", "L", date(2026, 4, 1), date(2026, 4, 1))]


DAYS = st.integers(-30, 5).map(lambda days: DAY + timedelta(days=days))
LONG_AGO = st.integers(-3000, 5).map(lambda days: DAY + timedelta(days=days))
CUSTOMERS = st.sampled_from(["C", "D"])
CONSENTS = st.lists(
    st.builds(
        consent,
        DAYS,
        st.none() | DAYS,
        customer_id=CUSTOMERS,
        recipient=st.sampled_from(["bureau", "lender"]),
        purpose=st.sampled_from(["report", "loan"]),
    ),
    max_size=4,
)
NOTICES = st.lists(st.builds(notice, LONG_AGO, st.sampled_from([None, "L", "K"])), max_size=4)
SUBJECTS = st.builds(
    lambda began, lasted, since, **said: subject(
        began, began and lasted and began + timedelta(days=lasted), delinquent_since=since, **said
    ),
    st.none() | LONG_AGO,
    st.none() | st.integers(1, 900),
    st.none() | LONG_AGO,
    customer_id=CUSTOMERS,
    is_closed=st.booleans(),
)
POLICIES = st.builds(
    SharingPolicy,
    notice_days=st.integers(0, 20),
    retention_years=st.integers(1, 7),
    retention_from=st.sampled_from(["end", "delinquency"]),
)


def read_plainly(
    of: dict[str, Any], consents: list[dict[str, Any]], notices: list[dict[str, Any]], rules: SharingPolicy
) -> set[str]:
    """Every reason, by looking at one row after the other."""
    found = set()
    mine = [
        row
        for row in consents
        if (row["customer_id"], row["recipient"], row["purpose"]) == (of["customer_id"], "bureau", "report")
        and row["granted_date"] <= DAY
    ]
    if not any(row["withdrawn_date"] is None or row["withdrawn_date"] > DAY for row in mine):
        found.add(HeldBack.CONSENT_WITHDRAWN if mine else HeldBack.NO_CONSENT)
    end = of["ended_on"]
    if rules.retention_from == "delinquency" and of["delinquent_since"]:
        end = of["delinquent_since"] + timedelta(days=180)
    leap_safe = end and (end.replace(day=28) if (end.month, end.day) == (2, 29) and rules.retention_years % 4 else end)
    is_expired = bool(end) and leap_safe.replace(year=end.year + rules.retention_years) <= DAY
    in_time = [
        row
        for row in notices
        if row["customer_id"] == of["customer_id"]
        and row["loan_id"] in (None, of["loan_id"])
        and of["began_on"]
        and of["began_on"] <= row["sent_date"] <= DAY - timedelta(days=rules.notice_days)
    ]
    if of["began_on"] and not is_expired and not in_time:
        found.add(HeldBack.NO_NOTICE)
    if is_expired and (of["is_closed"] or of["ended_on"] is None):
        found.add(HeldBack.RETENTION_ENDED)
    return {reason.value for reason in found}


@given(SUBJECTS, CONSENTS, NOTICES, POLICIES)
def test_the_gate_says_what_a_plain_reading_says(
    of: dict[str, Any], consents: list[dict[str, Any]], notices: list[dict[str, Any]], rules: SharingPolicy
) -> None:
    assert set(reasons(of, consents, notices, rules)) == read_plainly(of, consents, notices, rules)
