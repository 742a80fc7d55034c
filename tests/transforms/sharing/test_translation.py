"""Translation: the table of the edges in both directions, bounds that hold for every day, and rows refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.settings import load_policy, shipped_institutions
from transforms.bureau.metro2_codes import CURRENT, LATE
from transforms.performance import CODES
from transforms.policy import Policy
from transforms.refusals import Refusal
from transforms.sharing.institution import Institution, parse_institution
from transforms.sharing.translation import Translation, translate
from transforms.sharing.translation_fields import STANDARDS
from transforms.tables import BUCKETS

POLICIES = {name: load_policy(Path(name)) for name in ("cn-2023", "cn-card", "us-metro2")}
CN, CARD = POLICIES["cn-2023"], POLICIES["cn-card"]
INSTITUTIONS = {
    name: parse_institution(tomllib.loads(path.read_text(encoding="utf-8")), name)
    for name, path in shipped_institutions().items()
}
BY_DAYS = parse_institution({"columns": {"key": "key", "days": "days"}}, "by_days")
MANY = 100_000
"""Days that stand for a range without end."""

EDGES = [
    # first and last day, bucket, PBOC, Metro 2 status and history, five-tier cn-2023 and cn-card, stage, status
    (0, 0, "M0", "N", "11", "0", 1, 1, 1, "current"),
    (1, 29, "M1", "1", "11", "0", 2, 2, 1, "past_due"),
    (30, 30, "M1", "1", "71", "1", 2, 2, 1, "past_due"),
    (31, 59, "M2", "2", "71", "1", 2, 2, 2, "past_due"),
    (60, 60, "M2", "2", "78", "2", 2, 2, 2, "past_due"),
    (61, 89, "M3", "3", "78", "2", 2, 2, 2, "past_due"),
    (90, 90, "M3", "3", "80", "3", 2, 2, 2, "past_due"),
    (91, 119, "M4", "4", "80", "3", 3, 3, 3, "in_default"),
    (120, 120, "M4", "4", "82", "4", 3, 3, 3, "in_default"),
    (121, 149, "M5", "5", "82", "4", 3, 4, 3, "in_default"),
    (150, 150, "M5", "5", "83", "5", 3, 4, 3, "in_default"),
    (151, 179, "M6", "6", "83", "5", 3, 4, 3, "in_default"),
    (180, 180, "M6", "6", "84", "6", 3, 4, 3, "in_default"),
    (181, 270, "M7", "7", "84", "6", 3, 5, 3, "in_default"),
    (271, 360, "M7", "7", "84", "6", 4, 5, 3, "in_default"),
    (361, MANY, "M7", "7", "84", "6", 5, 5, 3, "in_default"),
]
"""The table of the edges, row by row; the older edges of cards beside it."""
NAMES = (
    "bucket",
    "pboc_code",
    "metro2_status",
    "metro2_history",
    "five_tier",
    "five_tier",
    "ifrs9_stage",
    "credit_status",
)
FIVE_TIER, CARD_TIER = 6, 7
"""Places of the two classes in a row of EDGES."""
OWN = [
    ("m_bucket_lender", "bucket", {code: code for code in BUCKETS}),
    ("pboc_lender", "pboc_code", {code: code for code in "N1234567"}),
    ("metro2_furnisher", "metro2_status", {code: code for code in (CURRENT, *LATE)}),
    ("five_tier_bank", "five_tier", {name: n for n, name in enumerate(("正常", "关注", "次级", "可疑", "损失"), 1)}),
]
"""Institutions that speak one of the standards: what each of their codes is in it."""
ORDER: dict[str, list[Any]] = {
    "bucket": list(BUCKETS),
    "pboc_code": list(reversed(CODES)),
    "metro2_status": [CURRENT, *LATE],
    "metro2_history": list("0123456"),
    "five_tier": [1, 2, 3, 4, 5],
    "ifrs9_stage": [1, 2, 3],
    "credit_status": ["current", "past_due", "in_default"],
}
"""Codes by days alone, best first."""


def told(institution: Institution, rows: list[dict[str, str | None]], policy: Policy = CN) -> Translation:
    """The rows (role -> cell) translated; they stand on lines 2, 3, …."""
    columns = institution.columns.named()
    cells = {name: [row.get(role) for row in rows] for role, name in columns.items()}
    frame = pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))
    damage = pl.Series("damage", [row.get("damage") for row in rows], dtype=pl.String)
    return translate(frame.with_row_index("line_number", offset=2).with_columns(damage), institution, policy)


def coded(institution: Institution, code: str, policy: Policy = CN) -> dict[str, Any]:
    """The one row of a code."""
    return told(institution, [{"key": "k", "code": code}], policy).rows.row(0, named=True)


def of_days(days: int, policy: Policy = CN) -> dict[str, Any]:
    """The one row of a number of days past due."""
    return told(BY_DAYS, [{"key": "k", "days": str(days)}], policy).rows.row(0, named=True)


@pytest.mark.parametrize("row", EDGES, ids=lambda row: f"{row[0]}-{row[1]}")
def test_days_give_the_codes_of_the_table(row: tuple[Any, ...]) -> None:
    first, last, *codes = row
    for days in (first, last):
        for policy, left_out in ((CN, CARD_TIER), (CARD, FIVE_TIER)):
            said = of_days(days, policy)
            assert (said["dpd_from"], said["dpd_to"]) == (days, days)
            for place, (name, code) in enumerate(zip(NAMES, codes, strict=True)):
                if place + 2 == left_out:
                    continue
                assert said[f"{name}_upper"] == code, name
                # without arrears, days do not tell whether something fell due
                is_open = name == "pboc_code" and days == 0
                assert said[f"{name}_lower"] == ("*" if is_open else code), name
                assert said[f"is_{name}_exact"] is not is_open


@pytest.mark.parametrize(("name", "standard", "own"), OWN, ids=[name for name, _, _ in OWN])
def test_codes_of_a_standard_give_the_days_of_the_table(name: str, standard: str, own: dict[str, Any]) -> None:
    """Another's code becomes the range of all rows of the table that have it, and comes back as itself."""
    place = 2 + NAMES.index(standard)
    for code, ours in own.items():
        rows = [row for row in EDGES if row[place] == ours]
        said = coded(INSTITUTIONS[name], code)
        assert said["dpd_from"] == rows[0][0]
        assert said["dpd_to"] == (None if rows[-1][1] == MANY else rows[-1][1])
        assert (said[f"{standard}_lower"], said[f"{standard}_upper"]) == (ours, ours)
        assert said[f"is_{standard}_exact"]


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_what_a_code_says_holds_for_each_of_its_days(policy: Policy) -> None:
    """Our own code for every day of a code's range lies between its bounds, for every shipped institution."""
    ours = told(BY_DAYS, [{"key": "k", "days": str(days)} for days in range(501)], policy).rows.to_dicts()
    for institution in INSTITUTIONS.values():
        codes = {code: meaning for code, meaning in institution.codes.items() if not meaning.states}
        said = told(institution, [{"key": "k", "code": code} for code in codes], policy).rows.to_dicts()
        for meaning, row in zip(codes.values(), said, strict=True):
            first, last = meaning.days
            for each in ours[first : None if last is None else last + 1]:
                assert_between(row, each)


