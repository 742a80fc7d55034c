"""A whole Metro 2 file of a month-end: who is told of, every record, and the sums that must agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import polars as pl

from transforms.bureau.fixed_width import Segment
from transforms.bureau.metro2_base import base_fields, gone_on, with_status
from transforms.bureau.metro2_behind import ASSOCIATED, RENUMBERED, behind, with_ecoa
from transforms.bureau.metro2_facts import ACCOUNT, MILESTONES, account_facts, loan_facts
from transforms.bureau.metro2_fields import BASE, HEADER, SEGMENTS, TRAILER
from transforms.bureau.metro2_items import LOAN
from transforms.bureau.metro2_people import IDENTITY, consumers
from transforms.bureau.metro2_reconciliation import reconciled
from transforms.bureau.metro2_records import SCHEMAS, UNREADABLE, Metro2File, joined, totals, write
from transforms.bureau.metro2_rules import check
from transforms.policy import Policy

DELETIONS_SCHEMA: dict[str, pl.DataType] = {"source": pl.String(), "loan_id": pl.String(), "code": pl.String()}
IDENTITIES: dict[str, pl.DataType] = {"source": pl.String(), "customer_id": pl.String(), **IDENTITY}
_NAMED = 5
"""Subjects that a refusal names."""
_FIRST_LINE = 2


class Refused(ValueError):
    """Records break a critical rule, so that nothing is written; the message names the first of them.

    Attributes:
        violations: every broken rule, as `metro2_rules.check` gives them.
    """

    def __init__(self, violations: pl.DataFrame) -> None:
        critical = violations.filter(severity="critical")
        first = critical.unique("consumer_account_number", keep="first", maintain_order=True).head(_NAMED)
        named = "; ".join(
            f"{number or 'a record without number'}: {sentence}"
            for number, sentence in first.select("consumer_account_number", "sentence").iter_rows()
        )
        count = critical["line_number"].n_unique()
        super().__init__(f"Nothing is written: {count:,} records break a rule of Metro 2 that must hold. {named}")
        self.violations = violations


def _none(schema: dict[str, pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame(schema=schema)


@dataclass(frozen=True, slots=True)
class Beside:
    """What the published tables do not tell; everything may be left out."""

    only: pl.DataFrame | None = None
    """source, loan_id of the loans that may be told; an account is told when all of its loans may. None: every one."""
    associated: pl.DataFrame = field(default_factory=lambda: _none(ASSOCIATED))
    """Joint borrowers, co-makers and guarantors: ASSOCIATED."""
    milestones: pl.DataFrame = field(default_factory=lambda: _none(MILESTONES))
    """Transfers, sales, purchases and stages of collection: MILESTONES."""
    renumbered: pl.DataFrame = field(default_factory=lambda: _none(RENUMBERED))
    """Changed numbers: RENUMBERED."""
    deletions: pl.DataFrame = field(default_factory=lambda: _none(DELETIONS_SCHEMA))
    """source, loan_id, code: loans to be deleted, DA, or DF for fraud; told whatever month they ended in."""
    is_correction: bool = False
    """Every record replaces one of this month that was sent before (correction indicator 1)."""
    told_before: pl.DataFrame = field(default_factory=lambda: _none({"source": pl.String(), "loan_id": pl.String()}))
    """source, loan_id of loans that this month was told of before: told again, whatever month they ended in."""
    sent: pl.DataFrame = field(default_factory=lambda: _none(SCHEMAS["base"]))
    """Records as they are to be written, of what the tables no longer know: `metro2_deletions.deletions_of`."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file and what it is made of."""

    content: bytes
    """The file, one record a line."""
    file: Metro2File
    """Its tables, as they would be read back."""
    base: pl.DataFrame
    """One row per record: line_number, source, loan_id (null where an account is told), account_id, loan_ids, and the
    fields of the base segment."""
    reconciliation: pl.DataFrame
    """One row: see `metro2_reconciliation.reconciled`."""
    violations: pl.DataFrame
    """Rules that are broken and do not forbid writing: `metro2_rules.VIOLATION`."""
    left_out: pl.DataFrame
    """One row per subject of the policy's currency that is not told: source, account_id, loan_id (null: an account),
    customer_id, loan_ids, left_out (held_back, gone_before)."""


