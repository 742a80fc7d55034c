"""Every row rule on small files: one that passes it, one that breaks it alone, and the stock expectation beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache

import duckdb
import polars as pl
import pytest

from expectations.checks import Check, Suite
from expectations.engine import run_suites
from expectations.feeds import RULES
from expectations.rules import CONFLICT, RowRule, mask_sql
from tests.expectations.row_cases import (
    BUSINESS_DATE,
    COUNT,
    GOOD,
    LINES,
    OF_CELLS,
    OTHER_CONTENT,
    OWN,
    POLICY,
    Case,
    Cells,
    File,
    files,
)
from transforms.conform import DeliveryContext, conform
from transforms.feeds import FEEDS
from transforms.mapping import FeedMapping, Reading
from transforms.persons import PersonKey
from transforms.policy import Policy
from transforms.refusals import RECORD_REFUSALS, Refusal

EVERY_RULE = [pytest.param(feed, rule, id=f"{feed}-{rule.name}") for feed, rules in RULES.items() for rule in rules]


def is_own(rule: RowRule) -> bool:
    return rule.predicate is not None and rule.predicate != CONFLICT


def case_of(feed: str, rule: RowRule) -> Case:
    """The files for a rule: by its name, or by its reason when every feed has it."""
    if is_own(rule):
        return OWN[feed, rule.name]
    if rule.predicate == CONFLICT:
        other = OTHER_CONTENT[feed]
        return [({}, {})], [({}, other), ({}, {}, other)]
    if rule.reason in RECORD_REFUSALS:
        return files({}), files({"damage": rule.reason.value, **dict.fromkeys(GOOD[feed], "")})
    if rule.reason is Refusal.BAD_UNFOLD:
        return files({COUNT: "1"}), files({COUNT: "0"}, {COUNT: "many"}, {COUNT: ""}, {COUNT: "1001"})
    assert rule.column is not None
    passes, breaks = OF_CELLS[rule.reason]
    return files({rule.column: passes.format(GOOD[feed].get(rule.column))}), files({rule.column: breaks})


@cache
def all_files(feed: str) -> tuple[File, ...]:
    """The files of every case of a feed; all of them say different things of one key."""
    cases = [case_of(feed, rule) for rule in RULES[feed]]
    return tuple(file for passes, breaks in cases for file in (*passes, *breaks))


def texts_of(feed: str, of: Sequence[File]) -> pl.DataFrame:
    """Text rows as a reader gives them; a row's file is its line number by LINES."""
    columns = [column.name for column in FEEDS[feed].columns]
    rows = [
        {"line_number": number * LINES + line, **{name: text or None for name, text in {**GOOD[feed], **said}.items()}}
        for number, file in enumerate(of)
        for line, said in enumerate(({COUNT: "1", **cells} for cells in file), 2)
    ]
    texts = dict.fromkeys(["damage", COUNT, *columns], pl.String())
    return pl.DataFrame(rows, schema={"line_number": pl.Int64(), **texts}).with_columns(
        line_span=pl.lit(1, pl.Int32), file_no=pl.col("line_number") // LINES
    )


