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
from transforms.conform import DeliveryContext, conform
from transforms.feeds import COMPANY_KINDS, EVENT_KINDS, FEEDS, RELATION_KINDS, REPAYMENT_KINDS
from transforms.mapping import FeedMapping, Reading
from transforms.persons import PersonKey
from transforms.policy import Policy
from transforms.refusals import RECORD_REFUSALS, Refusal

Cells = dict[str, str]
"""Delivered texts by column; an empty one is missing."""
File = tuple[Cells, ...]
"""What the rows of a file say otherwise than the good row."""
Case = tuple[list[File], list[File]]
"""Files that pass a rule, and files of which every row breaks it and no other."""

POLICY = Policy(version="test", currencies=("CNY", "INR"))
BUSINESS_DATE = date(2026, 3, 5)
COUNT = "rows_meant"
"""A column of no feed: how many rows the record stands for."""
LINES = 100
"""Lines kept for each file."""

GOOD: dict[str, Cells] = {
    "accounts": {
        "account_id": "a1",
        "customer_id": "c1",
        "product_code": "pay",
        "opened_date": "2026-01-01",
        "credit_limit": "1000.00",
        "currency": "CNY",
        "region_code": "31",
        "channel_code": "app",
        "lender_id": "bank",
        "closed_date": "2026-06-30",
        "valid_from": "2026-01-01",
    },
    "installments": {
        "loan_id": "l1",
        "account_id": "a1",
        "installment_no": "1",
        "due_date": "2026-02-01",
        "principal": "300.00",
        "interest": "3.00",
        "fee": "0.50",
        "order_date": "2026-01-01",
        "plan_date": "2026-01-01",
    },
    "repayments": {
        "repayment_id": "r1",
        "account_id": "a1",
        "paid_date": "2026-03-05",
        "amount": "303.50",
        "kind": "payment",
        "loan_id": "l1",
        "refers_to": "r0",
        "channel_code": "app",
    },
    "events": {
        "event_id": "e1",
        "account_id": "a1",
        "kind": "deferral",
        "event_date": "2026-02-01",
        "loan_id": "l1",
        "until_date": "2026-02-28",
        "amount": "10.00",
        "note": "agreed by phone",
    },
    "customers": {
        "customer_id": "c1",
        "id_type": "passport",
        "id_number": "E1234",
        "name": "Li",
        "birth_date": "1990-05-01",
        "income_monthly": "9000.00",
        "income_date": "2026-01-31",
        "employment_code": "full",
        "valid_from": "2026-01-01",
    },
    "orders": {
        "order_id": "o1",
        "account_id": "a1",
        "order_date": "2026-01-01",
        "amount": "900.00",
        "category_code": "phone",
        "loan_id": "l1",
    },
    "consents": {
        "consent_id": "k1",
        "customer_id": "c1",
        "recipient": "bureau",
        "purpose": "credit_report",
        "granted_date": "2026-01-01",
        "withdrawn_date": "2026-02-01",
    },
    "notices": {
        "notice_id": "n1",
        "customer_id": "c1",
        "sent_date": "2026-02-01",
        "loan_id": "l1",
        "channel_code": "sms",
    },
    "companies": {
        "company_id": "f1",
        "kind": "company",
        "registration_number": "91310000MA1K30EX9N",
        "industry_code": "C39",
        "region_code": "31",
    },
    "relations": {
        "relation_id": "v1",
        "company_id": "f1",
        "kind": "guarantor",
        "customer_id": "c1",
        "other_company_id": "",
        "share_rate": "0.25",
        "amount": "5000.00",
        "currency": "CNY",
        "from_date": "2026-01-01",
        "until_date": "2026-12-31",
        "loan_id": "l1",
    },
    "screenings": {
        "screening_id": "s1",
        "company_id": "f1",
        "recipient": "lender",
        "purpose": "loan_application",
        "asked_date": "2026-03-01",
    },
}

OTHER_CONTENT: dict[str, Cells] = {
    "accounts": {"region_code": "44"},
    "installments": {"order_date": ""},
    "repayments": {"channel_code": ""},
    "events": {"note": "agreed by letter"},
    "customers": {"employment_code": "part"},
    "orders": {"category_code": "book"},
    "consents": {"recipient": "lender"},
    "notices": {"channel_code": "letter"},
    "companies": {"region_code": "44"},
    "relations": {"kind": "sponsor"},
    "screenings": {"recipient": "bureau"},
}
"""The same key says something else."""


def files(*rows: Cells) -> list[File]:
    """Files of one row."""
    return [(row,) for row in rows]


def at_least_zero(column: str) -> Case:
    return files({column: "0"}, {column: ""}), files({column: "-0.01"})


