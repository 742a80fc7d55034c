"""The books of a night: the accounts that something touched worked on in full, all others carried over."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl

from flows.batching import Batch, Worked, batches, known_facts, work
from flows.changes import ROW, Changes
from flows.intake import Intake, account_feeds, delivery_order, new_facts, register_feeds, with_linked
from flows.progress import follow
from flows.refusing import key_text
from flows.run import Run
from flows.standings import STANDINGS, tell_standings
from flows.stores import storage
from flows.stores.lake import Lake
from flows.stores.tables import read
from transforms import restate, versions
from transforms.feeds import FEEDS, Feed
from transforms.tables import TABLES

HISTORY_BATCHES = 8
"""Batches whose month-ends are held against what was said before at once; bounds memory."""
_STATE = ("open_items", "paid_months", "deferred", "next_change")


def books(run: Run, intake: Intake) -> Changes:
    """Works out every core and status table of the night, and adds the night's state to the lake."""
    lake = intake.writer.now()
    numbers = _touched(run, lake, intake.touched)
    accounts = lake.scan("accounts").join(numbers.lazy(), on="account_no", how="semi").collect()
    changes = Changes(run.workplace("tables"), accounts, _touched_customers(run, lake, intake.customers))
    worked = _work_through(run, lake, changes)
    _say_history(run, lake, changes, worked)
    _customers(run, lake, changes)
    _registers(run, lake, changes)
    tell_standings(run, lake, changes, worked)
    _write_state(lake, intake, changes, worked)
    return changes


def _touched(run: Run, lake: Lake, touched: pl.DataFrame) -> pl.DataFrame:
    """account_no of the accounts with new facts, with known ones that begin to count, and of all linked with them."""
    if run.goes_on_from is None:
        return lake.scan("accounts").select("account_no").collect()
    due = lake.scan("state/next_change").filter(pl.col("next_change") <= run.as_of).select("account_no").collect()
    return with_linked(lake, pl.concat([touched, due]).unique())


def _work_through(run: Run, lake: Lake, changes: Changes) -> list[Worked]:
    """Works on every touched account in full, batch by batch, wherever the runner sends them."""
    into = run.shared_place("batches")
    tasks = [
        Batch(number, accounts, lake, run.policy, run.as_of, into, is_summed=True)
        for number, accounts in enumerate(batches(lake, changes.accounts))
    ]
    local = run.workplace("batches")
    done = follow(run.runner.map(work, tasks), len(tasks), "work on accounts")
    worked = sorted((_fetched(each, local) for each in done), key=lambda each: each.number)
    for each in worked:
        for table, path in each.tables.items():
            if table not in ("status.loan_history", *STANDINGS):
                changes.replaced.setdefault(table, []).extend([path] if path else [])
        for name, path in each.sums.items():
            changes.sums.setdefault(name, []).extend([path] if path else [])
    waiting = [pl.read_parquet(each.waiting) for each in worked if each.waiting]
    if waiting:
        changes.waiting = pl.concat(waiting).unique(ROW, maintain_order=True)
    return worked


def _fetched(worked: Worked, folder: Path) -> Worked:
    """The batch with files of this machine."""

    def here(files: dict[str, Path | None]) -> dict[str, Path | None]:
        return {name: storage.fetch(path, folder) if path else None for name, path in files.items()}

    waiting = storage.fetch(worked.waiting, folder) if worked.waiting else None
    return replace(
        worked, tables=here(worked.tables), state=here(worked.state), sums=here(worked.sums), waiting=waiting
    )


def _say_history(run: Run, lake: Lake, changes: Changes, worked: list[Worked]) -> None:
    """Month-ends of the accounts worked on, against what was said of them before."""
    table = "status.loan_history"
    if run.published is None:
        changes.replaced[table] = [path for each in worked if (path := each.tables.get(table))]
        return
    with run.reader() as connection:
        loans = read(connection, "core.loans", changes.accounts)
    causes = _causes(run, lake, loans, changes.waiting)
    changes.replaced.setdefault(table, [])
    for first in range(0, len(worked), HISTORY_BATCHES):
        _restate(run, changes, worked[first : first + HISTORY_BATCHES], loans, causes)


def _restate(run: Run, changes: Changes, worked: list[Worked], loans: pl.DataFrame, causes: pl.DataFrame) -> None:
    """Month-ends of some batches: what is said now, what was said before, and what was restated."""
    if run.published is None:
        raise RuntimeError("Nothing was said before the first night.")
    nothing = {name: kind for name, kind in TABLES["status.loan_history"].schema.items() if name != "known_from"}
    paths = [path for each in worked if (path := each.tables.get("status.loan_history"))]
    after = pl.concat([pl.DataFrame(schema=nothing), *(pl.read_parquet(path).drop("known_from") for path in paths)])
    accounts = pl.concat(each.accounts.select("source", "account_id") for each in worked)
    with run.reader() as connection:
        before = read(connection, "status.loan_history", accounts)
    known = loans.join(accounts, on=["source", "account_id"], how="semi").select("source", "loan_id")
    said = restate.restate(before, after, known, causes, run.published.as_of, run.as_of)
    changes.write(changes.replaced, "status.loan_history", said.history)
    changes.write(changes.added, "status.loan_history_past", said.past)
    restatements = said.restatements.with_columns(run_id=pl.lit(run.run_id))
    changes.write(changes.added, "ops.restatements", restatements.select(*TABLES["ops.restatements"].schema))


