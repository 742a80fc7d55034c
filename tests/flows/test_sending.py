"""Files for bureaus: who is told, what is remembered, what is corrected, deleted and never sent twice."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flows.errors import CheckFailed, WrongUse
from flows.rebuild import replay
from flows.sending import Sending, Whom, correct, send
from flows.stores.outbox import Outbox
from tests.flows.canaries import NAME, NUMBER, leaks, names
from tests.flows.command import tally
from tests.nights import Bank
from transforms.bureau.metro2_records import read, split
from transforms.bureau.pboc_xml import parsed
from transforms.bureau.sending import LAYOUTS
from transforms.sharing.sent import Made

ROOT = Path(__file__).parents[2]
MONTH = date(2026, 9, 30)
CUSTOMERS = ("C1", "C2", "C3", "C4", "C5", "C6")
DUE = ("2026-07-15", "2026-08-15", "2026-09-15", "2026-12-15")
METRO2, PBOC = (Whom(layout, MONTH, "bureau", "credit_report") for layout in ("metro2", "pboc"))
SENT = "SELECT loan_id, action, reason FROM share.sent JOIN share.files USING (sending_id) WHERE {} ORDER BY ALL"


def _plan(loan: str, account: str, dues: tuple[str, ...] = DUE, deleted: str = "") -> str:
    return "".join(f"{loan},{account},{n},{due},100.00,2026-06-15,{deleted}\n" for n, due in enumerate(dues, 1))


def _paid(loan: str, account: str, dues: tuple[str, ...]) -> str:
    return "".join(f"P-{loan}-{due},{account},{due},100.00,payment,{loan}\n" for due in dues)


def land_first(bank: Bank) -> None:
    """Six customers: C1 and C5 pay, C2 and C3 are late (C3 was told), C4 pays, C6 was never asked; L7 is over."""
    loans = [(f"L{customer[1]}", f"A{customer[1]}") for customer in CUSTOMERS]
    accounts = "".join(f"A{c[1]},{c},baitiao,2026-06-01,500.00\n" for c in CUSTOMERS)
    bank.land("accounts_20260930.csv", "account_id,customer_id,product_code,opened_date,credit_limit\n" + accounts)
    people = "".join(f"{c},resident_id,{NUMBER[:-1]}{c[1]},{NAME}{c},1 Long Road\n" for c in CUSTOMERS)
    bank.land("customers_20260930.csv", "customer_id,id_type,id_number,name,address\n" + people)
    plans = "".join(_plan(*loan) for loan in loans) + _plan("L7", "A1", DUE[:1])
    bank.land(
        "installments_20260930.csv",
        "loan_id,account_id,installment_no,due_date,principal,order_date,is_deleted\n" + plans,
    )
    paid = "".join(_paid(loan, account, DUE[:3]) for loan, account in loans if loan not in ("L2", "L3"))
    late = _paid("L2", "A2", DUE[:1]) + _paid("L3", "A3", DUE[:1])
    money = "repayment_id,account_id,paid_date,amount,kind,loan_id\n" + paid + late + _paid("L7", "A1", DUE[:1])
    bank.land("repayments_20260930.csv", money)
    consents = "".join(f"K{c},{c},bureau,credit_report,2026-06-01,\n" for c in CUSTOMERS[:5])
    bank.land(
        "consents_20260930.csv", "consent_id,customer_id,recipient,purpose,granted_date,withdrawn_date\n" + consents
    )
    bank.land("notices_20260930.csv", "notice_id,customer_id,loan_id,sent_date\nN3,C3,L3,2026-08-20\n")


def land_later(bank: Bank) -> None:
    """L3 had paid in September after all, C4 withdrew, and L5 never was a loan."""
    money = "repayment_id,account_id,paid_date,amount,kind,loan_id\nP-LATE,A3,2026-09-20,100.00,payment,L3\n"
    bank.land("repayments_20261010.csv", money)
    withdrawn = "KC4,C4,bureau,credit_report,2026-06-01,2026-10-08\n"
    bank.land(
        "consents_20261010.csv", "consent_id,customer_id,recipient,purpose,granted_date,withdrawn_date\n" + withdrawn
    )
    bank.land(
        "installments_20261010.csv",
        "loan_id,account_id,installment_no,due_date,principal,order_date,is_deleted\n"
        + _plan("L5", "A5", deleted="true"),
    )
    gone = "".join(f"P-L5-{due},A5,{due},100.00,payment,L5,true\n" for due in DUE[:3])
    bank.land("repayments_20261010_2.csv", "repayment_id,account_id,paid_date,amount,kind,loan_id,is_deleted\n" + gone)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """After September, nothing sent yet."""
    bank = Bank(tmp_path_factory.mktemp("first"), {"runner": "here"})
    land_first(bank)
    bank.night("2026-09-30")
    return bank


@pytest.fixture(scope="module")
def reported(first: Bank, tmp_path_factory: pytest.TempPathFactory) -> tuple[Bank, dict[str, Sending]]:
    """September told in both layouts."""
    bank = _copy(first, tmp_path_factory.mktemp("reported"))
    return bank, {whom.layout: send(bank.settings, whom, date(2026, 10, 5)) for whom in (METRO2, PBOC)}


@pytest.fixture(scope="module")
def corrected(reported: tuple[Bank, dict[str, Sending]], tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """What came in October, and the corrections of it."""
    bank = _copy(reported[0], tmp_path_factory.mktemp("corrected"))
    land_later(bank)
    bank.night("2026-10-10")
    made = correct(bank.settings, "bureau", date(2026, 10, 12))
    assert [sending.sending_id for sending in made] == ["metro2-2026-09-bureau-2", "pboc-2026-09-bureau-2"]
    return bank


def _copy(bank: Bank, to: Path) -> Bank:
    shutil.copytree(bank.root, to, dirs_exist_ok=True)
    return Bank(to, bank.options)


def _file(bank: Bank, name: str) -> bytes:
    return (bank.warehouse / "outbox" / "bureau" / name).read_bytes()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_who_may_be_told_is_told_and_all_others_are_held_back_with_their_reason(
    layout: str, reported: tuple[Bank, dict[str, Sending]]
) -> None:
    bank, sendings = reported
    rows = f"SELECT loan_id, held_back_reason FROM share.held_back WHERE sending_id = '{sendings[layout].sending_id}'"
    assert sorted(bank.ask(rows)) == [("L2", "no_notice"), ("L6", "no_consent"), ("L7", "gone_before")]
    assert bank.ask(SENT.format(f"layout = '{layout}' AND sent_path NOT SIMILAR TO '.*(csv|parquet)'")) == [
        (loan, "report", None) for loan in ("L1", "L3", "L4", "L5")
    ]
    counts = f"SELECT DISTINCT subject_count, sent_count, held_back_count FROM share.files WHERE layout = '{layout}'"
    assert bank.ask(counts) == [(7, 4, 3)]


def test_the_files_say_what_the_ledger_says(reported: tuple[Bank, dict[str, Sending]]) -> None:
    bank, sendings = reported
    for path, sha256, size in bank.ask("SELECT sent_path, sha256, byte_count FROM share.files"):
        content = (bank.warehouse / "outbox" / path).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (sha256, size)
    base = read(split(_file(bank, "metro2-2026-09-bureau-1.txt"))).base
    assert base.select("consumer_account_number", "account_status", "current_balance").rows() == [
        ("L1", "11", 100),
        ("L3", "71", 300),
        ("L4", "11", 100),
        ("L5", "11", 100),
    ]
    assert bank.ask("SELECT told_balance_amount::VARCHAR FROM share.sent_totals WHERE sending_id LIKE 'metro2%'") == [
        ("600.00",)
    ]
    xml, flat = _file(bank, "pboc-2026-09-bureau-1.xml"), bank.warehouse / "outbox/bureau/pboc-2026-09-bureau-1.parquet"
    told = parsed(xml)
    assert told["loan_id"].to_list() == pl.read_parquet(flat)["loan_id"].to_list() == ["L1", "L3", "L4", "L5"]
    assert dict(told.select("loan_id", "account_status").iter_rows())["L3"] == "2"
    assert [path.name for path in sendings["pboc"].paths] == [
        f"pboc-2026-09-bureau-1.{ending}" for ending in ("xml", "csv", "parquet")
    ]


def test_names_stand_in_the_outbox_alone_which_is_for_its_owner(reported: tuple[Bank, dict[str, Sending]]) -> None:
    bank, _ = reported
    outbox = bank.warehouse / "outbox"
    assert all(path.startswith(str(outbox)) for path in leaks(bank.warehouse))
    assert names(_file(bank, "pboc-2026-09-bureau-1.xml"))
    assert {path.stat().st_mode & 0o777 for path in outbox.rglob("*") if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (outbox, outbox / "bureau")} == {0o700}


def test_a_month_is_sent_once_unless_forced(reported: tuple[Bank, dict[str, Sending]], tmp_path: Path) -> None:
    bank = _copy(reported[0], tmp_path)
    with pytest.raises(WrongUse, match=r"was sent to bureau as metro2 on 2026-10-05 .*--force sends"):
        send(bank.settings, METRO2, date(2026, 10, 6))
    assert not list((bank.warehouse / "runs").glob("*")), "a user's mistake is no failed run"
    assert send(bank.settings, METRO2, date(2026, 10, 6), force=True).sending_id == "metro2-2026-09-bureau-2"
    other = Whom("metro2", MONTH, "other", "credit_report")
    assert send(bank.settings, other, date(2026, 10, 6)).made.sent.is_empty(), "nobody agreed that another one is told"


def test_nothing_changed_makes_no_file(reported: tuple[Bank, dict[str, Sending]], tmp_path: Path) -> None:
    bank = _copy(reported[0], tmp_path)
    runs = bank.ask("SELECT count(*) FROM ops.runs")
    assert correct(bank.settings, "bureau", date(2026, 10, 6)) == []
    assert bank.ask("SELECT count(*) FROM ops.runs") == runs


@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_what_changed_is_corrected_with_its_cause(layout: str, corrected: Bank) -> None:
    cause = "repayments P-LATE (bank/repayments_20261010.csv line 2)"
    ending = {"metro2": "txt", "pboc": "xml"}[layout]
    assert corrected.ask(SENT.format(f"kind = 'corrections' AND sent_path LIKE '%{layout}%{ending}'")) == [
        ("L3", "correction", cause),
        ("L4", "deletion", "consent_withdrawn"),
        ("L5", "deletion", "no longer in the lender's data"),
    ]
    assert corrected.ask("SELECT DISTINCT cause FROM ops.restatements WHERE loan_id = 'L3'") == [(cause,)]


def test_metro_2_corrects_and_deletes_by_its_own_codes(corrected: Bank) -> None:
    base = read(split(_file(corrected, "metro2-2026-09-bureau-2.txt"))).base
    columns = ("consumer_account_number", "account_status", "correction_indicator", "current_balance")
    assert base.select(columns).rows() == [("L3", "11", "1", 200), ("L4", "DA", "1", 100), ("L5", "DA", "1", 100)]


def test_second_generation_records_say_why(corrected: Bank) -> None:
    told = parsed(_file(corrected, "pboc-2026-09-bureau-2.xml"))
    assert told.select("loan_id", "action").rows() == [("L3", "correction"), ("L4", "deletion"), ("L5", "deletion")]
    assert told["reason"].null_count() == 0
    assert told.filter(loan_id="L4")["name"].to_list() == [None]


def test_what_was_corrected_is_not_corrected_again(corrected: Bank, tmp_path: Path) -> None:
    bank = _copy(corrected, tmp_path)
    assert correct(bank.settings, "bureau", date(2026, 10, 13)) == []


def test_a_loan_opened_by_fraud_is_deleted_as_such_and_never_told_again(corrected: Bank, tmp_path: Path) -> None:
    bank = _copy(corrected, tmp_path)
    made = correct(bank.settings, "bureau", date(2026, 10, 13), layout="metro2", fraud=["bank/L1"])
    assert [sending.made.sent.select("loan_id", "action").rows() for sending in made] == [[("L1", "fraud")]]
    base = read(split(made[0].made.files["txt"])).base
    assert base.select("account_status").rows() == [("DF",)]
    again = send(bank.settings, PBOC, date(2026, 10, 14), force=True)
    held = dict(again.made.held_back.select("loan_id", "held_back_reason").iter_rows())
    assert held == {
        "L1": "fraud",
        "L2": "no_notice",
        "L4": "consent_withdrawn",
        "L6": "no_consent",
        "L7": "gone_before",
    }
    with pytest.raises(WrongUse, match="bank/L9 was not sent to bureau"):
        correct(bank.settings, "bureau", date(2026, 10, 13), fraud=["bank/L9"])


def test_rebuilt_is_equal(corrected: Bank, tmp_path: Path) -> None:
    bank = _copy(corrected, tmp_path)
    before = bank.tables()
    replay(bank.settings)
    after = bank.tables()
    assert before["share.sent"]
    assert [name for name in before if before[name] != after[name]] == []


def test_a_month_that_has_not_ended_is_not_told(first: Bank, tmp_path: Path) -> None:
    bank = _copy(first, tmp_path)
    with pytest.raises(WrongUse, match="can be told once a night of that day or later is published"):
        send(bank.settings, Whom("pboc", date(2026, 10, 31), "bureau", "credit_report"), date(2026, 10, 5))
    with pytest.raises(WrongUse, match="No such month was sent to bureau"):
        correct(bank.settings, "bureau", date(2026, 10, 5))


def test_subjects_that_do_not_add_up_stop_it(first: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bank = _copy(first, tmp_path)
    real = LAYOUTS["pboc"].report

    def losing(*given: object) -> Made:
        made = real(*given)  # type: ignore[arg-type]
        return Made(made.files, made.sent.head(1), made.held_back)

    monkeypatch.setattr(LAYOUTS["pboc"], "report", losing)
    with pytest.raises(
        CheckFailed, match="7 subjects are in the books of 2026-09-30, and 1 would be sent and 3 held back"
    ):
        send(bank.settings, PBOC, date(2026, 10, 5))
    assert not list((bank.warehouse / "outbox").rglob("*"))
    assert bank.ask("SELECT count(*) FROM share.files") == [(0,)]


DYING = """
import os, signal, sys
from datetime import date
from pathlib import Path
from flows.sending import send
from flows.stores.warehouse import Warehouse
from tests.flows.test_sending import PBOC
from tests.nights import Bank

