"""What was sent of a month and what is to be corrected since: subjects, their records without names, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import polars as pl

from transforms.reason_codes import ReasonCode
from transforms.sharing.lawful import HeldBack

KEY = ("source", "account_id", "loan_id")
"""A subject: a loan, or an account (loan_id is null) where a layout tells of accounts."""
MONTH_TABLES = (
    "core.accounts",
    "core.loans",
    "core.installments",
    "core.chargebacks",
    "core.repayments",
    "core.events",
    "status.loan_status",
    "status.account_status",
)
"""Published tables, all of the month-end, that every layout is made from."""
SENT: dict[str, pl.DataType] = {
    **{name: pl.String() for name in (*KEY, "customer_id", "currency", "action", "reason")},
    "told_balance_cents": pl.Int64(),
    "told_past_due_cents": pl.Int64(),
    "record": pl.String(),
}
"""A subject that is told: what is done, why (null in a report), its figures, and its record as JSON without names."""
HELD: dict[str, pl.DataType] = {
    **{name: pl.String() for name in (*KEY, "customer_id", "held_back_reason")},
    "held_back_reasons": pl.List(pl.String()),
}
"""A subject that is not told: the first reason, by which all add up, and every one."""


class Action(StrEnum):
    """What a record does at its recipient."""

    REPORT = "report"
    CORRECTION = "correction"
    DELETION = "deletion"
    FRAUD = "fraud"


class LeftOut(ReasonCode):
    """Why a subject is not told that the law lets be told."""

    FRAUD = "fraud", "It was deleted at this recipient as opened by fraud."
    GONE_BEFORE = "gone_before", "It ended before the month."
    OTHER_CURRENCY = "other_currency", "The layout tells of the policy's currency alone."
    INCOMPLETE = "incomplete", "Its record breaks a rule of the layout."


def sentences() -> dict[str, str]:
    """Every reason to hold a subject back, with its sentence, in the order in which the first one counts."""
    return {reason.value: reason.sentence for reason in (*HeldBack, *LeftOut)}


@dataclass(frozen=True, slots=True)
class Month:
    """A month as it is known now, and who the customers are: what every layout is made from."""

    tables: dict[str, pl.DataFrame] = field(repr=False)
    """MONTH_TABLES by published name, inside names."""
    identities: pl.DataFrame = field(repr=False)
    """Customers in clear, from the vault."""
    month_end: date
    made_on: date


@dataclass(frozen=True, slots=True)
class Made:
    """A report or a correction in one layout, and the account of its subjects."""

    files: dict[str, bytes] = field(repr=False)
    """Content by the ending of the file's name."""
    sent: pl.DataFrame
    """SENT."""
    held_back: pl.DataFrame
    """HELD."""
    remarks: tuple[str, ...] = ()
    """What whoever sends it should look at before."""


