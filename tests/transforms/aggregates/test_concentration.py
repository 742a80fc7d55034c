"""Concentration: shares of outstanding principal."""

from __future__ import annotations

import pytest

from .frames import account, customer, loan, only, settled, told, values, whole

AT = "2026-06-15"
FIGURES = "entity_count outstanding_principal_cents hhi_rate top10_rate largest_rate"


def test_shares_by_hand() -> None:
    said = [
        account("a", customer="c"),
        account("b", "line", customer="d", region=None),
        loan("l", principal=600),
        loan("m", principal=100),
        loan("n", principal=300, account_id="b"),
    ]
    rows = told("concentration", *said, at=AT)
    assert values(only(rows, dimension="customer"), FIGURES) == (2, 1000, pytest.approx(0.49 + 0.09), 1.0, 0.7)
    assert values(only(rows, dimension="product"), FIGURES) == (2, 1000, pytest.approx(0.58), 1.0, 0.7)
    assert values(only(rows, dimension="lender"), FIGURES) == (1, 1000, 1.0, 1.0, 1.0)
    assert only(rows, dimension="region")["entity_count"] == 2
    of_line = only(rows, dimension="customer", product_code="line")
    assert values(of_line, FIGURES) == (1, 300, 1.0, 1.0, 1.0)
    assert {row["dimension"] for row in rows if row["product_code"] != "ALL"} == {"customer"}


def test_one_person_is_one_whatever_the_customer_number_and_strangers_are_each_their_own() -> None:
    said = [
        *(account(f"a{number}", customer=f"c{number}") for number in range(4)),
        *(loan(f"l{number}", principal=100, account_id=f"a{number}") for number in range(4)),
        customer("c0", "p"),
        customer("c1", "p"),
        customer("c2", None),  # known, but not who it is; c3 is not known at all
    ]
    row = only(told("concentration", *said, at=AT), dimension="customer")
    assert values(row, FIGURES) == (3, 400, pytest.approx(0.25 + 2 / 16), 1.0, 0.5)


def test_a_person_called_like_a_customer_is_another() -> None:
    said = [
        account("a", customer="x"),
        account("b", customer="y"),
        loan("l", principal=100),
        loan("m", principal=100, account_id="b"),
        customer("x", "north\x1fy"),
    ]
    assert only(told("concentration", *said, at=AT), dimension="customer")["entity_count"] == 2


def test_the_ten_largest() -> None:
    said = [account(f"a{number}", customer=f"c{number}") for number in range(12)]
    said += [loan(f"l{number}", principal=10 + number, account_id=f"a{number}") for number in range(12)]
    row = only(told("concentration", *said, at=AT), dimension="customer")
    assert values(row, "entity_count top10_rate largest_rate") == (12, 1 - 21 / 186, 21 / 186)


def test_only_loans_in_the_book_that_owe_principal_count() -> None:
    off = loan("off", charged_off_on="2026-05-01")
    fees = loan("fees", principal=0, remaining_cents=5)
    assert told("concentration", account(), off, fees, settled("paid"), at=AT) == []


def test_large_amounts_are_squared_exactly() -> None:
    said = [account(f"a{number}", customer=f"c{number}") for number in range(4)]
    said += [loan(f"l{number}", principal=9 * 10**15, account_id=f"a{number}") for number in range(4)]
    row = only(told("concentration", *said, at=AT), dimension="customer")
    assert values(row, "hhi_rate largest_rate") == (0.25, 0.25)


def test_currencies_are_apart() -> None:
    said = [account("a"), account("z", currency="INR"), loan("l"), loan("m", account_id="z")]
    rows = whole(told("concentration", *said, at=AT), dimension="customer")
    assert [values(row, "currency entity_count") for row in rows] == [("CNY", 1), ("INR", 1)]
