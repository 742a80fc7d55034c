"""Registers night after night: the latest row of a key holds, whichever night brings it; a deletion takes it out."""

from __future__ import annotations

from pathlib import Path

from flows.rebuild import replay
from tests.flows.small import land_base
from tests.nights import Bank

CONSENT = "consent_id,customer_id,recipient,purpose,granted_date,withdrawn_date,is_deleted\n"
RELATION = "relation_id,company_id,kind,customer_id,other_company_id,share_rate,amount\n"
ASK = "SELECT consent_id, recipient, withdrawn_date::VARCHAR FROM core.consents ORDER BY consent_id"


def three_nights(bank: Bank) -> None:
    land_base(bank, "bank")
    bank.land("consents_20260210.csv", CONSENT + "K1,C,bureau,report,2026-01-05,,\nK2,C,lender,loan,2026-01-05,,\n")
    bank.land("companies_20260210.csv", "company_id,kind\nF1,company\nF2,project\n")
    bank.land("relations_20260210.csv", RELATION + "V1,F1,controller,C,,0.6,\nV2,F2,guarantor,,F1,,5000.00\n")
    bank.land("notices_20260210.csv", "notice_id,customer_id,sent_date\nN1,C,2026-02-01\n")
    bank.land("screenings_20260210.csv", "screening_id,company_id,recipient,purpose,asked_date\nS1,F1,l,p,2026-02-09\n")
    bank.night("2026-02-10")
    bank.land("consents_20260212.csv", CONSENT + "K1,C,bureau,report,2026-01-05,2026-02-11,\nK2,,,,,,true\n")
    bank.night("2026-02-12")
    # older than the version held: kept as superseded, never winning
    bank.land("consents_20260211.csv", CONSENT + "K1,C,bureau,report,2026-01-05,2026-02-10,\n")
    bank.night("2026-02-13")


def test_the_latest_row_of_a_key_holds(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    three_nights(bank)
    assert bank.ask(ASK) == [("K1", "bureau", "2026-02-11")]
    relations = "SELECT relation_id, kind, share_rate, amount::VARCHAR, currency FROM core.relations ORDER BY ALL"
    assert bank.ask(relations) == [
        ("V1", "controller", 0.6, None, "CNY"),
        ("V2", "guarantor", None, "5000.00", "CNY"),
    ]
    assert bank.ask("SELECT sent_date::VARCHAR FROM core.notices") == [("2026-02-01",)]
    received = "SELECT sum(rows_received), sum(rows_accepted), sum(amount_received)::VARCHAR FROM ops.files"
    assert bank.ask(received + " WHERE feed = 'relations'") == [(2, 2, "5000.00")]
    assert bank.ask("SELECT count(*) FROM core.screenings") == [(1,)]


def test_one_night_or_a_rebuild_says_the_same(tmp_path: Path) -> None:
    bank, once = Bank(tmp_path / "three"), Bank(tmp_path / "once")
    three_nights(bank)
    three = bank.tables()
    for path in sorted(bank.landing.rglob("*.csv")):
        once.land(path.name, path.read_bytes())
    once.night("2026-02-13")
    core = {name for name in three if name.startswith("core.") and name != "core.accounts"}
    assert {name: three[name] for name in core} == {name: once.tables()[name] for name in core}
    replay(bank.settings)
    assert bank.tables() == three
