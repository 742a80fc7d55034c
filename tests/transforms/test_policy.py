"""Policies: mistakes named by their place, the shipped ones held against the table of standards, and differences."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.slow.deliveries import pack
from tests.slow.ledgers import account, installment
from tests.transforms.working import kept
from transforms.policy import Policy, PolicyError, ProductPolicy, parse_policy
from transforms.policy_changes import consequence, differences, meaning, settings
from transforms.strings import metro2_code

SHIPPED = {path.stem: path for path in sorted((Path(__file__).parents[2] / "policies").glob("*.toml"))}
TODAY = date(2026, 9, 30)
"""A month-end, so that the month's code is told of the very day."""
DAYS = (0, 1, 29, 30, 31, 59, 60, 61, 89, 90, 91, 119, 120, 121, 149, 150, 151, 179, 180, 181, 270, 271, 360, 361)
EDGES = (
    # days past due, bucket, PBOC, Metro 2 history, five-tier, IFRS 9 by days alone
    (0, 0, "M0", "N", "0", 1, 1),
    (1, 29, "M1", "1", "0", 2, 1),
    (30, 30, "M1", "1", "1", 2, 1),
    (31, 59, "M2", "2", "1", 2, 2),
    (60, 60, "M2", "2", "2", 2, 2),
    (61, 89, "M3", "3", "2", 2, 2),
    (90, 90, "M3", "3", "3", 2, 2),
    (91, 119, "M4", "4", "3", 3, 3),
    (120, 120, "M4", "4", "4", 3, 3),
    (121, 149, "M5", "5", "4", 3, 3),
    (150, 150, "M5", "5", "5", 3, 3),
    (151, 179, "M6", "6", "5", 3, 3),
    (180, 180, "M6", "6", "6", 3, 3),
    (181, 270, "M7", "7", "6", 3, 3),
    (271, 360, "M7", "7", "6", 4, 3),
    (361, 9999, "M7", "7", "6", 5, 3),
)
"""The table of standards, row by row."""
CARD_CLASSES = ((0, 0, 1), (1, 90, 2), (91, 120, 3), (121, 180, 4), (181, 9999, 5))
"""The older classes of cards."""


def shipped(name: str) -> Policy:
    """A shipped policy."""
    return parse_policy(tomllib.loads(SHIPPED[name].read_text(encoding="utf-8")))


def places(document: dict[str, Any], before: str = "") -> set[str]:
    """The place of every value of a document."""
    found: set[str] = set()
    for name, value in document.items():
        found |= places(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}"}
    return found


def test_three_policies_are_shipped() -> None:
    assert list(SHIPPED) == ["cn-2023", "cn-card", "us-metro2"]
    assert len({shipped(name).version for name in SHIPPED}) == 3


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_policy_says_every_setting_with_a_comment(name: str) -> None:
    document = tomllib.loads(SHIPPED[name].read_text(encoding="utf-8"))
    assert places(document) == settings(shipped(name)).keys()
    bare = [
        line
        for line in SHIPPED[name].read_text(encoding="utf-8").splitlines()
        if " = " in line and "#" not in line and not line.startswith("title")
    ]
    assert bare == []


def test_cn_2023_says_what_the_schema_takes_when_nothing_is_said() -> None:
    bare = parse_policy({"version": "cn-2023.1", "title": shipped("cn-2023").title})
    assert settings(shipped("cn-2023")) == settings(bare)


@pytest.mark.parametrize("name", SHIPPED)
def test_edges_are_those_of_the_standards(name: str) -> None:
    loans = [
        installment(1, (TODAY - timedelta(days=days)).isoformat(), 100, loan=f"l{days:03}", ordered="2025-01-01")
        for days in DAYS
    ]
    books = kept(pack([account(), *loans]), shipped(name), TODAY)
    status = books.tables["status.loan_status"].sort("loan_id")
    history = books.tables["status.loan_history"].filter(month_end=TODAY).sort("loan_id")
    found = list(
        zip(
            status["dpd"],
            status["bucket"],
            history["pboc_code"],
            history.select(metro2_code()).to_series(),
            status["five_tier"],
            status["ifrs9_stage"],
            strict=True,
        )
    )
    expected = [
        (days, *codes, class_of(name, days, five_tier), stage)
        for days in DAYS
        for low, high, *codes, five_tier, stage in EDGES
        if low <= days <= high
    ]
    assert found == expected


def class_of(name: str, days: int, five_tier: int) -> int:
    """The five-tier class that a shipped policy gives."""
    if name != "cn-card":
        return five_tier
    return next(number for low, high, number in CARD_CLASSES if low <= days <= high)


