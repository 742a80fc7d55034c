"""What must hold between the fields of a Metro 2 file, declared as a list: checked before writing and after reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from transforms.bureau import metro2_codes as codes
from transforms.bureau.fixed_width import Type
from transforms.bureau.metro2_fields import BASE
from transforms.bureau.metro2_records import Metro2File, totals, write

Severity = Literal["critical", "warning"]
VIOLATION: dict[str, pl.DataType] = {
    "line_number": pl.Int64(),
    "consumer_account_number": pl.String(),
    "rule": pl.String(),
    "severity": pl.String(),
    "sentence": pl.String(),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule over the fields of a base segment: its name, when it is broken, and what it says."""

    name: str
    severity: Severity
    sentence: str
    broken: pl.Expr
    """True where the rule does not hold; null counts as held."""


_STATUS, _RATING = pl.col("account_status"), pl.col("payment_rating").fill_null("")
_BALANCE, _PAST_DUE = pl.col("current_balance").fill_null(0), pl.col("amount_past_due").fill_null(0)
_CHARGE_OFF = pl.col("original_charge_off_amount").fill_null(0)
_HISTORY = pl.col("payment_history_profile").fill_null("").str.pad_end(24)
_DAY, _OPENED, _CLOSED = pl.col("date_of_account_information"), pl.col("date_opened"), pl.col("date_closed")
_FIRST = pl.col("date_of_first_delinquency")
_IS_DELETION = _STATUS.is_in(codes.DELETIONS)
_IS_PAID = _STATUS.is_in([codes.PAID, *codes.PAID_AFTER])
_IS_GONE = _IS_PAID | (_STATUS == codes.TRANSFERRED)
_LATE_PLACE = _STATUS.replace_strict({code: n for n, code in enumerate(codes.LATE, start=1)}, default=None)
_NEEDS_FIRST = _STATUS.is_in(codes.DELINQUENT) | (
    _STATUS.is_in([codes.TRANSFERRED, codes.PAID]) & _RATING.is_in(codes.LATE_RATINGS)
)
_IS_BANKRUPT = pl.col("consumer_information_indicator").is_in(codes.BANKRUPTCIES).fill_null(value=False)
_AMOUNTS = (
    "credit_limit",
    "highest_credit",
    "scheduled_monthly_payment",
    "actual_payment",
    "current_balance",
    "amount_past_due",
    "original_charge_off_amount",
)
_MONTHS_OPEN = (_DAY.dt.year() - _OPENED.dt.year()) * 12 + _DAY.dt.month() - _OPENED.dt.month()
_MONTHS_TOLD = _HISTORY.str.count_matches("[^BD ]")
_LAST_MONTH = _HISTORY.str.slice(0, 1)
_FITS = [
    pl.col(field.name).str.contains(rf"^[\x20-\x7e]{{0,{field.length}}}$")
    if field.type in (Type.TEXT, Type.DIGITS)
    else pl.col(field.name) < 10**field.length
    for field in BASE.fields
    if field.type is not Type.DATE
]