@given(first=st.integers(0, 400), more=st.none() | st.integers(0, 200), at=st.integers(0, 200))
def test_bounds_hold_for_any_range(first: int, more: int | None, at: int) -> None:
    last = None if more is None else first + more
    meaning = {"from": first} if last is None else {"from": first, "to": last}
    own = parse_institution({"columns": {"key": "k", "code": "c"}, "codes": {"X": meaning}}, "own")
    said = coded(own, "X")
    days = first + (at if more is None else min(at, more))
    assert_between(said, of_days(days))
    for standard in STANDARDS:
        assert said[f"is_{standard}_exact"] == (said[f"{standard}_lower"] == said[f"{standard}_upper"])


def assert_between(said: dict[str, Any], ours: dict[str, Any]) -> None:
    """What is said of a range holds for one of its days."""
    for standard, order in ORDER.items():
        lower, upper = (order.index(said[f"{standard}_{side}"]) for side in ("lower", "upper"))
        own = [order.index(ours[f"{standard}_{side}"]) for side in ("lower", "upper")]
        assert lower <= max(own), standard
        assert min(own) <= upper, standard
        if said[f"is_{standard}_exact"]:
            assert own == [lower, lower], standard


@pytest.mark.parametrize(
    ("name", "code", "wanted"),
    [
        ("pboc_lender", "M", {"pboc_code": "M", "bucket": "M0", "credit_status": "current"}),
        ("pboc_lender", "*", {"pboc_code": "*", "bucket": "M0", "credit_status": "current"}),
        ("pboc_lender", "A", {"pboc_code": "*"}),
        ("pboc_lender", "#", {"pboc_code": "#"}),
        ("pboc_lender", "D", {"pboc_code": "D", "ifrs9_stage": 3}),
        ("pboc_lender", "Z", {"pboc_code": "Z", "metro2_status": "95", "metro2_history": "J", "ifrs9_stage": 3}),
        (
            "pboc_lender",
            "B",
            {"pboc_code": "B", "metro2_status": "97", "metro2_history": "L", "credit_status": "charged_off"},
        ),
        (
            "pboc_lender",
            "C",
            {"pboc_code": "C", "metro2_status": "13", "metro2_history": "E", "credit_status": "settled"},
        ),
        ("pboc_lender", "G", {"pboc_code": "G", "metro2_status": "13", "credit_status": "settled", "five_tier": 1}),
        ("pboc_lender", "/", {"pboc_code": "/", "metro2_history": "B", "bucket": None, "credit_status": "not_started"}),
        ("metro2_furnisher", "05", {"metro2_status": "05", "pboc_code": "G", "credit_status": "closed"}),
        ("metro2_furnisher", "62", {"metro2_status": "62", "pboc_code": "C", "credit_status": "settled"}),
        ("metro2_furnisher", "64", {"metro2_status": "64", "pboc_code": "G", "credit_status": "settled"}),
        ("metro2_furnisher", "93", {"metro2_status": "93", "metro2_history": "G"}),
        ("metro2_furnisher", "96", {"metro2_status": "96", "metro2_history": "K"}),
        ("metro2_furnisher", "97", {"metro2_status": "97", "pboc_code": "B", "ifrs9_stage": 3}),
        ("letter_lender", "F", {"credit_status": "in_default", "five_tier": 5, "ifrs9_stage": 3}),
        ("letter_lender", "P", {"credit_status": "settled", "metro2_status": "13"}),
    ],
)
def test_what_codes_say_beside_days(name: str, code: str, wanted: dict[str, Any]) -> None:
    said = coded(INSTITUTIONS[name], code)
    for standard, ours in wanted.items():
        assert said[f"is_{standard}_exact"], standard
        assert said[f"{standard}_lower"] == ours, standard


