"""Screenings by hand: who is looked at, the grade and its reasons; and nothing of those who did not agree."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.sharing.test_lawful import frame
from transforms.obligors import finish
from transforms.policy import Policy
from transforms.sharing.related import behind, in_force
from transforms.sharing.screening import screen
from transforms.tables import own_schema

DAY = date(2026, 9, 30)
RULES = Policy(version="test")
Row = dict[str, Any]
ACCOUNT: Row = {
    "source": "bank",
    "lender_id": "bank",
    "currency": "CNY",
    "outstanding_principal_cents": 10_000,
    "past_due_cents": 0,
    "dpd": 0,
    "bucket": "M0",
    "five_tier": 1,
    "ifrs9_stage": 1,
    "credit_status": "current",
}
LATE: Row = {"dpd": 45, "bucket": "M2", "five_tier": 2, "ifrs9_stage": 2, "credit_status": "past_due"}
BAD: Row = {
    "dpd": 91,
    "bucket": "M4",
    "five_tier": 3,
    "ifrs9_stage": 3,
    "credit_status": "in_default",
    "default_since": DAY,
    "past_due_cents": 500,
}


def account(customer: str, **said: object) -> Row:
    return {**ACCOUNT, "account_id": f"A-{customer}", "customer_id": customer, **said}


def relation(number: int, kind: str, customer: str | None = None, company: str = "F", **said: object) -> Row:
    return {
        "source": "bank",
        "relation_id": f"V{number}",
        "company_id": company,
        "kind": kind,
        "customer_id": customer,
        **said,
    }


def consent(customer: str, **said: object) -> Row:
    row = {"source": "bank", "customer_id": customer, "recipient": "lessor", "purpose": "loan"}
    return {**row, "granted_date": date(2026, 1, 1), **said}


def asked(
    relations: list[Row],
    consents: list[Row],
    accounts: list[Row],
    history: list[Row] | None = None,
    persons: dict[tuple[str, str], str] | None = None,
    loans: list[Row] | None = None,
    policy: Policy = RULES,
    company: str = "F",
) -> dict[str, pl.DataFrame]:
    question = {"source": "bank", "screening_id": "S", "company_id": company, "recipient": "lessor", "purpose": "loan"}
    known = persons or {}
    return screen(
        {
            "core.screenings": frame("core.screenings", {**question, "asked_date": DAY}),
            "core.companies": frame(
                "core.companies", *({"source": "bank", "company_id": name, "kind": "company"} for name in "FGH")
            ),
            "core.relations": frame("core.relations", *relations),
            "core.consents": frame("core.consents", *consents),
            "core.customers": frame(
                "core.customers",
                *({"source": s, "customer_id": c, "person_id": person} for (s, c), person in known.items()),
            ),
            "status.account_status": frame("status.account_status", *accounts),
            "status.loan_status": frame("status.loan_status", *(loans or [])),
            "status.loan_history": frame("status.loan_history", *(history or [])),
        },
        policy,
        DAY,
    )


def test_the_worst_holds_and_both_weights_are_told() -> None:
    told = asked(
        [
            relation(1, "controller", "C", share_rate=0.6),
            relation(2, "sponsor", "D", share_rate=0.2),
            relation(3, "guarantor", "D", amount_cents=7_000, currency="CNY"),
            relation(4, "guarantor", "C", amount_cents=3_000, currency="CNY"),
        ],
        [consent("C"), consent("D")],
        [account("C", outstanding_principal_cents=30_000), account("D", **BAD)],
    )
    row = told["share.screening"].row(0, named=True)
    assert (row["grade"], row["is_complete"], row["person_count"], row["default_person_count"]) == ("E", True, 2, 1)
    assert (row["dpd"], row["bucket"], row["credit_status"], row["default_since"]) == (91, "M4", "in_default", DAY)
    assert row["share_weighted_five_tier"] == pytest.approx((0.6 * 1 + 0.2 * 3) / 0.8)
    assert row["grade_reasons_en"] == [
        "A related person is 91 days past due.",
        "25.0% of what related persons owe is in default.",
        "70.0% of the guarantees stand against a default.",
        "The worst five-tier class of a related person is 3.",
    ]
    assert len(row["grade_reasons_zh"]) == 4
    owed = told["share.screening_amounts"].row(0, named=True)
    assert (owed["outstanding_principal_cents"], owed["defaulted_principal_cents"]) == (40_000, 10_000)
    assert (owed["guarantee_cents"], owed["guarantee_default_cents"]) == (10_000, 7_000)
    assert (owed["weighted_five_tier"], owed["person_hhi"], owed["lender_hhi"]) == (1.5, 0.625, 1.0)
    assert told["share.screening_persons"]["person_no"].to_list() == [1, 2]


@pytest.mark.parametrize(
    ("standing", "kind", "grade"),
    [
        ({}, "sponsor", "A"),
        ({"dpd": 1, "bucket": "M1"}, "sponsor", "B"),
        ({"dpd": 30, "bucket": "M1"}, "sponsor", "B"),
        (LATE, "sponsor", "C"),
        ({"dpd": 61, "bucket": "M3"}, "sponsor", "D"),
        ({"dpd": 90, "bucket": "M3"}, "sponsor", "D"),
        ({"dpd": 91, "bucket": "M4"}, "sponsor", "E"),
        ({"five_tier": 4}, "sponsor", "D"),
        ({"default_since": DAY, "outstanding_principal_cents": 0}, "sponsor", "A"),
        ({"default_since": DAY, "outstanding_principal_cents": 0}, "controller", "E"),
    ],
)
def test_thresholds(standing: Row, kind: str, grade: str) -> None:
    told = asked([relation(1, kind, "C")], [consent("C")], [account("C", **standing)])
    assert told["share.screening"]["grade"].to_list() == [grade]


def test_nobody_to_look_at_has_no_grade() -> None:
    told = asked([relation(1, "controller", "C")], [], [account("C", **BAD)])
    row = told["share.screening"].row(0, named=True)
    assert (row["grade"], row["is_complete"], row["withheld_count"], row["dpd"]) == (None, False, 1, None)
    assert all(told[name].is_empty() for name in told if name != "share.screening")


@pytest.mark.parametrize(
    ("said", "is_told"),
    [
        ({}, True),
        ({"granted_date": date(2026, 10, 1)}, False),
        ({"withdrawn_date": DAY}, False),
        ({"withdrawn_date": date(2026, 10, 1)}, True),
        ({"recipient": "other"}, False),
        ({"purpose": "other"}, False),
    ],
)
def test_consent_is_for_the_recipient_and_the_purpose(said: Row, is_told: bool) -> None:
    told = asked([relation(1, "controller", "C")], [consent("C", **said)], [account("C")])
    assert (told["share.screening"]["withheld_count"][0] == 0) is is_told


def test_another_lender_is_looked_at_where_the_customer_agreed_there_too() -> None:
    persons = {("bank", "C"): "p", ("other", "X"): "p"}
    accounts = [account("C"), account("X", source="other", lender_id="other", **BAD)]
    relations = [relation(1, "sponsor", "C")]
    alone = asked(relations, [consent("C")], accounts, persons=persons)["share.screening"].row(0, named=True)
    assert (alone["grade"], alone["lender_count"], alone["is_complete"]) == ("A", 1, True)
    both = asked(relations, [consent("C"), consent("X", source="other")], accounts, persons=persons)
    row = both["share.screening"].row(0, named=True)
    assert (row["grade"], row["lender_count"], row["person_count"]) == ("E", 2, 1)


def test_a_default_at_a_lender_without_consent_shows_nowhere_else() -> None:
    """Where a default reaches over a person's accounts, it may not tell of the lender that nobody may look at."""
    policy = Policy(version="test", contagion="person")
    persons = {("bank", "C"): "p", ("other", "X"): "p"}
    here, there = loan("C"), loan("X", source="other", lender_id="other", dpd=91, past_due_cents=500, default_since=DAY)
    accounts = [
        account("C", product_code="pay", remaining_cents=10_000, loan_count=1, **flags()),
        account("X", source="other", lender_id="other", product_code="pay", loan_count=1, **flags(is_past_due=True)),
    ]
    said = finish(
        frame("status.loan_status", here, there).select(own_schema("status.loan_status").keys()).lazy(),
        frame("status.account_status", *accounts).select(own_schema("status.account_status").keys()).lazy(),
        frame(
            "core.customers", *({"source": s, "customer_id": c, "person_id": p} for (s, c), p in persons.items())
        ).lazy(),
        policy,
    )
    published: dict[str, Any] = {
        "accounts": said.accounts.collect().to_dicts(),
        "loans": said.loans.collect().to_dicts(),
    }
    assert {row["credit_status"] for row in published["accounts"]} == {"in_default"}, "it reaches over both"
    relations = [relation(1, "controller", "C")]
    alone = asked(relations, [consent("C")], persons=persons, policy=policy, **published)
    row = alone["share.screening"].row(0, named=True)
    assert (row["five_tier"], row["ifrs9_stage"], row["credit_status"], row["grade"]) == (1, 1, "current", "A")
    assert alone["share.screening_persons"].select("five_tier", "credit_status").rows() == [(1, "current")]
    assert alone["share.screening_amounts"]["weighted_five_tier"].to_list() == [1.0]
    both = asked(relations, [consent("C"), consent("X", source="other")], persons=persons, policy=policy, **published)
    row = both["share.screening"].row(0, named=True)
    assert (row["five_tier"], row["ifrs9_stage"], row["credit_status"], row["grade"]) == (3, 3, "in_default", "E")


