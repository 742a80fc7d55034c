"""The vault's reader: who customers are, in clear. Only sharing may import it."""

from __future__ import annotations

from datetime import date

import polars as pl

from flows.intake import delivery_order
from flows.stores.lake import Lake
from flows.stores.vault import Vault
from transforms import versions
from transforms.feeds import CLEAR_FIELDS, IDENTITIES

COLUMNS = ("source", "customer_id", "id_type", *CLEAR_FIELDS, "birth_date")


def identities(lake: Lake, vault: Vault, day: date, known: int | None = None) -> pl.DataFrame:
    """One row per customer of a source: COLUMNS of the version valid on the day; deleted and forgotten ones have none.

    Args:
        lake: the lake that the vault belongs to.
        vault: the vault of the same manifest.
        day: the day.
        known: only what the runs up to this number knew; default: everything.

    Raises:
        WrongUse: the key of the vault is not at hand.
        Damaged: a file of the vault is not as it was written.
    """
    rows = vault.scan()
    if known is not None:
        rows = rows.filter(pl.col("run_no") <= known)
    ordered = rows.join(delivery_order(lake).lazy(), on="delivery_no").select(
        *IDENTITIES.facts, "business_date", "order_no", "line_number"
    )
    spans = versions.spans(ordered.collect(), IDENTITIES)
    return versions.valid_at(spans, IDENTITIES, day).select(COLUMNS).sort("source", "customer_id")
