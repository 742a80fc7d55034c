"""For corporate lenders and project financiers: where those who stand behind a counterparty stand, with a grade.

Only customers that agreed to this recipient and purpose are looked at; what is known of others contributes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from transforms.obligors import PERSON_ORDER, by_account_alone
from transforms.policy import Policy
from transforms.sharing.consent import SCREENING, consenting
from transforms.sharing.grading import KEY_KINDS, grade
from transforms.sharing.guarantees import guarantees
from transforms.sharing.related import behind, in_force, persons_of
from transforms.sharing.screening_trend import trend, trend_steps
from transforms.tables import TABLES

_CUSTOMER = ["source", "customer_id"]
_PERSON = [*SCREENING, "person"]
_WORST = ("dpd", "bucket", "five_tier", "ifrs9_stage")
_FIRST = ("default_since", "delinquent_since")
_OWED = pl.col("outstanding_principal_cents")
COLUMNS: dict[str, tuple[str, ...] | None] = {
    "core.consents": None,
    "core.companies": None,
    "core.relations": None,
    "core.screenings": None,
    "core.customers": ("source", "customer_id", "person_id"),
    "status.account_status": (
        *("source", "account_id", "customer_id", "lender_id", "currency"),
        *("past_due_amount", "outstanding_principal_amount", *_WORST, "credit_status", *_FIRST),
    ),
    "status.loan_status": ("source", "loan_id", "account_id", "default_since"),
    "status.loan_history": ("source", "loan_id", "account_id", "currency", "month_end", "bucket", "past_due_amount"),
}
"""The tables that are looked at and, by their names outside, the columns wanted; None: all."""
_STATUS = ("status.loan_status", "status.account_status")


def columns(policy: Policy) -> dict[str, tuple[str, ...] | None]:
    """COLUMNS, of the status tables all where a default reaches over the person's accounts: it is taken back here."""
    return {**COLUMNS, **(dict.fromkeys(_STATUS) if policy.contagion == "person" else {})}


@dataclass(frozen=True, slots=True)
class _Known:
    """What may be looked at on behalf of the screenings open on the day."""

    asked: pl.DataFrame
    """core.screenings with `kind` of the company; null: nobody knows the company, and nobody is looked at."""
    named: pl.DataFrame
    """One row per screening and person relation: relation_id, customer_id, person, kind, depth, share_rate."""
    told: pl.DataFrame
    """Those of `named` whose customer agreed."""
    accounts: pl.DataFrame
    """status.account_status by screening and person: every consenting customer of a related person."""


def screen(tables: dict[str, pl.DataFrame], policy: Policy, as_of: date) -> dict[str, pl.DataFrame]:
    """Every screening table of a day, as it is published.

    A person is looked at when the customer that the relation names agreed; at other lenders only where that lender's
    customer agreed as well, and those who did not are not even counted there: it would tell that they exist. Where the
    policy lets a default reach over a person's accounts, each account is told here as it stands without the others.

    Args:
        tables: `columns`, inside names, as of the day.
        policy: thresholds in `sharing.screening`.
        as_of: day on which consents and relations must be in force; screenings asked later are left out.
    """
    if policy.contagion == "person":
        loans, accounts = (tables[name].lazy() for name in _STATUS)
        tables = {**tables, "status.account_status": by_account_alone(loans, accounts, policy).collect()}
    relations = in_force(tables["core.relations"], as_of)
    known = _known(tables, relations, policy, as_of)
    persons = _persons(known, _stands_behind(tables, relations, policy))
    amounts = _amounts(known, _guarantees(tables, relations, known, as_of))
    months = trend(known.accounts, tables["status.loan_history"], SCREENING, as_of)
    graded = _graded(known, persons, amounts, months, policy)
    found = {
        "share.screening": graded,
        "share.screening_amounts": amounts,
        "share.screening_persons": persons,
        "share.screening_trend": months,
    }
    marks = {
        "as_of": pl.lit(as_of),
        "grade_version": pl.lit(policy.sharing.screening.version),
        "policy_version": pl.lit(policy.version),
    }
    return {
        name: rows.with_columns(**marks)
        .select(pl.col(column).cast(kind) for column, kind in TABLES[name].schema.items())
        .sort(TABLES[name].key)
        for name, rows in found.items()
    }