@pytest.mark.parametrize("name", ["pboc_lender", "metro2_furnisher"])
def test_an_institution_of_a_standard_gets_its_own_codes_back(name: str) -> None:
    standard = {"pboc_lender": "pboc_code", "metro2_furnisher": "metro2_status"}[name]
    for code in INSTITUTIONS[name].codes:
        said = coded(INSTITUTIONS[name], code)
        assert said[f"is_{standard}_exact"]
        # our own reports have no code for a billing day that moved
        assert said[f"{standard}_lower"] == ("*" if code == "A" else code)


def test_restructured_and_disputed_go_beside_the_days() -> None:
    restructured = coded(INSTITUTIONS["letter_lender"], "R")
    assert (restructured["five_tier_lower"], restructured["ifrs9_stage_lower"]) == (2, 2)
    assert (restructured["credit_status_lower"], restructured["credit_status_upper"]) == ("forborne", "in_default")
    assert coded(INSTITUTIONS["letter_lender"], "R", CARD)["five_tier_lower"] == 1
    disputed = coded(INSTITUTIONS["letter_lender"], "X")
    assert disputed["states"] == ["disputed"]
    assert (disputed["bucket_lower"], disputed["bucket_upper"]) == ("M0", "M7")


def test_days_beside_a_code_are_exact() -> None:
    rows = told(
        INSTITUTIONS["letter_lender"], [{"key": "1", "code": "D", "days": "61"}, {"key": "2", "days": "7"}]
    ).rows
    assert rows["dpd_from"].to_list() == rows["dpd_to"].to_list() == [61, 7]
    assert rows["bucket_lower"].to_list() == rows["bucket_upper"].to_list() == ["M3", "M1"]