def file_of(
    tables: dict[str, pl.DataFrame],
    identities: pl.DataFrame,
    policy: Policy,
    month_end: date,
    *,
    made_on: date,
    beside: Beside | None = None,
) -> Written:
    """The Metro 2 file that tells a month-end: header, a record for each loan or account, trailer with totals.

    Told is every loan of the policy's currency that has started and was not paid or transferred before the month; of a
    product with `metro2_grain = "account"` the account with all of its loans. Amounts are whole units, cents cut.

    Args:
        tables: MONTH_TABLES, inside names, all as of the month-end.
        identities: IDENTITIES, one row per customer of a source; any value may be null.
        policy: reporter and choices (`[sharing.metro2]`), products, currency.
        month_end: last day of the month told of.
        made_on: day on which the file is made.
        beside: what the tables do not tell.

    Raises:
        Refused: a record breaks a critical rule; names the first ones and has all violations.
        ValueError: the tables are not of that month-end.
    """
    beside = beside or Beside()
    _same_day(tables, month_end)
    subjects = _subjects(tables, beside, policy, month_end)
    told = base_fields(subjects.filter(pl.col("left_out").is_null()), policy, month_end)
    base = _ordered(_deleted(_with_consumers(told, identities, beside, policy)), beside)
    lines = base.select("line_number", "source", loan_id="loan_ids").explode("loan_id")
    base = with_ecoa(base, beside.associated.join(lines, on=LOAN))
    segments = behind(base, lines, beside.associated, beside.renumbered, policy.sharing.metro2)
    file = _whole(base, segments, policy, month_end, made_on)
    violations = check(file)
    if not violations.filter(severity="critical").is_empty():
        raise Refused(violations)
    whose = base.select("line_number", *LOAN, "account_id", "loan_ids")
    return Written(
        content=joined(write(file)),
        file=file,
        base=whose.join(file.base, on="line_number", maintain_order="left"),
        reconciliation=reconciled(subjects, told, beside.sent, policy.currency),
        violations=violations,
        left_out=subjects.drop_nulls("left_out").select(*ACCOUNT, "loan_id", "customer_id", "loan_ids", "left_out"),
    )


def _same_day(tables: dict[str, pl.DataFrame], month_end: date) -> None:
    days = tables["status.loan_status"]["as_of"].unique()
    if not days.is_in([month_end]).all():
        raise ValueError(f"The tables describe {days.sort().to_list()}, not {month_end}.")


def _subjects(tables: dict[str, pl.DataFrame], beside: Beside, policy: Policy, month_end: date) -> pl.DataFrame:
    """One row per loan or account of the policy's currency: facts, status, loan_ids, left_out.

    left_out: `held_back` (not among those that may be told), `gone_before` (paid or transferred before the month).
    """
    loans = loan_facts(tables, beside.milestones, policy, month_end).filter(currency=policy.currency)
    grains = {code: policy.product(code).metro2_grain for code in loans["product_code"].unique()}
    grain = pl.col("product_code").replace_strict(grains, default="loan", return_dtype=pl.String)
    may = loans.select(*LOAN) if beside.only is None else beside.only.select(LOAN).unique()
    again = beside.told_before.select(LOAN).unique().with_columns(is_told_again=True)
    marked = (
        loans.join(may.with_columns(may_be_told=True), on=LOAN, how="left")
        .join(beside.deletions.select(*LOAN, deletion="code"), on=LOAN, how="left")
        .join(again, on=LOAN, how="left")
    )
    by_loan = marked.filter(grain == "loan").with_columns(loan_ids=pl.concat_list("loan_id"))
    by_account = marked.filter(grain == "account")
    together = by_account.group_by(ACCOUNT).agg(
        may_be_told=pl.col("may_be_told").fill_null(value=False).all(),
        deletion=pl.col("deletion").drop_nulls().first(),
        is_told_again=pl.col("is_told_again").any(),
        loan_ids=pl.col("loan_id").sort(),
    )
    accounts = account_facts(by_account, tables, month_end).join(together, on=ACCOUNT, how="left")
    subjects = pl.concat(
        [
            by_loan,
            accounts.select(
                pl.col(name).cast(kind) for name, kind in by_loan.schema.items() if name in accounts.columns
            ),
        ],
        how="diagonal",
    )
    left_out = (
        pl.when(~pl.col("may_be_told").fill_null(value=False))
        .then(pl.lit("held_back"))
        .when(
            (gone_on() < month_end.replace(day=1)).fill_null(value=False)
            & pl.col("deletion").is_null()
            & ~pl.col("is_told_again").fill_null(value=False)
        )
        .then(pl.lit("gone_before"))
    )
    return with_status(subjects).with_columns(left_out=left_out)


