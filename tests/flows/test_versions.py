"""Deliveries night after night: what comes again, later, older, mended, deleted, or changes while it is read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from flows.stores import records
from flows.stores.seal import Seal
from tests.flows.small import ACCOUNTS, GOOD, HEADERS, LOANS, MONEY, land_base, map_source
from tests.nights import Bank
from transforms.mapping import FileFormat

P = GOOD["repayments"] + "\n"
P20 = P.replace("10.00", "20.00")
COUPON = MONEY.strip() + ",coupon\n" + P.strip() + ",X\n"
DELETED = "P,,,,,,,true\n"
LENIENT = 'version = "lenient"\nunknown_columns = "ignore"\n'
STRICT = 'version = "strict"\nrequire_control = true\n'
MAPPED = """
[files.accounts.feeds.accounts]
[files.installments.feeds.installments]
[files.repayments]
ignore_columns = ["coupon"]
[files.repayments.feeds.repayments]
"""
READ = records.read


def rewritten_while_read(
    path: Path, file_format: FileFormat, work: Path, known: records.Profile, seal: Seal | None
) -> records.Records:
    """Reads as ever, but a lender who is not done yet writes one of the files anew meanwhile."""
    found = READ(path, file_format, work, known, seal)
    if path.parent.name == "changing" and path.name.startswith("repayments"):
        path.write_text(MONEY + "P,A,2026-02-10\n" + P20 * 3)
    return found


class Nights:
    """Nights one after the other; each lands what its sources send."""

    def __init__(self, root: Path) -> None:
        self.bank = Bank(root, {})
        self.notes: dict[str, Sequence[str]] = {}
        self.amounts: dict[str, dict[str, Any]] = {}

    def money(self, source: str, day: str, content: str, **control: object) -> None:
        """Lands a file of repayments, with a control file if something is said."""
        self.bank.land(f"repayments_{day}.csv", content, source)
        if control:
            self.bank.land(f"repayments_{day}.ctl", json.dumps(control), source)

    def end(self, day: str) -> None:
        """Runs the night and notes the amount of P in each source."""
        self.notes[day] = self.bank.night(day).notes
        rows = self.bank.ask("SELECT source, amount::VARCHAR FROM core.repayments WHERE repayment_id = 'P'")
        self.amounts[day] = dict(rows)

    def course(self, source: str) -> list[str | None]:
        """The amount of P at the end of each night; None where there is no P."""
        return [amounts.get(source) for amounts in self.amounts.values()]

    def policy(self, text: str) -> None:
        """Another policy from now on."""
        path = self.bank.root / "policy.toml"
        path.write_text(text)
        self.bank.options = {"policy": path}

    def files(
        self, source: str, columns: str = "run_id, outcome, rows_accepted, rows_refused, rows_duplicate"
    ) -> list[tuple[Any, ...]]:
        """Rows of ops.files about the source's repayments."""
        return self.bank.ask(
            f"SELECT {columns} FROM ops.files WHERE source = '{source}' AND feed = 'repayments' ORDER BY run_id, path"
        )


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    nights = Nights(tmp_path_factory.mktemp("versions"))
    for source in (
        *("to-and-fro", "again", "other-name", "older", "between", "deleted", "account-deleted", "control"),
        *("stays-refused", "mapping", "changing", "ahead", "controlled", "uncontrolled", "reference"),
    ):
        land_base(nights.bank, source)
    with mock.patch.object(records, "read", rewritten_while_read):
        first_night(nights)
        nights.end("2026-02-10")
    second_night(nights)
    nights.end("2026-02-11")
    third_night(nights)
    nights.end("2026-02-12")
    fourth_night(nights)
    nights.end("2026-02-13")
    return nights


