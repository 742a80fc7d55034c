"""Portfolio at risk: which loans count, and where each edge lies."""

from __future__ import annotations

from datetime import date

from transforms.aggregates.portfolio import bucket_cells, buckets
from transforms.aggregates.slices import started

from .frames import account, loan, only, published, settled, tables, told, values, whole

AT = "2026-06-15"
RATES = "par1_rate par30_rate par60_rate par90_rate npl_rate"


def test_each_rate_begins_one_day_after_its_edge() -> None:
    days = (0, 1, 30, 31, 60, 61, 90, 91)
    loans = [loan(f"l{dpd}", principal=100, dpd=dpd) for dpd in days]
    row = only(told("portfolio", account(), *loans, at=AT))
    assert row["outstanding_principal_cents"] == 800
    assert values(row, RATES) == (7 / 8, 5 / 8, 3 / 8, 1 / 8, 0)


def test_class_three_and_worse_does_not_perform() -> None:
    loans = [loan(f"l{tier}", principal=100 * tier, five_tier=tier) for tier in (1, 2, 3, 4, 5)]
    assert only(told("portfolio", account(), *loans, at=AT))["npl_rate"] == 1200 / 1500


def test_charged_off_and_settled_loans_are_left_out_and_loans_in_credit_count() -> None:
    off = loan("off", principal=500, dpd=200, charged_off_on="2026-05-01", charged_off_cents=500)
    paid = settled("paid")
    overpaid = settled("overpaid", remaining_cents=-5)
    # what is left within the tolerance ends a charge-off: something remains, so the loan is in the book
    ended = loan("ended", principal=3, is_settled=True, charged_off_on="2026-05-01")
    unsettled = loan("unsettled", principal=0, remaining_cents=0, is_settled=False)
    rows = told("portfolio", account(), loan(principal=100), off, paid, overpaid, ended, unsettled, at=AT)
    assert values(only(rows), "loan_count account_count outstanding_principal_cents par1_rate") == (4, 1, 103, 0)


def test_every_combination_has_its_row_and_accounts_without_loans_count_their_flags() -> None:
    rows = told(
        "portfolio",
        account("a", is_in_credit=True, is_over_limit=True),
        account("b", "line", region=None),
        account("z", currency="INR"),
        loan(principal=100, past_due_cents=7),
        loan("m", principal=50, account_id="b"),
        at=AT,
    )
    # one lender and ALL; pay in the east, line elsewhere, and ALL of either or both
    assert len([row for row in rows if row["currency"] == "CNY"]) == 2 * (2 + 2 + 2 + 1)
    total = only(rows, currency="CNY")
    assert values(total, "loan_count account_count past_due_cents in_credit_count over_limit_count") == (2, 2, 7, 1, 1)
    assert only(rows, currency="CNY", region_code="unknown")["outstanding_principal_cents"] == 50
    idle = only(rows, currency="INR")
    assert values(idle, f"loan_count outstanding_principal_cents {RATES}") == (0, 0, None, None, None, None, None)


def test_a_loan_is_where_its_account_is_on_the_day() -> None:
    moved = loan(principal=100, lender_id="south", product_code="line", currency="INR")
    (row,) = whole(told("portfolio", account(), moved, at=AT), lender_id="north", product_code="pay")
    assert values(row, "currency outstanding_principal_cents") == ("CNY", 100)


def test_buckets_hold_what_the_portfolio_holds() -> None:
    said = [
        account(),
        account("b", "line"),
        loan("l", principal=100),
        loan("m", principal=50, bucket="M2", dpd=40, past_due_cents=20),
        loan("n", principal=30, bucket="M2", dpd=40, past_due_cents=5, account_id="b"),
    ]
    rows = told("buckets", *said, at=AT)
    figures = "product_code bucket loan_count outstanding_principal_cents past_due_cents"
    assert [values(row, figures) for row in rows] == [
        ("ALL", "M0", 1, 100, 0),
        ("ALL", "M2", 2, 80, 25),
        ("line", "M2", 1, 30, 5),
        ("pay", "M0", 1, 100, 0),
        ("pay", "M2", 1, 50, 20),
    ]
    assert {row["as_of"] for row in rows} == {date(2026, 6, 15)}


def test_no_loans_give_no_buckets() -> None:
    said = published(tables([account()], AT))
    loans = started(said.loan_status, said.account_status, said.loans).lazy()
    assert buckets(bucket_cells(loans)).collect().is_empty()
