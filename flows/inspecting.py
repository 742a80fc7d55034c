"""Asking after one account, loan or customer: what was said of a day, what is said now, and why.

What is published is read. Any other pair of days (at, known) is worked out again from the facts of the lake that were
known then, for the accounts in question and those linked with them alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from flows.batching import facts_of, known_facts
from flows.bookkeeping import customers_at
from flows.errors import WrongUse
from flows.intake import with_linked
from flows.settings import Settings
from flows.stores.lake import Lake
from flows.stores.tables import read
from flows.stores.warehouse import Published, Warehouse
from transforms.book import Working, book, work
from transforms.explain import Explanation
from transforms.explain import explain as explain_loan
from transforms.fields import Field, Kind
from transforms.obligors import finish
from transforms.policy import Policy
from transforms.tables import TABLES

KINDS = ("account", "loan", "customer")
_STATUS = ("status.loan_status", "status.account_status", "status.customer_status")
_ACCOUNT = ["source", "account_id"]
_LOAN = ["source", "loan_id"]
_CUSTOMER = ["source", "customer_id"]


@dataclass(frozen=True, slots=True)
class Question:
    """Whose standing is asked for, at which day, as known when."""

    kind: str
    """One of KINDS."""
    name: str
    source: str | None = None
    at: date | None = None
    """Default: `known`."""
    known: date | None = None
    """Default: the last published night."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What the question names, and the accounts that decide about it."""

    kind: str
    name: str
    source: str
    accounts: pl.DataFrame
    """account_no, source, account_id."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a published night knew, and the policy in force then."""

    lake: Lake
    run_id: str
    run_no: int
    as_of: date
    policy: Policy


@dataclass(frozen=True, slots=True)
class Standing:
    """What is said of a scope: rows of the status tables, inside names."""

    loans: pl.DataFrame
    accounts: pl.DataFrame
    customers: pl.DataFrame
    persons: pl.DataFrame
    """core.customers of the customers of the accounts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A standing, and what was corrected since it was known."""

    question: Question
    at: date
    known: date
    run_id: str
    """The night that knew it."""
    is_published: bool
    """Read from the published tables; else worked out from the facts."""
    standing: Standing
    changes: list[dict[str, Any]]
    """What is said otherwise now: table, source, name (of the row), column, then, now (outside names and values)."""
    restatements: pl.DataFrame
    """ops.restatements of the loans since, with `night`: the as-of date of the run; columns inside."""


def status(settings: Settings, question: Question) -> Answer:
    """Where an account, a loan or a customer stood on a day, as known on a day; and what was corrected since.

    Raises:
        WrongUse: the question cannot be answered; says why.
    """
    warehouse, last, lake = _opened(settings)
    at, knowledge = _when(lake, question)
    scope = _scope(question, knowledge)
    is_last = knowledge.run_no == last.run_no
    standing = _standing(warehouse, last, scope, knowledge, at)
    _must_hold(standing, scope, at)
    now = standing
    if not is_last:
        newest = _knowledge(lake, last.as_of)
        now = _standing(warehouse, last, _scope(question, newest, scope.source), newest, at)
    return Answer(
        question=question,
        at=at,
        known=question.known or last.as_of,
        run_id=knowledge.run_id,
        is_published=is_last and at == last.as_of,
        standing=standing,
        changes=_changes(standing, now),
        restatements=_restated(warehouse, knowledge, pl.concat([standing.loans, now.loans])),
    )


def explain(settings: Settings, question: Question) -> Explanation:
    """Why a loan stood where it did on a day, as known on a day.

    Raises:
        WrongUse: the question cannot be answered; says why.
    """
    _, _, lake = _opened(settings)
    at, knowledge = _when(lake, question)
    scope = _scope(question, knowledge)
    working, defaults, standing = _worked(knowledge, scope, at)
    chosen = _chosen(standing, scope)
    _must_hold(chosen, scope, at)
    loan = chosen.loans.row(0, named=True)
    defaults = defaults.join(chosen.loans, on=_LOAN, how="semi")
    closed_on = chosen.accounts["closed_date"].item()
    return explain_loan(working, loan, defaults, closed_on, knowledge.policy)


def policy_in_force(settings: Settings) -> Policy:
    """The policy of the last published night.

    Raises:
        WrongUse: nothing is published yet.
    """
    _, last, lake = _opened(settings)
    return _knowledge(lake, last.as_of).policy


def _opened(settings: Settings) -> tuple[Warehouse, Published, Lake]:
    warehouse = Warehouse(settings.warehouse)
    published = warehouse.published()
    if published is None:
        raise WrongUse(f"There is no warehouse at {warehouse.file} yet: run `tally nightly` first.")
    return warehouse, published, Lake(settings.lake_place()).at(published.manifest)


