"""How records that the tables no longer know are deleted in Metro 2: as they were sent, with another status."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.bureau.metro2_codes import DELETIONS


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