def _with_consumers(told: pl.DataFrame, identities: pl.DataFrame, beside: Beside, policy: Policy) -> pl.DataFrame:
    """The records with the fields of their consumer."""
    asked = identities.select(IDENTITIES.keys()).join(told, on=["source", "customer_id"], how="semi")
    people = consumers(asked, policy.sharing.metro2)
    return told.join(people, on=["source", "customer_id"], how="left").with_columns(
        correction_indicator=pl.lit("1" if beside.is_correction else "0")
    )


def _deleted(base: pl.DataFrame) -> pl.DataFrame:
    """The records with the status of those that are to be deleted, which have no rating and no comments."""
    is_deleted = pl.col("deletion").is_not_null()
    blank = ("payment_rating", "special_comment", "compliance_condition_code")
    return base.with_columns(pl.when(~is_deleted).then(pl.col(name)).alias(name) for name in blank).with_columns(
        account_status=pl.coalesce("deletion", "account_status")
    )


def _ordered(base: pl.DataFrame, beside: Beside) -> pl.DataFrame:
    """The records and those that are given as they are, by key, numbered from the second line on."""
    given = beside.sent.drop("line_number", "record_length", strict=False)
    whole = pl.concat([base, given], how="diagonal_relaxed") if given.height else base
    return (
        whole.sort(*ACCOUNT, "loan_id", nulls_last=True)
        .with_row_index("line_number", offset=_FIRST_LINE)
        .cast({"line_number": pl.Int64})
    )


def _whole(
    base: pl.DataFrame, segments: dict[str, pl.DataFrame], policy: Policy, month_end: date, made_on: date
) -> Metro2File:
    """The tables of the file, lengths and totals included."""
    lengths = (
        pl.concat(
            rows.select("line_number", length=pl.lit(SEGMENTS[name].length, pl.Int64))
            for name, rows in segments.items()
        )
        .group_by("line_number")
        .agg(pl.col("length").sum())
    )
    records = (
        base.drop("record_descriptor_word", "record_length", strict=False)
        .join(lengths, on="line_number", how="left", maintain_order="left")
        .with_columns(record_length=BASE.length + pl.col("length").fill_null(0))
        .with_columns(record_descriptor_word=pl.col("record_length").cast(pl.String).str.zfill(4))
    )
    records = BASE.completed(records).select(SCHEMAS["base"].keys())
    rules = policy.sharing.metro2
    head = {
        "activity_date": month_end,
        "date_created": made_on,
        "innovis_program_identifier": rules.innovis_program,
        "equifax_program_identifier": rules.equifax_program,
        "experian_program_identifier": rules.experian_program,
        "transunion_program_identifier": rules.transunion_program,
        "reporter_name": rules.reporter_name.upper(),
        "reporter_address": rules.reporter_address.upper(),
        "reporter_telephone_number": rules.reporter_telephone or None,
        "software_vendor_name": "TALLYSTICK",
    }
    last = {"block_count": 0, **totals(records, segments)}
    ends = [
        _end(segment, {name: value or None if isinstance(value, str) else value for name, value in said.items()}, line)
        for segment, said, line in ((HEADER, head, 1), (TRAILER, last, records.height + _FIRST_LINE))
    ]
    return Metro2File(ends[0], records, segments, ends[1], pl.DataFrame(schema=UNREADABLE))


def _end(segment: Segment, said: dict[str, object], line: int) -> pl.DataFrame:
    """The table of the header or trailer."""
    name = segment.name
    own = {
        "line_number": line,
        "record_length": HEADER.length,
        "record_descriptor_word": f"{HEADER.length:04}",
        "record_identifier": name.upper(),
    }
    return pl.DataFrame([{column: {**own, **said}.get(column) for column in SCHEMAS[name]}], schema=SCHEMAS[name])
