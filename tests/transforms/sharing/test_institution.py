"""Institutions: every mistake in their TOML is named by its place."""

from __future__ import annotations

from typing import Any

import pytest

from transforms.bureau.metro2_facts import STAGES
from transforms.sharing.institution import COLLECTED, InstitutionError, parse_institution

COLUMNS = {"key": "k", "code": "c"}


def document(**meaning: Any) -> dict[str, Any]:  # noqa: ANN401
    """An institution with one code."""
    return {"columns": COLUMNS, "codes": {"A": meaning}}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "columns: is required"),
        ({"columns": {"code": "c"}, "codes": {"A": {"from": 0}}}, "columns.key: is required"),
        ({"columns": {"key": "k"}}, "columns: Value error, name the column of the code, or that of the days past due"),
        ({"columns": {**COLUMNS, "day": "d"}, "codes": {"A": {"from": 0}}}, "columns.day: no such setting"),
        ({"columns": COLUMNS}, "[codes] must say what each code means"),
        ({"columns": {"key": "k", "days": "d"}, "codes": {"A": {"from": 0}}}, "columns.code must name their column"),
        (
            {"columns": COLUMNS, "codes": {" A": {"from": 0}}},
            "codes: Value error, a code is neither empty nor has space",
        ),
        (document(), "codes.A: Value error, give from = the fewest days past due, or states, or both"),
        (document(to=3), "codes.A: Value error, give from = the fewest days past due"),
        (document(**{"from": 31, "to": 30}), "codes.A: Value error, to = 30 is less than from = 31"),
        (document(**{"from": -1}), "codes.A.from: Input should be greater than or equal to 0 (given: -1)"),
        (document(**{"from": "1"}), "codes.A.from: Input should be a valid integer (given: '1')"),
        (document(form=1), "codes.A.form: no such setting"),
        (
            document(states=["dead"]),
            "codes.A.states: Value error, there is no state 'dead' (it knows settled, waived, ",
        ),
        (document(states=["settled", "settled"]), "codes.A.states: Value error, names a state twice"),
        (document(states=["settled", "closed"]), "codes.A: Value error, says both settled and closed"),
        (document(states=["collection", "foreclosure"]), "codes.A: Value error, says both collection and foreclosure"),
        (document(states=["settled"], **{"from": 5}), "codes.A: Value error, what is settled has 0 days past due"),
        (document(states=["not_started"], **{"from": 0}), "codes.A: Value error, what is not_started has no days"),
        (
            {"institution": "other", **document(**{"from": 0})},
            "institution: says 'other', but the file is named own.toml",
        ),
    ],
)
def test_mistakes_are_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InstitutionError) as caught:
        parse_institution(given, "own")
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_every_mistake_has_a_line() -> None:
    with pytest.raises(InstitutionError) as caught:
        parse_institution({"columns": COLUMNS, "codes": {"A": {"to": 1}, "B": {"form": 1, "from": 2}}}, "own")
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["codes.A", "codes.B.form"]


def test_a_state_for_every_stage_of_collection() -> None:
    assert {state.value for state in COLLECTED} == set(STAGES)
