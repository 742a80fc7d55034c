"""The closed vocabulary of reasons: why a row, a file or a reference is refused, each with one sentence."""

from __future__ import annotations

from transforms.feeds import FEEDS
from transforms.fields import Kind
from transforms.reason_codes import ReasonCode


class Refusal(ReasonCode):
    """Why a row is refused."""

    # the record cannot be read
    BAD_ENCODING = "bad_encoding", "The line holds bytes that are not text in the file's encoding."
    BAD_RECORD = (
        "bad_record",
        "The record cannot be taken apart: quotes do not close, or the JSON is not an object of plain values.",
    )
    TOO_FEW_FIELDS = "too_few_fields", "The record has fewer fields than the header."
    TOO_MANY_FIELDS = "too_many_fields", "The record has more fields than the header."
    # a cell cannot be read
    MISSING = "missing", "A required value is empty."
    BAD_DATE = "bad_date", "The value is not a calendar date in the layout agreed."
    BAD_AMOUNT = (
        "bad_amount",
        "The value is not a decimal with at most two places and at most twelve digits before them.",
    )
    BAD_INTEGER = "bad_integer", "The value is not a whole number."
    BAD_RATE = "bad_rate", "The value is not a decimal number, such as 0.25."
    BAD_FLAG = "bad_flag", "The value is not true or false."
    BAD_UNFOLD = "bad_unfold", "The count of rows to unfold is not a whole number from 1 to 1000."
    # the row breaks a rule
    UNKNOWN_CODE = "unknown_code", "The value is not one of the codes agreed."
    UNKNOWN_CURRENCY = "unknown_currency", "The currency is not on the policy's list."
    NEGATIVE_AMOUNT = "negative_amount", "The amount must not be negative."
    NOT_POSITIVE = "not_positive", "The amount must be greater than zero."
    OUT_OF_RANGE = "out_of_range", "The value lies outside the range in which it makes sense."
    AMBIGUOUS = "ambiguous", "The row names both a person and a company where one of them is meant."
    DATE_ORDER = "date_order", "The two dates are in the wrong order."
    PAID_IN_FUTURE = "paid_in_future", "The money is dated later than its file allows."
    CONFLICT = "conflict", "Two rows of this file have the same key and different content."
    # a reference does not hold; the row waits and is tried again each night
    ORPHAN = "orphan", "What the row refers to (account, loan of that account, or repayment) has not arrived."
    NO_LOAN = "no_loan", "The account's product needs a loan for every repayment, and the row names none."
    BAD_REFERENCE = "bad_reference", "The repayment referred to is of a kind, or has an amount, that does not allow it."


WAITING = (Refusal.ORPHAN, Refusal.NO_LOAN, Refusal.BAD_REFERENCE)
"""Reasons that are not held against a file: such rows are tried again by themselves."""


class FileRefusal(ReasonCode):
    """Why a whole file is refused."""

    UNREADABLE = "unreadable", "The file cannot be read as its format."
    MISSING_COLUMN = "missing_column", "The file lacks a required column."
    UNKNOWN_COLUMN = "unknown_column", "The file has a column that the mapping does not know."
    MISSING_CONTROL = "missing_control", "The policy requires a control file, and there is none."
    BAD_CONTROL = "bad_control", "The control file cannot be read."
    CONTROL_ROWS = "control_rows", "The number of records differs from the control file's."
    CONTROL_SHA256 = "control_sha256", "The file's SHA-256 differs from the control file's."
    CONTROL_AMOUNT = "control_amount", "The sum of the amounts differs from the control file's."
    TOO_MANY_REFUSED = "too_many_refused", "More rows are refused than the policy lets pass."
    TOTAL_TOO_LARGE = "total_too_large", "The amounts come to more than ten million million, beyond any lender's book."


RECORD_REFUSALS = (Refusal.BAD_ENCODING, Refusal.BAD_RECORD, Refusal.TOO_FEW_FIELDS, Refusal.TOO_MANY_FIELDS)

_CELL_REFUSAL = {
    Kind.DATE: Refusal.BAD_DATE,
    Kind.AMOUNT: Refusal.BAD_AMOUNT,
    Kind.INTEGER: Refusal.BAD_INTEGER,
    Kind.RATE: Refusal.BAD_RATE,
    Kind.FLAG: Refusal.BAD_FLAG,
}

Mark = tuple[Refusal, str | None]
"""A reason and the delivered column it is about; None when it is about the whole record."""


def parse_marks(feed: str) -> tuple[Mark, ...]:
    """The marks that reading can leave on a row of a feed; a mark's place is its bit in `reasons`."""
    columns = FEEDS[feed].columns
    return (
        *((reason, None) for reason in RECORD_REFUSALS),
        (Refusal.BAD_UNFOLD, None),
        *((Refusal.MISSING, column.name) for column in columns if column.required),
        *((_CELL_REFUSAL[column.kind], column.name) for column in columns if column.kind in _CELL_REFUSAL),
    )