def _when(lake: Lake, question: Question) -> tuple[date, Knowledge]:
    """The day asked for, and what was known of it."""
    nights = lake.scan("runs").sort("run_no").collect()
    first, last = nights["as_of"][0], nights["as_of"][-1]
    known = question.known or last
    if known < first:
        raise WrongUse(f"Nothing was known on {known}: the first night was that of {first}.")
    if known > last:
        raise WrongUse(f"Nothing is known as of {known} yet: the last published night is that of {last}.")
    at = question.at or known
    if at > known:
        raise WrongUse(f"{at} lies after {known}, the day as known on: ask with --at on or before it.")
    return at, _knowledge(lake, known)


def _knowledge(lake: Lake, known: date) -> Knowledge:
    """What the last night up to a day knew."""
    row = lake.scan("runs").filter(pl.col("as_of") <= known).sort("run_no").collect().row(-1, named=True)
    policy = Policy.model_validate_json(row["policy"])
    return Knowledge(lake, row["run_id"], row["run_no"], row["as_of"], policy)


def _scope(question: Question, knowledge: Knowledge, source: str | None = None) -> Scope:
    """The accounts that a question is about, with all that decide about them.

    Raises:
        WrongUse: nobody of that name was known, or in more than one source.
    """
    found = _named(question, knowledge)
    source = source or question.source
    if source is not None:
        found = found.filter(pl.col("source") == source)
    sources = found["source"].unique().sort().to_list()
    if not sources:
        where = f" in source {source}" if source else ""
        raise WrongUse(f"No {question.kind} {question.name}{where} was known on {_day_of(question, knowledge)}.")
    if len(sources) > 1:
        raise WrongUse(
            f"{question.kind.capitalize()} {question.name} is known in the sources {', '.join(sources)}: "
            "name one with --source."
        )
    numbers = found.select("account_no").drop_nulls().unique()
    if numbers.is_empty():
        raise WrongUse(f"{question.kind.capitalize()} {question.name} of source {sources[0]} has no account.")
    if question.kind == "customer" or knowledge.policy.contagion == "person":
        numbers = _with_persons(knowledge, numbers)
    numbers = with_linked(knowledge.lake, numbers)
    accounts = (
        knowledge.lake.scan("accounts")
        .join(numbers.lazy(), on="account_no", how="semi")
        .select("account_no", *_ACCOUNT)
        .collect()
    )
    return Scope(question.kind, question.name, sources[0], accounts)


def _day_of(question: Question, knowledge: Knowledge) -> date:
    return question.known or knowledge.as_of


def _facts(knowledge: Knowledge, feed: str) -> pl.LazyFrame:
    return known_facts(knowledge.lake, feed, knowledge.run_no)


def _named(question: Question, knowledge: Knowledge) -> pl.DataFrame:
    """Where the name occurs: source, account_no (null: a customer without account)."""
    feed, column = {"account": ("accounts", "account_id"), "loan": ("installments", "loan_id")}.get(
        question.kind, ("accounts", "customer_id")
    )
    is_meant = pl.col(column) == question.name
    found = _facts(knowledge, feed).filter(is_meant).select("source", "account_no")
    if question.kind == "customer":
        alone = _facts(knowledge, "customers").filter(is_meant)
        found = pl.concat([found, alone.select("source", account_no=pl.lit(None, pl.Int32))])
    return found.unique().collect()


def _with_persons(knowledge: Knowledge, numbers: pl.DataFrame) -> pl.DataFrame:
    """The accounts and every other of the same customers and persons, in whatever source; rather too many than few."""
    accounts, customers = _facts(knowledge, "accounts"), _facts(knowledge, "customers")
    own = (
        accounts.join(with_linked(knowledge.lake, numbers).lazy(), on="account_no", how="semi")
        .select(_CUSTOMER)
        .unique()
    )
    persons = customers.join(own, on=_CUSTOMER, how="semi").select("person_id").drop_nulls().unique()
    same = customers.join(persons, on="person_id", how="semi").select(_CUSTOMER)
    others = accounts.join(pl.concat([own, same]).unique(), on=_CUSTOMER, how="semi").select("account_no").collect()
    return pl.concat([numbers, others]).unique()


def _standing(warehouse: Warehouse, last: Published, scope: Scope, knowledge: Knowledge, at: date) -> Standing:
    """What is said of the scope: read where it is published, else worked out."""
    if knowledge.run_no == last.run_no and at == last.as_of:
        return _read(warehouse, scope)
    return _chosen(_worked(knowledge, scope, at)[2], scope)


def _read(warehouse: Warehouse, scope: Scope) -> Standing:
    with warehouse.reader() as connection:
        loans, accounts = (read(connection, table, scope.accounts) for table in _STATUS[:2])
        persons = read(connection, "core.customers", accounts, _CUSTOMER)
        customers = [
            read(connection, _STATUS[2], persons.drop_nulls("person_id"), ("person_id",)),
            read(connection, _STATUS[2], accounts, _CUSTOMER),
        ]
    return _chosen(Standing(loans, accounts, pl.concat(customers), persons), scope)