real = Warehouse.publish
def publish(*given):
    if sys.argv[2] == "after":
        real(*given)
    os.kill(os.getpid(), signal.SIGKILL)
Warehouse.publish = publish
send(Bank(Path(sys.argv[1]), {"runner": "here"}).settings, PBOC, date(2026, 10, 5))
"""


@pytest.mark.parametrize(("when", "files"), [pytest.param("before", 0, marks=pytest.mark.slow), ("after", 3)])
def test_killed_a_file_is_in_the_outbox_only_if_it_is_in_the_ledger(
    when: str, files: int, first: Bank, tmp_path: Path
) -> None:
    bank = _copy(first, tmp_path)
    script = [sys.executable, "-c", DYING, str(tmp_path), when]
    killed = subprocess.run(script, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list((bank.warehouse / "outbox").rglob("*.part"))) == 3, "not to be taken yet"
    bank.night("2026-10-01")
    there = sorted(path.relative_to(bank.warehouse / "outbox").as_posix() for path in _files(bank))
    assert there == sorted(path for (path,) in bank.ask("SELECT sent_path FROM share.files"))
    assert len(there) == files


def _files(bank: Bank) -> list[Path]:
    return [path for path in (bank.warehouse / "outbox").rglob("*") if path.is_file()]


def test_a_changed_file_is_not_given_its_name(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    sha256 = outbox.put(outbox.relative("a/b", "x.txt"), b"told")
    outbox.file("a%2Fb/x.txt.part").write_bytes(b"changed")
    outbox.settle(lambda: {"a%2Fb/x.txt": sha256})
    assert _names_below(tmp_path) == []


def _names_below(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_the_commands(first: Bank, tmp_path: Path) -> None:
    bank = _copy(first, tmp_path)
    where = ("-w", bank.warehouse)
    nothing = tally("share", "files", *where)
    assert (nothing.code, nothing.out.split(":")[0]) == (0, "Nothing was sent yet")
    asked = ("--month", "2026-09", "--made-on", "2026-10-05", *where)
    for layout in LAYOUTS:
        done = tally("share", layout, *asked)
        assert done.code == 0, done.err
        assert "4 sent + 3 held back" in done.out
        assert f"outbox/bureau/{layout}-2026-09-bureau-1" in done.out
        assert ("are 600.00 in the file" in done.out) is (layout == "metro2"), "balances are held against the books"
    twice = tally("share", "metro2", *asked)
    assert (twice.code, "Traceback" in twice.err) == (2, False)
    assert tally("share", "metro2", "--month", "September", *where).code == 2
    assert "has changed since; no file was made" in tally("share", "corrections", "--made-on", "2026-10-05", *where).out
    unlawful = tally("share", "corrections", "--layout", "pboc", "--month", "2026-09", "--fraud", "bank/L1", *where)
    assert "fraud, CNY" in unlawful.out
    listed = tally("share", "files", *where).out
    counted = Counter(word for word in listed.split() if word in ("report", "corrections"))
    assert counted == {"report": 4, "corrections": 3}
    kinds = bank.ask("SELECT kind, outcome, count(*) FROM ops.runs GROUP BY ALL ORDER BY ALL")
    assert ("share", "published", 3) in kinds