def first_night(nights: Nights) -> None:
    for source in ("to-and-fro", "again", "other-name", "older", "between", "deleted", "account-deleted", "changing"):
        nights.money(source, "20260210", MONEY + P)
    nights.money("control", "20260210", MONEY + P, rows=2)
    for source in ("stays-refused", "mapping"):
        nights.money(source, "20260210", COUPON)
    nights.money("ahead", "20260212", MONEY + P)
    nights.money("orphan", "20260210", MONEY + P + "Q,NEVER,2026-02-10,1.00,payment,L,,\n")
    nights.money("reference", "20260210", MONEY + P + "V,A,2026-02-10,9.00,reversal,L,P,\n")


def second_night(nights: Nights) -> None:
    nights.money("to-and-fro", "20260211", MONEY + P20)
    nights.money("again", "20260211", MONEY + P)
    nights.bank.land("repayments_resent_20260210.csv", MONEY + P, "other-name")
    nights.money("older", "20260209", MONEY + P20.replace("2026-02-10", "2026-02-09"))
    nights.money("deleted", "20260211", MONEY + DELETED)
    nights.bank.land("accounts_20260211.csv", HEADERS["accounts"] + "\nA,,,,,,,true\n", "account-deleted")
    nights.bank.land("repayments_20260210.ctl", json.dumps({"rows": 1}), "control")
    nights.bank.land("accounts_20260211.csv", ACCOUNTS, "orphan")
    nights.bank.land("installments_20260211.csv", LOANS, "orphan")
    nights.money("reference", "20260211", MONEY + P.replace("10.00", "9.00"))


def third_night(nights: Nights) -> None:
    nights.policy(LENIENT)
    nights.money("to-and-fro", "20260212", MONEY + P)
    nights.money("between", "20260212", MONEY + P)
    nights.money("deleted", "20260212", MONEY + P20)
    map_source(nights.bank, "mapping", MAPPED)


def fourth_night(nights: Nights) -> None:
    nights.policy(STRICT)
    nights.money("between", "20260211", MONEY + P20, rows=1)
    nights.money("controlled", "20260213", MONEY + P, rows=1, amount_total="10.00")
    nights.money("uncontrolled", "20260213", MONEY + P)


@pytest.mark.parametrize(
    ("source", "course"),
    [
        ("to-and-fro", ["10.00", "20.00", "10.00", "10.00"]),
        ("again", ["10.00", "10.00", "10.00", "10.00"]),
        ("other-name", ["10.00", "10.00", "10.00", "10.00"]),
        ("older", ["10.00", "10.00", "10.00", "10.00"]),
        ("between", ["10.00", "10.00", "10.00", "10.00"]),
        ("deleted", ["10.00", None, "20.00", "20.00"]),
        ("account-deleted", ["10.00", None, None, None]),
        ("control", [None, "10.00", "10.00", "10.00"]),
        ("stays-refused", [None, None, "10.00", "10.00"]),
        ("mapping", [None, None, "10.00", "10.00"]),
        ("changing", [None, "20.00", "20.00", "20.00"]),
        ("ahead", [None, None, "10.00", "10.00"]),
        ("orphan", [None, "10.00", "10.00", "10.00"]),
        ("controlled", [None, None, None, "10.00"]),
        ("uncontrolled", [None, None, None, None]),
    ],
)
def test_what_is_held_after_each_night(nights: Nights, source: str, course: list[str | None]) -> None:
    assert nights.course(source) == course


def test_the_same_bytes_under_a_later_date_are_a_later_delivery(nights: Nights) -> None:
    assert nights.files("again") == [("2026-02-10.1", "accepted", 1, 0, 0), ("2026-02-11.1", "accepted", 0, 0, 1)]
    assert nights.files("to-and-fro") == [(f"2026-02-{day}.1", "accepted", 1, 0, 0) for day in (10, 11, 12)], (
        "A, then B, then A again: each is news"
    )


def test_the_same_bytes_under_another_name_on_the_same_date_are_taken_once(nights: Nights) -> None:
    assert nights.files("other-name") == [("2026-02-10.1", "accepted", 1, 0, 0)]


