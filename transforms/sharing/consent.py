"""Whether a consent holds, and who agreed that whoever asks about a counterparty may look at them."""

from __future__ import annotations

from datetime import date

import polars as pl

SCREENING = ["source", "screening_id"]
"""Key of a screening."""


def holds(day: date) -> pl.Expr:
    """Whether a consent holds on the day: from granted_date until the day before withdrawn_date."""
    return (pl.col("granted_date") <= day) & (pl.col("withdrawn_date") > day).fill_null(value=True)


def consenting(screenings: pl.DataFrame, consents: pl.DataFrame, day: date) -> pl.DataFrame:
    """Source (of the screening), screening_id, lender (the customer's source), customer_id: who agreed, on the day.

    A consent is for its own recipient and purpose alone.
    """
    return (
        screenings.select(*SCREENING, "recipient", "purpose")
        .join(
            consents.filter(holds(day)).select("customer_id", "recipient", "purpose", lender="source"),
            on=["recipient", "purpose"],
        )
        .select(*SCREENING, "lender", "customer_id")
        .unique()
    )
