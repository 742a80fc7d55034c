"""Words for published rows that a person can check by hand: `loan("l", "2026-01-10", 1000, dpd=31)`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import polars as pl

from transforms.aggregates.all_risk import SOURCES, Published, kept_sums, risk, standing, standing_cells
from transforms.months import month_ends
from transforms.policy import LossPolicy, Policy, ProductPolicy
from transforms.tables import ALL, TABLES

Row = dict[str, Any]
Said = list[tuple[str, Row]]
"""Rows, each with the part of `Published` it stands in."""

SOURCE = "north"
POLICY = Policy(
    version="test",
    loss=LossPolicy(stress_factors=(1.0, 3.0)),
    products={"pay": ProductPolicy(loss_given_default=0.5), "line": ProductPolicy(loss_given_default=0.4)},
)
DPD = {"M0": 0, "M1": 1, "M2": 31, "M3": 61, "M4": 91, "M5": 121, "M6": 151, "M7": 181}
"""The fewest days past due of each bucket."""


def day(text: str | None) -> date | None:
    """The date in ISO form."""
    return None if text is None else date.fromisoformat(text)


def account(
    account_id: str = "a",
    product: str = "pay",
    *,
    lender: str = "north",
    region: str | None = "east",
    currency: str = "CNY",
    customer: str = "c",
    **flags: object,
) -> Said:
    """An account that is neither in credit nor over its limit unless told."""
    row = {
        "account_id": account_id,
        "customer_id": customer,
        "lender_id": lender,
        "product_code": product,
        "region_code": region,
        "currency": currency,
        "is_in_credit": False,
        "is_over_limit": False,
        **flags,
    }
    return [("account_status", row)]


def loan(
    loan_id: str = "l", start: str = "2026-01-10", principal: int = 1000, *, account_id: str = "a", **status: object
) -> Said:
    """A started loan of which all principal is outstanding and nothing late, unless the status says otherwise."""
    row: Row = {
        "account_id": account_id,
        "dpd": 0,
        "bucket": "M0",
        "past_due_cents": 0,
        "outstanding_principal_cents": principal,
        "is_settled": False,
        "past_due_charges_cents": 0,
        "charged_off_cents": 0,
        "five_tier": 1,
        "ifrs9_stage": 1,
        "first_due_date": day("2026-02-10"),
        "last_due_date": day("2026-12-31"),
        **{
            name: day(value) if isinstance(value, str) and value[4:5] == "-" else value
            for name, value in status.items()
        },
    }
    row.setdefault("remaining_cents", row["outstanding_principal_cents"])
    promised = {
        "loan_id": loan_id,
        "account_id": account_id,
        "origination_date": day(start),
        "principal_cents": principal,
    }
    return [("loans", promised), ("loan_status", {"loan_id": loan_id, **row})]


def settled(loan_id: str = "l", start: str = "2026-01-10", principal: int = 1000, **status: object) -> Said:
    """A loan of which nothing is left."""
    nothing: dict[str, Any] = {"outstanding_principal_cents": 0, "remaining_cents": 0, "is_settled": True}
    return loan(loan_id, start, principal, **{**nothing, **status})


def month(loan_id: str, end: str, state: str = "M0", owed: int = 1000) -> Said:
    """A month-end of a loan: a bucket, `paid_off` or `charged_off`, and outstanding principal."""
    row = {
        "loan_id": loan_id,
        "month_end": day(end),
        "bucket": state if state in DPD else "M0",
        "dpd": DPD.get(state, 0),
        "outstanding_principal_cents": owed,
        "is_settled": state == "paid_off",
        "is_charged_off": state == "charged_off",
    }
    return [("history", row)]


def course(loan_id: str, first: str, *states: str, owed: int = 1000) -> Said:
    """States at consecutive month-ends from `first` on; `-` for a month without a row."""
    rows: Said = []
    end = date.fromisoformat(first)
    for state in states:
        if state != "-":
            rows += month(loan_id, end.isoformat(), state, owed)
        end = next_end(end)
    return rows


def next_end(end: date) -> date:
    """The month-end after a month-end."""
    return month_ends(end + timedelta(days=1), end + timedelta(days=31))[0]


def instalment(
    due: str,
    amount: int,
    settled_on: str | None = None,
    *,
    loan_id: str = "l",
    plan: str | None = None,
    replaced: str | None = None,
) -> Said:
    """An instalment, of the original plan unless told."""
    row = {
        "loan_id": loan_id,
        "plan_date": day(plan),
        "replaced_on": day(replaced),
        "due_date": day(due),
        "due_cents": amount,
        "settled_date": day(settled_on),
    }
    return [("installments", row)]


def cash(paid: str, amount: int, kind: str = "payment", *, loan_id: str | None = "l", is_void: bool = False) -> Said:
    """Money that names a loan."""
    row = {"loan_id": loan_id, "paid_date": day(paid), "amount_cents": amount, "kind": kind, "is_void": is_void}
    return [("repayments", row)]


def default(since: str, ends: str | None = None, *, loan_id: str = "l", is_over: bool | None = None) -> Said:
    """A default, over when its end is told unless said otherwise."""
    over = ends is not None if is_over is None else is_over
    row = {"loan_id": loan_id, "default_since": day(since), "default_ends_on": day(ends), "is_over": over}
    return [("defaults", row)]


def customer(customer_id: str, person_id: str | None) -> Said:
    """A customer, and who it is."""
    return [("customers", {"customer_id": customer_id, "person_id": person_id})]


def tables(said: Iterable[Said], at: str) -> dict[str, pl.DataFrame]:
    """The published tables, by name, as of a day; month-ends after it are left out."""
    rows: dict[str, list[Row]] = {table: [] for table in SOURCES.values()}
    for part, row in (each for group in said for each in group):
        if part != "history" or row["month_end"] <= date.fromisoformat(at):
            rows[SOURCES[part]].append({"as_of": day(at), "source": SOURCE, **row})
    return {table: pl.DataFrame(found, schema=TABLES[table].schema) for table, found in rows.items()}


def published(frames: dict[str, pl.DataFrame]) -> Published:
    """What risk is told from."""
    return Published(**{part: frames[table].lazy() for part, table in SOURCES.items()})


def all_risk(parts: list[Published], policy: Policy, at: date) -> dict[str, pl.DataFrame]:
    """Every risk table of some accounts, told anew."""
    kept = kept_sums(parts, at)
    stand = standing(standing_cells(said, kept["moves"], policy, at) for said in parts)
    return risk(stand, kept, policy, at)


def told(table: str, *said: Said, at: str, policy: Policy = POLICY) -> list[Row]:
    """The rows of one risk table."""
    found = all_risk([published(tables(said, at))], policy, date.fromisoformat(at))
    return found[f"risk.{table}"].rows(named=True)


def whole(rows: Iterable[Row], **where: object) -> list[Row]:
    """The rows of everything together in which these columns have these values."""
    wanted = {"lender_id": ALL, "product_code": ALL, "region_code": ALL, **where}
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def only(rows: Iterable[Row], **where: object) -> Row:
    """The one row of everything together in which these columns have these values."""
    found = whole(rows, **where)
    assert len(found) == 1, f"{len(found)} rows with {where}"
    return found[0]


def values(row: Row, names: str) -> tuple[object, ...]:
    """The values of the columns named."""
    return tuple(row[name] for name in names.split())