def test_an_older_row_is_kept_and_never_wins(nights: Nights) -> None:
    assert nights.files("older") == [("2026-02-10.1", "accepted", 1, 0, 0), ("2026-02-11.1", "accepted", 1, 0, 0)]
    assert nights.files("between", "run_id, path, rows_accepted, rows_duplicate") == [
        ("2026-02-10.1", "between/repayments_20260210.csv", 1, 0),
        ("2026-02-12.1", "between/repayments_20260212.csv", 0, 1),
        ("2026-02-13.1", "between/repayments_20260211.csv", 1, 0),
    ]


def test_an_orphan_waits_and_is_released_by_itself(nights: Nights) -> None:
    assert nights.bank.ask(
        "SELECT key, is_waiting, first_refused_on::VARCHAR, released_on::VARCHAR FROM ops.refused_rows"
        " WHERE source = 'orphan' ORDER BY key"
    ) == [("P", True, "2026-02-10", "2026-02-11"), ("Q", True, "2026-02-10", None)]
    assert nights.files("orphan") == [("2026-02-10.1", "accepted", 0, 2, 0)], "its file's row is never changed"


def test_a_reversal_of_another_amount_waits_until_the_amounts_are_equal(nights: Nights) -> None:
    assert nights.bank.ask(
        "SELECT key, reasons, released_on::VARCHAR FROM ops.refused_rows WHERE source = 'reference'"
    ) == [("V", ["bad_reference"], "2026-02-11")]
    void = "SELECT is_void FROM core.repayments WHERE source = 'reference' AND repayment_id = 'P'"
    assert nights.bank.ask(void) == [(True,)]


def test_runs_tell_what_they_released_and_reclaimed(nights: Nights) -> None:
    """P and V are released on the 11th; of the deleted account come two instalments and a payment back to waiting."""
    told = "SELECT run_id, rows_released, amount_released::VARCHAR, rows_reclaimed FROM ops.runs ORDER BY run_id"
    assert nights.bank.ask(told) == [
        ("2026-02-10.1", 0, "0.00", 0),
        ("2026-02-11.1", 2, "19.00", 3),
        ("2026-02-12.1", 0, "0.00", 0),
        ("2026-02-13.1", 0, "0.00", 0),
    ]
    assert nights.bank.ask(
        "SELECT feed, key, reasons FROM ops.refused_rows WHERE source = 'account-deleted' ORDER BY ALL"
    ) == [("installments", "L//1", ["orphan"]), ("installments", "L//2", ["orphan"]), ("repayments", "P", ["orphan"])]


def test_a_refused_file_is_tried_again_when_something_differs_and_not_before(nights: Nights) -> None:
    assert [run_id for run_id, *_ in nights.files("control")] == ["2026-02-10.1", "2026-02-11.1"]
    assert nights.files("stays-refused", "run_id, outcome") == [
        ("2026-02-10.1", "refused"),
        ("2026-02-12.1", "accepted"),
    ], "not tried on the 11th, when nothing had changed, but under the policy of the 12th"
    assert nights.files("mapping", "run_id, outcome") == [("2026-02-10.1", "refused"), ("2026-02-12.1", "accepted")]


def test_a_file_that_changes_while_it_is_read_is_left_for_the_next_run(nights: Nights) -> None:
    left = "changing/repayments_20260210.csv is still changing and is left for the next run."
    assert nights.notes["2026-02-10"] == (left,)
    assert nights.files("changing") == [("2026-02-11.1", "accepted", 1, 1, 2)]


def test_a_policy_may_require_control_files(nights: Nights) -> None:
    ((outcome, reason),) = nights.files("uncontrolled", "outcome, reason")
    assert outcome == "refused"
    assert "repayments_20260213.ctl" in reason
    assert nights.files("controlled", "outcome, reason") == [("accepted", None)]


def test_every_policy_stands_on_its_night(nights: Nights) -> None:
    versions = nights.bank.ask("SELECT policy_version FROM ops.runs ORDER BY run_id")
    assert [version for (version,) in versions] == ["cn-2023.1", "cn-2023.1", "lenient", "strict"]
    assert nights.bank.ask("SELECT DISTINCT policy_version FROM status.loan_status") == [("strict",)]