def _known(tables: dict[str, pl.DataFrame], relations: pl.DataFrame, policy: Policy, as_of: date) -> _Known:
    """What may be looked at."""
    company = ["source", "company_id"]
    asked = (
        tables["core.screenings"]
        .filter(pl.col("asked_date") <= as_of)
        .join(tables["core.companies"].select(*company, "kind"), on=company, how="left")
    )
    reached = behind(asked.drop_nulls("kind").select(company).unique(), relations, policy.sharing.screening.depth)
    people = persons_of(tables["core.customers"])
    alone = pl.concat_str("source", "customer_id", separator="\x1f")
    named = (
        asked.select(*SCREENING, "company_id")
        .join(reached, on=company)
        .join(people, on=_CUSTOMER, how="left")
        .with_columns(person=pl.coalesce("person", alone))
    )
    agreed = consenting(asked, tables["core.consents"], as_of)
    own = agreed.filter(pl.col("lender") == pl.col("source"))
    told = named.join(own, on=[*SCREENING, "customer_id"], how="semi")
    records = (
        agreed.join(people.rename({"source": "lender"}), on=["lender", "customer_id"], how="left")
        .with_columns(person=pl.coalesce("person", pl.concat_str("lender", "customer_id", separator="\x1f")))
        .join(told, on=_PERSON, how="semi")
    )
    accounts = records.join(
        tables["status.account_status"].rename({"source": "lender"}), on=["lender", "customer_id"]
    ).with_columns(is_default=pl.col("default_since").is_not_null())
    return _Known(asked, named, told, accounts)


