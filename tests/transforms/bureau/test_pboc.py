"""Records in the second-generation style by hand, and their published schemas."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tests.slow.deliveries import Message, pack
from tests.slow.ledgers import POLICY, account, event, installment, payment
from tests.transforms.working import kept
from transforms.bureau.pboc import PbocReport, report_of
from transforms.bureau.pboc_fields import SPECIAL
from transforms.bureau.pboc_rules import violations
from transforms.bureau.pboc_schema import PbocError, json_schema, xsd
from transforms.bureau.pboc_xml import parsed

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"
MONTH_END = date(2026, 5, 31)
LATE = (
    account(),
    installment(1, "2026-02-28", 100, interest=5),
    installment(2, "2026-03-31", 100),
    installment(3, "2026-04-30", 100),
    installment(4, "2026-05-31", 100),
)


def told(*messages: Message, changes: pl.DataFrame | None = None, name: str = "张三 <&>") -> PbocReport:
    tables = kept(pack(messages), POLICY, MONTH_END).tables
    who = tables["core.accounts"].select(
        "source", "customer_id", name=pl.lit(name), id_type=pl.lit("resident_id"), id_number=pl.lit("1")
    )
    return report_of(tables, who.unique(), POLICY, MONTH_END, changes)


def change(action: str, reason: str | None, loan: str = "l") -> pl.DataFrame:
    row = {"source": "north", "account_id": "a", "loan_id": loan, "action": action, "reason": reason}
    return pl.DataFrame([row], schema=dict.fromkeys(row, pl.String))


@pytest.mark.parametrize(("file", "made"), [("pboc-accounts.xsd", xsd()), ("pboc-row.schema.json", json_schema())])
def test_published_schemas_are_up_to_date(file: str, made: str) -> None:
    assert (SCHEMAS / file).read_text(encoding="utf-8") == made


def test_overdue_principal_falls_into_bands_at_their_edges() -> None:
    # 92, 61 and 31 days at the month's end; what falls due on it is not late
    row = told(*LATE, payment("2026-03-10", 25)).records.row(0, named=True)
    bands = [row[f"overdue_principal_{band}_cents"] for band in ("31_60", "61_90", "91_180", "over_180")]
    assert bands == [100, 100, 80, 0]
    assert (row["past_due_cents"], row["account_status"], row["performance"]) == (280, "2", "4")
    assert (row["due_this_month_cents"], row["paid_this_month_cents"]) == (100, 0)


def test_settling_before_the_end_is_a_special_transaction() -> None:
    items = (installment(1, "2026-05-10", 100), installment(2, "2026-07-10", 100))
    row = told(account(), *items, payment("2026-05-20", 200)).records.row(0, named=True)
    assert row["account_status"] == "3"
    assert row["closed_date"] == date(2026, 5, 20)
    assert row["performance"] == "C"
    assert [tuple(each.values()) for each in row[SPECIAL]] == [("5", date(2026, 5, 20), 100, -2)]


def test_a_disputed_loan_says_so_until_the_dispute_is_closed() -> None:
    opened = event("dispute_opened", "2026-05-10")
    report = told(*LATE, opened)
    assert report.records["dispute"].to_list() == report.rows["dispute"].to_list() == ["1"]
    assert parsed(report.xml).equals(report.records)
    assert told(*LATE, opened, event("dispute_closed", "2026-05-20")).records["dispute"].to_list() == [None]


def test_corrections_and_deletions_carry_their_reason() -> None:
    report = told(*LATE, changes=change("correction", "chargeback taken in late"))
    assert report.records["reason"].to_list() == ["chargeback taken in late"]
    assert parsed(report.xml).equals(report.records)
    report = told(*LATE, changes=change("deletion", "never granted", loan="gone"))
    assert report.records.drop_nulls("balance_cents").is_empty()
    assert parsed(report.xml).equals(report.records)


@pytest.mark.parametrize(("action", "loan"), [("correction", "l"), ("deletion", "l")])
def test_a_change_without_a_reason_does_not_leave(action: str, loan: str) -> None:
    report = told(*LATE, changes=change(action, None, loan))
    assert report.records.is_empty()
    assert ("reason", "stands in corrections and deletions") in report.violations.select("field", "rule").rows()


def test_whom_nobody_can_name_is_not_told() -> None:
    report = told(*LATE, name="")
    assert (report.records.height, report.violations["field"].to_list()) == (0, ["name"])


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("account_status", "5", "is one of those of the account type"),
        ("account_status", "3", "3 has a day of closing"),
        ("account_status", "1", "1 and 5 have no days past due"),
        ("dpd", 0, "2 has days past due"),
        ("performance", "B", "B is bad debt"),
        ("performance", "3", "is the last of the 24 months"),
        ("pboc_24m", "N" * 23 + "4", "is the end of the 60 months"),
        ("overdue_principal_cents", 1, "holds the bands"),
        ("past_due_cents", 1, "is in the past due amount"),
        ("closed_date", date(2020, 1, 1), "is not before the opening"),
        ("closed_date", date(2026, 6, 1), "is not after the month"),
        ("reason", "why", "stands in no plain report"),
        ("balance_cents", -1, "is 0 or more"),
    ],
)
def test_each_rule_broken_once(field: str, value: object, rule: str) -> None:
    records = told(*LATE).records
    assert violations(records).is_empty()
    broken = records.with_columns(pl.lit(value).cast(records.schema[field]).alias(field))
    assert rule in violations(broken)["rule"].to_list()


def test_a_file_that_does_not_fit_is_refused() -> None:
    made = told(*LATE).xml
    with pytest.raises(PbocError, match="does not fit"):
        parsed(made.replace(b"<five_tier>", b"<five_tier>9", 1))
    with pytest.raises(PbocError):
        parsed(b"no file")
