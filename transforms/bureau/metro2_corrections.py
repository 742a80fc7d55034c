"""Corrections of Metro 2 files already sent: which records changed, and how what is gone is deleted."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.bureau.metro2_codes import DELETIONS

SUBJECT = ("source", "account_id", "loan_id")
_NO_CHANGE = (
    "line_number",
    "record_length",
    "record_descriptor_word",
    "time_stamp",
    "correction_indicator",
    "loan_ids",
)
"""Columns that differ from file to file and say nothing of the subject."""


def changed(sent: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """One row per record of a month that would be written otherwise today: SUBJECT, loan_ids.

    Args:
        sent: `Written.base` of the month as it was sent.
        now: the same of today.
    """
    columns = [name for name in now.columns if name not in _NO_CHANGE]
    known = now.join(sent.select(SUBJECT), on=SUBJECT, how="semi", nulls_equal=True)
    return (
        known.join(sent.select(columns), on=columns, how="anti", nulls_equal=True)
        .select(*SUBJECT, "loan_ids")
        .sort(SUBJECT)
    )


def gone(sent: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """The records of `sent` that the month no longer has: to be deleted (`deletions_of`).

    Args:
        sent: `Written.base` of the month as it was sent.
        now: the same of today.
    """
    return sent.join(now.select(SUBJECT), on=SUBJECT, how="anti", nulls_equal=True)


def deletions_of(sent: pl.DataFrame, code: str, month_end: date) -> pl.DataFrame:
    """Base segments that delete what was sent before, for records that the tables no longer know.

    Args:
        sent: records as they were sent (rows of `Written.base`).
        code: DA, or DF for fraud.
        month_end: last day of the month told of.

    Raises:
        ValueError: another code.
    """
    if code not in DELETIONS:
        raise ValueError(f"{code} deletes nothing; it is one of {', '.join(DELETIONS)}.")
    none = pl.lit(None, pl.String)
    return sent.with_columns(
        account_status=pl.lit(code),
        payment_rating=none,
        special_comment=none,
        compliance_condition_code=none,
        time_stamp=pl.lit(f"{month_end:%m%d%Y}000000"),
        date_of_account_information=pl.lit(month_end),
    )
