"""Segments behind the base: associated consumers, original creditor, sale, deferral, changed numbers."""

from __future__ import annotations

import polars as pl

from transforms.bureau.metro2_fields import SEGMENTS
from transforms.bureau.metro2_people import IDENTITY, ascii_capitals, consumers
from transforms.bureau.metro2_records import SCHEMAS
from transforms.policy import Metro2Policy

ASSOCIATED: dict[str, pl.DataType] = {
    "source": pl.String(),
    "loan_id": pl.String(),
    "role": pl.String(),
    "has_same_address": pl.Boolean(),
    **IDENTITY,
}
"""Other consumers of a loan: role joint, co_maker or guarantor; J1 at the borrower's address, else J2."""
RENUMBERED: dict[str, pl.DataType] = {
    "source": pl.String(),
    "loan_id": pl.String(),
    "new_account_number": pl.String(),
    "new_identification_number": pl.String(),
}
"""Numbers that take the place of those reported until now; null: that one stays."""
JOINT, MAKER, ALONE = "2", "7", "1"
_ECOA = {"joint": JOINT, "co_maker": "5", "guarantor": "5"}
"""ECOA code of the other consumer by role."""
_NAME = 30


def with_ecoa(base: pl.DataFrame, associated: pl.DataFrame) -> pl.DataFrame:
    """The records with the ECOA code of the borrower: alone, joint, or maker beside co-makers and guarantors.

    Args:
        base: line_number, and ecoa_code where a record has one already.
        associated: role, and the line_number of the record.
    """
    is_joint = (pl.col("role") == "joint").any()
    found = associated.group_by("line_number").agg(
        with_others=pl.when(is_joint).then(pl.lit(JOINT)).otherwise(pl.lit(MAKER))
    )
    own = pl.col("ecoa_code") if "ecoa_code" in base.columns else pl.lit(None, pl.String)
    return (
        base.join(found, on="line_number", how="left", maintain_order="left")
        .with_columns(ecoa_code=pl.coalesce("with_others", own, pl.lit(ALONE)))
        .drop("with_others")
    )


def behind(
    base: pl.DataFrame,
    lines: pl.DataFrame,
    associated: pl.DataFrame,
    renumbered: pl.DataFrame,
    rules: Metro2Policy,
) -> dict[str, pl.DataFrame]:
    """Tables of the segments by name, numbered within their records in the order of the format.

    Args:
        base: line_number, source, loan_id, lender_id, transfer_kind, transferred_to, purchased_from, deferred_until,
            account_status, terms_frequency.
        lines: line_number, source, loan_id of every loan that a record tells of.
        associated: ASSOCIATED.
        renumbered: RENUMBERED.
        rules: classification of creditors, country and order of names.
    """
    key = ["source", "loan_id"]
    # who stands behind several loans of an account stands behind it once
    others = consumers(associated, rules).join(lines, on=key).drop("loan_id").unique(maintain_order=True)
    others = others.with_columns(ecoa_code=pl.col("role").replace_strict(_ECOA, default="5"))
    is_near = pl.col("has_same_address").fill_null(pl.col("address_line_1").is_null())
    changed = pl.col("new_account_number").is_not_null(), pl.col("new_identification_number").is_not_null()
    made = {
        "J1": others.filter(is_near).drop("address_line_1", "address_line_2", "city", "state", "postal_code"),
        "J2": others.filter(~is_near),
        "K1": base.filter(pl.col("lender_id") != pl.col("source")).select(
            "line_number",
            original_creditor_name=ascii_capitals("lender_id").str.slice(0, _NAME),
            creditor_classification=pl.lit(rules.creditor_classification),
        ),
        "K2": _sales(base),
        # told of what still stands: the instalments begin again on the day after the deferral
        "K4": base.filter(pl.col("deferred_until").is_not_null() & (pl.col("terms_frequency") == "D")).select(
            "line_number",
            specialized_payment_indicator=pl.lit("02"),
            deferred_payment_start_date=pl.col("deferred_until") + pl.duration(days=1),
            balloon_payment_amount=pl.lit(0, pl.Int64),
        ),
        "L1": renumbered.join(lines, on=key).select(
            "line_number",
            change_indicator=pl.when(changed[0] & changed[1])
            .then(pl.lit("3"))
            .when(changed[1])
            .then(pl.lit("2"))
            .otherwise(pl.lit("1")),
            new_consumer_account_number="new_account_number",
            new_identification_number="new_identification_number",
        ),
    }
    return _numbered({name: made.get(name, pl.DataFrame(schema=SCHEMAS[name])) for name in SEGMENTS})


def _sales(base: pl.DataFrame) -> pl.DataFrame:
    """K2: sold to where the record says so, else purchased from."""
    is_sale = (pl.col("transfer_kind") == "sold") & (pl.col("account_status") == "05")
    name = pl.when(is_sale.fill_null(value=False)).then("transferred_to").otherwise("purchased_from")
    return (
        base.with_columns(purchased_sold_name=name, is_sale=is_sale.fill_null(value=False))
        .with_columns(purchased_sold_name=ascii_capitals("purchased_sold_name").str.slice(0, _NAME))
        .drop_nulls("purchased_sold_name")
        .select(
            "line_number",
            "purchased_sold_name",
            purchased_sold_indicator=pl.when("is_sale").then(pl.lit("2")).otherwise(pl.lit("1")),
        )
    )


def _numbered(made: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The tables with segment_identifier, and segment_no from 1 within each record."""
    order = pl.concat(
        rows.select("line_number", name=pl.lit(name), row=pl.int_range(pl.len(), dtype=pl.Int64))
        for name, rows in made.items()
    ).with_columns(place=pl.col("name").replace_strict({name: n for n, name in enumerate(made)}, return_dtype=pl.Int8))
    order = order.sort("line_number", "place", "row").with_columns(
        segment_no=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("line_number")
    )
    tables = {}
    for name, rows in made.items():
        numbers = order.filter(name=name).sort("row")["segment_no"]
        whole = SEGMENTS[name].completed(rows.with_columns(numbers, segment_identifier=pl.lit(name)))
        tables[name] = whole.select(SCHEMAS[name].keys()).cast(SCHEMAS[name]).sort("line_number", "segment_no")  # type: ignore[arg-type]
    return tables
