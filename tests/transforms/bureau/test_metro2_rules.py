"""Every rule between the fields of a Metro 2 record, broken once; and what is told of a file's form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
import pytest

from tests.transforms.bureau.records import DAY, GOOD, file_of_records
from transforms.bureau.metro2_records import joined, read, split, write
from transforms.bureau.metro2_rules import RULES, Rule, check, check_form

CURRENT = {**GOOD, "account_status": "11", "amount_past_due": 0, "date_of_first_delinquency": None}
PAID = {
    **CURRENT,
    "account_status": "13",
    "payment_rating": "0",
    "current_balance": 0,
    "date_closed": date(2026, 9, 12),
    "date_of_account_information": date(2026, 9, 12),
}
CHARGED_OFF = {**GOOD, "account_status": "97", "original_charge_off_amount": 500}
SURRENDERED = {**GOOD, "account_status": "95", "payment_rating": "2"}
SOUND = {"late": GOOD, "current": CURRENT, "paid": PAID, "charged off": CHARGED_OFF, "surrendered": SURRENDERED}

BREAKS: dict[str, tuple[Mapping[str, Any], ...]] = {
    "fits": (
        {**CURRENT, "consumer_account_number": "L" * 31},
        {**CURRENT, "current_balance": 10**9, "line_number": 3},
        {**CURRENT, "consumer_account_number": "账户", "line_number": 4},
    ),
    "status": ({**CURRENT, "account_status": "77"},),
    "rating_needed": ({**PAID, "payment_rating": None},),
    "rating_not_asked_for": ({**CURRENT, "payment_rating": "0"},),
    "past_due_of_current": ({**CURRENT, "amount_past_due": 1},),
    "past_due_of_gone": ({**PAID, "amount_past_due": 1},),
    "balance_of_gone": ({**PAID, "current_balance": 1},),
    "past_due_of_late": ({**GOOD, "amount_past_due": 0},),
    "past_due_within_balance": ({**GOOD, "amount_past_due": 501},),
    "not_negative": ({**CURRENT, "actual_payment": -1},),
    "charge_off_needed": ({**CHARGED_OFF, "original_charge_off_amount": 0},),
    "charge_off_elsewhere": ({**CURRENT, "original_charge_off_amount": 1},),
    "first_delinquency_needed": (
        {**GOOD, "date_of_first_delinquency": None},
        {**PAID, "payment_rating": "1", "line_number": 3, "consumer_account_number": "L2"},
    ),
    "first_delinquency_not_asked_for": ({**CURRENT, "date_of_first_delinquency": DAY},),
    "first_delinquency_order": (
        {**GOOD, "date_of_first_delinquency": date(2026, 1, 14)},
        {**GOOD, "date_of_first_delinquency": date(2026, 10, 1), "line_number": 3, "consumer_account_number": "L2"},
    ),
    "opened": ({**CURRENT, "date_opened": None},),
    "told_of": ({**CURRENT, "date_of_account_information": None},),
    "closed_needed": ({**PAID, "date_closed": None},),
    "closed_order": ({**PAID, "date_closed": date(2026, 1, 14)},),
    "last_payment_order": ({**CURRENT, "date_of_last_payment": date(2026, 10, 1)},),
    "history_form": ({**CURRENT, "payment_history_profile": "7".ljust(24, "B")},),
    "history_order": ({**CURRENT, "payment_history_profile": "0B0".ljust(24, "B")},),
    "history_since_opened": ({**CURRENT, "payment_history_profile": ("0" * 9).ljust(24, "B")},),
    "history_leads_to_status": ({**GOOD, "account_status": "80", "payment_history_profile": "0".ljust(24, "B")},),
    "history_after_charge_off": ({**CURRENT, "payment_history_profile": "L".ljust(24, "B")},),
    "account_number": ({**CURRENT, "consumer_account_number": None},),
    "account_number_once": (CURRENT, {**CURRENT, "line_number": 3}),
    "identification_number": ({**CURRENT, "identification_number": None},),
    "terms": ({**CURRENT, "portfolio_type": "R"},),
    "credit_limit_of_loan": ({**CURRENT, "credit_limit": 1},),
    "name": ({**CURRENT, "surname": None},),
    "address": ({**CURRENT, "address_line_1": None},),
    "identity": ({**CURRENT, "social_security_number": None, "date_of_birth": None},),
    "joint_with_another": ({**CURRENT, "ecoa_code": "2"},),
}


def test_every_rule_is_broken_here_once() -> None:
    assert set(BREAKS) == {rule.name for rule in RULES}


@pytest.mark.parametrize("row", SOUND.values(), ids=SOUND)
def test_sound_records_break_no_rule(row: dict[str, Any]) -> None:
    assert check(file_of_records(row)).is_empty()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_tells_of_what_breaks_it_and_nothing_else_does(rule: Rule) -> None:
    rows = BREAKS[rule.name]
    found = check(file_of_records(*rows))
    told = found.select("line_number", "consumer_account_number", "rule", "severity", "sentence").rows()
    assert told == [
        (row["line_number"], row["consumer_account_number"], rule.name, rule.severity, rule.sentence) for row in rows
    ]


def test_deletions_are_asked_for_little() -> None:
    assert check(file_of_records({**GOOD, "account_status": "DA"})).is_empty()
    assert check(file_of_records({**CHARGED_OFF, "account_status": "DF"})).is_empty()


def test_a_bankrupt_account_tells_its_date() -> None:
    row = {**CURRENT, "date_of_first_delinquency": DAY, "consumer_information_indicator": "A"}
    assert check(file_of_records(row)).is_empty()


def test_a_joint_account_with_its_other_consumer_is_sound() -> None:
    other = {"line_number": 2, "segment_no": 1, "segment_identifier": "J1", "surname": "ROE"}
    assert check(file_of_records({**CURRENT, "ecoa_code": "2"}, J1=[other])).is_empty()


def form(content: bytes) -> list[tuple[int | None, str]]:
    rows = split(content)
    return check_form(read(rows), rows).select("line_number", "rule").rows()


def test_form_tells_of_lengths_fillings_totals_and_ends() -> None:
    file = file_of_records(CURRENT)
    text = joined(write(file))
    assert form(text) == [(3, "trailer.base_total"), (3, "trailer.status_11_total"), *TOTALS]
    header, record, _ = text.splitlines()
    untidy = record[:163] + b"-00000000" + record[172:]
    longer = b"0526" + record[4:]
    assert form(b"\n".join([header, untidy, longer])) == [
        (2, "form"),
        (3, "record_length"),
        (None, "header_and_trailer"),
    ]


TOTALS = [(3, f"trailer.{what}_{where}_total") for what in ("ssn", "birth_date") for where in ("all", "base")]


def test_violations_have_their_columns_even_when_there_are_none() -> None:
    assert check(file_of_records()).schema["severity"] == pl.String