def _stands_behind(tables: dict[str, pl.DataFrame], relations: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """source, customer_id, stands_behind: every company that the customer stands behind."""
    companies = tables["core.companies"].select("source", "company_id")
    return (
        behind(companies, relations, policy.sharing.screening.depth)
        .select(*_CUSTOMER, stands_behind="company_id")
        .unique()
    )


def _standing() -> dict[str, pl.Expr]:
    """The worst of accounts or of persons, by every standard."""
    return {
        **{name: pl.col(name).max() for name in _WORST},
        **{name: pl.col(name).min() for name in _FIRST},
        "place": pl.col("place").min(),
    }


def _persons(known: _Known, stands_behind: pl.DataFrame) -> pl.DataFrame:
    """One row per screening and related person that agreed."""
    place = pl.col("credit_status").replace_strict(
        {name: number for number, name in enumerate(PERSON_ORDER)}, return_dtype=pl.Int8
    )
    standing = (
        known.accounts.with_columns(place=place)
        .group_by(_PERSON)
        .agg(**_standing(), account_count=pl.len(), lender_count=pl.col("lender_id").n_unique())
    )
    has_shares = pl.col("share_rate").is_not_null().any()
    others = (
        known.told.select(*_PERSON, "customer_id")
        .unique()
        .join(stands_behind, on=_CUSTOMER)
        .group_by(_PERSON)
        .agg(companies=pl.col("stands_behind").unique().sort())
    )
    return (
        known.told.group_by(_PERSON)
        .agg(
            relation_kinds=pl.col("kind").unique().sort(),
            chain_depth=pl.col("depth").min(),
            share_rate=pl.when(has_shares).then(pl.col("share_rate").sort().sum().clip(0, 1)),
        )
        .join(others, on=_PERSON)
        .join(standing, on=_PERSON, how="left")
        .with_columns(
            pl.col("dpd", "account_count", "lender_count").fill_null(0),
            pl.col("five_tier", "ifrs9_stage").fill_null(1),
            pl.col("bucket").fill_null("M0"),
            pl.col("place").fill_null(PERSON_ORDER.index("not_started")),
            company_count=pl.col("companies").list.len(),
            person_no=pl.col("person").rank("ordinal").over(SCREENING),
        )
        .with_columns(credit_status=_status_of(pl.col("place")))
    )


def _status_of(place: pl.Expr) -> pl.Expr:
    return place.replace_strict(dict(enumerate(PERSON_ORDER)), return_dtype=pl.String)


def _guarantees(tables: dict[str, pl.DataFrame], relations: pl.DataFrame, known: _Known, as_of: date) -> pl.DataFrame:
    """Guarantees by screening and currency; a loan in default counts when its borrower agreed."""
    agreed = consenting(known.asked, tables["core.consents"], as_of).filter(pl.col("lender") == pl.col("source"))
    defaulted = known.accounts.filter("is_default").select(_PERSON).unique()
    owners = tables["status.account_status"].select("source", "account_id", borrower="customer_id")
    bad_loans = (
        tables["status.loan_status"]
        .filter(pl.col("default_since").is_not_null())
        .select("source", "loan_id", "account_id")
        .join(owners, on=["source", "account_id"])
        .join(agreed.select(*SCREENING, borrower="customer_id"), on=["source", "borrower"])
        .select(*SCREENING, "loan_id")
    )
    return guarantees(known.asked, known.told, relations, defaulted, bad_loans)


def _hhi(accounts: pl.DataFrame, name: str, by: str) -> pl.DataFrame:
    """source, screening_id, currency and the sum of squared shares in outstanding principal."""
    grain = [*SCREENING, "currency"]
    share = _OWED / _OWED.sum()
    # sums of floats in one order: the same book gives the same figure to the last digit
    return (
        accounts.group_by(*grain, by)
        .agg(_OWED.sum())
        .filter(_OWED > 0)
        .group_by(grain)
        .agg((share**2).sort().sum().alias(name))
    )


def _amounts(known: _Known, guarantees: pl.DataFrame) -> pl.DataFrame:
    """One row per screening and currency in which a related person owes or guarantees."""
    grain = [*SCREENING, "currency"]
    rows = known.accounts
    owed = rows.group_by(grain).agg(
        pl.col("outstanding_principal_cents", "past_due_cents").sum(),
        defaulted_principal_cents=_OWED.filter("is_default").sum(),
        class_sum=(pl.col("five_tier") * _OWED).sum(),
    )
    has_owed = _OWED > 0
    return (
        owed.join(guarantees, on=grain, how="full", coalesce=True)
        .join(_hhi(rows, "person_hhi", "person"), on=grain, how="left")
        .join(_hhi(rows, "lender_hhi", "lender_id"), on=grain, how="left")
        .with_columns(pl.col("^.*_cents$", "class_sum").fill_null(0))
        .with_columns(
            defaulted_rate=pl.when(has_owed).then(pl.col("defaulted_principal_cents") / _OWED),
            weighted_five_tier=pl.when(has_owed).then(pl.col("class_sum") / _OWED),
        )
    )


def _graded(
    known: _Known, persons: pl.DataFrame, amounts: pl.DataFrame, months: pl.DataFrame, policy: Policy
) -> pl.DataFrame:
    """One row per screening with the worst of its persons, its grade and the reasons."""
    rules = policy.sharing.screening
    in_default = pl.col("default_since").is_not_null()
    leads = pl.col("relation_kinds").list.set_intersection(list(KEY_KINDS)).list.len() > 0
    touched = pl.col("companies").filter(in_default).list.explode().n_unique()
    share = pl.col("share_rate")
    worst = persons.group_by(SCREENING).agg(
        **_standing(),
        person_count=pl.len(),
        default_person_count=in_default.sum(),
        key_default_count=(in_default & leads).sum(),
        touched=touched,
        share_weighted_five_tier=(pl.col("five_tier") * share).sort().sum() / share.sort().sum(),
    )
    lenders = known.accounts.group_by(SCREENING).agg(lender_count=pl.col("lender_id").n_unique())
    told, named = (
        rows.group_by(SCREENING).agg(pl.col("person").n_unique().alias(name))
        for rows, name in ((known.told, "told_count"), (known.named, "named_count"))
    )
    largest = amounts.group_by(SCREENING).agg(
        pl.col("defaulted_rate", "person_hhi").max(),
        guarantee_default_rate=(pl.col("guarantee_default_cents") / pl.col("guarantee_cents")).fill_nan(None).max(),
    )
    rows = known.asked
    for more in (worst, lenders, told, named, largest, trend_steps(months, SCREENING, rules.trend_months)):
        rows = rows.join(more, on=SCREENING, how="left")
    counts = ("person_count", "default_person_count", "key_default_count", "lender_count", "told_count", "named_count")
    rows = rows.with_columns(
        pl.col(*counts, "trend_steps", "defaulted_rate", "person_hhi", "guarantee_default_rate").fill_null(0),
        share_weighted_five_tier=pl.col("share_weighted_five_tier").fill_nan(None),
        # the counterparty itself is one of those touched
        contagion_company_count=(pl.col("touched").fill_null(0).cast(pl.Int64) - 1).clip(0),
        credit_status=_status_of(pl.col("place")),
    ).with_columns(withheld_count=pl.col("named_count") - pl.col("told_count"))
    is_complete = (pl.col("withheld_count") == 0) & pl.col("kind").is_not_null()
    return rows.with_columns(is_complete=is_complete).hstack(_grades(rows, policy))


def _grades(rows: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Grade and its reasons in two languages, row for row."""
    told: list[dict[str, Any]] = []
    for figures in rows.iter_rows(named=True):
        letter, findings = grade(figures, policy.sharing.screening)
        told.append(
            {
                "grade": letter,
                "grade_reasons_en": [finding.en for finding in findings],
                "grade_reasons_zh": [finding.zh for finding in findings],
            }
        )
    texts = pl.List(pl.String())
    return pl.DataFrame(told, schema={"grade": pl.String(), "grade_reasons_en": texts, "grade_reasons_zh": texts})