def flags(**said: bool) -> Row:
    """The flags of an account."""
    names = ("is_in_credit", "is_over_limit", "is_past_due")
    return {**dict.fromkeys(names, False), **said}


def loan(customer: str, **said: object) -> Row:
    """A loan of the customer's account, as the night tells it of itself."""
    named = {"source": "bank", "loan_id": f"L-{customer}", "account_id": f"A-{customer}", "lender_id": "bank"}
    owed = {"outstanding_principal_cents": 10_000, "remaining_cents": 10_000, "past_due_cents": 0, "dpd": 0}
    names = ("is_past_due", "is_in_credit", "is_settled", "is_forborne", "is_observed", "is_disputed")
    row = {
        **named,
        **owed,
        **dict.fromkeys(names, False),
        "five_tier_floor": 1,
        "currency": "CNY",
        "product_code": "pay",
    }
    return {**row, "as_of": DAY, **said}


def test_guarantees_of_companies_count_by_those_who_lead_them() -> None:
    relations = [
        relation(1, "sponsor", "C"),
        relation(2, "guarantor", None, other_company_id="G", amount_cents=700, currency="CNY"),
        relation(3, "controller", "D", "G"),
        relation(4, "guarantor", None, other_company_id="H", amount_cents=300, currency="CNY"),
        relation(5, "sponsor", "D", "H"),
    ]
    accounts = [account("C"), account("D", **BAD)]
    for consents, expected in (([consent("C")], 0), ([consent("C"), consent("D")], 700)):
        told = asked(relations, consents, accounts)
        owed = told["share.screening_amounts"].row(0, named=True)
        assert (owed["guarantee_cents"], owed["guarantee_default_cents"]) == (1_000, expected)


