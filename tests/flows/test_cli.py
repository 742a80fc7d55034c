"""The command as people and schedulers meet it: exit codes, plain sentences, queries, runs, quarantine, mappings."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations import published
from expectations.checks import Suite, sql_check
from flows.quarantine import EXPORTED
from tests.flows.command import Said, tally
from tests.flows.small import GOOD, HEADERS, MONEY, land_base
from tests.nights import Bank
from transforms.policy import Policy

ROOT = Path(__file__).parents[2]
PROJECT = {**os.environ, "PYTHONPATH": str(ROOT)}
SUITES = published.suites
BAD = "P2,A,2026-02-30,20.00,payment,L,,\nP3,A,2026-02-10,x,payment,L,,\nP4,Z,2026-02-10,1.00,payment,L,,\n"
SAMPLE = """流水号,账户,还款日期,还款金额,类型,借据号,网点
S1,A,2026/02/10,10.50,还款,L,x
S2,A,2026/02/11,5.00,退款,L,x
"""
HOLDER = """
import sys
from pathlib import Path
from flows.stores.warehouse import Warehouse
with Warehouse(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""
"""Another process that holds the warehouse until its input ends."""


def suites_without_p5(policy: Policy, **given: bool) -> list[Suite]:
    """The suites, and a critical check that fails as long as P5 is there."""
    check = sql_check("SELECT 1 FROM {batch} WHERE repayment_id = 'P5'", why="P5 must not be.")
    return [*SUITES(policy, **given), Suite("house.rule", None, "core.repayments", [check])]


@dataclass
class Story:
    """A bank, and what the command said on the way."""

    bank: Bank
    said: dict[str, Said] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, str]:
        """The option that names the warehouse."""
        return "-w", str(self.bank.warehouse)

    def night(self, day: str, *words: str) -> Said:
        """A night by the command."""
        return tally("nightly", "--as-of", day, "--landing", self.bank.landing, *self.place, *words)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Four nights: bad rows; the same mended, and a guessed mapping; a check that stops a night; and it let through."""
    story = Story(Bank(tmp_path_factory.mktemp("cli")))
    first_night(story)
    mended_night(story)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published, "suites", suites_without_p5)
        stopped_night(story)
    story.said["folded"] = story.night("2026-02-13")
    story.said["runs at last"] = tally("runs", *story.place)
    return story


def first_night(story: Story) -> None:
    land_base(story.bank, "bank")
    story.bank.land("repayments_20260210.csv", MONEY + GOOD["repayments"] + "\n" + BAD)
    customers = HEADERS["customers"] + "\nC,resident_id,1,n,1990-02-30,,\n"
    story.bank.land("customers_20260210.csv", customers)
    story.bank.land("orders_20260210.csv", HEADERS["orders"] + ",coupon\nO,A,2026-02-30,1.00,x,,,y\n")
    story.said["first"] = story.night("2026-02-10")
    story.said["again"] = story.night("2026-02-10")


def mended_night(story: Story) -> None:
    story.said["list"] = tally("quarantine", "list", *story.place)
    story.said["show"] = tally("quarantine", "show", *story.place, "--reason", "bad_amount")
    export = story.bank.root / "export.csv"
    path = "bank/repayments_20260210.csv"
    story.said["export"] = tally("quarantine", "show", *story.place, "--path", path, "--export", export)
    with export.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    story.seen["exported"] = rows
    mended = [{**row, "raw": row["raw"].replace("-02-30", "-02-03").replace(",x,", ",30.00,")} for row in rows[:2]]
    with export.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(mended)
    story.said["replay"] = tally("quarantine", "replay", export, "--landing", story.bank.landing, *story.place)
    sample = story.bank.root / "repayments_20260211.csv"
    sample.write_bytes(SAMPLE.encode("gb18030"))
    story.said["init"] = tally("init", sample, "--source", "shop", *story.place)
    story.bank.land(sample.name, sample.read_bytes(), "shop")
    story.said["mended"] = story.night("2026-02-11")


def stopped_night(story: Story) -> None:
    line = GOOD["repayments"].replace("P,", "P5,", 1).replace("10.00", "5.00")
    story.bank.land("repayments_20260212.csv", f"{MONEY}{line}\n")
    before = (story.bank.warehouse / "tally.duckdb").read_bytes()
    story.said["stopped"] = story.night("2026-02-12")
    story.seen["untouched"] = (story.bank.warehouse / "tally.duckdb").read_bytes() == before
    story.seen["records"] = {
        path.name: json.loads(path.read_bytes()) for path in (story.bank.warehouse / "runs").glob("*.json")
    }
    story.said["runs"] = tally("runs", *story.place)
    ((delivery,),) = (record["deliveries"] for record in story.seen["records"].values())
    story.seen["sha256"] = delivery["sha256"]
    story.said["stopped again"] = story.night("2026-02-12")
    story.said["held"] = story.night("2026-02-12", "--hold", delivery["sha256"][:12])


# ---------------------------------------------------------------- nights


def test_a_published_night_and_one_with_nothing_new_end_with_0(story: Story) -> None:
    assert (story.said["first"].code, story.said["again"].code) == (0, 0)
    assert "Night 2026-02-10.1 is published" in story.said["first"].out
    assert "coupon" in story.said["first"].out, "a refused file is told, and stops nothing"
    assert "Nothing new: 2026-02-10 stands as it was published." in story.said["again"].out
    assert "tally quarantine show" in story.said["first"].out


def test_a_failed_critical_check_stops_the_night_with_1(story: Story) -> None:
    said = story.said["stopped"]
    assert said.code == 1
    assert "P5 must not be." in said.err
    assert f"bank/repayments_20260212.csv ({story.seen['sha256'][:12]})" in said.err
    assert "--hold" in said.err
    assert "Traceback" not in said.err
    assert story.seen["untouched"]


def test_the_record_of_a_stopped_night_names_its_deliveries(story: Story) -> None:
    ((name, record),) = story.seen["records"].items()
    assert name == "2026-02-12.1.1.json"
    assert (record["run_id"], record["attempt"], record["outcome"]) == ("2026-02-12.1", 1, "refused")
    assert [delivery["path"] for delivery in record["deliveries"]] == ["bank/repayments_20260212.csv"]
    shown = " ".join(story.said["runs"].out.split())
    assert "2026-02-12.1" in shown
    assert "refused" in shown
    assert "not taken" in shown


def test_hold_publishes_without_the_delivery_and_folds_the_stopped_runs(story: Story) -> None:
    assert (story.said["stopped again"].code, story.said["held"].code, story.said["folded"].code) == (1, 0, 0)
    runs = story.bank.ask("SELECT run_id, attempt, outcome, held FROM ops.runs ORDER BY started_at")
    assert runs == [
        ("2026-02-10.1", 1, "published", []),
        ("2026-02-11.1", 1, "published", []),
        ("2026-02-12.1", 1, "refused", []),
        ("2026-02-12.1", 2, "refused", []),
        ("2026-02-12.1", 3, "published", [story.seen["sha256"][:12]]),
        ("2026-02-13.1", 1, "published", []),
    ]
    taken = "SELECT run_id FROM ops.files WHERE path = 'bank/repayments_20260212.csv'"
    assert story.bank.ask(taken) == [("2026-02-13.1",)], "once it is no longer held"
    assert "P5 must not be." in " ".join(story.said["runs at last"].out.split())
    assert list((story.bank.warehouse / "runs").glob("*.json")) == []


def test_a_held_warehouse_ends_with_3_and_says_who_holds_it(story: Story) -> None:
    command = [sys.executable, "-c", HOLDER, str(story.bank.warehouse)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=PROJECT, cwd=ROOT
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        said = story.night("2026-02-14")
        holder.communicate("")
    assert said.code == 3
    assert f"process {holder.pid}" in said.err
    assert "Traceback" not in said.err


# ---------------------------------------------------------------- mistakes

MAPPINGS = {
    "unknown feed": ("[files.x.feeds.repayment]\n", "did you mean repayments?"),
    "unknown column": ('[files.x.feeds.orders.columns]\namuont = "a"\n', "did you mean amount?"),
    "unknown key": ("[files.x]\nincoding = 'utf-8'\n[files.x.feeds.orders]\n", "files.x.incoding: no such setting"),
    "two origins": ("[files.x.feeds.orders.columns]\namount = { column = 'a', constant = '1' }\n", "exactly one"),
    "arithmetic on text": ("[files.x.feeds.orders.columns]\namount = { expression = 'a * 100' }\n", "columns.amount"),
    "no function": ("[files.x.feeds.orders.columns]\namount = { expression = 'TWICE(a)' }\n", "columns.amount"),
    "no encoding": ("[files.x.format]\nencoding = 'utf-9'\n[files.x.feeds.orders]\n", "no such encoding"),
    "equal marks": ("[reading]\nthousands_mark = '.'\n[files.x.feeds.orders]\n", "must differ"),
    "other source": ("source = 'y'\n[files.x.feeds.orders]\n", "'y'"),
    "no TOML": ("[files\n", "is not TOML"),
}


@pytest.mark.parametrize("name", list(MAPPINGS))
def test_mistakes_in_a_mapping(name: str, tmp_path: Path) -> None:
    text, said = MAPPINGS[name]
    (tmp_path / "lender.toml").write_text(text)
    bank = Bank(tmp_path)
    bank.land("x_20260210.csv", "a\n1\n", "lender")
    done = tally(
        "nightly", "--as-of", "2026-02-10", "--landing", bank.landing, "-w", bank.warehouse, "--sources", tmp_path
    )
    assert_plain(done, said)
    assert "lender.toml" in done.err


POLICIES = {
    "range": ('version = "x"\nvolume_factor = 0.5\n', "volume_factor"),
    "choice": ('version = "x"\n[products.default]\nallocation = "both"\n', "products.default.allocation"),
    "unknown": ('version = "x"\ngraze_days = 3\n', "graze_days: no such setting"),
    "required": ("", "version: is required"),
    "no TOML": ("version = \n", "is not TOML"),
}


@pytest.mark.parametrize("name", list(POLICIES))
def test_mistakes_in_a_policy(name: str, tmp_path: Path) -> None:
    text, said = POLICIES[name]
    path = tmp_path / "policy.toml"
    path.write_text(text)
    bank = Bank(tmp_path)
    bank.landing.mkdir()
    done = tally("nightly", "--as-of", "2026-02-10", "--landing", bank.landing, "-w", bank.warehouse, "--policy", path)
    assert_plain(done, said)
    assert str(path) in done.err


def assert_plain(done: Said, said: str) -> None:
    """Exit code 2 and one message in plain words."""
    assert done.code == 2, done.err
    assert said in done.err
    assert "Traceback" not in done.err
    assert done.err.count("tally: ") == 1


def test_mistakes_of_other_kinds(story: Story, tmp_path: Path) -> None:
    landing, here = ("--landing", str(story.bank.landing)), story.place
    day = ("--as-of", "2026-02-14")
    file = tmp_path / "file"
    file.write_text("a,b\n1,2\n")
    nowhere = tmp_path / "nowhere"
    for said, words in {
        f"There is no landing folder {nowhere}": ("nightly", *day, "--landing", nowhere, *here),
        f"There is no folder of source mappings {nowhere}": ("nightly", *day, *landing, *here, "--sources", nowhere),
        "no-such-policy": ("nightly", *day, *landing, *here, "--policy", "no-such-policy"),
        f"{file} cannot be made a folder": ("nightly", *day, *landing, "-w", file),
        "lies before the last published one (2026-02-13)": ("nightly", "--as-of", "2026-02-12", *landing, *here),
        "No new delivery has the SHA-256 0123": ("nightly", *day, *landing, *here, "--hold", "0123"),
        "lies before --from": ("backfill", "--from", "2026-02-14", "--to", "2026-02-13", *landing, *here),
        "no lake": ("rebuild", "-w", nowhere),
        "run `tally nightly` first": ("query", "SELECT 1", "-w", nowhere),
        f"no warehouse at {nowhere}": ("runs", "-w", nowhere),
        "There is no reason bad_day; it is one of bad_encoding,": ("quarantine", "show", "--reason", "bad_day", *here),
        "No delivery bank/x.csv was ever read": ("quarantine", "show", "--path", "bank/x.csv", *here),
        f"{file}/x.csv cannot be written (Not a": ("quarantine", "show", "--export", file / "x.csv", *here),
        f"{file} is no export": ("quarantine", "replay", file, *landing, *here),
        f"{nowhere} cannot be read": ("quarantine", "replay", nowhere, *landing, *here),
        "is there already": ("init", file, "--source", "shop", *here),
        f"{nowhere} cannot be read (": ("init", nowhere, "--source", "new", *here),
    }.items():
        assert_plain(tally(*words), said)
    for name, value in (
        ("TALLY_MEMORY", "lots"),
        ("TALLY_MEMORY", "1MB"),
        ("TALLY_MEMORY", "0%"),
        ("TALLY_PERSON_KEY", ""),
    ):
        assert_plain(tally("nightly", *day, *landing, *here, **{name: value}), name)
        assert_plain(tally("runs", *here, **{name: value}), name)
        assert_plain(tally("demo", tmp_path / "demo", **{name: value}), name)


@pytest.mark.parametrize(
    "words",
    [
        ("nightly", "--as-of", "yesterday"),
        ("nightly", "--as-of", "2026-02-30"),
        ("nightly", "--as-off", "2026-02-10"),
        ("nigthly",),
        ("query",),
        ("query", "SELECT 1", "--format", "xml"),
    ],
)
def test_words_that_are_no_command(words: tuple[str, ...]) -> None:
    done = tally(*words)
    assert done.code == 2
    assert "Traceback" not in done.err
    assert "Usage" in done.err


# ---------------------------------------------------------------- query

ASKED = "SELECT repayment_id, amount, paid_date FROM core.repayments WHERE repayment_id < 'P2' ORDER BY 1"


def test_a_name_does_not_steer_the_terminal_out_of_a_sentence(tmp_path: Path) -> None:
    said = tally("query", "SELECT 1", "-w", tmp_path / "a\x1b[2Jb")
    assert said.code == 2
    assert r"a\x1b[2Jb" in said.err
    assert "\x1b" not in said.err


def test_query_shows_a_table(story: Story) -> None:
    done = tally("query", ASKED, *story.place)
    assert done.code == 0
    assert all(text in done.out for text in ("repayment_id", "10.00", "2026-02-10"))


@pytest.mark.parametrize("sql", [ASKED, f"{ASKED};", f"{ASKED}; -- at last", f"{ASKED} -- at last", f"/* a */ {ASKED}"])
def test_query_writes_csv_and_json(story: Story, sql: str) -> None:
    assert tally("query", sql, *story.place, "-f", "csv").out == "repayment_id,amount,paid_date\nP,10.00,2026-02-10\n"
    told = json.loads(tally("query", sql, *story.place, "-f", "json").out)
    assert told == [{"repayment_id": "P", "amount": 10.0, "paid_date": "2026-02-10"}]


def test_query_writes_files(story: Story, tmp_path: Path) -> None:
    target = tmp_path / "it's.parquet"
    assert tally("query", ASKED, *story.place, "-f", "parquet", "-o", target).code == 0
    with duckdb.connect() as connection:
        assert connection.read_parquet(str(target)).types == ["VARCHAR", "DECIMAL(18,2)", "DATE"]
        assert len(connection.read_parquet(str(target)).fetchall()) == 1
    assert tally("query", ASKED, *story.place, "-f", "csv", "-o", tmp_path / "out.csv").out == ""
    assert len(list(csv.reader(io.StringIO((tmp_path / "out.csv").read_text())))) == 2


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM core.repayments",
        "INSERT INTO core.repayments SELECT * FROM core.repayments",
        "DROP TABLE core.repayments",
        "CREATE TABLE t AS SELECT 1",
        "SELECT 1; DROP TABLE core.repayments",
        "COPY core.repayments TO 'stolen.csv'",
        "ATTACH 'other.duckdb'",
        "SELECT * FROM core.no_such_table",
        "SELEC 1",
        "",
    ],
)
def test_query_only_asks(story: Story, sql: str) -> None:
    before = (story.bank.warehouse / "tally.duckdb").read_bytes()
    done = tally("query", sql, *story.place)
    assert (done.code, "Traceback" in done.err) == (2, False)
    assert (story.bank.warehouse / "tally.duckdb").read_bytes() == before


# ---------------------------------------------------------------- quarantine


def test_quarantine_is_listed_and_shown(story: Story) -> None:
    listed = story.said["list"].out
    assert [reason for reason in ("bad_date", "bad_amount", "orphan") if reason not in listed] == []
    assert "waiting" in listed
    shown = story.said["show"].out
    assert "bank/repayments_20260210.csv:4" in shown
    assert "P3,A,2026-02-10,x,payment,L,," in shown
    assert "P2" not in shown


def test_quarantine_is_exported_with_file_line_and_reasons(story: Story) -> None:
    told = [(row["path"], row["line_number"], row["key"], row["reasons"], row["raw"]) for row in story.seen["exported"]]
    lines = BAD.splitlines()
    assert told == [
        ("bank/repayments_20260210.csv", "3", "P2", "bad_date", lines[0]),
        ("bank/repayments_20260210.csv", "4", "P3", "bad_amount", lines[1]),
        ("bank/repayments_20260210.csv", "5", "P4", "orphan", lines[2]),
    ]


def test_mended_rows_become_a_delivery_that_names_their_origin(story: Story) -> None:
    assert (story.said["export"].code, story.said["replay"].code, story.said["mended"].code) == (0, 0, 0)
    mended = "SELECT repayment_id, amount::VARCHAR, paid_date::VARCHAR FROM core.repayments"
    assert story.bank.ask(f"{mended} WHERE repayment_id IN ('P2', 'P3') ORDER BY 1") == [
        ("P2", "20.00", "2026-02-03"),
        ("P3", "30.00", "2026-02-10"),
    ]
    replays = "path, run_id, business_date::VARCHAR, rows_received, rows_accepted, replay_of"
    assert story.bank.ask(f"SELECT {replays} FROM ops.files WHERE replay_of IS NOT NULL") == [
        (
            *("bank/repayments_20260210_1.csv", "2026-02-11.1", "2026-02-10", 2, 2),
            "bank/repayments_20260210.csv line 3, 4",
        )
    ]
    original = "SELECT rows_accepted, rows_refused FROM ops.files WHERE path = 'bank/repayments_20260210.csv'"
    assert story.bank.ask(original) == [(1, 3)], "the original's row stays"


def test_what_cannot_be_replayed_is_told(story: Story, tmp_path: Path) -> None:
    for path, said in (("bank/customers_20260210.csv", "never kept"), ("bank/orders_20260210.csv", "as a whole")):
        export = tmp_path / f"{Path(path).stem}.csv"
        assert tally("quarantine", "show", *story.place, "--path", path, "--export", export).code == 0
        done = tally("quarantine", "replay", export, "--landing", story.bank.landing, *story.place)
        assert_plain(done, said)


ORIGINAL = {
    "source": "bank",
    "path": "bank/repayments_20260210.csv",
    "line_number": "4",
    "feed": "repayments",
    "key": "P3",
    "reasons": "bad_amount",
    "details": "",
    "raw": "P3,A,2026-02-10,3.00,payment,L,,",
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([{"line_number": "four"}], "row 1 has no line number; only the column raw is meant to be changed"),
        ([{}, {"raw": "P3,A,2026-02-10,4.00,payment,L,,"}], "stands there twice, mended in two ways"),
        ([{}, {"path": "bank/orders_20260210.csv"}], "as a whole"),
        ([{}, {"raw": None}], "row 2 has not the 9 fields of an export"),
    ],
)
def test_a_replay_with_one_mistake_writes_nothing(
    changes: list[dict[str, str | None]], said: str, story: Story, tmp_path: Path
) -> None:
    (sha256,) = story.bank.ask(f"SELECT sha256 FROM ops.files WHERE path = '{ORIGINAL['path']}'")[0]
    mended, landing = tmp_path / "mended.csv", tmp_path / "landing"
    with mended.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(list(EXPORTED))
        for change in changes:
            row = {**ORIGINAL, "sha256": sha256, **change}
            csv.writer(file).writerow([row[name] for name in EXPORTED if row[name] is not None])
    landing.mkdir()
    assert_plain(tally("quarantine", "replay", mended, "--landing", landing, *story.place), said)
    assert not list(landing.iterdir())


# ---------------------------------------------------------------- mappings, help


def test_init_guesses_a_mapping_that_works(story: Story) -> None:
    assert story.said["init"].code == 0
    assert "gb18030" in story.said["init"].out
    text = (story.bank.warehouse / "sources" / "shop.toml").read_text(encoding="utf-8")
    assert "CHECK" in text
    counts = "outcome, rows_received, rows_refused, amount_received::VARCHAR"
    assert story.bank.ask(f"SELECT {counts} FROM ops.files WHERE source = 'shop'") == [("accepted", 2, 2, "15.50")]
    assert story.bank.ask(
        "SELECT key, reasons, is_waiting FROM ops.refused_rows WHERE source = 'shop' ORDER BY key"
    ) == [("S1", ["orphan"], True), ("S2", ["orphan"], True)], "read in full; only the account is not there"


def test_dictionary_tells_every_table(story: Story) -> None:
    done = tally("dictionary")
    assert done.code == 0
    tables = story.bank.ask("SELECT schema_name || '.' || table_name FROM duckdb_tables()")
    assert [name for (name,) in tables if f"### `{name}`" not in done.out] == []


@pytest.mark.parametrize("command", ["nightly", "backfill", "rebuild", "query", "runs", "quarantine", "init", "serve"])
def test_every_command_has_its_help(command: str) -> None:
    done = tally(command, "--help")
    assert done.code == 0
    assert "Usage" in done.out


def test_heavy_libraries_wait_until_they_are_needed() -> None:
    script = "import sys, flows.cli; print(sorted({'prefect', 'great_expectations', 'polars'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT, env=PROJECT
    )
    assert done.stdout == "[]\n"


def test_a_night_with_nothing_new_loads_no_step() -> None:
    script = "import sys, flows.nightly; print(sorted({'flows.steps', 'great_expectations'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT, env=PROJECT
    )
    assert done.stdout == "[]\n"
