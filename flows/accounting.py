"""Every row received is accounted for: ops.files balances rows and cents, ops.refused_rows keeps each refusal."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from flows.changes import ROW, Changes
from flows.intake import Intake
from flows.judging import Judged
from flows.run import Run
from flows.staging import raw_of
from flows.stores.lake import WAITING_ROWS
from transforms.refusals import Refusal
from transforms.tables import TABLES

_FILES = TABLES["ops.files"].schema
_REFUSED = TABLES["ops.refused_rows"].schema


@dataclass(slots=True)
class Accounts:
    """The night's own tables."""

    files: pl.DataFrame
    """ops.files of this run."""
    refused: pl.DataFrame
    """ops.refused_rows of this run."""
    released: pl.DataFrame
    """Waiting rows that were let in: path, sha256, feed, line_number, key, amount_cents."""
    rows_reclaimed: int
    """Accepted rows that wait again because their reference was taken away."""


def account(run: Run, judged: Judged, intake: Intake, changes: Changes) -> Accounts:
    """Balances the night and adds the waiting rows to the lake's state.

    Args:
        run: the run.
        judged: gives the files and the rows refused on their own account.
        intake: gives the duplicates.
        changes: gives the rows that wait.
    """
    before = run.lake.scan("state/waiting").collect()
    here = [*ROW, "account_no"]
    waiting = changes.waiting.join(before.select(*here, first="first_refused_on"), on=here, how="left").with_columns(
        first_refused_on=pl.coalesce("first", pl.lit(run.as_of))
    )
    worked_on = before.join(changes.accounts, on="account_no", how="semi")
    released = worked_on.join(waiting, on=ROW, how="anti")
    fresh = waiting.filter(pl.col("first").is_null()).drop("first")
    untouched = before.join(changes.accounts, on="account_no", how="anti")
    intake.writer.replace("state/waiting", pl.concat([untouched, waiting.select(*WAITING_ROWS)]))
    deliveries = intake.writer.now().scan("deliveries").select("delivery_no", "path", "sha256", "run_no").collect()
    fresh = fresh.join(deliveries, on="delivery_no").join(
        intake.deliveries.select("delivery_no", "file_no"), on="delivery_no", how="left"
    )
    return Accounts(
        files=_files(run, judged.files, intake, fresh),
        refused=pl.concat([_refused(run, judged.refused), _waiting(run, _with_lines(run, judged, fresh))]),
        released=released.join(deliveries, on="delivery_no").select(
            "path", "sha256", "feed", "line_number", "key", "amount_cents"
        ),
        rows_reclaimed=fresh.filter(pl.col("run_no") < run.run_no).height,
    )


def _files(run: Run, files: pl.DataFrame, intake: Intake, fresh: pl.DataFrame) -> pl.DataFrame:
    """ops.files: what came less what was refused, waits or repeats is accepted."""
    tonight = (
        fresh.drop_nulls("file_no")
        .group_by("file_no", "feed")
        .agg(rows_waiting=pl.len().cast(pl.Int64), amount_waiting_cents=pl.col("amount_cents").sum())
    )
    zero = ("rows_waiting", "amount_waiting_cents", "rows_duplicate", "amount_duplicate_cents")
    return (
        files.join(tonight, on=["file_no", "feed"], how="left")
        .join(intake.duplicates, on=["file_no", "feed"], how="left")
        .with_columns(pl.col(zero).fill_null(0))
        .with_columns(
            rows_refused=pl.col("rows_refused") + pl.col("rows_waiting"),
            amount_refused_cents=pl.col("amount_refused_cents") + pl.col("amount_waiting_cents"),
            run_id=pl.lit(run.run_id),
        )
        .with_columns(
            rows_accepted=pl.col("rows_received") - pl.col("rows_refused") - pl.col("rows_duplicate"),
            amount_accepted_cents=pl.col("amount_received_cents")
            - pl.col("amount_refused_cents")
            - pl.col("amount_duplicate_cents"),
        )
        .select(pl.col(name).cast(kind) for name, kind in _FILES.items())
        .sort("path", "feed")
    )


def _refused(run: Run, refused: pl.DataFrame) -> pl.DataFrame:
    return refused.with_columns(
        run_id=pl.lit(run.run_id),
        is_waiting=pl.lit(value=False),
        first_refused_on=pl.lit(run.as_of),
        released_on=pl.lit(None, pl.Date),
    ).select(pl.col(name).cast(kind) for name, kind in _REFUSED.items())


def _with_lines(run: Run, judged: Judged, fresh: pl.DataFrame) -> pl.DataFrame:
    """The rows with `raw`: the line as delivered tonight; of earlier deliveries, what the row says as JSON."""
    tonight = fresh.drop_nulls("file_no").select("file_no", "line_number").unique()
    place = ("file_no", "line_number", "line_span")
    spans = [
        rows.select(place).join(tonight.lazy(), on=place[:2], how="semi").collect() for rows in judged.accepted.values()
    ]
    lines = raw_of(run, judged.staged, pl.concat(spans).unique()) if spans else {}
    known = [
        lines.get((file_no, line), said)
        for file_no, line, said in fresh.select("file_no", "line_number", "row").iter_rows()
    ]
    return fresh.with_columns(raw=pl.Series(known, dtype=pl.String))


def _waiting(run: Run, fresh: pl.DataFrame) -> pl.DataFrame:
    """ops.refused_rows of the rows that begin to wait."""
    sentences = {reason.value: reason.sentence for reason in Refusal}
    return (
        fresh.with_columns(
            run_id=pl.lit(run.run_id),
            reasons="waits_for",
            details=pl.col("waits_for").list.eval(pl.element().replace_strict(sentences, return_dtype=pl.String)),
            is_waiting=pl.lit(value=True),
            released_on=pl.lit(None, pl.Date),
        )
        .select(pl.col(name).cast(kind) for name, kind in _REFUSED.items())
        .sort("feed", "path", "line_number", "key")
    )
