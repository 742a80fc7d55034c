"""Runs that take in no delivery: files sent, keys rotated, a person forgotten; published by the ordinary rename."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal, get_args

import polars as pl

from flows.accounting import Accounts
from flows.errors import WrongUse
from flows.intake import Intake, delivery_order
from flows.publishing import commit, publish
from flows.run import Run, running, settle_keys
from flows.settings import Settings
from flows.stores.lake import LakeWriter
from flows.stores.vault import SCHEMA
from flows.stores.warehouse import Warehouse
from flows.vaulting import put
from transforms.feeds import IDENTITIES
from transforms.policy import Policy
from transforms.tables import TABLES

Kind = Literal["share", "forget", "rotate"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Runs that leave every figure as it is."""


@contextmanager
def upkeep(settings: Settings, kind: Kind) -> Iterator[tuple[Run, LakeWriter]]:
    """A run on the day of the last published night, under its policy, that leaves every figure as it is.

    Raises:
        Locked: another run holds the warehouse.
        WrongUse: nothing is published yet.
    """
    published = Warehouse(settings.warehouse).published()
    if published is None:
        raise WrongUse(f"There is no warehouse at {settings.warehouse} yet: run `tally nightly` first.")
    with running(settings, published.as_of, kind, takes_in=False) as (begun, _):
        policy = begun.lake.scan("runs").sort("run_no").select(pl.col("policy").last()).collect().item()
        run = replace(begun, policy=Policy.model_validate_json(policy))
        yield run, LakeWriter(run.lake, run.run_id, run.run_no, run.workplace("lake"))


def publish_upkeep(run: Run, writer: LakeWriter, bring: Callable[[Run], None]) -> None:
    """Publishes what the writer holds, with a next warehouse file that `bring` makes.

    What it replaces, and the key that this was made with, is deleted as soon as it is published.
    """
    bring(run)
    nothing = pl.DataFrame()
    intake = Intake(writer, touched=nothing, customers=nothing, duplicates=nothing, deliveries=nothing)
    files, refused = (pl.DataFrame(schema=TABLES[f"ops.{name}"].schema) for name in ("files", "refused_rows"))
    names = ("path", "sha256", "feed", "line_number", "key", "amount_cents")
    released = refused.with_columns(amount_cents=pl.lit(None, pl.Int64)).select(names)
    lake = commit(run, intake, Accounts(files, refused, released, rows_reclaimed=0), [])
    publish(run, lake)
    settle_keys(run.settings, lake.manifest)
    lake.sweep()


def same_tables(run: Run) -> None:
    """The next warehouse file as a copy of the published one."""
    run.warehouse.begin(run.run_id, fresh=False)


def forget(settings: Settings, source: str, customer_ids: list[str]) -> int:
    """Takes customers out of the vault for good, for every day and every earlier night; how many it knew.

    Their facts stay under the keyed hash, which names nobody once its clear values are gone. A lender that delivers a
    forgotten customer again brings it back: have it deleted there first.

    Raises:
        Locked: another run holds the warehouse.
        WrongUse: nothing is published yet, or the key of the vault is not at hand.
    """
    with upkeep(settings, "forget") as (run, writer):
        kept = run.vault.scan().join(delivery_order(run.lake).lazy(), on="delivery_no").collect()
        is_meant = (pl.col("source") == source) & pl.col("customer_id").is_in(customer_ids)
        meant = kept.filter(is_meant)
        blank = [name for name in IDENTITIES.facts if name not in ("source", *IDENTITIES.key, "is_deleted")]
        last = (
            meant.sort("order_no", "line_number")
            .unique(["source", *IDENTITIES.key], keep="last", maintain_order=True)
            .filter(~pl.col("is_deleted"))
            .with_columns(pl.lit(None, kept.schema[name]).alias(name) for name in blank)
            .with_columns(is_deleted=pl.lit(value=True), run_no=pl.lit(run.run_no, pl.Int32))
        )
        if last.is_empty():
            return 0
        others = kept.filter(~is_meant | (pl.col("is_deleted") & ~pl.col("customer_id").is_in(last["customer_id"])))
        put(writer, run.vault, pl.concat([others, last]).select(*SCHEMA), run.vault.seal())
        publish_upkeep(run, writer, same_tables)
        return last.height