def staged_rows(feed: str, texts: pl.DataFrame) -> pl.DataFrame:
    """The rows conformed, with file_no."""
    mapping = FeedMapping.model_validate({"unfold": {"to": COUNT}})
    context = DeliveryContext("north", BUSINESS_DATE, 0, POLICY.time_zone, POLICY.currency, PersonKey(b"key"))
    rows = conform(texts.lazy().drop("file_no"), feed, mapping, Reading(), context)
    return rows.with_columns(file_no=pl.col("line_number") // LINES).collect()


def masked(
    feed: str, staged: pl.DataFrame, policy: Policy = POLICY, business_date: date = BUSINESS_DATE
) -> pl.DataFrame:
    """The rows with all their reasons."""
    days = staged.select(pl.col("file_no").unique(), business_date=pl.lit(business_date))
    with duckdb.connect() as connection:
        connection.register("staged", staged.to_arrow())
        connection.register("files", days.to_arrow())
        query = mask_sql(feed, RULES[feed], policy, "staged", "files")
        rows = pl.DataFrame(connection.sql(query).to_arrow_table())
    assert rows.height == staged.height
    return rows.sort("line_number")


def names_of(feed: str, reasons: int) -> list[str]:
    """The names of the rules whose bits are set."""
    return [rule.name for bit, rule in enumerate(RULES[feed]) if reasons >> bit & 1]


def found(feed: str, *of: File, policy: Policy = POLICY, business_date: date = BUSINESS_DATE) -> list[list[list[str]]]:
    """Per file and row, the rules that the row breaks."""
    return by_file(feed, masked(feed, staged_rows(feed, texts_of(feed, of)), policy, business_date), len(of))


def by_file(feed: str, rows: pl.DataFrame, count: int) -> list[list[list[str]]]:
    """The names of the rules that the rows of each file break."""
    broken: list[list[list[str]]] = [[] for _ in range(count)]
    for number, reasons in rows.select("file_no", "reasons").iter_rows():
        broken[number].append(names_of(feed, reasons))
    return broken


@cache
def staged_bulk(feed: str) -> pl.DataFrame:
    """The rows of all files of a feed, conformed."""
    return staged_rows(feed, texts_of(feed, all_files(feed)))


@cache
def masked_bulk(feed: str) -> pl.DataFrame:
    """The rows of all files of a feed, judged together."""
    return masked(feed, staged_bulk(feed))


def test_every_own_rule_has_its_case() -> None:
    assert set(OWN) == {(feed, rule.name) for feed, rules in RULES.items() for rule in rules if is_own(rule)}


@pytest.mark.parametrize(("feed", "rule"), EVERY_RULE)
def test_a_rule_is_passed_and_is_broken_alone(feed: str, rule: RowRule) -> None:
    passes, breaks = case_of(feed, rule)
    broken = by_file(feed, masked_bulk(feed), len(all_files(feed)))
    judged = dict(zip(map(str, all_files(feed)), broken, strict=True))
    assert passes
    assert breaks
    for file in passes:
        assert judged[str(file)] == [[]] * len(file), file
    for file in breaks:
        assert judged[str(file)] == [[rule.name]] * len(file), file


@pytest.mark.parametrize("feed", RULES)
def test_a_file_is_judged_by_itself(feed: str) -> None:
    """The rows of a file get the same reasons alone as among other files that say other things of their key."""
    together = by_file(feed, masked_bulk(feed), len(all_files(feed)))
    with duckdb.connect() as connection:
        connection.register("staged", staged_bulk(feed).to_arrow())
        connection.execute(
            f"CREATE TABLE files AS SELECT DISTINCT file_no, DATE '{BUSINESS_DATE}' AS business_date FROM staged"
        )
        for number, expected in enumerate(together):
            query = mask_sql(feed, RULES[feed], POLICY, f"(FROM staged WHERE file_no = {number})", "files")
            alone = connection.sql(f"SELECT reasons FROM ({query}) ORDER BY line_number").fetchall()
            assert [names_of(feed, reasons) for (reasons,) in alone] == expected


@pytest.mark.parametrize("feed", RULES)
def test_the_mask_adds_reasons_and_keeps_the_rest(feed: str) -> None:
    staged, rows = staged_bulk(feed), masked_bulk(feed)
    kept = [name for name in staged.columns if name != "reasons"]
    assert rows.columns == [*staged.columns, "business_date"]
    assert rows.select(kept).equals(staged.select(kept).sort("line_number"))


@pytest.mark.parametrize(
    ("feed", "row", "names"),
    [
        (
            "accounts",
            {
                "customer_id": "",
                "credit_limit": "-1",
                "currency": "XAU",
                "closed_date": "2025-01-01",
                "valid_from": "?",
            },
            [
                "missing: customer_id",
                "bad_date: valid_from",
                "negative_amount: credit_limit",
                "unknown_currency: currency",
                "date_order: closed_date",
            ],
        ),
        (
            "installments",
            {
                "principal": "10.055",
                "interest": "-1",
                "fee": "-1",
                "installment_no": "10000",
                "order_date": "2027-01-01",
            },
            [
                "bad_amount: principal",
                "negative_amount: interest",
                "negative_amount: fee",
                "out_of_range: installment_no",
                "date_order: due_date",
            ],
        ),
        (
            "repayments",
            {"repayment_id": "", "kind": "reversal", "refers_to": "", "amount": "0", "paid_date": "2026-12-01"},
            ["missing: repayment_id", "not_positive: amount", "paid_in_future: paid_date", "missing: refers_to"],
        ),
    ],
)
def test_all_reasons_of_a_row_are_found_together(feed: str, row: Cells, names: list[str]) -> None:
    assert found(feed, (row,)) == [[names]]


def test_a_row_in_conflict_keeps_its_other_reasons() -> None:
    assert found("repayments", ({"amount": "0"}, {})) == [[["not_positive: amount", "conflict"], ["conflict"]]]


@pytest.mark.parametrize("feed", RULES)
def test_a_deletion_is_asked_for_its_key_alone(feed: str) -> None:
    key = FEEDS[feed].key
    required = [column.name for column in FEEDS[feed].columns if column.required and column.name in key]
    nonsense = {column.name: "-0.001" for column in FEEDS[feed].columns if column.name not in key}
    negative = {column.name: "-5" for column in FEEDS[feed].columns if column.name not in key}
    empty = {column.name: "" for column in FEEDS[feed].columns if column.name not in key}
    deletions = [{**said, "is_deleted": "true"} for said in (nonsense, negative, empty)]
    assert found(feed, *files(*deletions)) == [[[]]] * 3
    keyless = [{**deletions[0], name: ""} for name in required]
    assert found(feed, *files(*keyless)) == [[[f"missing: {name}"]] for name in required]


def test_a_deletion_of_a_plan_that_cannot_be_read_is_refused() -> None:
    deletion = {"is_deleted": "true", "plan_date": "spring", "installment_no": "12000"}
    assert found("installments", (deletion,)) == [[["bad_date: plan_date"]]]


@pytest.mark.parametrize("feed", RULES)
def test_a_deletion_and_a_row_of_its_key_are_a_conflict(feed: str) -> None:
    assert found(feed, ({}, {"is_deleted": "true"})) == [[["conflict"], ["conflict"]]]


def test_a_deletion_and_a_row_of_a_key_alone_are_a_conflict() -> None:
    key_alone = {**dict.fromkeys(GOOD["customers"], ""), "customer_id": "c1"}
    assert found("customers", (key_alone, {**key_alone, "is_deleted": "true"})) == [[["conflict"], ["conflict"]]]


@pytest.mark.parametrize("feed", RULES)
def test_a_key_in_two_files_is_no_conflict(feed: str) -> None:
    assert found(feed, ({},), (OTHER_CONTENT[feed],)) == [[[]], [[]]]


@pytest.mark.parametrize("feed", RULES)
def test_other_keys_are_no_conflict(feed: str) -> None:
    """Each column of the key alone tells two rows apart."""
    for name in FEEDS[feed].key:
        other = "2" if GOOD[feed][name] == "1" else "2026-01-31"
        assert found(feed, ({}, {**OTHER_CONTENT[feed], name: other})) == [[[], []]]


def test_instalments_of_the_original_plan_conflict_as_well() -> None:
    original = {"plan_date": ""}
    assert found("installments", (original, {**original, "fee": "9"}), (original, {"fee": "9"})) == [
        [["conflict"], ["conflict"]],
        [[], []],
    ]


def test_a_row_whose_key_cannot_be_read_is_in_no_conflict() -> None:
    """Neither with the original plan, whose date is empty, nor with others of the kind, nor with damaged records."""
    original = {"plan_date": ""}
    unread = {"plan_date": "spring", "fee": "9"}
    damaged = {**dict.fromkeys(GOOD["installments"], ""), "damage": "too_few_fields"}
    assert found("installments", (original, unread, {**unread, "fee": "8"}, damaged, damaged)) == [
        [[], ["bad_date: plan_date"], ["bad_date: plan_date"], ["too_few_fields"], ["too_few_fields"]]
    ]
    twins, conflict = (original, original, unread), (original, {**original, "fee": "7"}, unread)
    assert found("installments", twins, conflict) == [
        [[], [], ["bad_date: plan_date"]],
        [["conflict"], ["conflict"], ["bad_date: plan_date"]],
    ]


def test_a_verdict_takes_the_day_of_the_file_and_the_figures_of_the_policy() -> None:
    late = ({"paid_date": "2026-03-08"},)
    wide = POLICY.model_copy(update={"paid_after_delivery_days": 3})
    names = ["paid_in_future: paid_date"]
    assert found("repayments", late) == [[names]]
    assert found("repayments", late, business_date=BUSINESS_DATE + timedelta(days=2)) == [[[]]]
    assert found("repayments", late, policy=wide) == [[[]]]
    rupees = ({"currency": "INR"},)
    assert found("accounts", rupees, policy=Policy(version="test", currencies=("CNY",))) == [
        [["unknown_currency: currency"]]
    ]


def condition(name: str, value: int) -> dict[str, object]:
    """Great Expectations' `Column(name) == value`, as data."""
    return {"type": "comparison", "column": {"name": name}, "operator": "==", "parameter": value}


@pytest.mark.parametrize("feed", RULES)
def test_the_stock_expectation_names_the_same_rows(feed: str) -> None:
    """Of the rows that are no deletions and can be taken apart, it fails all that break the rule, and no other."""
    bits = [(pl.col("reasons") // (1 << bit) % 2).alias(f"bit_{bit}") for bit in range(len(RULES[feed]))]
    texts = texts_of(feed, all_files(feed))
    staged = masked_bulk(feed).with_columns(bits).filter(texts["damage"].is_null() & ~pl.col("is_deleted"))
    tables = {"delivered": texts.join(staged.select("line_number", "^bit_.*$"), on="line_number"), "staged": staged}
    checks: dict[str, list[Check]] = {name: [] for name in tables}
    expected: dict[str, list[int]] = {name: [] for name in tables}
    for bit, rule in enumerate(RULES[feed]):
        if rule.stock is None:
            continue
        (name, kwargs), table = rule.stock, "delivered" if rule.predicate is None else "staged"
        for mark in (1, 0):
            kwargs = {**kwargs, "row_condition": condition(f"bit_{bit}", mark)}
            checks[table].append(Check(expectation=name, why=rule.why, kwargs=kwargs))
        broken = staged.filter(pl.col(f"bit_{bit}") == 1).height
        assert broken
        expected[table] += [broken, 0]
    with duckdb.connect() as connection:
        for name, frame in tables.items():
            connection.register("frame", frame.to_arrow())
            connection.execute(f"CREATE TABLE {name} AS FROM frame")
        suites = [Suite(name, feed, name, checks[name]) for name in tables]
        results = run_suites(connection, suites, run_name="test", docs=None)
    assert [result.unexpected_count for result in results] == [*expected["delivered"], *expected["staged"]]
