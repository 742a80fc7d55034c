"""Metro 2 files of random books: what is written is read back, every rule holds, every cent is accounted for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.slow.deliveries import Delivery
from tests.slow.strategies import histories, policies
from tests.transforms.working import kept
from transforms.bureau.metro2_file import IDENTITIES, Beside, Written, file_of
from transforms.bureau.metro2_records import read, split
from transforms.bureau.metro2_rules import check_form
from transforms.months import next_month_end
from transforms.policy import Policy

WAITS = (0, 35, 120)


def with_metro2(policy: Policy, grain: str) -> Policy:
    """The policy, its products told of by loan or by account."""
    kind = {"loan": "I", "account": "R"}[grain]
    products = {
        code: rules.model_copy(update={"metro2_grain": grain, "metro2_portfolio_type": kind})
        for code, rules in policy.products.items()
    }
    return policy.model_copy(update={"products": products})


def nobody() -> pl.DataFrame:
    return pl.DataFrame(schema=IDENTITIES)


@dataclass(frozen=True)
class Book:
    """The tables of a random book at a month-end."""

    tables: dict[str, pl.DataFrame] = field(repr=False)
    policy: Policy = field(repr=False)
    month_end: date
    deliveries: list[Delivery]


@st.composite
def books(draw: st.DrawFn) -> Book:
    """A random book."""
    deliveries: list[Delivery] = draw(histories())
    policy = with_metro2(draw(policies()), draw(st.sampled_from(("loan", "account"))))
    last = max(delivery.business_date for delivery in deliveries) + timedelta(days=draw(st.sampled_from(WAITS)))
    month_end = next_month_end(last - timedelta(days=1))
    return Book(kept(deliveries, policy, month_end).tables, policy, month_end, deliveries)


@given(books(), st.data())
@settings(max_examples=settings().max_examples // 5)  # a whole book each
def test_a_file_is_read_back_as_it_was_made_and_adds_up(book: Book, data: st.DataObject) -> None:
    tables, policy, month_end = book.tables, book.policy, book.month_end
    loans = tables["status.loan_status"].select("source", "loan_id")
    only = data.draw(st.none() | st.lists(st.booleans(), min_size=loans.height, max_size=loans.height))
    beside = Beside(only=None if only is None else loans.filter(pl.Series(only, dtype=pl.Boolean)))
    written = file_of(tables, nobody(), policy, month_end, made_on=month_end, beside=beside)
    rows = split(written.content)
    again = read(rows)
    assert again.unreadable.is_empty()
    assert_frame_equal(again.header, written.file.header)
    assert_frame_equal(again.base, written.file.base)
    assert_frame_equal(again.trailer, written.file.trailer)
    for name, part in written.file.segments.items():
        assert_frame_equal(again.segments[name], part)
    assert check_form(again, rows).is_empty()
    adds_up(written, tables, policy)


def adds_up(written: Written, tables: dict[str, pl.DataFrame], policy: Policy) -> None:
    """Records and cents of the warehouse are those in the file and those left out."""
    (sums,) = written.reconciliation.to_dicts()
    for what in ("count", "cents"):
        parts = [sums[f"{kind}_{what}"] for kind in ("held_back", "gone_before", "told")]
        assert sums[f"warehouse_{what}"] == sum(parts)
    assert (
        sums["written_cents"]
        == sums["told_cents"]
        - sums["to_come_cents"]
        + sums["in_credit_cents"]
        - sums["let_go_cents"]
        - sums["cut_cents"]
        + sums["given_cents"]
    )
    assert sums["written_cents"] == written.file.base["current_balance"].sum() * 100
    assert sums["told_count"] + sums["given_count"] == written.file.base.height
    assert sums["warehouse_cents"] == warehouse(tables, policy)


def warehouse(tables: dict[str, pl.DataFrame], policy: Policy) -> int:
    """What remains by the published status: of loans, or of accounts with a loan that has started."""
    by_loan, accounts = 0, set()
    for row in tables["status.loan_status"].filter(currency=policy.currency).to_dicts():
        if policy.product(row["product_code"]).metro2_grain == "loan":
            by_loan += int(row["remaining_cents"])
        else:
            accounts.add((row["source"], row["account_id"]))
    remaining = tables["status.account_status"].select("source", "account_id", "remaining_cents").rows()
    return by_loan + sum(int(cents) for source, account, cents in remaining if (source, account) in accounts)
