"""How what the warehouse says remains becomes the total of the balances in a Metro 2 file."""

from __future__ import annotations

import polars as pl

from transforms.bureau.metro2_codes import PAID, PAID_AFTER, TRANSFERRED
from transforms.reasons import money


def reconciled(subjects: pl.DataFrame, told: pl.DataFrame, given: pl.DataFrame, currency: str) -> pl.DataFrame:
    """One row whose figures add up, in records and in cents.

    warehouse = held_back + gone_before + told; and told_cents - to_come_cents + in_credit_cents - let_go_cents -
    cut_cents + given_cents = written_cents.

    Columns: currency; warehouse_, held_back_, gone_before_, told_ count and cents (what remains); to_come_cents
    (interest and fees not yet due), in_credit_cents (credit balances, written as zero; a positive sum), let_go_cents
    (what is owed of those paid within the tolerance or transferred), cut_cents (cents cut off), given_count and
    given_cents (records that are written as they were given), written_cents (balances in the file).

    Args:
        subjects: every subject with remaining_cents and left_out.
        told: those that are told, with balance_cents, to_come_cents, account_status and current_balance.
        given: base segments that are written as they are.
        currency: of all of them.
    """
    kinds = {
        "warehouse": pl.lit(value=True),
        "held_back": pl.col("left_out") == "held_back",
        "gone_before": pl.col("left_out") == "gone_before",
        "told": pl.col("left_out").is_null(),
    }
    counted = subjects.select(
        part.alias(f"{kind}_{what}")
        for kind, applies in kinds.items()
        for what, part in (
            ("count", pl.len() if kind == "warehouse" else applies.fill_null(value=False).sum().cast(pl.UInt32)),
            ("cents", pl.col("remaining_cents").filter(applies).sum()),
        )
    )
    balance = pl.col("balance_cents")
    is_gone = pl.col("account_status").is_in([TRANSFERRED, PAID, *PAID_AFTER])
    owed = balance.clip(0)
    sums = told.select(
        to_come_cents=pl.col("to_come_cents").sum(),
        in_credit_cents=(-balance).clip(0).sum(),
        let_go_cents=pl.when(is_gone).then(owed).otherwise(0).sum(),
        cut_cents=pl.when(is_gone).then(0).otherwise(owed % 100).sum(),
        told_written_cents=pl.col("current_balance").sum() * 100,
    )
    as_given = given.select(
        given_count=pl.len(), given_cents=(pl.col("current_balance").fill_null(0).sum() * 100).cast(pl.Int64)
    )
    return (
        pl.concat([counted, sums, as_given], how="horizontal")
        .with_columns(written_cents=pl.col("told_written_cents") + pl.col("given_cents"))
        .select(pl.lit(currency).alias("currency"), pl.exclude("told_written_cents").cast(pl.Int64))
    )


class Unreconciled(ValueError):
    """The balances in a file do not add up to what the warehouse says."""


def account_of(row: dict[str, int]) -> str:
    """The row of `reconciled` as one sentence, in units.

    Raises:
        Unreconciled: it does not add up, in records or in cents.
    """
    warehouse = row["held_back_cents"] + row["gone_before_cents"] + row["told_cents"]
    counts = row["held_back_count"] + row["gone_before_count"] + row["told_count"]
    written = (
        row["told_cents"]
        - row["to_come_cents"]
        + row["in_credit_cents"]
        - row["let_go_cents"]
        - row["cut_cents"]
        + row["given_cents"]
    )
    told = {name: money(cents) for name, cents in row.items() if name.endswith("_cents")}
    sentence = (
        f"Balances: {told['told_cents']} remain by the warehouse on what is told, less {told['to_come_cents']} interest"
        f" and fees to come, plus {told['in_credit_cents']} of credit balances written as zero, less"
        f" {told['let_go_cents']} on what is paid or transferred, less {told['cut_cents']} cut off, plus"
        f" {told['given_cents']} written as it was sent, are {told['written_cents']} in the file."
    )
    if (warehouse, counts, written) != (row["warehouse_cents"], row["warehouse_count"], row["written_cents"]):
        raise Unreconciled(f"The file does not add up, so nothing is written. {sentence}")
    return sentence