def of_kinds(kinds: Sequence[str]) -> Case:
    return files(*({"kind": kind} for kind in kinds)), files({"kind": "cash"}, {"kind": kinds[0].upper()})


OWN: dict[tuple[str, str], Case] = {
    ("accounts", "negative_amount: credit_limit"): (files({"credit_limit": "0"}), files({"credit_limit": "-0.01"})),
    ("accounts", "unknown_currency: currency"): (
        files({"currency": "INR"}, {"currency": ""}),
        files({"currency": "USD"}, {"currency": "cny"}),
    ),
    ("accounts", "date_order: closed_date"): (
        files({"closed_date": "2026-01-01"}, {"closed_date": ""}),
        files({"closed_date": "2025-12-31"}),
    ),
    ("installments", "negative_amount: principal"): (files({"principal": "0"}), files({"principal": "-0.01"})),
    ("installments", "negative_amount: interest"): at_least_zero("interest"),
    ("installments", "negative_amount: fee"): at_least_zero("fee"),
    ("installments", "out_of_range: installment_no"): (
        files({"installment_no": "0"}, {"installment_no": "9999"}),
        files({"installment_no": "-1"}, {"installment_no": "10000"}),
    ),
    ("installments", "date_order: due_date"): (
        files({"order_date": "2026-02-01"}, {"order_date": ""}),
        files({"order_date": "2026-02-02"}),
    ),
    ("repayments", "not_positive: amount"): (files({"amount": "0.01"}), files({"amount": "0"}, {"amount": "-5"})),
    ("repayments", "unknown_code: kind"): of_kinds(REPAYMENT_KINDS),
    ("repayments", "paid_in_future: paid_date"): (
        files({"paid_date": "2026-03-06"}, {"paid_date": "1999-12-31"}),
        files({"paid_date": "2026-03-07"}),
    ),
    ("repayments", "missing: refers_to"): (
        files({"refers_to": ""}, {"kind": "chargeback", "refers_to": ""}),
        files({"kind": "reversal", "refers_to": ""}),
    ),
    ("events", "unknown_code: kind"): of_kinds(EVENT_KINDS),
    ("events", "missing: until_date"): (
        files({"kind": "reminder", "until_date": ""}),
        files({"kind": "deferral", "until_date": ""}),
    ),
    ("events", "date_order: until_date"): (files({"until_date": "2026-02-01"}), files({"until_date": "2026-01-31"})),
    ("events", "negative_amount: amount"): at_least_zero("amount"),
    ("customers", "negative_amount: income_monthly"): at_least_zero("income_monthly"),
    ("orders", "not_positive: amount"): (files({"amount": "0.01"}), files({"amount": "0"}, {"amount": "-5"})),
    ("consents", "date_order: withdrawn_date"): (
        files({"withdrawn_date": "2026-01-01"}, {"withdrawn_date": ""}),
        files({"withdrawn_date": "2025-12-31"}),
    ),
    ("companies", "unknown_code: kind"): of_kinds(COMPANY_KINDS),
    ("relations", "unknown_code: kind"): of_kinds(RELATION_KINDS),
    ("relations", "missing: customer_id"): (
        files({"customer_id": "", "other_company_id": "f2"}),
        files({"customer_id": "", "other_company_id": ""}),
    ),
    ("relations", "ambiguous: other_company_id"): (
        files({"other_company_id": ""}),
        files({"other_company_id": "f2"}),
    ),
    ("relations", "out_of_range: share_rate"): (
        files({"share_rate": "0"}, {"share_rate": "1"}, {"share_rate": ""}),
        files({"share_rate": "1.01"}, {"share_rate": "25"}),
    ),
    ("relations", "negative_amount: amount"): at_least_zero("amount"),
    ("relations", "unknown_currency: currency"): (
        files({"currency": "INR"}, {"currency": ""}),
        files({"currency": "USD"}, {"currency": "cny"}),
    ),
    ("relations", "date_order: until_date"): (
        files({"until_date": "2026-01-01"}, {"until_date": ""}),
        files({"until_date": "2025-12-31"}),
    ),
}
"""The rules that a feed declares for itself."""

OF_CELLS: dict[Refusal, tuple[str, str]] = {
    Refusal.MISSING: ("{}", ""),
    Refusal.BAD_DATE: ("{}T23:59:59", "2026-02-30"),
    Refusal.BAD_AMOUNT: ("10.5", "10.055"),
    Refusal.BAD_INTEGER: ("+7", "1.5"),
    Refusal.BAD_RATE: ("0.125", "25%"),
    Refusal.BAD_FLAG: ("FALSE", "no"),
}
"""A text that reads, made from the good one, and one that does not."""

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