def test_a_guarantee_of_a_company_for_a_loan_in_default() -> None:
    guarantee = relation(1, "guarantor", None, other_company_id="G", amount_cents=100, currency="CNY", loan_id="L")
    row = {"source": "bank", "loan_id": "L", "account_id": "A-D", "default_since": DAY}
    for consents, expected in (([], 0), ([consent("D")], 100)):
        told = asked([guarantee], consents, [account("D", **BAD)], loans=[row])["share.screening_amounts"]
        assert told.select("guarantee_cents", "guarantee_default_cents").rows() == [(100, expected)]


def test_an_unknown_company_is_said_to_be_unknown() -> None:
    told = asked([relation(1, "controller", "C", "Q")], [consent("C")], [account("C", **BAD)], company="Q")
    row = told["share.screening"].row(0, named=True)
    assert (row["company_id"], row["kind"], row["grade"], row["is_complete"]) == ("Q", None, None, False)
    assert (row["person_count"], row["withheld_count"]) == (0, 0)
    assert row["grade_reasons_en"] == ["No company or project of this number is known; nothing could be looked at."]
    assert all(told[name].is_empty() for name in told if name != "share.screening")


def test_chains_multiply_shares_and_cycles_end() -> None:
    relations = frame(
        "core.relations",
        relation(1, "controller", None, "F", other_company_id="G", share_rate=0.5),
        relation(2, "controller", None, "G", other_company_id="H", share_rate=0.4),
        relation(3, "controller", None, "H", other_company_id="F", share_rate=0.9),
        relation(4, "controller", "C", "H", share_rate=0.5),
    )
    companies = pl.DataFrame({"source": ["bank"], "company_id": ["F"]})
    assert behind(companies, relations, 10).select("customer_id", "depth", "share_rate").rows() == [("C", 3, 0.1)]
    assert behind(companies, relations, 2).is_empty()