RULES: tuple[Rule, ...] = (
    Rule(
        "fits",
        "critical",
        "Every value fits its field, in ASCII.",
        ~pl.all_horizontal(fits.fill_null(value=True) for fits in _FITS),
    ),
    Rule("status", "critical", "The status is one that is known.", ~_STATUS.is_in(list(codes.STATUSES))),
    Rule(
        "rating_needed",
        "critical",
        "Statuses 05, 13, 65, 88, 89, 94 and 95 have a payment rating, 0 to 6, G or L.",
        _STATUS.is_in(codes.RATED) & ~_RATING.is_in(codes.RATINGS),
    ),
    Rule(
        "rating_not_asked_for",
        "critical",
        "Every other status has no payment rating.",
        ~_STATUS.is_in([*codes.RATED, *codes.DELETIONS]) & (_RATING != ""),
    ),
    Rule(
        "past_due_of_current",
        "critical",
        "A current account (11) has nothing past due.",
        (_STATUS == codes.CURRENT) & (_PAST_DUE != 0),
    ),
    Rule(
        "past_due_of_gone",
        "critical",
        "An account that is paid, closed or transferred (05, 13, 61 to 65) has nothing past due.",
        _IS_GONE & (_PAST_DUE != 0),
    ),
    Rule(
        "balance_of_gone",
        "critical",
        "An account that is paid, closed or transferred (05, 13, 61 to 65) has no balance.",
        _IS_GONE & (_BALANCE != 0),
    ),
    Rule(
        "past_due_of_late",
        "warning",
        "An account 30 days late or more (71 to 84) has something past due.",
        _LATE_PLACE.is_not_null() & (_PAST_DUE == 0),
    ),
    Rule(
        "past_due_within_balance",
        "warning",
        "What is past due is part of the balance.",
        ~_IS_GONE & (_PAST_DUE > _BALANCE),
    ),
    Rule(
        "not_negative",
        "critical",
        "No amount is negative: a credit balance is reported as zero.",
        pl.any_horizontal(pl.col(name).fill_null(0) < 0 for name in _AMOUNTS),
    ),
    Rule(
        "charge_off_needed",
        "critical",
        "Charged-off accounts (64, 97) tell the original charge-off amount.",
        _STATUS.is_in(codes.CHARGE_OFFS) & (_CHARGE_OFF == 0),
    ),
    Rule(
        "charge_off_elsewhere",
        "critical",
        "No other status tells an original charge-off amount.",
        ~_STATUS.is_in([*codes.CHARGE_OFFS, *codes.DELETIONS]) & (_CHARGE_OFF != 0),
    ),
    Rule(
        "first_delinquency_needed",
        "critical",
        "Statuses 61 to 65, 71 to 84, 88, 89, 93 to 97, and 05 and 13 with a rating of 1 to 6, G or L, tell the date of"
        " first delinquency.",
        _NEEDS_FIRST & _FIRST.is_null(),
    ),
    Rule(
        "first_delinquency_not_asked_for",
        "critical",
        "An account that is not delinquent tells no date of first delinquency, unless it is bankrupt.",
        ~_NEEDS_FIRST & ~_IS_BANKRUPT & ~_IS_DELETION & _FIRST.is_not_null(),
    ),
    Rule(
        "first_delinquency_order",
        "critical",
        "The first delinquency lies between the opening and the date of account information.",
        (_FIRST < _OPENED) | (_FIRST > _DAY),
    ),
    Rule(
        "opened",
        "critical",
        "The account was opened, not after the date of account information.",
        _OPENED.is_null() | (_OPENED > _DAY),
    ),
    Rule("told_of", "critical", "The date of account information is told.", _DAY.is_null()),
    Rule(
        "closed_needed",
        "critical",
        "An account that is paid, closed or transferred (05, 13, 61 to 65) tells the date on which it was closed.",
        _IS_GONE & _CLOSED.is_null(),
    ),
    Rule(
        "closed_order",
        "critical",
        "The account was closed between its opening and the date of account information.",
        (_CLOSED < _OPENED) | (_CLOSED > _DAY),
    ),
    Rule(
        "last_payment_order",
        "warning",
        "The last payment is not later than the date of account information.",
        pl.col("date_of_last_payment") > _DAY,
    ),
    Rule(
        "history_form",
        "critical",
        f"The payment history is made of 24 of {codes.HISTORY}.",
        ~_HISTORY.str.contains(f"^[{codes.HISTORY}]{{24}}$"),
    ),
    Rule(
        "history_order",
        "critical",
        "Months before there was a history (B) come last.",
        _HISTORY.str.contains("B[^B ]"),
    ),
    Rule(
        "history_since_opened",
        "warning",
        "The history tells of no month that ended before the account was opened.",
        _MONTHS_TOLD.cast(pl.Int64) > _MONTHS_OPEN.cast(pl.Int64),
    ),
    Rule(
        "history_leads_to_status",
        "warning",
        "Days past due grow by no more than a month from the last month's code to the status (71 to 84).",
        _LAST_MONTH.str.contains("^[0-6]$") & (_LAST_MONTH.cast(pl.Int64, strict=False) < _LATE_PLACE - 2),
    ),
    Rule(
        "history_after_charge_off",
        "warning",
        "An account charged off last month (L) still is, or is paid or transferred.",
        (_LAST_MONTH == "L") & ~_STATUS.is_in([*codes.CHARGE_OFFS, *codes.DELETIONS, *codes.RATED]),
    ),
    Rule(
        "account_number",
        "critical",
        "The consumer account number is told.",
        pl.col("consumer_account_number").is_null(),
    ),
    Rule(
        "account_number_once",
        "critical",
        "An account stands once in the file.",
        pl.struct("identification_number", "consumer_account_number").is_duplicated()
        & pl.col("consumer_account_number").is_not_null(),
    ),
    Rule(
        "identification_number", "critical", "The reporter's number is told.", pl.col("identification_number").is_null()
    ),
    Rule(
        "terms",
        "warning",
        "Terms are REV for portfolio R, LOC for C, 001 for O, and a number of instalments for I.",
        pl.col("terms_duration").fill_null("")
        != pl.col("portfolio_type")
        .replace_strict(codes.TERMS, default=pl.col("terms_duration").str.extract(r"^(\d{3})$"))
        .fill_null("none"),
    ),
    Rule(
        "credit_limit_of_loan",
        "warning",
        "An instalment loan (I) has no credit limit.",
        (pl.col("portfolio_type") == "I") & (pl.col("credit_limit").fill_null(0) != 0),
    ),
    Rule("name", "warning", "The consumer has a surname.", pl.col("surname").is_null()),
    Rule("address", "warning", "The consumer has an address.", pl.col("address_line_1").is_null()),
    Rule(
        "identity",
        "warning",
        "The consumer has a social security number or a date of birth.",
        pl.col("social_security_number").is_null() & pl.col("date_of_birth").is_null(),
    ),
    Rule(
        "joint_with_another",
        "warning",
        "A joint account (ECOA code 2) names another consumer.",
        (pl.col("ecoa_code") == "2") & ~pl.col("has_associated"),
    ),
)
"""Every rule over one record."""
_LENGTH = "The record is as long as it says."
_FORM = "Every field is filled as the format asks: written again, the record is the same."
_TOTALS = "The trailer's total is that of the file."
_ENDS = "The file begins with one header and ends with one trailer."


