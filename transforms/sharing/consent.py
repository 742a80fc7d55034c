"""Who agreed that whoever asks about a counterparty may look at them."""

from __future__ import annotations

from datetime import date

import polars as pl

SCREENING = ["source", "screening_id"]
"""Key of a screening."""


def consenting(screenings: pl.DataFrame, consents: pl.DataFrame, day: date) -> pl.DataFrame:
    """Source (of the screening), screening_id, lender (the customer's source), customer_id: who agreed, on the day.

    A consent holds from granted_date until the day before withdrawn_date, for its own recipient and purpose.
    """
    goes_on = (pl.col("withdrawn_date") > day).fill_null(value=True)
    return (
        screenings.select(*SCREENING, "recipient", "purpose")
        .join(
            consents.filter((pl.col("granted_date") <= day) & goes_on).select(
                "customer_id", "recipient", "purpose", lender="source"
            ),
            on=["recipient", "purpose"],
        )
        .select(*SCREENING, "lender", "customer_id")
        .unique()
    )
