"""Asking after one account, loan or customer: as known then is as published then, as corrected since is today's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from unittest import mock

import polars as pl
import pytest

from flows import demo
from flows.errors import WrongUse
from flows.inspecting import Answer, Question, explain, status
from flows.stores.tables import read
from flows.stores.warehouse import Warehouse
from tests.nights import Bank

ROOT = Path(__file__).parents[2]
TABLES = ("status.loan_status", "status.account_status", "status.customer_status", "core.customers")
FIRST, SECOND, LAST = demo.DEMO_NIGHTS
INVENTED = 6
"""Accounts of the demo's book beside those made by hand."""
ACCOUNTS = """account_id,customer_id,product_code,opened_date,credit_limit
A,C,baitiao,2026-01-01,500.00
"""
LOANS = """loan_id,account_id,installment_no,due_date,principal,order_date
L,A,1,2026-02-10,100.00,2026-01-10
L,A,2,2026-12-10,100.00,2026-01-10
"""
MONEY = "repayment_id,account_id,paid_date,amount,kind,loan_id\n"


@dataclass(frozen=True)
class Said:
    """A bank, and what it published on each night."""

    bank: Bank
    nights: dict[date, dict[str, pl.DataFrame]]


def published(bank: Bank) -> dict[str, pl.DataFrame]:
    """The status tables as published last."""
    with Warehouse(bank.warehouse).reader() as connection:
        return {table: read(connection, table) for table in TABLES}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """The demo's three nights with few accounts: corrections, deletions, a restructure, a late file and all."""
    bank = Bank(tmp_path_factory.mktemp("demo"))
    nights = {}
    with mock.patch.object(demo, "DEMO_BOOK", replace(demo.DEMO_BOOK, accounts=INVENTED)):
        for night in demo.DEMO_NIGHTS:
            demo.write_demo(bank.landing, [night])
            bank.night(night.isoformat())
            nights[night] = published(bank)
    return Said(bank, nights)


def ask(bank: Bank, kind: str, name: str, at: date | None = None, known: date | None = None) -> Answer:
    """The answer to a question."""
    return status(bank.settings, Question(kind, name, at=at, known=known))


