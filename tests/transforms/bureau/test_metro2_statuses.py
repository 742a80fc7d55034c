"""What each loan is told as in Metro 2, by hand: one book at the end of September 2026, one loan for each case."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from tests.slow.deliveries import Message, pack
from tests.slow.ledgers import POLICY, account, filed, installment, repayment
from tests.transforms.working import kept
from transforms.bureau.metro2_codes import DELETIONS, STATUSES
from transforms.bureau.metro2_facts import MILESTONES
from transforms.bureau.metro2_fields import BASE, SEGMENTS
from transforms.bureau.metro2_file import IDENTITIES, Beside, Written, file_of
from transforms.bureau.metro2_reconciliation import Unreconciled, account_of

DAY = date(2026, 9, 30)
PEOPLE = pl.DataFrame(
    {
        "source": "north",
        "customer_id": "c",
        "name": "Ann Mary Roe Jr",
        "id_type": "ssn",
        "id_number": "123-45-6789",
        "birth_date": date(1990, 2, 28),
        "phone": "5551234567",
        "address": "12 Very Long Boulevard of the Republic, Flat 3",
        "city": "Springfield",
        "state_code": "IL",
        "postal_code": "62701",
    },
    schema=IDENTITIES,
)


def due(
    loan: str, on: str, principal: int = 12345, number: int = 1, *, interest: int = 0, plan: str | None = None
) -> Message:
    return installment(number, on, principal, interest, loan=loan, ordered="2026-01-20", plan=plan)


def paid(loan: str, on: str, amount: int = 12345, kind: str = "payment") -> Message:
    return repayment(kind, on, amount, loan=loan, name=f"{kind} {loan} {on}")


def event(loan: str, kind: str, on: str, **more: object) -> Message:
    return filed(
        "events",
        "2026-01-01",
        event_id=f"{kind} {loan} {on}",
        account_id="a",
        kind=kind,
        event_date=date.fromisoformat(on),
        loan_id=loan,
        **more,
    )


UNTIL: dict[str, object] = {"until_date": date(2026, 10, 15)}
LEDGER: tuple[Message, ...] = (
    account(),
    due("current", "2026-10-10"),
    *(
        due(f"days {days:03}", on)
        for days, on in ((29, "2026-09-01"), (30, "2026-08-31"), (59, "2026-08-02"), (60, "2026-08-01"))
    ),
    *(due(f"days {days:03}", on) for days, on in ((89, "2026-07-03"), (90, "2026-07-02"), (120, "2026-06-02"))),
    *(due(f"days {days:03}", on) for days, on in ((150, "2026-05-03"), (180, "2026-04-03"))),
    due("old and young", "2026-08-26", 10050),
    due("old and young", "2026-09-25", 10050, 2),
    due("interest to come", "2026-10-10", 10000, interest=500),
    due("paid", "2026-09-10"),
    paid("paid", "2026-09-10"),
    due("paid late", "2026-07-20"),
    paid("paid late", "2026-09-05"),
    due("paid in August", "2026-08-10"),
    paid("paid in August", "2026-08-10"),
    due("overpaid", "2026-09-10"),
    paid("overpaid", "2026-09-10", 17345),
    due("let off", "2026-09-10"),
    paid("let off", "2026-09-10", 10000),
    paid("let off", "2026-09-12", 2345, "waiver"),
    due("charged off", "2026-03-01"),
    event("charged off", "charge_off", "2026-09-15"),
    due("charged off and paid", "2026-03-01"),
    event("charged off and paid", "charge_off", "2026-08-15"),
    paid("charged off and paid", "2026-09-20", kind="recovery"),
    due("charged off in August", "2026-03-01"),
    event("charged off in August", "charge_off", "2026-08-15"),
    paid("charged off in August", "2026-09-03", 345),
    due("charged off early", "2026-09-25"),
    event("charged off early", "charge_off", "2026-09-28"),
    due("charged off of cents", "2026-08-31", 99),
    event("charged off of cents", "charge_off", "2026-09-15"),
    due("deferred", "2026-09-10"),
    event("deferred", "deferral", "2026-09-05", **UNTIL),
    due("flooded", "2026-09-10"),
    event("flooded", "deferral", "2026-09-05", note="Flood disaster of September", **UNTIL),
    due("agreed", "2026-07-02"),
    paid("agreed", "2026-09-05", 1000),
    event("agreed", "plan_offered", "2026-09-05", **UNTIL),
    due("planned anew", "2026-09-25"),
    due("planned anew", "2026-12-25", plan="2026-09-20"),
    event("planned anew", "restructure", "2026-09-20"),
    due("disputed", "2026-10-10"),
    event("disputed", "dispute_opened", "2026-09-20"),
    *(due(f"dispute {how}", "2026-10-10") for how in ("over", "lost", "withdrawn", "over in August")),
    event("dispute over", "dispute_closed", "2026-09-20"),
    event("dispute lost", "dispute_closed", "2026-09-20", note="Customer disagrees."),
    event("dispute withdrawn", "dispute_closed", "2026-09-20", note="Withdrawn by the customer"),
    event("dispute over in August", "dispute_closed", "2026-08-20"),
    due("in kind", "2026-07-02"),
    event("in kind", "settled_in_kind", "2026-09-10"),
    *(
        due(f"{kind} owed", "2026-05-03")
        for kind in ("collection", "repossession", "foreclosure", "claim_filed", "deed_in_lieu")
    ),
    *(
        due(f"{kind} paid", "2026-05-03")
        for kind in ("collection", "repossession", "foreclosure", "claim_filed", "voluntary_surrender")
    ),
    *(
        paid(f"{kind} paid", "2026-09-05")
        for kind in ("collection", "repossession", "foreclosure", "claim_filed", "voluntary_surrender")
    ),
    due("sold", "2026-07-02"),
    due("transferred", "2026-10-10"),
    due("sold in August", "2026-07-02"),
)
STAGES: list[dict[str, object]] = [
    {"loan_id": f"{kind} {how}", "kind": kind, "event_date": date(2026, 7, 15)}
    for kind in ("collection", "repossession", "foreclosure", "claim_filed", "deed_in_lieu", "voluntary_surrender")
    for how in ("owed", "paid")
]
MOVED: list[dict[str, object]] = [
    {"loan_id": "sold", "kind": "sold", "event_date": date(2026, 9, 20), "counterparty": "South Debt Ltd"},
    {"loan_id": "transferred", "kind": "transferred", "event_date": date(2026, 9, 21)},
    {"loan_id": "sold in August", "kind": "sold", "event_date": date(2026, 8, 20), "counterparty": "South Debt Ltd"},
    {"loan_id": "current", "kind": "purchased", "event_date": date(2026, 2, 1), "counterparty": "West Bank"},
]
FIELDS = (
    "account_status",
    "payment_rating",
    "current_balance",
    "amount_past_due",
    "original_charge_off_amount",
    "date_of_first_delinquency",
    "date_closed",
)
SEPTEMBER = {n: date(2026, 9, n) for n in range(1, 31)}
SURRENDER = date(2026, 6, 2)
"""First 30 days late of what was due on 3 May."""
EXPECTED: dict[str, tuple[object, ...]] = {
    "current": ("11", None, 123, 0, 0, None, None),
    "days 029": ("11", None, 123, 0, 0, None, None),
    "days 030": ("71", None, 123, 123, 0, SEPTEMBER[30], None),
    "days 059": ("71", None, 123, 123, 0, SEPTEMBER[1], None),
    "days 060": ("78", None, 123, 123, 0, date(2026, 8, 31), None),
    "days 089": ("78", None, 123, 123, 0, date(2026, 8, 2), None),
    "days 090": ("80", None, 123, 123, 0, date(2026, 8, 1), None),
    "days 120": ("82", None, 123, 123, 0, date(2026, 7, 2), None),
    "days 150": ("83", None, 123, 123, 0, SURRENDER, None),
    "days 180": ("84", None, 123, 123, 0, date(2026, 5, 3), None),
    # 201.00 is owed, of which the item of 25 September is late but not by 30 days
    "old and young": ("71", None, 201, 100, 0, SEPTEMBER[25], None),
    "interest to come": ("11", None, 100, 0, 0, None, None),
    "paid": ("13", "0", 0, 0, 0, None, SEPTEMBER[10]),
    "paid late": ("13", "1", 0, 0, 0, date(2026, 8, 19), SEPTEMBER[5]),
    "overpaid": ("13", "0", 0, 0, 0, None, SEPTEMBER[10]),
    "let off": ("13", "0", 0, 0, 0, None, SEPTEMBER[12]),
    "charged off": ("97", None, 123, 123, 123, date(2026, 3, 31), None),
    "charged off and paid": ("64", None, 0, 0, 123, date(2026, 3, 31), SEPTEMBER[20]),
    "charged off in August": ("97", None, 120, 120, 123, date(2026, 3, 31), None),
    "charged off early": ("97", None, 123, 0, 123, SEPTEMBER[28], None),
    "charged off of cents": ("71", None, 0, 0, 0, SEPTEMBER[30], None),
    "deferred": ("11", None, 123, 0, 0, None, None),
    "flooded": ("11", None, 123, 0, 0, None, None),
    "agreed": ("80", None, 113, 113, 0, date(2026, 8, 1), None),
    "planned anew": ("11", None, 123, 0, 0, None, None),
    **dict.fromkeys(
        ("disputed", "dispute over", "dispute lost", "dispute withdrawn", "dispute over in August"),
        ("11", None, 123, 0, 0, None, None),
    ),
    "in kind": ("95", "3", 123, 123, 0, date(2026, 8, 1), None),
    "collection owed": ("93", None, 123, 123, 0, SURRENDER, None),
    "repossession owed": ("96", None, 123, 123, 0, SURRENDER, None),
    "foreclosure owed": ("94", "5", 123, 123, 0, SURRENDER, None),
    "claim_filed owed": ("88", "5", 123, 123, 0, SURRENDER, None),
    "deed_in_lieu owed": ("89", "5", 123, 123, 0, SURRENDER, None),
    "collection paid": ("62", None, 0, 0, 0, SURRENDER, SEPTEMBER[5]),
    "repossession paid": ("63", None, 0, 0, 0, SURRENDER, SEPTEMBER[5]),
    "foreclosure paid": ("65", "4", 0, 0, 0, SURRENDER, SEPTEMBER[5]),
    "voluntary_surrender paid": ("61", None, 0, 0, 0, SURRENDER, SEPTEMBER[5]),
    "claim_filed paid": ("13", "4", 0, 0, 0, SURRENDER, SEPTEMBER[5]),
    "sold": ("05", "3", 0, 0, 0, date(2026, 8, 1), SEPTEMBER[20]),
    "transferred": ("05", "0", 0, 0, 0, None, SEPTEMBER[21]),
}
COMMENTS = {
    "sold": "O",
    "transferred": "O",
    "let off": "AU",
    "flooded": "AW",
    "deferred": "CP",
    "planned anew": "CO",
    "agreed": "AC",
    # never paid, and the first instalment more than 30 days late
    **dict.fromkeys(
        ("days 059", "days 060", "days 089", "days 090", "days 120", "days 150", "days 180", "old and young"), "AV"
    ),
    **dict.fromkeys((name for name in EXPECTED if name.endswith(" owed")), "AV"),
    **dict.fromkeys(("in kind", "charged off"), "AV"),
}
COMPLIANCE = {"disputed": "XB", "dispute over": "XH", "dispute lost": "XC", "dispute withdrawn": "XR"}


@pytest.fixture(scope="module")
def written() -> Written:
    """The file of September."""
    milestones = pl.DataFrame([{"source": "north", **row} for row in (*STAGES, *MOVED)], schema=MILESTONES)
    tables = kept(pack(LEDGER), POLICY, DAY).tables
    known = milestones.join(tables["core.loans"], on=["source", "loan_id"], how="semi")
    return file_of(tables, PEOPLE, POLICY, DAY, made_on=date(2026, 10, 2), beside=Beside(milestones=known))


def told(written: Written, *names: str) -> dict[str, Any]:
    rows = written.base.select("loan_id", *names).rows()
    return {loan: rest if len(rest) > 1 else rest[0] for loan, *rest in rows}


@pytest.mark.parametrize("loan", EXPECTED)
def test_a_loan_is_told_as_it_stands(written: Written, loan: str) -> None:
    assert tuple(told(written, *FIELDS)[loan]) == EXPECTED[loan]


def test_what_ended_before_the_month_is_not_told_again(written: Written) -> None:
    assert set(written.base["loan_id"]) == set(EXPECTED)
    assert written.reconciliation["gone_before_count"].to_list() == [2]


def test_special_comments(written: Written) -> None:
    found = told(written, "special_comment")
    assert {loan: code for loan, code in found.items() if code} == COMMENTS


def test_compliance_codes(written: Written) -> None:
    found = told(written, "compliance_condition_code")
    assert {loan: code for loan, code in found.items() if code} == COMPLIANCE


def test_histories_begin_with_the_month_before(written: Written) -> None:
    found = told(written, "payment_history_profile")
    none = "B" * 24
    assert found["current"] == "00000000" + none[8:]  # open since 20 January: August back to January
    assert found["days 090"] == "20000000" + none[8:]  # due on 2 July: 60 days late on 31 August, 29 on 31 July
    assert found["paid"] == "00000000" + none[8:]
    assert found["charged off in August"] == "L5432100" + none[8:]
    # in collection since 15 July
    assert found["collection owed"] == "GG100000" + none[8:]
    assert found["repossession paid"] == "KK100000" + none[8:]


def test_dates_terms_and_payments(written: Written) -> None:
    found = told(
        written, "date_of_account_information", "date_of_last_payment", "actual_payment", "scheduled_monthly_payment"
    )
    assert found["current"] == [DAY, None, 0, 123]
    assert found["paid late"] == [SEPTEMBER[5], SEPTEMBER[5], 123, 0]
    assert found["old and young"] == [DAY, None, 0, 100]
    assert found["charged off in August"] == [DAY, SEPTEMBER[3], 3, 0]
    terms = told(written, "terms_duration", "terms_frequency", "highest_credit", "date_opened", "portfolio_type")
    assert terms["current"] == ["001", "P", 123, date(2026, 1, 20), "I"]
    assert terms["old and young"] == ["002", "M", 201, date(2026, 1, 20), "I"]
    assert terms["deferred"] == ["001", "D", 123, date(2026, 1, 20), "I"]


def test_segments_behind(written: Written) -> None:
    line = dict(written.base.select("line_number", "loan_id").rows())
    parts = {
        name: {line[row["line_number"]]: row for row in rows.to_dicts()}
        for name, rows in written.file.segments.items()
        if rows.height
    }
    assert set(parts) == {"K2", "K4"}
    assert {
        loan: (row["purchased_sold_indicator"], row["purchased_sold_name"]) for loan, row in parts["K2"].items()
    } == {
        "sold": ("2", "SOUTH DEBT LTD"),
        "current": ("1", "WEST BANK"),
    }
    assert {loan: row["deferred_payment_start_date"] for loan, row in parts["K4"].items()} == {
        "deferred": date(2026, 10, 16),
        "flooded": date(2026, 10, 16),
    }


def test_sums_by_hand(written: Written) -> None:
    """Overpaid by 50.00; cents are cut off every balance; 5.00 of interest is not due yet; two loans left with us."""
    (sums,) = written.reconciliation.to_dicts()
    owed = written.base.filter(pl.col("current_balance") > 0)
    assert sums["in_credit_cents"] == 5000
    assert sums["to_come_cents"] == 500
    assert sums["let_go_cents"] == 2 * 12345
    # 45 of 123.45 and of 113.45, nothing of 120.00, 201.00 and 100.00, all of 0.99
    whole = {"charged off in August", "old and young", "interest to come"}
    assert sums["cut_cents"] == 45 * owed.filter(~pl.col("loan_id").is_in(whole)).height + 99
    assert sums["written_cents"] == owed["current_balance"].sum() * 100


def test_sums_that_do_not_add_up_are_refused(written: Written) -> None:
    (sums,) = written.reconciliation.drop("currency").to_dicts()
    assert account_of(sums).startswith("Balances: ")
    for name in ("told_cents", "cut_cents", "written_cents", "held_back_count", "warehouse_cents"):
        with pytest.raises(Unreconciled, match="does not add up"):
            account_of({**sums, name: sums[name] + 1})


def test_only_warnings_are_left(written: Written) -> None:
    found = written.violations.select("consumer_account_number", "rule").rows()
    assert found == [("charged off of cents", "past_due_of_late")]


def test_every_status_but_deletions_is_reached(written: Written) -> None:
    assert set(written.base["account_status"]) == set(STATUSES) - set(DELETIONS)


def test_what_the_field_table_says_is_filled_is_filled_and_nothing_else(written: Written) -> None:
    filled = {name for name in BASE.names if written.base[name].count()}
    assert filled == {field.name for field in BASE.fields if field.source}
    for name, rows in written.file.segments.items():
        stays_blank = [field.name for field in SEGMENTS[name].fields if not field.source]
        assert all(rows[column].is_null().all() for column in stays_blank), name
