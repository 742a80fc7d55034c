"""Sendings of random books: nobody is told unlawfully, nobody is lost, and corrections lead to what is true today."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.slow.deliveries import Delivery
from tests.slow.strategies import histories, policies
from tests.transforms.working import kept
from transforms.bureau import metro2_sending, pboc_sending
from transforms.bureau.metro2_file import IDENTITIES
from transforms.months import next_month_end
from transforms.policy import Policy
from transforms.sharing.lawful import Asked, negative
from transforms.sharing.sending_gate import Register, judge
from transforms.sharing.sent import KEY, SENT, Made, Month, adds_up, in_force, records
from transforms.tables import TABLES

LAYOUTS: dict[str, Any] = {"metro2": metro2_sending, "pboc": pboc_sending}
SOME = settings(max_examples=settings().max_examples * 2 // 3)
"""Two books each."""
OFTEN = st.integers(0, 9).map(bool)
NOBODY = pl.DataFrame(schema={name: pl.String() for name in KEY})
NEVER = pl.DataFrame(schema={"source": pl.String, "loan_id": pl.String, "cause": pl.String, "run_no": pl.Int32})


@dataclass(frozen=True)
class Told:
    """A month as it is known at some time, and who agreed by then."""

    month: Month
    policy: Policy
    consents: pl.DataFrame
    notices: pl.DataFrame

    def judged(self, layout: str) -> pl.DataFrame:
        """Every loan and account with its reasons to be held back."""
        register = Register(self.consents, self.notices, NOBODY)
        asked = Asked("bureau", "report", self.month.made_on)
        rules, history = self.policy.sharing, LAYOUTS[layout].HISTORY
        return judge(self.month.tables, register, rules, asked, self.month.month_end, history)


@st.composite
def months(draw: st.DrawFn) -> tuple[Told, Told]:
    """A month as it was known when it was sent, and as it is known later."""
    deliveries: list[Delivery] = draw(histories())
    policy: Policy = draw(policies())
    month_end = next_month_end(max(each.business_date for each in deliveries))
    made_on = month_end + timedelta(days=draw(st.sampled_from((1, 40, 2500))))
    known = draw(st.integers(1, len(deliveries)))
    first = _told(draw, deliveries[:known], policy, month_end, made_on)
    return first, _told(draw, deliveries, policy, month_end, made_on + timedelta(days=5))


def _told(draw: st.DrawFn, deliveries: list[Delivery], policy: Policy, month_end: date, made_on: date) -> Told:
    tables = kept(deliveries, policy, month_end).tables
    # Metro 2 tells of one currency: of one that is there
    currencies = tables["status.account_status"]["currency"].unique().sort().to_list()
    policy = policy.model_copy(update={"currency": draw(st.sampled_from(currencies or [policy.currency]))})
    loans = tables["core.loans"].select("source", "customer_id")
    accounts = tables["status.account_status"].select("source", "customer_id")
    customers = pl.concat([loans, accounts]).unique().sort("source", "customer_id").rows(named=True)
    consents, notices = [], []
    for who in customers:
        if draw(OFTEN):
            withdrawn = None if draw(OFTEN) else made_on - timedelta(days=1)
            asked = {"recipient": "bureau" if draw(OFTEN) else "other", "purpose": "report"}
            consents.append({**who, **asked, "granted_date": date(2000, 1, 1), "withdrawn_date": withdrawn})
        if draw(OFTEN):
            early = draw(st.sampled_from((policy.sharing.notice_days, policy.sharing.notice_days + 1, 5)))
            notices.append({**who, "loan_id": None, "sent_date": made_on - timedelta(days=early)})
    people = [{**who, "name": "Ann Roe", "id_type": "resident_id", "id_number": "1"} for who in customers]
    month = Month(tables, pl.DataFrame(people, schema=IDENTITIES), month_end, made_on)
    return Told(month, policy, *(_frame(name, rows) for name, rows in (("consents", consents), ("notices", notices))))


def _frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = TABLES[f"core.{name}"].schema
    return pl.DataFrame([{column: row.get(column) for column in schema} for row in rows], schema=schema)


def test_sendings_of_random_books() -> None:
    seen: Counter[str] = Counter()

    @SOME
    @given(months())
    def look(both: tuple[Told, Told]) -> None:
        for layout, sender in LAYOUTS.items():
            for told in both:
                made: Made = sender.report(told.month, told.policy, told.judged(layout))
                nobody_is_lost_and_nobody_is_told_unlawfully(sender, told, made)
                seen.update(f"{layout} {reason}" for reason in made.held_back["held_back_reason"])
            seen.update(f"{layout} {action}" for action in the_recipient_has_what_is_true_today(layout, *both))

    look()
    meant = ("correction", "deletion", "no_notice", "no_consent", "consent_withdrawn")
    assert {f"{layout} {word}" for layout in LAYOUTS for word in meant} <= seen.keys()


def nobody_is_lost_and_nobody_is_told_unlawfully(sender: Any, told: Told, made: Made) -> None:  # noqa: ANN401 - a module
    assert adds_up(sender.subjects(told.month, told.policy), made)
    assert made.held_back["held_back_reason"].null_count() == 0
    agreed = {
        (row["source"], row["customer_id"])
        for row in told.consents.rows(named=True)
        if row["recipient"] == "bureau"
        and (row["withdrawn_date"] is None or row["withdrawn_date"] > told.month.made_on)
    }
    owners = told.month.tables["core.loans"].select("source", "loan_id", "account_id", "customer_id").rows(named=True)
    bad = {(row["source"], row["loan_id"]): row for row in negative(told.month.tables, told.month.month_end).to_dicts()}
    in_time = {
        (row["source"], row["customer_id"]): row["sent_date"]
        for row in told.notices.rows(named=True)
        if row["sent_date"] + timedelta(days=told.policy.sharing.notice_days) <= told.month.made_on
    }
    for source, account, loan in made.sent.select(KEY).rows():
        for row in owners:
            if row["source"] == source and (row["loan_id"] == loan or (loan is None and row["account_id"] == account)):
                who = (source, row["customer_id"])
                assert who in agreed
                spell = bad.get((source, row["loan_id"]))
                if spell is not None and spell["ended_on"] is None:
                    assert in_time.get(who, date.min) >= spell["began_on"]


def the_recipient_has_what_is_true_today(layout: str, first: Told, now: Told) -> list[str]:
    """Whoever follows the corrections has of each subject what a report of today would say, or nothing; the actions."""
    sender = LAYOUTS[layout]
    report: Made = sender.report(first.month, first.policy, first.judged(layout))
    sent = report.sent.with_columns(sending_no=pl.lit(1, pl.Int32))
    made: Made = sender.corrections(now.month, now.policy, now.judged(layout), sent, NEVER, NOBODY)
    changes = made.sent.with_columns(sending_no=pl.lit(2, pl.Int32))
    held = in_force(pl.concat([sent, changes]).select(*SENT, "sending_no")).sort(KEY, nulls_last=True)
    today: pl.DataFrame = sender.report(now.month, now.policy, now.judged(layout)).sent
    says = sender.SAYS
    expected = today.join(held, on=KEY, how="semi", nulls_equal=True).sort(KEY, nulls_last=True)
    told = held.join(expected, on=KEY, how="semi", nulls_equal=True).sort(KEY, nulls_last=True)
    assert told.select(KEY).rows() == expected.select(KEY).rows()
    assert records(told, says).rows() == records(expected, says).rows()
    lawful = now.judged(layout).filter(pl.col("reasons").list.len() > 0).select(KEY)
    assert held.join(lawful, on=KEY, how="semi", nulls_equal=True).is_empty()
    assert set(changes["action"]) <= {"correction", "deletion"}
    again: Made = sender.corrections(
        now.month, now.policy, now.judged(layout), pl.concat([sent, changes]), NEVER, NOBODY
    )
    assert again.is_empty
    actions: list[str] = changes["action"].to_list()
    return actions