def assert_same(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    """The same rows, in whatever order."""
    assert sorted(found.rows(), key=repr) == sorted(expected.rows(), key=repr)


@pytest.mark.parametrize("night", demo.DEMO_NIGHTS)
def test_as_known_then_is_what_was_published_then(said: Said, night: date) -> None:
    then = said.nights[night]
    assert {"A-HAND", f"A{INVENTED:07}"} <= set(then["status.account_status"]["account_id"])
    for name in then["status.account_status"]["account_id"]:
        answer = ask(said.bank, "account", name, night, night)
        assert answer.is_published == (night == LAST)
        assert_same(answer.standing.accounts, then["status.account_status"].filter(account_id=name))
        assert_same(answer.standing.loans, then["status.loan_status"].filter(account_id=name))


@pytest.mark.parametrize("night", demo.DEMO_NIGHTS)
def test_a_person_too_is_as_published_then(said: Said, night: date) -> None:
    then = said.nights[night]
    names = then["status.account_status"]["customer_id"].unique().to_list()
    for name in names[:8]:
        persons = then["core.customers"].filter(customer_id=name)["person_id"].drop_nulls().to_list()
        is_meant = pl.col("person_id").is_in(persons) | (pl.col("customer_id") == name).fill_null(value=False)
        answer = ask(said.bank, "customer", name, night, night)
        assert_same(answer.standing.customers, then["status.customer_status"].filter(is_meant))


def test_worked_out_from_the_facts_is_what_is_published_today(said: Said) -> None:
    today = said.nights[LAST]["status.loan_status"]
    for loan in today.to_dicts():
        told = explain(said.bank.settings, Question("loan", loan["loan_id"]))
        assert told.loan == loan
        assert told.items["paid_cents"].sum() == told.covered_by["covered_cents"].sum()


def test_as_corrected_since_is_told_with_its_cause(said: Said) -> None:
    then = ask(said.bank, "loan", "L-HAND", FIRST, FIRST)
    now = ask(said.bank, "loan", "L-HAND", FIRST)
    assert (then.standing.loans["bucket"].item(), now.standing.loans["bucket"].item()) == ("M0", "M1")
    changes = {each["column"]: (each["then"], each["now"]) for each in then.changes if each["name"] == "L-HAND"}
    assert changes["bucket"] == ("M0", "M1")
    assert changes["oldest_due_date"] == (None, date(2026, 8, 15))
    assert changes.keys() == {
        TABLE_NAMES.get(column, column)
        for column in then.standing.loans.columns
        if then.standing.loans[column].item() != now.standing.loans[column].item()
    }
    restated = then.restatements.select("night", "month_end", "from_bucket", "to_bucket").rows()
    assert restated == [(LAST, date(2026, month, day), "M0", "M1") for month, day in ((7, 31), (8, 31))]
    assert all("harbour/repayments_20260930_2.csv line 2" in cause for cause in then.restatements["cause"])
    assert now.changes == []
    assert now.restatements.is_empty()


TABLE_NAMES = {
    "past_due_cents": "past_due_amount",
    "outstanding_principal_cents": "outstanding_principal_amount",
    "remaining_cents": "remaining_amount",
    "past_due_charges_cents": "past_due_charges_amount",
}
"""Columns outside by their names inside."""


def test_what_was_not_known_then_is_told_to_be_new(said: Said) -> None:
    with pytest.raises(WrongUse, match=f"^No loan L-LATER was known on {FIRST}.$"):
        ask(said.bank, "loan", "L-LATER", known=FIRST)
    assert ask(said.bank, "loan", "L-LATER", known=SECOND).changes == []


def test_a_day_between_nights_is_known_by_the_night_before(tmp_path: Path) -> None:
    bank = small(tmp_path)
    bank.night("2026-03-10")
    answer = ask(bank, "loan", "L", known=date(2026, 3, 1))
    assert (answer.run_id, answer.at, answer.standing.loans["dpd"].item()) == ("2026-02-10.1", date(2026, 3, 1), 19)


def small(root: Path, **options: object) -> Bank:
    """A bank with one loan, after its first night."""
    bank = Bank(root, options or None)
    bank.land("accounts_20260210.csv", ACCOUNTS)
    bank.land("installments_20260210.csv", LOANS)
    bank.land("repayments_20260210.csv", MONEY + "P,A,2026-02-10,10.00,payment,L\n")
    bank.night("2026-02-10")
    return bank


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (Question("account", "X"), "No account X was known on 2026-09-30."),
        (Question("loan", "L-HAND", source="other"), "No loan L-HAND in source other was known on 2026-09-30."),
        (Question("customer", "X"), "No customer X was known on 2026-09-30."),
        (Question("loan", "L-HAND", at=LAST, known=FIRST), "2026-09-30 lies after 2026-09-28, the day as known on"),
        (Question("loan", "L-HAND", known=date(2026, 9, 27)), "Nothing was known on 2026-09-27: the first night was"),
        (Question("loan", "L-HAND", at=date(2026, 10, 1)), "2026-10-01 lies after 2026-09-30, the day as known on"),
        (Question("loan", "L-HAND", known=date(2026, 10, 1)), "Nothing is known as of 2026-10-01 yet: the last"),
        (
            Question("loan", "L-HAND", at=date(2026, 6, 14)),
            "Loan L-HAND of source harbour has not started by 2026-06-14",
        ),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_in_a_sentence(
    said: Said, question: Question, sentence: str
) -> None:
    with pytest.raises(WrongUse) as raised:
        status(said.bank.settings, question)
    assert str(raised.value).startswith(sentence)
    assert "\n" not in str(raised.value)


def test_a_name_of_two_sources_needs_its_source(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    for source in ("north", "south"):
        bank.land("accounts_20260210.csv", ACCOUNTS, source)
        bank.land("installments_20260210.csv", LOANS, source)
    bank.night("2026-02-10")
    for kind, name in (("account", "A"), ("loan", "L"), ("customer", "C")):
        with pytest.raises(WrongUse, match="is known in the sources north, south: name one with --source"):
            ask(bank, kind, name)
        answer = status(bank.settings, Question(kind, name, source="south"))
        assert answer.standing.accounts["source"].to_list() == ["south"]


def test_nothing_is_published_yet(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="run `tally nightly` first"):
        ask(Bank(tmp_path), "loan", "L")


def test_a_customer_without_account_is_told_so(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    bank.land("accounts_20260210.csv", ACCOUNTS)
    bank.land("customers_20260210.csv", "customer_id,birth_date\nD,1990-01-01\n")
    bank.night("2026-02-10")
    with pytest.raises(WrongUse, match=r"^Customer D of source bank has no account\.$"):
        ask(bank, "customer", "D")


def test_another_source_of_the_same_person_decides_too(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('version = "person"\ncontagion = "person"\n')
    bank = Bank(tmp_path, {"policy": policy})
    person = "customer_id,id_type,id_number\nC,resident_id,990101199005170012\n"
    for source, due in (("north", "2026-02-10"), ("south", "2026-12-10")):
        bank.land("accounts_20260210.csv", ACCOUNTS, source)
        bank.land("customers_20260210.csv", person, source)
        bank.land("installments_20260210.csv", LOANS.replace("2026-02-10", due), source)
    bank.night("2026-06-30")
    then = published(bank)
    bank.land("repayments_20260701.csv", MONEY + "P,A,2026-02-10,200.00,payment,L\n", "north")
    bank.night("2026-07-01")
    answer = status(bank.settings, Question("loan", "L", "south", known=date(2026, 6, 30)))
    assert_same(answer.standing.loans, then["status.loan_status"].filter(source="south"))
    assert answer.standing.loans["is_obligor_default"].to_list() == [True]
    assert {(each["column"], each["then"], each["now"]) for each in answer.changes if each["name"] == "L"} >= {
        ("is_obligor_default", True, False),
        ("credit_status", "in_default", "current"),
    }
    whole = status(bank.settings, Question("customer", "C", "north", known=date(2026, 6, 30)))
    assert whole.standing.accounts["source"].to_list() == ["north", "south"]
    assert_same(whole.standing.customers, then["status.customer_status"])


def test_a_change_of_policy_restates_with_its_cause_and_the_old_one_is_still_known(tmp_path: Path) -> None:
    bank = small(tmp_path)
    bank.night("2026-03-31")
    before = published(bank)["status.loan_status"]
    strict = tmp_path / "strict.toml"
    strict.write_text('version = "strict.1"\nbucket_upper_days = [0, 10, 20, 30, 40, 50, 60]\n[default]\ndays = 30\n')
    changed = replace(bank, options={"policy": strict})
    changed.night("2026-04-01")
    assert changed.ask(
        "SELECT month_end::VARCHAR, from_bucket, to_bucket, cause FROM ops.restatements ORDER BY ALL"
    ) == [
        ("2026-02-28", "M1", "M2", "policy cn-2023.1 -> strict.1"),
        ("2026-03-31", "M2", "M5", "policy cn-2023.1 -> strict.1"),
    ]
    past = "SELECT month_end::VARCHAR, bucket, policy_version FROM status.loan_history_past ORDER BY ALL"
    assert changed.ask(past)[-2:] == [("2026-02-28", "M1", "cn-2023.1"), ("2026-03-31", "M2", "cn-2023.1")]
    now = published(changed)["status.loan_status"].row(0, named=True)
    assert (now["bucket"], now["credit_status"], now["ifrs9_stage"], now["five_tier"]) == ("M5", "in_default", 3, 3)
    assert now["default_since"] == date(2026, 3, 13)
    answer = ask(changed, "loan", "L", known=date(2026, 3, 31))
    assert_same(answer.standing.loans, before)
    assert (before["credit_status"].item(), before["five_tier"].item()) == ("past_due", 2)
    told = {each["column"]: (each["then"], each["now"]) for each in answer.changes if each["name"] == "L"}
    assert told["policy_version"] == ("cn-2023.1", "strict.1")
    assert told["bucket"] == ("M2", "M5")
    assert set(answer.restatements["cause"]) == {"policy cn-2023.1 -> strict.1"}


def test_a_shipped_policy_is_taken_by_its_name(tmp_path: Path) -> None:
    bank = small(tmp_path, policy=Path("cn-card"))
    assert bank.ask("SELECT policy_version FROM ops.meta") == [("cn-card.1",)]


def tally(*words: object) -> tuple[int, str, str]:
    """Exit code, output and errors of the command."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return done.returncode, done.stdout, done.stderr


def test_the_commands_answer_in_tables_and_json(said: Said) -> None:
    folder = said.bank.warehouse
    code, output, _ = tally("status", "--account", "A-HAND", "--known", FIRST, "-w", folder)
    assert code == 0
    assert "Account A-HAND at 2026-09-28" in output
    assert "Month-ends corrected since" in output
    code, output, _ = tally("status", "--loan", "L-HAND", "-w", folder, "-f", "json")
    document = json.loads(output)
    assert (document["loans"][0]["loan_id"], document["loans"][0]["past_due_amount"]) == ("L-HAND", 353.0)
    assert (document["at"], document["is_published"], document["changes"]) == ("2026-09-30", True, [])
    code, output, _ = tally("explain", "L-HAND", "-w", folder)
    assert code == 0
    assert "46 contractual less 21 deferred." in output
    assert "payment (void)" in output
    code, output, _ = tally("explain", "L-MOVED", "--at", FIRST, "-w", folder, "-f", "json")
    document = json.loads(output)
    assert [each["name"] for each in document["reasons"]][:2] == ["contractual_dpd", "dpd"]
    assert sum(each["covered_amount"] for each in document["covered_by"]) == 1012.0


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--account", "X"),
        ("status",),
        ("status", "--account", "A-HAND", "--loan", "L-HAND"),
        ("status", "--loan", "L-HAND", "--at", "2026-09-30", "--known", "2026-09-28"),
        ("explain", "X"),
        ("policy", "diff", "nowhere.toml"),
    ],
)
def test_a_mistake_ends_with_one_sentence_and_code_2(said: Said, words: tuple[str, ...]) -> None:
    code, output, errors = tally(*words, "-w", said.bank.warehouse)
    assert (code, output) == (2, "")
    assert errors.startswith("tally: ")
    assert errors.count("\n") == 1


def test_policies_are_listed_shown_and_compared(said: Said) -> None:
    code, output, _ = tally("policy", "list")
    assert code == 0
    assert all(name in output for name in ("cn-2023", "cn-card", "us-metro2"))
    code, output, _ = tally("policy", "show", "us-metro2")
    assert code == 0
    assert "America/New_York" in output
    code, output, _ = tally("policy", "diff", "-w", said.bank.warehouse, "--policy", "cn-card")
    assert code == 0
    assert "five_tier.upper_days" in output
    assert "policy cn-2023.1 -> cn-card.1" in output.replace("\n", " ")
    code, output, _ = tally("policy", "diff", "-w", said.bank.warehouse)
    assert (code, output.strip()) == (0, "No setting differs: nothing would be restated.")