def test_relations_hold_from_their_first_to_their_last_day() -> None:
    rows = frame(
        "core.relations",
        relation(1, "sponsor", "C", from_date=DAY, until_date=DAY),
        relation(2, "sponsor", "C", from_date=date(2026, 10, 1)),
        relation(3, "sponsor", "C", until_date=date(2026, 9, 29)),
        relation(4, "sponsor", "C"),
    )
    assert in_force(rows, DAY)["relation_id"].to_list() == ["V1", "V4"]


def test_a_person_in_default_behind_other_companies_is_contagion() -> None:
    told = asked(
        [relation(1, "sponsor", "C"), relation(2, "sponsor", "C", "G"), relation(3, "sponsor", "C", "H")],
        [consent("C")],
        [account("C", default_since=DAY, outstanding_principal_cents=0)],
    )["share.screening"].row(0, named=True)
    assert (told["contagion_company_count"], told["grade"]) == (2, "C")


def test_a_guaranteed_loan_counts_only_with_its_borrowers_consent() -> None:
    guarantee = relation(1, "guarantor", "C", amount_cents=100, currency="CNY", loan_id="L")
    loan = {"source": "bank", "loan_id": "L", "account_id": "A-D", "default_since": DAY}
    accounts = [account("C"), account("D", **BAD)]
    for consents, expected in (([consent("C")], 0), ([consent("C"), consent("D")], 100)):
        told = asked([guarantee], consents, accounts, loans=[loan])
        assert told["share.screening_amounts"]["guarantee_default_cents"].to_list() == [expected]


def test_the_trend_has_twelve_month_ends() -> None:
    history = [
        {
            "source": "bank",
            "loan_id": "L",
            "account_id": "A-C",
            "currency": "CNY",
            "month_end": end,
            "bucket": bucket,
            "past_due_cents": cents,
        }
        for end, bucket, cents in (
            (date(2025, 9, 30), "M7", 999),
            (date(2026, 6, 30), "M0", 0),
            (date(2026, 8, 31), "M1", 100),
            (DAY, "M2", 250),
        )
    ]
    told = asked([relation(1, "sponsor", "C")], [consent("C")], [account("C")], history)
    months = told["share.screening_trend"]
    assert months.height == 12
    assert months["month_end"][0] == date(2025, 10, 31)
    assert months["past_due_cents"].sum() == 350
    assert told["share.screening"].select("grade", "grade_reasons_en").row(0) == (
        "B",
        ["The worst bucket rose by 2 within 3 months."],
    )


_STANDINGS = st.sampled_from([{}, LATE, BAD, {"outstanding_principal_cents": 999_999, "lender_id": "other"}])
_KINDS = st.sampled_from(["controller", "guarantor", "sponsor", "legal_representative"])


@given(st.lists(st.tuples(_KINDS, _STANDINGS, _STANDINGS, st.booleans()), min_size=1, max_size=4))
def test_the_standing_of_those_who_did_not_agree_changes_nothing(
    people: list[tuple[str, Row, Row, bool]],
) -> None:
    """Two books that differ only in the standing of people without consent give the same answer."""
    told = []
    for book in (1, 2):
        relations, consents, accounts, history, loans = [], [], [], [], []
        for number, (kind, *standings, agreed) in enumerate(people):
            customer = f"C{number}"
            standing = standings[0] if agreed else standings[book - 1]
            relations.append(relation(number, kind, customer, amount_cents=100, currency="CNY", loan_id=f"L{number}"))
            relations.append(relation(100 + number, kind, customer, "G"))
            accounts.append(account(customer, **standing))
            row = {"source": "bank", "loan_id": f"L{number}", "account_id": f"A-{customer}", "currency": "CNY"}
            loans.append({**row, "default_since": standing.get("default_since")})
            history.append({**row, "month_end": DAY, "bucket": standing.get("bucket", "M0"), "past_due_cents": 7})
            if agreed:
                consents.append(consent(customer))
        told.append(asked(relations, consents, accounts, history, loans=loans))
    for name, rows in told[0].items():
        assert rows.equals(told[1][name]), name
    assert told[0]["share.screening"]["withheld_count"][0] == sum(not agreed for *_, agreed in people)