def _causes(run: Run, lake: Lake, loans: pl.DataFrame, waiting: pl.DataFrame) -> pl.DataFrame:
    """Per loan known before: the first new fact of the loan that holds, else of its account, else the policy."""
    order = delivery_order(lake).select("delivery_no", "order_no")
    facts = [
        _counting(run, lake, feed, order).select(
            "account_no",
            "delivery_no",
            "line_number",
            loan_id=pl.col("loan_id") if "loan_id" in feed.facts else pl.lit(None, pl.String),
            feed=pl.lit(feed.name),
            key=key_text(feed),
        )
        for feed in account_feeds()
    ]
    named = (
        pl.concat(facts)
        .join(lake.scan("deliveries").select("delivery_no", "path"), on="delivery_no")
        .join(lake.scan("accounts").select("account_no", "source", "account_id"), on="account_no")
        .sort("delivery_no", "line_number")
        .join(waiting.select(ROW).lazy(), on=ROW, how="anti")
        .with_columns(cause=pl.format("{} {} ({} line {})", "feed", "key", "path", "line_number"))
        .collect()
    )
    of_loan = named.group_by("source", "loan_id").agg(of_loan=pl.col("cause").first())
    of_account = named.group_by("source", "account_id").agg(of_account=pl.col("cause").first())
    old = run.published.policy_version if run.published else ""
    policy = pl.lit(f"policy {old} -> {run.policy.version}")
    return (
        loans.join(of_loan, on=["source", "loan_id"], how="left")
        .join(of_account, on=["source", "account_id"], how="left")
        .select("source", "loan_id", cause=pl.coalesce("of_loan", "of_account", policy))
    )


def _counting(run: Run, lake: Lake, feed: Feed, order: pl.DataFrame) -> pl.LazyFrame:
    """The facts of a feed that this run added and that count: of one key the last in order alone, or every version."""
    new = new_facts(run, lake, feed.name)
    if feed.keeps_versions:
        return new
    theirs = new.select("delivery_no").unique().collect()
    if theirs.is_empty():
        return new
    key = ["source", *feed.key]
    # only what comes later can count instead: mostly that is nothing, and no fact of an earlier night is looked at
    first = order.join(theirs, on="delivery_no", how="semi")["order_no"].min()
    rivals = order.filter(pl.col("order_no") >= first)
    return (
        lake.scan(f"facts/{feed.name}")
        .filter(pl.col("delivery_no").is_in(rivals["delivery_no"].implode()))
        .join(new.select(key).unique(), on=key, how="semi", nulls_equal=True)
        .join(rivals.lazy(), on="delivery_no")
        .sort("order_no", "line_number")
        .unique([*key, "account_no"], keep="last", maintain_order=True)
        .filter(pl.col("run_no") == run.run_no)
    )


def _write_state(lake: Lake, intake: Intake, changes: Changes, worked: list[Worked]) -> None:
    """The state after this night: of the accounts worked on as it is now, of all others as it was."""
    worked_on = changes.accounts.select("account_no").lazy()
    for name in _STATE:
        kept = lake.scan(f"state/{name}").join(worked_on, on="account_no", how="anti")
        schema = kept.collect_schema()
        rows = [pl.scan_parquet(path).cast(schema) for each in worked if (path := each.state.get(name))]
        intake.writer.replace(f"state/{name}", pl.concat([kept, *rows]))


def _touched_customers(run: Run, lake: Lake, customers: pl.DataFrame) -> pl.DataFrame:
    """source, customer_id of the customers with new facts, or with a version that begins to hold."""
    if run.published is None:
        return customers
    begins = pl.col("valid_from").is_between(run.published.as_of, run.as_of, closed="right")
    begun = lake.scan("facts/customers").filter(begins).select("source", "customer_id").collect()
    return pl.concat([customers, begun]).unique()


def _customers(run: Run, lake: Lake, changes: Changes) -> None:
    """core.customers of the customers worked on."""
    changes.write(changes.replaced, "core.customers", customers_at(lake, changes.customers, run.as_of))


def _registers(run: Run, lake: Lake, changes: Changes) -> None:
    """The register tables: of each key that came in, the latest row in the order of deliveries."""
    order = delivery_order(lake).lazy()
    for feed in register_feeds():
        key = ["source", *feed.key]
        keys = new_facts(run, lake, feed.name).select(key).unique().collect()
        if keys.is_empty():
            continue
        facts = lake.scan(f"facts/{feed.name}").join(keys.lazy(), on=key, how="semi").join(order, on="delivery_no")
        table = f"core.{feed.name}"
        changes.keys[table] = keys
        changes.write(
            changes.replaced, table, versions.latest(facts, feed).select(*TABLES[table].schema).sort(key).collect()
        )


def customers_at(lake: Lake, customers: pl.DataFrame, day: date, known: int | None = None) -> pl.DataFrame:
    """core.customers of some customers: the version valid on the day.

    Args:
        lake: the lake.
        customers: their source and customer_id.
        day: the day.
        known: only what the runs up to this number knew; default: everything.
    """
    feed, table = FEEDS["customers"], TABLES["core.customers"]
    facts = (
        known_facts(lake, feed.name, known)
        .join(customers.lazy(), on=["source", "customer_id"], how="semi")
        .join(delivery_order(lake).lazy(), on="delivery_no")
        .select(*feed.facts, "business_date", "order_no", "line_number")
        .collect()
    )
    rows = versions.valid_at(versions.spans(facts, feed), feed, day).with_columns(
        valid_from=pl.when(pl.col("valid_from") != versions.BEGINNING).then("valid_from")
    )
    return rows.select(table.schema.keys()).sort(table.key)
