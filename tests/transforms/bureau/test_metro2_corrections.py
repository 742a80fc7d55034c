"""Files beside the plain one: accounts, other consumers, corrections, deletions, and files that are refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl
import pytest

from tests.slow.deliveries import Message, pack
from tests.slow.ledgers import account, deleted, deliver, filed, installment, payment, repayment
from tests.transforms.working import kept
from transforms.bureau.metro2_behind import ASSOCIATED, RENUMBERED
from transforms.bureau.metro2_deletions import deletions_of
from transforms.bureau.metro2_file import DELETIONS_SCHEMA, IDENTITIES, Beside, Refused, Written, file_of
from transforms.bureau.metro2_records import read, split
from transforms.policy import Metro2Policy, Policy, ProductPolicy, SharingPolicy

DAY = date(2026, 9, 30)
MADE_ON = date(2026, 10, 4)
POLICY = Policy(version="test", products={"default": ProductPolicy()})
BY_ACCOUNT = Policy(
    version="test",
    products={
        "default": ProductPolicy(
            allocation="account", metro2_grain="account", metro2_portfolio_type="R", metro2_account_type="07"
        )
    },
    sharing=SharingPolicy(
        metro2=Metro2Policy(identification_number="KMFC01", reporter_name="Tall Bank", equifax_program="EQ1")
    ),
)
PEOPLE = pl.DataFrame(
    [
        {
            "source": "north",
            "customer_id": "c",
            "name": "Ann Roe",
            "birth_date": date(1990, 2, 28),
            "address": "1 Long Road",
        }
    ],
    schema=IDENTITIES,
)
TWO = (
    account(),
    installment(1, "2026-08-10", 10000, loan="l1"),
    installment(1, "2026-10-10", 10000, loan="l2"),
)


_KNOWN: dict[tuple[str, str], dict[str, pl.DataFrame]] = {}


def tables_of(messages: Sequence[Message], policy: Policy = POLICY) -> dict[str, pl.DataFrame]:
    """The tables of a ledger, worked out once."""
    key = (repr(messages), policy.hash)
    if key not in _KNOWN:
        _KNOWN[key] = kept(pack(messages), policy, DAY).tables
    return _KNOWN[key]


def told(*messages: Message, policy: Policy = POLICY, **beside: pl.DataFrame | bool) -> Written:
    """The file of September."""
    return file_of(tables_of(messages, policy), PEOPLE, policy, DAY, made_on=MADE_ON, beside=Beside(**beside))  # type: ignore[arg-type]


def row(written: Written, *names: str) -> tuple[Any, ...]:
    return written.base.select(names).row(0)


def other(loan: str, role: str, **said: str | bool) -> dict[str, Any]:
    return {"source": "north", "loan_id": loan, "role": role, "name": "Bob Lee", **said}


def test_an_account_is_told_with_all_of_its_loans() -> None:
    """30.00 of the 200.00 are paid, on the older loan; the limit is 5,000.00."""
    written = told(account(limit=500000), *TWO[1:], payment("2026-09-02", 3000, loan=None), policy=BY_ACCOUNT)
    assert row(written, "loan_id", "consumer_account_number", "identification_number") == (None, "a", "KMFC01")
    assert written.base["loan_ids"].to_list() == [["l1", "l2"]]
    assert row(written, "portfolio_type", "account_type", "terms_duration", "terms_frequency") == (
        "R",
        "07",
        "REV",
        "M",
    )
    assert row(written, "account_status", "current_balance", "amount_past_due") == ("71", 170, 70)
    assert row(written, "credit_limit", "highest_credit", "actual_payment") == (5000, 170, 30)
    assert row(written, "payment_history_profile")[0] == "0" * 8 + "B" * 16
    header = written.file.header.to_dicts()[0]
    assert (header["reporter_name"], header["equifax_program_identifier"]) == ("TALL BANK", "EQ1")
    assert written.reconciliation["warehouse_cents"].to_list() == [17000]


def test_an_account_is_paid_when_it_is_closed() -> None:
    money = (payment("2026-09-02", 20000, loan=None),)
    open_one = told(*TWO, *money, policy=BY_ACCOUNT)
    assert row(open_one, "account_status", "current_balance") == ("11", 0)
    closed = told(account(closed_date=date(2026, 9, 12)), *TWO[1:], *money, policy=BY_ACCOUNT)
    assert row(closed, "account_status", "payment_rating", "date_closed") == ("13", "0", date(2026, 9, 12))
    at_once = told(
        account(closed_date=date(2026, 9, 2)), *TWO[1:], payment("2026-09-10", 20000, loan=None), policy=BY_ACCOUNT
    )
    assert row(at_once, "account_status", "payment_rating", "date_of_first_delinquency") == (
        "13",
        "1",
        date(2026, 9, 9),
    )


def test_an_account_is_told_only_when_all_of_its_loans_may_be() -> None:
    written = told(*TWO, policy=BY_ACCOUNT, only=pl.DataFrame({"source": ["north"], "loan_id": ["l1"]}))
    assert written.base.is_empty()
    assert written.reconciliation.select("held_back_count", "held_back_cents", "written_cents").row(0) == (1, 20000, 0)


def test_what_is_held_back_is_counted() -> None:
    written = told(*TWO, only=pl.DataFrame({"source": ["north"], "loan_id": ["l2"]}))
    assert written.base["loan_id"].to_list() == ["l2"]
    assert written.reconciliation.select("warehouse_count", "held_back_count", "told_count").row(0) == (2, 1, 1)


def test_other_consumers_stand_behind_the_borrower() -> None:
    others = [
        other("l1", "joint"),
        other("l1", "guarantor", address="2 Short Street", city="Springfield"),
        other("l2", "co_maker", address="2 Short Street", has_same_address=True),
    ]
    written = told(*TWO, associated=pl.DataFrame(others, schema=ASSOCIATED))
    assert written.base["ecoa_code"].to_list() == ["2", "7"]
    near, far = (written.file.segments[name].to_dicts() for name in ("J1", "J2"))
    assert [(each["line_number"], each["segment_no"], each["surname"], each["ecoa_code"]) for each in near] == [
        (2, 1, "LEE", "2"),
        (3, 1, "LEE", "5"),
    ]
    assert [(each["line_number"], each["segment_no"], each["address_line_1"], each["ecoa_code"]) for each in far] == [
        (2, 2, "2 SHORT STREET", "5")
    ]
    assert written.base["record_descriptor_word"].to_list() == ["0726", "0526"]
    assert (written.file.trailer["j1_total"][0], written.file.trailer["j2_total"][0]) == (2, 1)
    assert [len(line) for line in written.content.decode().splitlines()] == [426, 726, 526, 426]


def test_who_stands_behind_two_loans_of_an_account_stands_behind_it_once() -> None:
    others = pl.DataFrame([other("l1", "joint"), other("l2", "joint")], schema=ASSOCIATED)
    written = told(*TWO, policy=BY_ACCOUNT, associated=others)
    assert written.file.segments["J1"].height == 1
    assert row(written, "ecoa_code") == ("2",)


def test_original_creditor_and_changed_numbers() -> None:
    new = pl.DataFrame([("north", "l1", "N-1", None), ("north", "l2", "N-2", "NEWCO")], schema=RENUMBERED, orient="row")
    written = told(account(lender_id="South Bank"), *TWO[1:], renumbered=new)
    assert written.file.segments["K1"].select("original_creditor_name", "creditor_classification").unique().rows() == [
        ("SOUTH BANK", "12")
    ]
    changes = (
        written.file.segments["L1"]
        .select("change_indicator", "new_consumer_account_number", "new_identification_number")
        .rows()
    )
    assert changes == [("1", "N-1", None), ("3", "N-2", "NEWCO")]
    assert told(*TWO).file.segments["K1"].is_empty()


def test_a_correction_has_the_changed_records_alone() -> None:
    sent = told(*TWO)
    late = deliver(payment("2026-09-20", 4000, loan="l1"), "2026-10-03")
    tables = tables_of([*TWO, late])
    only = pl.DataFrame({"source": ["north"], "loan_id": ["l1"]})
    beside = Beside(only=only, is_correction=True)
    correction = file_of(tables, PEOPLE, POLICY, DAY, made_on=MADE_ON, beside=beside)
    assert correction.base.select("loan_id", "correction_indicator", "current_balance").rows() == [("l1", "1", 60)]
    assert sent.base["correction_indicator"].to_list() == ["0", "0"]


def test_a_loan_is_deleted_while_the_tables_know_it() -> None:
    paid = (account(), installment(1, "2026-08-10", 10000), payment("2026-08-10", 10000))
    assert told(*paid).base.is_empty()
    for code in ("DA", "DF"):
        rows = pl.DataFrame([("north", "l", code)], schema=DELETIONS_SCHEMA, orient="row")
        written = told(*paid, deletions=rows)
        assert row(written, "account_status", "payment_rating", "special_comment") == (code, None, None)
        assert written.file.trailer[f"status_{code.lower()}_total"].to_list() == [1]


def test_a_loan_that_the_tables_forgot_is_deleted_as_it_was_sent() -> None:
    sent = told(*TWO)
    withdrawn = deleted(TWO[1], "2026-10-03")
    tables = tables_of([*TWO, withdrawn])
    now = file_of(tables, PEOPLE, POLICY, DAY, made_on=MADE_ON)
    assert now.base["loan_id"].to_list() == ["l2"]
    away = sent.base.filter(loan_id="l1")
    beside = Beside(
        only=now.base.clear().select("source", "loan_id"), sent=deletions_of(away, "DA", DAY), is_correction=True
    )
    written = file_of(tables, PEOPLE, POLICY, DAY, made_on=MADE_ON, beside=beside)
    assert row(written, "loan_id", "account_status", "current_balance", "surname") == ("l1", "DA", 100, "ROE")
    (sums,) = written.reconciliation.to_dicts()
    assert (sums["given_count"], sums["given_cents"], sums["written_cents"]) == (1, 10000, 10000)
    assert read(split(written.content)).base["account_status"].to_list() == ["DA"]
    with pytest.raises(ValueError, match="97 deletes nothing"):
        deletions_of(away, "97", DAY)


def test_a_record_that_breaks_a_rule_that_must_hold_refuses_the_file() -> None:
    """A number of 31 characters does not fit; a number that two sources of one reporter share stands twice."""
    long = "L" * 31
    with pytest.raises(Refused, match=f"1 records break a rule .* {long}: Every value fits") as refused:
        told(account(), installment(1, "2026-10-10", 100, loan=long))
    assert "fits" in refused.value.violations["rule"].to_list()
    south = filed(
        "accounts",
        "2026-01-01",
        account_id="a",
        customer_id="c",
        product_code="pay",
        opened_date=date(2026, 1, 1),
        credit_limit_cents=0,
    )
    twice = [Message("south", message.feed, message.business_date, message.row) for message in (south, TWO[2])]
    one_number = POLICY.model_copy(update={"sharing": BY_ACCOUNT.sharing})
    with pytest.raises(Refused, match=r"2 records break .* l2: An account stands once"):
        told(*TWO, *twice, policy=one_number)
    assert told(*TWO, *twice).base["identification_number"].to_list() == ["NORTH", "NORTH", "SOUTH"]


def test_tables_of_another_day_are_refused() -> None:
    tables = tables_of(TWO)
    with pytest.raises(ValueError, match="not 2026-08-31"):
        file_of(tables, PEOPLE, POLICY, date(2026, 8, 31), made_on=DAY)


def test_other_currencies_are_another_file() -> None:
    dollars = POLICY.model_copy(update={"currency": "USD"})
    written = told(account(currency="CNY"), *TWO[1:], policy=dollars)
    assert (written.base.height, written.reconciliation["currency"].to_list()) == (0, ["USD"])


def test_interest_to_come_is_part_of_the_balance_where_the_policy_says_so() -> None:
    loan = (account(), installment(1, "2026-10-10", 10000, interest=500))
    with_it = Policy(
        version="test", products=POLICY.products, sharing=SharingPolicy(metro2=Metro2Policy(balance_to_come=True))
    )
    assert row(told(*loan), "current_balance") == (100,)
    assert row(told(*loan, policy=with_it), "current_balance") == (105,)


def test_a_reversed_payment_is_no_payment() -> None:
    money = payment("2026-09-20", 4000, loan="l1", name="p")
    back = repayment("reversal", "2026-09-21", 4000, loan="l1", of="p")
    assert row(told(*TWO, money, back), "actual_payment", "current_balance") == (0, 100)