def reasons_of(subjects: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    """The subjects with `reasons`: a loan's own, of an account its own and those of all of its loans; in order.

    Args:
        subjects: KEY and whatever else.
        judged: KEY of every loan and of every account (loan_id is null), with reasons.
    """
    account = ["source", "account_id"]
    flat = judged.select(*KEY, "reasons").explode("reasons").drop_nulls("reasons")
    of_loans = flat.drop_nulls("loan_id").group_by(KEY).agg(pl.col("reasons").unique())
    of_accounts = flat.group_by(account).agg(account_reasons=pl.col("reasons").unique())
    order = list(sentences())
    known = pl.coalesce(
        pl.when(pl.col("loan_id").is_null()).then("account_reasons").otherwise("reasons"),
        pl.lit([], pl.List(pl.String)),
    )
    ranked = known.list.eval(
        pl.element().sort_by(pl.element().replace_strict({code: n for n, code in enumerate(order)}, default=len(order)))
    )
    return (
        subjects.join(of_loans, on=KEY, how="left")
        .join(of_accounts, on=account, how="left")
        .with_columns(reasons=ranked)
        .drop("account_reasons")
    )


def held(subjects: pl.DataFrame) -> pl.DataFrame:
    """HELD of subjects with reasons; the first of them counts."""
    reasons = pl.col("reasons")
    named = subjects.with_columns(held_back_reason=reasons.list.first(), held_back_reasons=reasons)
    return named.select(pl.col(name).cast(kind) for name, kind in HELD.items())


def record(columns: Sequence[str]) -> pl.Expr:
    """The columns of a record as JSON; names and numbers of persons must not be among them."""
    return pl.struct(columns).struct.json_encode().alias("record")


def records(sent: pl.DataFrame, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """The records that `record` wrote, one row each, in the columns of today's layout; what it did not know is null."""
    if sent.is_empty():
        return pl.DataFrame(schema=schema)
    return sent.select(pl.col("record").str.json_decode(pl.Struct(schema))).unnest("record").select(schema.keys())


def in_force(sent: pl.DataFrame) -> pl.DataFrame:
    """SENT as the recipient has it now: of each subject the last that was sent, what was deleted left out.

    Args:
        sent: SENT of one month, layout and recipient, with sending_no, in which a later sending is larger.
    """
    return (
        sent.sort("sending_no")
        .unique(KEY, keep="last", maintain_order=True)
        .filter(~pl.col("action").is_in([Action.DELETION, Action.FRAUD]))
    )


def changes(
    told: pl.DataFrame,
    now: pl.DataFrame,
    judged: pl.DataFrame,
    caused: pl.DataFrame,
    fraud: pl.DataFrame,
    says: dict[str, pl.DataType],
) -> pl.DataFrame:
    """One row per subject that its recipient must change: `told` with action (no report) and reason in their place.

    Fraud comes before all; what may be told no more, or is known no more, is deleted; what would be written otherwise
    today is corrected, its reason being the cause of its restatement or else the fields that differ.

    Args:
        told: SENT and sending_no, in force at the recipient.
        now: SENT of the same subjects as a report would tell them today; without those it would not.
        judged: KEY of every loan and account, with reasons to hold it back.
        caused: KEY, cause of the subjects restated since (`causes`).
        fraud: KEY of the subjects opened by fraud.
        says: columns of a record that say something of the subject.
    """
    is_fraud = pl.lit(Action.FRAUD.value)
    doomed = told.join(fraud, on=KEY, how="semi", nulls_equal=True)
    rest = told.join(fraud, on=KEY, how="anti", nulls_equal=True)
    ended = reasons_of(rest.join(now, on=KEY, how="anti", nulls_equal=True).drop("reason"), judged).with_columns(
        reason=pl.coalesce(pl.col("reasons").list.first(), pl.lit("no longer in the lender's data"))
    )
    moved = (
        rest.drop("reason")
        .join(_changed(rest, now, says), on=KEY, nulls_equal=True)
        .join(caused, on=KEY, how="left", nulls_equal=True)
        .with_columns(reason=pl.coalesce("cause", pl.format("changed: {}", pl.col("fields").list.join(", "))))
    )
    return pl.concat(
        rows.with_columns(action=action).select(told.columns)
        for rows, action in (
            (doomed.with_columns(reason=pl.lit("opened by fraud")), is_fraud),
            (ended, pl.lit(Action.DELETION.value)),
            (moved, pl.lit(Action.CORRECTION.value)),
        )
    ).sort(KEY, nulls_last=True)


def _changed(told: pl.DataFrame, now: pl.DataFrame, says: dict[str, pl.DataType]) -> pl.DataFrame:
    """One row per subject whose record would be written otherwise today: KEY and `fields`, the names that differ."""
    both = told.select(*KEY, was="record").join(now.select(*KEY, "record"), on=KEY, nulls_equal=True)
    if both.is_empty():
        return both.select(*KEY, fields=pl.lit([], pl.List(pl.String)))
    kind = pl.Struct(says)
    read = both.with_columns(pl.col("was", "record").str.json_decode(kind))
    differs = [
        pl.when(pl.col("was").struct.field(name).ne_missing(pl.col("record").struct.field(name))).then(pl.lit(name))
        for name in says
    ]
    named = read.select(*KEY, fields=pl.concat_list(differs).list.drop_nulls())
    return named.filter(pl.col("fields").list.len() > 0)


def causes(restatements: pl.DataFrame, loans: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """One row per subject that was restated since it was sent: KEY, cause: the first such restatement's.

    Args:
        restatements: source, loan_id, cause, run_no of the month.
        loans: KEY of the loans of the month.
        told: KEY, sending_no: the number of the run that sent it.
    """
    named = restatements.join(loans.select(KEY), on=["source", "loan_id"])
    of_accounts = named.with_columns(loan_id=pl.lit(None, pl.String))
    both = pl.concat([named.select(*KEY, "cause", "run_no"), of_accounts.select(*KEY, "cause", "run_no")])
    return (
        both.join(told.select(*KEY, "sending_no"), on=KEY, nulls_equal=True)
        .filter(pl.col("run_no") > pl.col("sending_no"))
        .sort("run_no", "cause")
        .unique(KEY, keep="first", maintain_order=True)
        .select(*KEY, "cause")
    )


def made_of_changes(files: dict[str, bytes], rows: pl.DataFrame, changed: pl.DataFrame, said: tuple[str, ...]) -> Made:
    """A correction: each record of the files with what is done and why, and changes that are in none as incomplete.

    Args:
        files: by ending.
        rows: KEY, customer_id, currency, figures and record of the files; the tables may not know the subject any more.
        changed: `changes`.
        said: remarks.
    """
    names = ("customer_id", "currency")
    known = changed.select(*KEY, "action", "reason", **{f"told_{name}": name for name in names})
    sent = rows.drop("action", "reason", strict=False).join(known, on=KEY, how="left", nulls_equal=True)
    left_out = changed.join(rows, on=KEY, how="anti", nulls_equal=True)
    return Made(
        files,
        sent.with_columns(pl.coalesce(name, f"told_{name}") for name in names).select(SENT.keys()),
        held(left_out.with_columns(reasons=pl.lit([LeftOut.INCOMPLETE.value], pl.List(pl.String)))),
        said,
    )


def adds_up(subjects: int, made: Made) -> bool:
    """Whether every subject was either sent or held back, once."""
    keys = pl.concat([made.sent.select(KEY), made.held_back.select(KEY)])
    return keys.height == subjects and not keys.is_duplicated().any()
