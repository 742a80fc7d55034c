"""The demo's three nights: every flaw gets what it is meant to get; rebuilt, all is equal; again, nothing is new."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from flows.demo import DEMO_FLAWS, DEMO_NIGHTS, OUTCOMES, Flaw, write_demo
from flows.demo_run import send_demo
from flows.rebuild import replay
from flows.stores.tables import read
from flows.stores.warehouse import Warehouse
from tests.flows.command import tally
from tests.nights import Bank
from transforms.aggregates.all_risk import SERIES
from transforms.bureau.metro2_file import IDENTITIES, file_of
from transforms.refusals import FileRefusal, Refusal
from transforms.sharing.sent import MONTH_TABLES
from transforms.tables import TABLES

REFUSED = {reason.value for reason in Refusal}
WHOLE = {reason.value for reason in FileRefusal}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    bank = Bank(tmp_path_factory.mktemp("demo"), {"person_key": "test"}, docs=True)
    for night in DEMO_NIGHTS:
        write_demo(bank.landing, [night])
        bank.night(night.isoformat())
    send_demo(bank.settings)
    return bank


def test_every_refused_row_is_one_that_is_meant(bank: Bank) -> None:
    refused_files = {flaw.path for flaw in DEMO_FLAWS if flaw.line_number == 0 and flaw.outcome in WHOLE}
    meant = {(flaw.path, flaw.line_number): flaw.outcome for flaw in DEMO_FLAWS if flaw.outcome in REFUSED}
    meant |= {(flaw.path, flaw.line_number): "orphan" for flaw in DEMO_FLAWS if flaw.outcome == "released"}
    found = {
        (path, line): reasons
        for path, line, reasons in bank.ask("SELECT path, line_number, reasons FROM ops.refused_rows")
        if path not in refused_files
    }
    assert found.keys() == meant.keys()
    assert all(meant[place] in reasons for place, reasons in found.items())


def test_refused_files_are_those_that_are_meant(bank: Bank) -> None:
    meant = {flaw.path for flaw in DEMO_FLAWS if flaw.outcome in WHOLE}
    assert {path for (path,) in bank.ask("SELECT path FROM ops.files WHERE outcome = 'refused'")} == meant


@pytest.mark.parametrize("flaw", DEMO_FLAWS, ids=lambda flaw: f"{flaw.path}:{flaw.line_number} {flaw.outcome}")
def test_each_flaw_gets_what_it_is_meant_to_get(bank: Bank, flaw: Flaw) -> None:
    if flaw.outcome in OUTCOMES:
        assert SAID[flaw.outcome](bank, flaw), flaw.meaning
    elif flaw.line_number:
        found = bank.ask(
            "SELECT reasons, key, released_on FROM ops.refused_rows"
            f" WHERE path = '{flaw.path}' AND line_number = {flaw.line_number}"
        )
        assert [(flaw.outcome in reasons, released) for reasons, _, released in found] == [(True, None)]
        assert flaw.row_id in found[0][1] or found[0][1] in ("", "//"), "the key, unless the record could not be read"
    else:
        told = bank.ask(f"SELECT outcome, reason FROM ops.files WHERE path = '{flaw.path}'")
        (check,) = bank.ask(
            "SELECT count(*) FROM ops.checks JOIN ops.files USING (run_id) WHERE suite = 'deliveries' AND NOT success"
            f" AND column_name = '{flaw.outcome}' AND path = '{flaw.path}'"
        )
        assert ([outcome for outcome, _ in told], check) == (["refused"], (1,))


def _only(bank: Bank, sql: str) -> object:
    """The one value that the warehouse answers; None when it answers nothing."""
    rows = bank.ask(sql)
    return rows[0][0] if rows else None


def _is_duplicate(bank: Bank, flaw: Flaw) -> bool:
    """The row is not refused and counted as a duplicate; of a whole file each is."""
    share = "rows_duplicate = rows_received AND rows_received > 0" if flaw.line_number == 0 else "rows_duplicate = 1"
    refused = f"SELECT 1 FROM ops.refused_rows WHERE path = '{flaw.path}' AND line_number = {flaw.line_number}"
    return _only(bank, f"SELECT {share} FROM ops.files WHERE path = '{flaw.path}'") is True and not bank.ask(refused)


def _is_twin(bank: Bank, flaw: Flaw) -> bool:
    return not bank.ask(f"SELECT 1 FROM ops.files WHERE path = '{flaw.path}'")


def _is_released(bank: Bank, flaw: Flaw) -> bool:
    released = (
        f"SELECT released_on FROM ops.refused_rows WHERE path = '{flaw.path}' AND line_number = {flaw.line_number}"
    )
    return _only(bank, released) == DEMO_NIGHTS[1] and _amount(bank, flaw.row_id) == "100.00"


def _is_late(bank: Bank, flaw: Flaw) -> bool:
    """Dated before the night of the 28th, taken in that of the 30th."""
    return (
        bank.ask(f"SELECT run_id, outcome FROM ops.files WHERE path = '{flaw.path}'") == [("2026-09-30.1", "accepted")]
        and _amount(bank, "P-LATE") == "15.00"
    )


def _is_mended(bank: Bank, flaw: Flaw) -> bool:
    return bank.ask(f"SELECT outcome, rows_accepted FROM ops.files WHERE path = '{flaw.path}'") == [("accepted", 4)]


def _is_restructured(bank: Bank, flaw: Flaw) -> bool:
    """Four instalments of the new plan, of which three remain; from its day on it stands in the old one's place."""
    plans = (
        "SELECT plan_date, replaced_on, count(*), sum(due_amount - paid_amount)::VARCHAR FROM core.installments"
        f" WHERE loan_id = '{flaw.row_id}' GROUP BY ALL ORDER BY plan_date NULLS FIRST"
    )
    remaining = f"SELECT remaining_amount::VARCHAR FROM status.loan_status WHERE loan_id = '{flaw.row_id}'"
    (old, new), left = bank.ask(plans), _only(bank, remaining)
    return (old[:3], new, left) == (
        (None, DEMO_NIGHTS[1], 3),
        (DEMO_NIGHTS[1], None, 4, "2030.00"),
        "2030.00",
    )


