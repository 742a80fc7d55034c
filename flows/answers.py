"""What a person reads of an account, a loan or a customer on the terminal, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.inspecting import Answer, rows_said, units
from flows.report import table
from transforms.explain import Explanation
from transforms.reasons import Reason, money
from transforms.tables import TABLES

_LOANS = "status.loan_status"
_ACCOUNTS = "status.account_status"
_CUSTOMERS = "status.customer_status"
_STANDING = (
    ("days past due", "dpd"),
    ("contractual", "contractual_dpd"),
    ("bucket", "bucket"),
    ("five-tier", "five_tier"),
    ("IFRS 9", "ifrs9_stage"),
    ("credit status", "credit_status"),
    ("past due", "past_due_amount"),
    ("principal", "outstanding_principal_amount"),
    ("remaining", "remaining_amount"),
)
_STRINGS = (
    ("buckets, oldest first", "history_24m"),
    ("PBOC, oldest first", "pboc_24m"),
    ("Metro 2, newest first", "metro2_24m"),
)
_RESTATED = ("from_past_due_amount", "to_past_due_amount")
_DAYS = ("default_since", "delinquent_since", "charged_off_on", "negative_since")


def show_status(answer: Answer) -> None:
    """Prints where an account, a loan or a customer stood, and what was corrected since."""
    console, standing = _console(), answer.standing
    where = "published" if answer.is_published else "worked out from the facts known then"
    console.print(
        f"\n[bold]{answer.question.kind.capitalize()} {escape(answer.question.name)} at {answer.at}[/], "
        f"as known on {answer.known} (night {answer.run_id}; {where})"
    )
    for title, name, rows in (
        ("Person", _CUSTOMERS, standing.customers),
        ("Account", _ACCOUNTS, standing.accounts),
        ("Loans", _LOANS, standing.loans),
    ):
        said = rows_said(name, rows)
        if said:
            console.print(_standing(title, said))
    console.print(_strings([*rows_said(_ACCOUNTS, standing.accounts), *rows_said(_LOANS, standing.loans)]))
    _show_changes(console, answer)


def _standing(title: str, said: Sequence[dict[str, Any]]) -> Table:
    """One line per row, every standard side by side."""
    columns = [(heading, column) for heading, column in _STANDING if column in said[0]]
    headings = ("", "currency", *(heading for heading, _ in columns), "limit left", "since", "flags")
    has_limit = "available_credit_amount" in said[0]
    if not has_limit:
        headings = tuple(heading for heading in headings if heading != "limit left")
    lines = [
        (
            _name(row),
            row["currency"],
            *(row[column] for _, column in columns),
            *([row["available_credit_amount"]] if has_limit else []),
            "\n".join(f"{column.rpartition('_')[0]} {row[column]}" for column in _DAYS if row.get(column)),
            ", ".join(_flags(row)),
        )
        for row in said
    ]
    return table(title, headings, lines)


def _strings(said: Sequence[dict[str, Any]]) -> Table:
    headings = ("", *(heading for heading, _ in _STRINGS))
    rows = [(_name(row), *(row.get(column) or "" for _, column in _STRINGS)) for row in said]
    return table("Month by month", headings, rows)


def _name(row: dict[str, Any]) -> str:
    own = next(row[name] for name in ("loan_id", "account_id", "customer_id", "person_id") if row.get(name))
    return f"{own} ({row['source']})"


def _flags(row: dict[str, Any]) -> list[str]:
    return [name.removeprefix("is_").replace("_", " ") for name, value in row.items() if value is True]


def _show_changes(console: Console, answer: Answer) -> None:
    if answer.changes:
        rows = [
            (each["name"], each["column"] or "row", _text(each["then"]), _text(each["now"])) for each in answer.changes
        ]
        console.print(table(f"Said otherwise now, of {answer.at}", ("", "column", "then", "now"), rows))
    if answer.restatements.height:
        columns = ("night", "loan_id", "month_end", "from_bucket", "to_bucket", *_RESTATED, "cause")
        lines = [tuple(_text(row[name]) for name in columns) for row in _amounts(answer.restatements)]
        headings = ("night", "loan", "month-end", "bucket then", "now", "past due then", "now", "cause")
        console.print(table("Month-ends corrected since", headings, lines))


def status_document(answer: Answer) -> dict[str, Any]:
    """The answer as JSON holds it; columns as in the status tables."""
    standing = answer.standing
    return {
        answer.question.kind: answer.question.name,
        "at": answer.at,
        "known": answer.known,
        "run_id": answer.run_id,
        "is_published": answer.is_published,
        "customers": rows_said(_CUSTOMERS, standing.customers),
        "accounts": rows_said(_ACCOUNTS, standing.accounts),
        "loans": rows_said(_LOANS, standing.loans),
        "changes": answer.changes,
        "restatements": _amounts(answer.restatements),
    }


def show_explanation(told: Explanation) -> None:
    """Prints the ledger of a loan and why each status is what it is."""
    console, loan = _console(), told.loan
    console.print(
        f"\n[bold]Loan {escape(loan['loan_id'])} at {loan['as_of']}[/] (account {escape(loan['account_id'])}, source "
        f"{loan['source']}, {loan['currency']}, policy {escape(loan['policy_version'])})"
    )
    console.print(_items(told))
    console.print(_repayments(told))
    if told.deferred.height:
        rows = [_texts(row) for row in told.deferred.select("first_day", "last_day", "days_counted").rows()]
        console.print(table("Deferred", ("from", "to", "days left out of the count"), rows))
    if told.events.height:
        rows = [(_text(row["event_date"]), row["kind"], row["event_id"], _paid(row)) for row in told.events.to_dicts()]
        console.print(table("Events", ("day", "kind", "event", "amount"), rows))
    if told.defaults.height:
        columns = ("default_since", "default_cause", "probation_since", "default_ends_on", "is_over")
        console.print(table("Defaults", columns, [_texts(row) for row in told.defaults.select(columns).rows()]))
    console.print(_reasons(told.reasons))
    not_started = pl.col("metro2_code").fill_null("B").eq("B") & pl.col("bucket").fill_null("-").eq("-")
    months = [_texts(row) for row in told.months.filter(~not_started).rows()]
    console.print(
        table("Month by month, from the start", ("month-end", "bucket", "PBOC", "Metro 2", "meaning"), months)
    )


def _items(told: Explanation) -> Table:
    """What is owed, in the order in which it is filled, and what covers it."""
    by_item: dict[int, list[str]] = {}
    for row in told.covered_by.to_dicts():
        line = f"{row['repayment_id']} {row['paid_date']}: {_parts(row, '_paid')}"
        by_item.setdefault(row["item_no"], []).append(line)
    rows = [
        (
            _item(row),
            _text(row["due_date"]),
            units(row["due_cents"]),
            _parts(row, ""),
            "\n".join(by_item.get(row["item_no"], [])),
            units(row["uncovered_cents"]),
            _item_state(row, told.loan),
        )
        for row in told.items.to_dicts()
    ]
    return table("Owed, in the order in which it is paid", _ITEM_HEADINGS, rows)


_ITEM_HEADINGS = ("item", "due", "amount", "parts", "covered by", "open", "")


def _item(row: dict[str, Any]) -> str:
    if row["installment_no"] is None:
        return f"chargeback {row['repayment_id']}"
    plan = f" of the plan of {row['plan_date']}" if row["plan_date"] else ""
    return f"instalment {row['installment_no']}{plan}"


def _item_state(row: dict[str, Any], loan: dict[str, Any]) -> str:
    if row["replaced_on"] is not None:
        return f"replaced on {row['replaced_on']}"
    if row["is_late"]:
        oldest = ", the oldest" if row["due_date"] == loan["oldest_due_date"] else ""
        return f"late {row['days_late']} days{oldest}"
    return f"settled {row['settled_date']}" if row["settled_date"] else ""


def _parts(row: dict[str, Any], suffix: str) -> str:
    """Fee, interest and principal, without what is zero."""
    parts = {name: row[f"{name}{suffix}_cents"] for name in ("fee", "interest", "principal")}
    return " + ".join(f"{money(cents)} {name}" for name, cents in parts.items() if cents) or "0.00"


def _repayments(told: Explanation) -> Table:
    rows = [
        (
            _text(row["paid_date"]),
            row["repayment_id"],
            row["kind"] + (" (void)" if row["is_void"] else ""),
            row["refers_to"] or "",
            *(units(row[name]) for name in ("amount_cents", "here_cents", "elsewhere_cents", "unused_cents")),
        )
        for row in told.repayments.to_dicts()
    ]
    headings = ("day", "repayment", "kind", "refers to", "amount", "covers here", "covers other loans", "left over")
    return table("What came in, and where it went", headings, rows)


def _reasons(reasons: Sequence[Reason]) -> Table:
    return table("Why", ("status", "value", "because"), [(each.name, _text(each.value), each.why) for each in reasons])


def explanation_document(told: Explanation) -> dict[str, Any]:
    """The explanation as JSON holds it."""
    return {
        "loan": rows_said(_LOANS, pl.DataFrame([told.loan], schema=TABLES[_LOANS].schema))[0],
        "items": _amounts(told.items),
        "covered_by": _amounts(told.covered_by),
        "repayments": _amounts(told.repayments),
        "deferred": told.deferred.to_dicts(),
        "events": _amounts(told.events),
        "defaults": told.defaults.to_dicts(),
        "reasons": [asdict(each) for each in told.reasons],
        "months": told.months.to_dicts(),
    }


def write_json(document: dict[str, Any]) -> None:
    """Writes a document; days in ISO form, amounts as numbers with two places."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=1, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def _amounts(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows with `*_cents` as `*_amount` in units."""
    return [
        {
            _outside(name): units(value) if name.endswith("_cents") and value is not None else value
            for name, value in row.items()
            if name not in ("scope_no", "unit_no")
        }
        for row in rows.to_dicts()
    ]


def _outside(name: str) -> str:
    return "amount" if name == "amount_cents" else name.replace("_cents", "_amount")


def _paid(row: dict[str, Any]) -> str:
    return "" if row["amount_cents"] is None else money(row["amount_cents"])


def _texts(row: Sequence[object]) -> tuple[str, ...]:
    return tuple(_text(value) for value in row)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _console() -> Console:
    return Console(width=None if Console().is_terminal else 160)
