"""Who a consumer is in Metro 2: names taken apart, addresses cut between words, numbers that fit."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from transforms.bureau.metro2_people import IDENTITY, consumers
from transforms.policy import Metro2Policy

NAMES = ("surname", "first_name", "middle_name", "generation_code")


def consumer(rules: Metro2Policy | None = None, **said: str | date) -> dict[str, Any]:
    rows = pl.DataFrame([{name: said.get(name) for name in IDENTITY}], schema=IDENTITY)
    (found,) = consumers(rows, rules or Metro2Policy()).to_dicts()
    return found


def named(name: str, order: str = "given_first") -> tuple[Any, ...]:
    found = consumer(Metro2Policy(name_order=order), name=name)  # type: ignore[arg-type]
    return tuple(found[each] for each in NAMES)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ann Roe", ("ROE", "ANN", None, None)),
        ("Ann Mary  Jane Roe", ("ROE", "ANN", "MARY JANE", None)),
        ("Roe, Ann Mary", ("ROE", "ANN", "MARY", None)),
        ("Roe-Lee, Ann", ("ROE-LEE", "ANN", None, None)),
        ("De La Cruz, José", ("DE LA CRUZ", "JOSE", None, None)),
        ("John Roe Jr.", ("ROE", "JOHN", None, "J")),
        ("John Roe, III", ("ROE", "JOHN", None, "3")),
        ("Roe", ("ROE", None, None, None)),
        ("韩梅梅", (None, None, None, None)),
        ("", (None, None, None, None)),
        ("Ann " + "X" * 40, ("X" * 25, "ANN", None, None)),
    ],
)
def test_names(name: str, expected: tuple[Any, ...]) -> None:
    assert named(name) == expected


def test_names_that_begin_with_the_surname() -> None:
    assert named("Han Mei Mei", "surname_first") == ("HAN", "MEI", "MEI", None)
    assert named("Roe, Ann", "surname_first") == ("ROE", "ANN", None, None)


def test_numbers_that_fit_and_others_that_do_not() -> None:
    fits = consumer(id_type="SSN", id_number="123-45-6789", phone="+1 (555) 123-4567", birth_date=date(1990, 2, 28))
    assert (fits["social_security_number"], fits["telephone_number"]) == ("123456789", "5551234567")
    assert fits["date_of_birth"] == date(1990, 2, 28)
    for id_type, number, phone in (("resident_id", "990101199005170012", "13812345678"), ("ssn", "12345678", "123")):
        country = Metro2Policy(country_code="CN")
        found = consumer(country, id_type=id_type, id_number=number, phone=phone)
        assert (found["social_security_number"], found["telephone_number"]) == (None, None)


def test_addresses() -> None:
    found = consumer(
        address="12 Very Long Boulevard of the Republic, Flat 3",
        city="Springfield",
        state_code="il",
        postal_code="62701-1234",
    )
    assert (found["address_line_1"], found["address_line_2"]) == ("12 VERY LONG BOULEVARD OF THE", "REPUBLIC, FLAT 3")
    assert [found[name] for name in ("city", "state", "postal_code", "country_code")] == [
        "SPRINGFIELD",
        "IL",
        "627011234",
        "US",
    ]
    assert consumer(address="X" * 40)["address_line_1"] == "X" * 32
    assert consumer(address="X" * 40)["address_line_2"] == "X" * 8
    assert consumer(state_code="CN-BJ")["state"] is None
    assert consumer()["country_code"] is None