def _is_deferred(bank: Bank, flaw: Flaw) -> bool:
    """Fewer days count than have passed."""
    event = f"SELECT until_date::VARCHAR FROM core.events WHERE event_id = '{flaw.row_id}'"
    days = "SELECT dpd < contractual_dpd FROM status.loan_status WHERE loan_id = 'L-HAND'"
    return _only(bank, event) == "2026-10-10" and _only(bank, days) is True


def _is_corrected(bank: Bank, flaw: Flaw) -> bool:
    """What the later row says is held."""
    if flaw.row_id == "P-HAND-1":
        return _amount(bank, flaw.row_id) == "401.00"
    due = "SELECT principal_amount::VARCHAR FROM core.installments WHERE loan_id = 'L-HAND' AND installment_no = 3"
    return flaw.row_id == "L-HAND" and _only(bank, due) == "350.00"


def _amount(bank: Bank, repayment: str) -> object:
    return _only(bank, f"SELECT amount::VARCHAR FROM core.repayments WHERE repayment_id = '{repayment}'")


SAID: dict[str, Callable[[Bank, Flaw], bool]] = {
    "duplicate": _is_duplicate,
    "twin": _is_twin,
    "released": _is_released,
    "correction": _is_corrected,
    "deletion": lambda bank, flaw: _amount(bank, flaw.row_id) is None,
    "superseded": lambda bank, flaw: _amount(bank, flaw.row_id) == "402.00",
    "late": _is_late,
    "mended": _is_mended,
    "reversal": lambda bank, _: (
        _only(bank, "SELECT is_void FROM core.repayments WHERE repayment_id = 'P-HAND-3'") is True
    ),
    "deferral": _is_deferred,
    "restructure": _is_restructured,
}
"""What the warehouse must say of a flaw that is not refused."""


def test_every_row_and_cent_is_accounted_for(bank: Bank) -> None:
    assert (
        bank.ask("""
SELECT path, feed FROM ops.files WHERE rows_received <> rows_accepted + rows_refused + rows_duplicate
    OR amount_received <> amount_accepted + amount_refused + amount_duplicate
""")
        == []
    )
    assert (
        bank.ask("""
SELECT run_id FROM ops.runs r JOIN (
    SELECT run_id, sum(rows_received) AS rows, sum(amount_received) AS amount, sum(rows_refused) AS refused
    FROM ops.files GROUP BY run_id
) f USING (run_id)
WHERE rows <> rows_received OR amount <> amount_received OR refused <> rows_refused
""")
        == []
    )
    assert bank.ask("SELECT count(*) FROM ops.files") > [(30,)]


def test_all_tables_carry_rows(bank: Bank) -> None:
    assert [name for name, rows in bank.tables().items() if not rows] == []


