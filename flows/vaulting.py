"""Landing in the vault: clear values of accepted customers go from the reader, sealed, straight into it."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from flows.intake import Intake, delivery_order
from flows.judging import Judged
from flows.run import Run
from flows.staging import IDENTITY_ROWS
from flows.stores.lake import MOST_DELTAS, LakeFile, LakeWriter
from flows.stores.seal import Seal
from flows.stores.vault import SCHEMA, Vault
from transforms.arrivals import Held, added, mark
from transforms.feeds import IDENTITIES

_PLACE = ["file_no", "line_number", "customer_id"]
_KEY = ["source", *IDENTITIES.key]


def keep_identities(run: Run, judged: Judged, intake: Intake) -> None:
    """Puts the clear values of the accepted customers into the vault, and what was deleted out of it for good.

    A row equal in everything to the version before it is only noted as a repeat, as in the lake.

    Args:
        run: the run.
        judged: gives the sealed rows of the night, and which rows are accepted.
        intake: gives their deliveries, and the lake to come.
    """
    rows = _accepted(run, judged, intake)
    if rows.is_empty():
        return
    writer = intake.writer
    order = delivery_order(writer.now()).lazy()
    came = rows.lazy().select(_KEY).unique()
    kept = run.vault.scan().join(came, on=_KEY, how="semi").collect(engine="streaming")
    repeats = run.lake.scan(f"repeats/{IDENTITIES.name}").join(order, on="delivery_no")
    held = Held(IDENTITIES, kept.lazy().join(order, on="delivery_no"), repeats)
    # numbered once and for all: marking asks for the rows more than once, and a join gives them in any order
    numbered = rows.lazy().join(order, on="delivery_no").with_row_index("row_no").cast({"row_no": pl.Int64}).collect()
    marked = mark(numbered.lazy(), held).collect()
    writer.add(f"repeats/{IDENTITIES.name}", marked.filter("is_duplicate").lazy())
    fresh = added(marked.lazy(), held).select(*SCHEMA).collect()
    _add(writer, run.vault, order, kept, fresh)


def _add(writer: LakeWriter, vault: Vault, order: pl.LazyFrame, kept: pl.DataFrame, fresh: pl.DataFrame) -> None:
    """Adds rows to the vault of the run's manifest; written anew when what it held is deleted, or in too many files.

    Args:
        writer: the run's writer.
        vault: the vault before.
        order: delivery_no, order_no.
        kept: what the vault holds of the customers that come in.
        fresh: what comes in.
    """
    deleted = pl.col("order_no").filter("is_deleted").max().over(_KEY)
    is_last_word = pl.col("is_deleted") & (pl.col("order_no") == deleted)
    living = (
        pl.concat([kept.with_columns(is_fresh=False), fresh.with_columns(is_fresh=True)])
        .lazy()
        .join(order, on="delivery_no")
        .filter(deleted.is_null() | (pl.col("order_no") > deleted) | is_last_word)
        .collect()
    )
    added_rows = living.filter("is_fresh")
    whole = living.height - added_rows.height < kept.height or len(vault.files) > MOST_DELTAS
    rows = pl.concat([living, _others(vault, order, kept)], how="diagonal") if whole else added_rows
    put(writer, vault, rows.sort(*_KEY, "order_no", "line_number"), vault.seal(), [] if whole else vault.files)


def _others(vault: Vault, order: pl.LazyFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """What the vault holds of all other customers."""
    return vault.scan().join(kept.lazy(), on=_KEY, how="anti").join(order, on="delivery_no").collect()


def put(writer: LakeWriter, vault: Vault, rows: pl.DataFrame, by: Seal, beside: Sequence[LakeFile] = ()) -> None:
    """Makes rows, and the files named beside them, the vault of the run's manifest."""
    writer.vault = [*beside, *([vault.write(writer.run_id, rows, by)] if rows.height else [])]
    writer.vault_key = by.fingerprint


def _accepted(run: Run, judged: Judged, intake: Intake) -> pl.DataFrame:
    """The clear values of the accepted rows: the columns of the vault."""
    paths = {item.file_no: item.identities for item in judged.staged if item.identities is not None}
    taken = judged.accepted.get("customers")
    deliveries = intake.deliveries.filter(pl.col("file_no").is_in(list(paths)))
    if deliveries.is_empty() or taken is None:
        return pl.DataFrame(schema=SCHEMA)
    accepted = taken.select(_PLACE).unique()
    files = judged.files.select("file_no", "source").unique()
    sealed = [
        run.seal.scan([paths[file_no]], IDENTITY_ROWS).with_columns(file_no=pl.lit(file_no, pl.Int32))
        for file_no in deliveries["file_no"]
    ]
    return (
        pl.concat(sealed)
        .join(accepted, on=_PLACE, how="semi")
        .unique(_PLACE, keep="last", maintain_order=True)
        .join(deliveries.select("file_no", "delivery_no").lazy(), on="file_no")
        .join(files.lazy(), on="file_no")
        .with_columns(run_no=pl.lit(run.run_no, pl.Int32))
        .select(*SCHEMA)
        .collect()
    )