@pytest.mark.parametrize(
    ("cells", "column", "reason"),
    [
        ({"key": "  ", "code": "A"}, "Vertrag", Refusal.MISSING),
        ({"key": "1"}, "Klasse", Refusal.MISSING),
        ({"key": "1", "code": "a"}, "Klasse", Refusal.UNKNOWN_CODE),
        ({"key": "1", "code": "D", "days": "sixty"}, "Tage", Refusal.BAD_INTEGER),
        ({"key": "1", "code": "D", "days": "90"}, "Tage", Refusal.OUT_OF_RANGE),
        ({"key": "1", "code": "P", "days": "1"}, "Tage", Refusal.OUT_OF_RANGE),
        ({"key": "1", "days": "-1"}, "Tage", Refusal.OUT_OF_RANGE),
        ({"key": "1", "code": "A", "amount": "1,005"}, "Saldo", Refusal.BAD_AMOUNT),
        ({"key": "1", "code": "A", "currency": "Taler"}, "Waehrung", Refusal.UNKNOWN_CURRENCY),
        ({"damage": Refusal.TOO_FEW_FIELDS.value}, None, Refusal.TOO_FEW_FIELDS),
    ],
)
def test_each_mistake_refuses_its_row_alone(cells: dict[str, str | None], column: str | None, reason: Refusal) -> None:
    good: dict[str, str | None] = {"key": "good", "code": "A", "days": "0", "amount": "1.234,50", "currency": "EUR"}
    translation = told(INSTITUTIONS["letter_lender"], [good, cells, good])
    assert translation.refused.rows() == [(3, column, reason.value, reason.sentence)]
    assert translation.rows["line_number"].to_list() == [2, 4]
    assert translation.rows["amount_cents"].to_list() == [123450, 123450]
    assert (translation.received_count, translation.refused_count) == (3, 1)


def test_a_row_has_all_its_reasons_and_counts_once() -> None:
    translation = told(INSTITUTIONS["letter_lender"], [{"code": "?", "amount": "much", "currency": "EUR"}])
    assert translation.refused["reason"].to_list() == [Refusal.MISSING, Refusal.UNKNOWN_CODE, Refusal.BAD_AMOUNT]
    assert (translation.received_count, translation.rows.height, translation.refused_count) == (1, 0, 1)


def test_what_has_not_started_has_no_days() -> None:
    document = {"columns": {"key": "k", "code": "c", "days": "d"}, "codes": {"/": {"states": ["not_started"]}}}
    own = parse_institution(document, "own")
    translation = told(own, [{"key": "1", "code": "/", "days": "0"}, {"key": "2", "code": "/", "days": "3"}])
    assert translation.rows.select("dpd_from", "dpd_to", "bucket_lower").rows() == [(None, None, None)]
    assert translation.refused["reason"].to_list() == [Refusal.OUT_OF_RANGE]


@given(
    st.lists(st.tuples(st.sampled_from(["k", "", None]), st.sampled_from(["M0", "M7", "M9", "", None])), max_size=30)
)
def test_nothing_is_lost(cells: list[tuple[str | None, str | None]]) -> None:
    translation = told(INSTITUTIONS["m_bucket_lender"], [{"key": key, "code": code} for key, code in cells])
    assert translation.rows.height + translation.refused_count == translation.received_count == len(cells)
    lines = set(translation.rows["line_number"].to_list()) | set(translation.refused["line_number"].to_list())
    assert lines == set(range(2, 2 + len(cells)))
