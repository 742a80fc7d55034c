"""Sendings of random books: nobody is told unlawfully, nobody is lost, and corrections lead to what is true today."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import cycle
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.slow.deliveries import Delivery
from tests.slow.strategies import histories, policies
from tests.transforms.working import kept
from transforms.bureau.metro2_file import IDENTITIES
from transforms.bureau.sending import LAYOUTS, Layout, corrections
from transforms.months import next_month_end
from transforms.policy import Policy
from transforms.sharing.lawful import Asked, negative
from transforms.sharing.sending_gate import Register, judge
from transforms.sharing.sent import KEY, SENT, Made, Month, adds_up, in_force, records
from transforms.tables import TABLES

OFTEN = st.integers(0, 5).map(bool)
EARLY = st.sampled_from((0, 1, -1))
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
    """A month as it was known when it was sent, and as it is known later, when some have withdrawn their consent."""
    deliveries: list[Delivery] = draw(histories())
    # Metro 2 tells of one currency: of one that is there
    currencies = {str(row["currency"]) for each in deliveries for row in each.rows if row.get("currency")}
    currency = draw(st.sampled_from(sorted(currencies) or ["CNY"]))
    policy: Policy = draw(policies()).model_copy(update={"currency": currency})
    month_end = next_month_end(max(each.business_date for each in deliveries))
    made_on = month_end + timedelta(days=draw(st.sampled_from((1, 40, 2500))))
    known = draw(st.integers(max(1, len(deliveries) - 3), len(deliveries)))
    agrees, is_told, stays = (draw(st.lists(OFTEN, min_size=5, max_size=5)) for _ in range(3))
    agreed = Agreed(agrees, is_told, stays, draw(EARLY))
    first = _told(deliveries[:known], policy, month_end, made_on, replace(agreed, stays=[True]))
    return first, _told(deliveries, policy, month_end, made_on + timedelta(days=5), agreed)


@dataclass(frozen=True)
class Agreed:
    """What customers said, one after the other and round again."""

    agrees: list[bool]
    is_told: list[bool]
    stays: list[bool]
    early: int
    """Days beyond those of the policy by which a notice comes before the sending."""


def _told(deliveries: list[Delivery], policy: Policy, month_end: date, made_on: date, said: Agreed) -> Told:
    tables = kept(deliveries, policy, month_end).tables
    loans = tables["core.loans"].select("source", "customer_id")
    accounts = tables["status.account_status"].select("source", "customer_id")
    customers = pl.concat([loans, accounts]).unique().sort("source", "customer_id").rows(named=True)
    consents, notices = [], []
    answers = zip(customers, cycle(said.agrees), cycle(said.is_told), cycle(said.stays), strict=False)
    for who, agrees, is_told, stays in answers:
        withdrawn = None if stays else made_on - timedelta(days=1)
        asked = {"recipient": "bureau" if agrees else "other", "purpose": "report"}
        consents.append({**who, **asked, "granted_date": date(2000, 1, 1), "withdrawn_date": withdrawn})
        if is_told:
            sent = made_on - timedelta(days=policy.sharing.notice_days + said.early)
            notices.append({**who, "loan_id": None, "sent_date": sent})
    people = [{**who, "name": "Ann Roe", "id_type": "resident_id", "id_number": "1"} for who in customers]
    month = Month(tables, pl.DataFrame(people, schema=IDENTITIES), month_end, made_on)
    return Told(month, policy, *(_frame(name, rows) for name, rows in (("consents", consents), ("notices", notices))))


def _frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = TABLES[f"core.{name}"].schema
    return pl.DataFrame([{column: row.get(column) for column in schema} for row in rows], schema=schema)


def test_sendings_of_random_books() -> None:
    assert sendings_of_random_books(settings().max_examples // 3)


@pytest.mark.slow
def test_sendings_of_many_random_books() -> None:
    seen = sendings_of_random_books(100)
    assert {"correction", "deletion", "no_notice", "no_consent", "consent_withdrawn"} <= seen.keys()


def sendings_of_random_books(books: int) -> Counter[str]:
    """How often subjects were corrected, deleted, or held back for each reason."""
    seen: Counter[str] = Counter()

    @settings(max_examples=books)
    @given(months())
    def look(both: tuple[Told, Told]) -> None:
        for layout, sender in LAYOUTS.items():
            reports: list[Made] = [sender.report(told.month, told.policy, told.judged(layout)) for told in both]
            for told, made in zip(both, reports, strict=True):
                nobody_is_lost_and_nobody_is_told_unlawfully(sender, told, made)
                seen.update(made.held_back["held_back_reason"])
            seen.update(the_recipient_has_what_is_true_today(layout, both[1], *reports))

    look()
    return seen


def nobody_is_lost_and_nobody_is_told_unlawfully(sender: Layout, told: Told, made: Made) -> None:
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


def the_recipient_has_what_is_true_today(layout: str, now: Told, report: Made, fresh: Made) -> list[str]:
    """Whoever follows the corrections has of each subject what a report of today would say, or nothing; the actions."""
    sender, judged = LAYOUTS[layout], now.judged(layout)
    sent = report.sent.with_columns(sending_no=pl.lit(1, pl.Int32))
    made = corrections(sender, now.month, now.policy, judged, sent, NEVER, NOBODY)
    changes = (made.sent if made else sent.clear()).select(SENT.keys()).with_columns(sending_no=pl.lit(2, pl.Int32))
    assert made is None or made.held_back.is_empty()
    both = pl.concat([sent.select(changes.columns), changes])
    held = in_force(both).sort(KEY, nulls_last=True)
    expected = fresh.sent.join(held, on=KEY, how="semi", nulls_equal=True).sort(KEY, nulls_last=True)
    told = held.join(expected, on=KEY, how="semi", nulls_equal=True).sort(KEY, nulls_last=True)
    assert told.select(KEY).rows() == expected.select(KEY).rows()
    assert records(told, sender.SAYS).rows() == records(expected, sender.SAYS).rows()
    unlawful = judged.filter(pl.col("reasons").list.len() > 0).select(KEY)
    assert held.join(unlawful, on=KEY, how="semi", nulls_equal=True).is_empty()
    assert set(changes["action"]) <= {"correction", "deletion"}
    assert corrections(sender, now.month, now.policy, judged, both, NEVER, NOBODY) is None
    actions: list[str] = changes["action"].to_list()
    return actions