def _worked(knowledge: Knowledge, scope: Scope, at: date) -> tuple[Working, pl.DataFrame, Standing]:
    """The scope worked through again from the facts known then; its defaults, and its standing."""
    facts = facts_of(knowledge.lake, scope.accounts, knowledge.run_no)
    working = work(facts, knowledge.policy, at)
    tables = book(working, knowledge.policy, at).tables
    wanted = tables["core.accounts"].select(_CUSTOMER).unique()
    persons = customers_at(knowledge.lake, wanted, at, knowledge.run_no)
    loans, accounts = (tables[name].lazy() for name in _STATUS[:2])
    said = finish(loans, accounts, persons.lazy(), knowledge.policy)
    told = pl.collect_all([said.loans, said.accounts, said.customers])
    standing = Standing(told[0], told[1], told[2], persons)
    return working, tables["status.loan_defaults"], standing


def _chosen(standing: Standing, scope: Scope) -> Standing:
    """The part of a standing that the question named; of a customer, the accounts of the same person anywhere."""
    here, loans, accounts = pl.col("source") == scope.source, standing.loans, standing.accounts
    nobody = standing.customers.clear()
    if scope.kind == "loan":
        loans = loans.filter(here & (pl.col("loan_id") == scope.name))
        accounts = accounts.join(loans, on=_ACCOUNT, how="semi")
        return Standing(loans, accounts, nobody, standing.persons)
    if scope.kind == "account":
        accounts = accounts.filter(here & (pl.col("account_id") == scope.name))
        return Standing(loans.join(accounts, on=_ACCOUNT, how="semi").sort(_LOAN), accounts, nobody, standing.persons)
    is_named = here & (pl.col("customer_id") == scope.name)
    person = standing.persons.filter(is_named).select("person_id").drop_nulls()
    same = standing.persons.join(person, on="person_id", how="semi")
    accounts = accounts.filter(is_named) if same.is_empty() else accounts.join(same, on=_CUSTOMER, how="semi")
    rows = standing.customers
    customers = rows.filter(is_named) if same.is_empty() else rows.join(person, on="person_id", how="semi")
    loans = loans.join(accounts, on=_ACCOUNT, how="semi").sort(_LOAN)
    return Standing(loans, accounts.sort(_ACCOUNT), customers.sort("currency"), standing.persons)


def _must_hold(standing: Standing, scope: Scope, at: date) -> None:
    """Refuses a question after what is not there on the day."""
    if scope.kind == "loan" and standing.loans.is_empty():
        raise WrongUse(f"Loan {scope.name} of source {scope.source} has not started by {at}, or was taken back.")
    if standing.accounts.is_empty():
        what = "has no account" if scope.kind == "customer" else "was taken back"
        raise WrongUse(f"{scope.kind.capitalize()} {scope.name} of source {scope.source} {what}.")


def rows_said(table: str, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows of a published table with their names and values outside."""
    fields = [field for field in TABLES[table].fields if field.inside in rows.columns]
    return [{field.name: _said(field, row[field.inside]) for field in fields} for row in rows.to_dicts()]


def _said(field: Field, value: Any) -> Any:  # noqa: ANN401 - whatever the field holds
    """The value of a field as it is published."""
    return units(value) if field.kind is Kind.AMOUNT and value is not None else value


def units(cents: int) -> Decimal:
    """Cents as units with two places."""
    return Decimal(cents).scaleb(-2)


def _changes(then: Standing, now: Standing) -> list[dict[str, Any]]:
    """Every column of which something else is said now, and rows that came or went."""
    tables = ((_STATUS[0], "loan_id", then.loans, now.loans), (_STATUS[1], "account_id", then.accounts, now.accounts))
    found = []
    for table, name, before, after in tables:
        said, says = ({(row["source"], row[name]): row for row in rows_said(table, rows)} for rows in (before, after))
        for key in sorted(said.keys() | says.keys()):
            named = {"table": table, "source": key[0], "name": key[1]}
            found += [{**named, **change} for change in _differences(said.get(key), says.get(key))]
    return found


def _differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """column, then, now of one row; a row that came or went is one change."""
    if before is None or after is None:
        there = ("not known", "known") if before is None else ("known", "taken back")
        return [{"column": None, "then": there[0], "now": there[1]}]
    return [
        {"column": column, "then": value, "now": after[column]}
        for column, value in before.items()
        if value != after[column]
    ]


def _restated(warehouse: Warehouse, knowledge: Knowledge, loans: pl.DataFrame) -> pl.DataFrame:
    """Month-ends said before that a later night corrected, each with its cause."""
    later = knowledge.lake.scan("runs").filter(pl.col("run_no") > knowledge.run_no).collect()
    with warehouse.reader() as connection:
        rows = read(connection, "ops.restatements", loans.select(_LOAN).unique(), _LOAN)
    return (
        rows.filter(pl.col("month_end") <= knowledge.as_of)
        .join(later.select("run_id", "run_no", night="as_of"), on="run_id")
        .sort("run_no", "month_end", *_LOAN)
        .drop("run_no")
    )