@pytest.mark.parametrize(
    ("document", "mistake"),
    [
        ({}, "version: is required"),
        ({"version": ""}, "version: "),
        ({"version": 1}, "version: "),
        ({"version": "v", "colour": "red"}, "colour: no such setting"),
        ({"version": "v", "currency": "yuan"}, "currency: "),
        ({"version": "v", "currency": "JPY"}, "document: Value error, currency JPY is not among currencies"),
        ({"version": "v", "paid_after_delivery_days": -1}, "paid_after_delivery_days: "),
        ({"version": "v", "unknown_columns": "drop"}, "unknown_columns: "),
        ({"version": "v", "require_control": "yes"}, "require_control: "),
        ({"version": "v", "refused_rows_limit": 0.5}, "refused_rows_limit: "),
        ({"version": "v", "refused_rows_share": 2}, "refused_rows_share: "),
        ({"version": "v", "volume_factor": 1}, "volume_factor: "),
        ({"version": "v", "bucket_upper_days": [0, 30]}, "bucket_upper_days: Value error, must be seven rising"),
        ({"version": "v", "bucket_upper_days": [1, 2, 3, 4, 5, 6, 7]}, "bucket_upper_days: Value error, must be seven"),
        ({"version": "v", "contagion": "family"}, "contagion: "),
        ({"version": "v", "default": {"days": 0}}, "default.days: "),
        ({"version": "v", "default": {"materiality_cents": -1}}, "default.materiality_cents: "),
        ({"version": "v", "default": {"materiality_share": 1}}, "default.materiality_share: "),
        ({"version": "v", "default": {"instalments_on_time": 0}}, "default.instalments_on_time: "),
        ({"version": "v", "five_tier": {"upper_days": [0, 90, 90, 360]}}, "five_tier.upper_days: Value error, must be"),
        ({"version": "v", "five_tier": {"upper_days": [0, 90]}}, "five_tier.upper_days: Value error, must be four"),
        ({"version": "v", "five_tier": {"follows_status": 1}}, "five_tier.follows_status: "),
        ({"version": "v", "five_tier": {"edges": []}}, "five_tier.edges: no such setting"),
        ({"version": "v", "loss": {"history_months": 0}}, "loss.history_months: "),
        ({"version": "v", "loss": {"discount_rate": -0.1}}, "loss.discount_rate: "),
        ({"version": "v", "loss": {"warning_sigmas": 0}}, "loss.warning_sigmas: "),
        ({"version": "v", "products": {"default": {"allocation": "shop"}}}, "products.default.allocation: "),
        ({"version": "v", "products": {"card": {"tolerance_cents": -1}}}, "products.card.tolerance_cents: "),
        ({"version": "v", "products": {"card": {"grace_days": 1.5}}}, "products.card.grace_days: "),
        (
            {"version": "v", "products": {"card": {"payment_order": ["fee", "fee", "principal"]}}},
            "products.card.payment_order: Value error, must name fee, interest and principal, each once",
        ),
        ({"version": "v", "products": {"card": {"loss_given_default": 1.1}}}, "products.card.loss_given_default: "),
        ({"version": "v", "products": {"card": {"pboc_type": "C1"}}}, "products.card.pboc_type: "),
        ({"version": "v", "products": {"card": {"pboc_grain": "person"}}}, "products.card.pboc_grain: "),
        ({"version": "v", "products": {"card": 3}}, "products.card: "),
        ({"version": "v", "products": 3}, "products: "),
    ],
)
def test_a_mistake_is_named_by_its_place(document: dict[str, Any], mistake: str) -> None:
    with pytest.raises(PolicyError) as raised:
        parse_policy(document)
    (line,) = str(raised.value).splitlines()
    assert line.startswith(mistake)


def test_every_mistake_is_named() -> None:
    with pytest.raises(PolicyError) as raised:
        parse_policy({"title": 3, "loss": {"history_months": 0}, "products": {"default": {"grace_days": -1}}})
    named = [line.partition(":")[0] for line in str(raised.value).splitlines()]
    assert named == ["version", "title", "loss.history_months", "products.default.grace_days"]


def test_products_take_what_they_leave_out_from_the_default_one() -> None:
    made = parse_policy({"version": "v", "products": {"default": {"grace_days": 3}, "card": {"allocation": "account"}}})
    assert (made.product("card").grace_days, made.product("card").allocation) == (3, "account")
    assert (made.product("other").grace_days, made.product("other").allocation) == (3, "loan")


@pytest.mark.parametrize("name", SHIPPED)
def test_every_setting_has_a_meaning(name: str) -> None:
    assert [place for place in settings(shipped(name)) if not meaning(place)] == []


def test_differences_are_told_by_place() -> None:
    found = {each.place: (each.old, each.new) for each in differences(shipped("cn-2023"), shipped("cn-card"))}
    assert found == {
        "version": ("cn-2023.1", "cn-card.1"),
        "title": (shipped("cn-2023").title, shipped("cn-card").title),
        "five_tier.upper_days": ((0, 90, 270, 360), (0, 90, 120, 180)),
        "five_tier.follows_status": (True, False),
    }


def test_a_product_of_its_own_differs_from_what_held_for_it() -> None:
    old = Policy(version="1", products={"default": ProductPolicy(grace_days=3)})
    new = Policy(version="2", products={"default": ProductPolicy(grace_days=3), "card": ProductPolicy()})
    (version, grace) = differences(old, new)
    assert (version.place, grace.place, grace.old, grace.new) == ("version", "products.card.grace_days", 3, 0)
    assert grace.decides == "days past due, and every status that follows them"


def test_what_a_setting_decides_is_told() -> None:
    old = Policy(version="1")
    changed = (
        (Policy(version="1", refused_rows_limit=3), "which rows and files are taken"),
        (Policy(version="1", bucket_upper_days=(0, 1, 2, 3, 4, 5, 6)), "buckets"),
        (Policy.model_validate({"version": "1", "loss": {"significant_days": 20}}), "IFRS 9 stages"),
        (Policy.model_validate({"version": "1", "loss": {"history_months": 6}}), "expected credit loss"),
        (Policy.model_validate({"version": "1", "default": {"days": 60}}), "defaults and probation"),
    )
    for new, decides in changed:
        (found,) = differences(old, new)
        assert found.decides.startswith(decides)


def test_the_consequence_of_a_change_is_one_sentence_about_restatement() -> None:
    old, new = shipped("cn-2023"), shipped("cn-card")
    assert consequence(old, old) == "No setting differs: nothing would be restated."
    assert "`policy cn-2023.1 -> cn-card.1`" in consequence(old, new)
    assert consequence(old, old.model_copy(update={"currency": "USD"})).startswith("Both call themselves cn-2023.1")