def check(file: Metro2File) -> pl.DataFrame:
    """One row per record and rule that it breaks: VIOLATION; sorted by line and by the order of the rules."""
    associated = pl.concat([file.segments[name].select("line_number") for name in ("J1", "J2")])
    rows = file.base.with_columns(has_associated=pl.col("line_number").is_in(associated["line_number"].implode()))
    whom = ("line_number", "consumer_account_number")
    found = [
        rows.filter(rule.broken.fill_null(value=False)).select(
            *whom, rule=pl.lit(rule.name), severity=pl.lit(rule.severity), sentence=pl.lit(rule.sentence)
        )
        for rule in RULES
    ]
    return pl.concat([pl.DataFrame(schema=VIOLATION), *found]).sort("line_number", maintain_order=True)


def check_form(file: Metro2File, rows: pl.DataFrame) -> pl.DataFrame:
    """What is wrong with a file as it was read, besides its rules: VIOLATION.

    Lengths that are not the record's, fields not filled as the format asks, totals that are not the file's, a header or
    trailer too many or too few.

    Args:
        file: the tables.
        rows: what they were read from: line_number, raw.
    """
    made = write(file).join(rows, on="line_number")
    records = [file.header, file.base, file.trailer]
    numbers = pl.concat(
        [
            each.select(
                "line_number",
                "record_length",
                pl.col("record_descriptor_word").fill_null("0").cast(pl.Int64, strict=False),
                consumer_account_number=pl.col("consumer_account_number")
                if "consumer_account_number" in each.columns
                else pl.lit(None, pl.String),
            )
            for each in records
        ]
    )
    found = [
        _told(numbers.filter(pl.col("record_descriptor_word") != pl.col("record_length")), "record_length", _LENGTH),
        _told(numbers.join(made.filter(pl.col("text") != pl.col("raw")), on="line_number", how="semi"), "form", _FORM),
        *_wrong_totals(file),
    ]
    if [each.height for each in (file.header, file.trailer)] != [1, 1]:
        found.append(_whole("header_and_trailer", _ENDS))
    return pl.concat([pl.DataFrame(schema=VIOLATION), *found]).sort("line_number", nulls_last=True, maintain_order=True)


def _wrong_totals(file: Metro2File) -> list[pl.DataFrame]:
    counted = totals(file.base, file.segments)
    return [
        _whole(f"trailer.{name}", f"{_TOTALS} Said {said:,}, counted {counted[name]:,}.", line)
        for row in file.trailer.to_dicts()
        for line in [row["line_number"]]
        for name in counted
        for said in [row[name] or 0]
        if said != counted[name]
    ]


def _told(rows: pl.DataFrame, rule: str, sentence: str) -> pl.DataFrame:
    return rows.select(
        "line_number",
        "consumer_account_number",
        rule=pl.lit(rule),
        severity=pl.lit("warning"),
        sentence=pl.lit(sentence),
    )


def _whole(rule: str, sentence: str, line: int | None = None) -> pl.DataFrame:
    """A sentence about the file."""
    row = {"line_number": line, "rule": rule, "severity": "warning", "sentence": sentence}
    return pl.DataFrame([row], schema=VIOLATION)