def test_who_may_be_told_of_adds_up(bank: Bank) -> None:
    """C-HAND and twelve more agreed, eight of whom were told in time; C-MOVED withdrew; nobody else was ever asked."""
    asked = ("share", "check", "--recipient", "bureau", "--purpose", "credit_report", "-w", bank.warehouse)
    told = [line.split(",") for line in tally(*asked, "--format", "csv").out.splitlines()[1:]]
    asked_for = {f"C{number:07}" for number in range(1, 13)}
    free = [row for row in told if not row[-1]]
    assert "L-HAND" in {row[1] for row in free}
    assert {row[2] for row in free} <= {"C-HAND", *asked_for}
    assert {row[2] for row in told if "no_consent" not in row[-1]} == {"C-HAND", "C-MOVED", *asked_for}
    assert {row[1]: row[-1] for row in told}["L-MOVED"] == "consent_withdrawn no_notice"
    assert bank.ask("SELECT count(*) FROM status.loan_status") == [(len(told),)]
    summary = tally(*asked)
    assert summary.code == 0
    assert f"{len(free)} told + {len(told) - len(free)} held back" in summary.out
    earlier = tally(*asked, "--day", "2026-09-20", "--format", "csv").out
    assert [line.split(",")[-1] for line in earlier.splitlines() if ",L-HAND," in line] == ["no_notice"]


def test_the_month_sent_adds_up(bank: Bank) -> None:
    ((subjects, sent, held),) = bank.ask("SELECT DISTINCT subject_count, sent_count, held_back_count FROM share.files")
    assert (subjects, 1 < sent < subjects) == (sent + held, True)
    assert bank.ask("SELECT (SELECT count(*) FROM share.sent), (SELECT count(*) FROM share.held_back)") == [
        (sent, held)
    ]
    assert bank.ask("SELECT count(*) FROM status.loan_status") == [(subjects,)]
    assert send_demo(bank.settings) is None, "once"


def test_the_book_is_told_in_metro_2_and_read_back(bank: Bank, tmp_path: Path) -> None:
    """Everyone has an invented name and address; the sums are the warehouse's; the command reads what was written."""
    with Warehouse(bank.warehouse).reader() as connection:
        tables = {name: read(connection, name) for name in (*MONTH_TABLES, "core.customers")}
    people = tables["core.customers"].with_columns(
        name=pl.lit("Ann Roe"), address=pl.lit("1 Long Road"), city=pl.lit("Springfield")
    )
    identities = pl.concat([pl.DataFrame(schema=IDENTITIES), people], how="diagonal").select(IDENTITIES.keys())
    month_end = DEMO_NIGHTS[-1]
    written = file_of(tables, identities, bank.settings.rules(), month_end, made_on=month_end)
    assert written.base["surname"].drop_nulls().unique().to_list() == ["ROE"]
    (sums,) = written.reconciliation.to_dicts()
    warehouse = bank.ask("SELECT count(*), 100 * sum(remaining_amount) FROM status.loan_status WHERE currency = 'CNY'")
    assert warehouse == [(sums["warehouse_count"], sums["warehouse_cents"])]
    (tmp_path / "metro2.txt").write_bytes(written.content)
    said = tally("share", "read", tmp_path / "metro2.txt")
    assert said.code == 0
    assert f"{sums['written_cents'] // 100:,}" in said.out
    assert "can't be read" not in said.out
    assert {"11", "13", "64", "71", "84", "97"} <= set(written.base["account_status"])


def test_rebuilt_is_equal(bank: Bank) -> None:
    before = bank.tables()
    replay(bank.settings)
    after = bank.tables()
    assert [name for name in before if before[name] != after[name]] == []


def test_the_same_night_again_publishes_nothing(bank: Bank) -> None:
    before = (bank.warehouse / "tally.duckdb").stat()
    again = tally("nightly", "--as-of", DEMO_NIGHTS[-1], "--landing", bank.landing, "-w", bank.warehouse)
    assert again.code == 0
    assert "Nothing new" in again.out
    assert (bank.warehouse / "tally.duckdb").stat() == before


def test_an_earlier_night_is_refused(bank: Bank) -> None:
    earlier = tally("nightly", "--as-of", DEMO_NIGHTS[0], "--landing", bank.landing, "-w", bank.warehouse)
    assert earlier.code == 2
    assert "lies before the last published one" in earlier.err


def test_a_night_with_nothing_new_carries_on(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Days pass without a file: a later date publishes what the days change, equal to all of it taken at once."""
    later = "2026-11-15"
    bank.night(later)
    scratch = Bank(tmp_path_factory.mktemp("scratch"), {"person_key": "test"})
    write_demo(scratch.landing, DEMO_NIGHTS)
    scratch.night(later)
    for table in TABLES.values():
        if table.scope == "state" and table.name not in SERIES:
            columns = ", ".join(field.name for field in table.fields if field.name not in table.night_columns)
            asked = f"SELECT {columns} FROM {table.name} ORDER BY ALL"
            assert bank.ask(asked) == scratch.ask(asked), table.name
