"""Second-generation account records as something that is sent: a report, its corrections, the account of subjects."""

from __future__ import annotations

import io

import polars as pl

from transforms.bureau.pboc import PbocReport, records_of, report_of
from transforms.bureau.pboc_fields import SCHEMA
from transforms.policy import Policy
from transforms.sharing.sent import (
    HELD,
    KEY,
    SENT,
    Action,
    LeftOut,
    Made,
    Month,
    causes,
    changed,
    held,
    in_force,
    reasons_of,
    record,
    why,
)

HISTORY = "pboc_60m"
_PERSON = ("name", "id_type", "id_number")
"""Fields that come from the vault and are kept nowhere else."""
_RECORD = {name: kind for name, kind in SCHEMA.items() if name not in _PERSON}
SAYS = {name: kind for name, kind in _RECORD.items() if name not in ("action", "reason")}
"""Fields of which a change is one of the subject."""
_IDENTITY = ("source", "customer_id", "name", "id_type", "id_number")


def subjects(month: Month, policy: Policy) -> int:
    """How many subjects a month has: loans that have started, or accounts, by the product's `pboc_grain`."""
    loans, accounts = (month.tables[f"status.{name}_status"]["product_code"] for name in ("loan", "account"))
    grains = {code: policy.product(code).pboc_grain for code in pl.concat([loans, accounts]).unique()}
    return sum(grains[code] == "loan" for code in loans) + sum(grains[code] == "account" for code in accounts)


def report(month: Month, policy: Policy, judged: pl.DataFrame) -> Made:
    """The report of a month: every subject that may be told, and why the others are not.

    Args:
        month: the month as it is known now.
        policy: the policy in force.
        judged: KEY of every loan and account, with reasons to hold it back (`sent.reasons_of`).

    Raises:
        PbocError: what was written is not valid by the published schemas.
    """
    law = reasons_of(_all(month, policy).select(KEY), judged)
    free = law.filter(pl.col("reasons").list.len() == 0).select(KEY)
    made = report_of(month.tables, _people(month), policy, month.month_end, only=free)
    sent = _sent(made.records, month).with_columns(action=pl.lit(Action.REPORT.value), reason=pl.lit(None, pl.String))
    parts = [
        made.held_back.with_columns(left_out=pl.lit(None, pl.String)),
        made.closed_before.with_columns(left_out=pl.lit(LeftOut.GONE_BEFORE.value)),
        _incomplete(made),
    ]
    rows = reasons_of(pl.concat(parts), judged).with_columns(
        reasons=pl.concat_list("left_out", "reasons").list.drop_nulls()
    )
    return Made(_files(made), sent.select(SENT.keys()), held(_with_customers(rows, month)), _said(made))


def corrections(
    month: Month,
    policy: Policy,
    judged: pl.DataFrame,
    sent: pl.DataFrame,
    restatements: pl.DataFrame,
    fraud: pl.DataFrame,
) -> Made:
    """What the recipient of a month must change: subjects told otherwise now, and those to be deleted; with reasons.

    Args:
        month: the month as it is known now.
        policy: the policy in force.
        judged: as of `report`.
        sent: everything sent of the month to this recipient: SENT and sending_no.
        restatements: those of the month: source, loan_id, cause, run_no.
        fraud: KEY of subjects that were opened by fraud.

    Raises:
        PbocError: what was written is not valid by the published schemas.
    """
    told = in_force(sent)
    law = reasons_of(_all(month, policy), judged)
    now = _sent(law.filter(pl.col("reasons").list.len() == 0).drop("reasons"), month)
    doomed = told.join(fraud, on=KEY, how="semi", nulls_equal=True)
    unlawful = told.join(now, on=KEY, how="anti", nulls_equal=True).join(doomed, on=KEY, how="anti", nulls_equal=True)
    reason = pl.coalesce(pl.col("reasons").list.first(), pl.lit("no longer in the lender's data"))
    ended = pl.concat(
        [
            doomed.select(*KEY, reason=pl.lit("opened by fraud"), what=pl.lit(Action.FRAUD.value)),
            reasons_of(unlawful.select(KEY), judged).select(*KEY, reason=reason, what=pl.lit(Action.DELETION.value)),
        ]
    )
    moved = changed(told, now, SAYS).join(ended, on=KEY, how="anti", nulls_equal=True)
    loans = month.tables["status.loan_status"].select(KEY)
    corrected = why(moved, causes(restatements, loans, told)).with_columns(what=pl.lit(Action.CORRECTION.value))
    changes = pl.concat([corrected, ended])
    if changes.is_empty():
        return Made.of_nothing()
    is_correction = pl.col("what") == Action.CORRECTION
    action = pl.when(is_correction).then(pl.lit("correction")).otherwise(pl.lit("deletion"))
    asked = changes.select(*KEY, "reason", action=action)
    made = report_of(month.tables, _people(month), policy, month.month_end, changes=asked)
    known = told.select(*KEY, told_customer="customer_id", told_currency="currency")
    rows = (
        _sent(made.records, month)
        .join(changes.select(*KEY, "reason", action="what"), on=KEY, how="left", nulls_equal=True)
        .join(known, on=KEY, how="left", nulls_equal=True)
        .with_columns(
            customer_id=pl.coalesce("customer_id", "told_customer"), currency=pl.coalesce("currency", "told_currency")
        )
    )
    broken = _incomplete(made)
    if broken.is_empty():
        return Made(_files(made), rows.select(SENT.keys()), pl.DataFrame(schema=HELD), _said(made))
    left = _with_customers(broken.with_columns(reasons=pl.concat_list("left_out")), month)
    return Made(_files(made), rows.select(SENT.keys()), held(left), _said(made))


def _all(month: Month, policy: Policy) -> pl.DataFrame:
    """Every subject of the month as a plain report would tell it, whoever it is: SCHEMA of pboc_fields."""
    return records_of(month.tables, _people(month), policy, month.month_end)


def _people(month: Month) -> pl.DataFrame:
    return month.identities.select(_IDENTITY)


def _sent(rows: pl.DataFrame, month: Month) -> pl.DataFrame:
    """SENT of records, without what is done and why."""
    return _with_customers(
        rows.select(
            *KEY,
            "currency",
            record(list(_RECORD)),
            told_balance_cents=pl.col("balance_cents").fill_null(0),
            told_past_due_cents=pl.col("past_due_cents").fill_null(0),
        ),
        month,
    )


def _with_customers(rows: pl.DataFrame, month: Month) -> pl.DataFrame:
    """The subjects with the customer of the loan, or of the account; null where the tables know neither."""
    loans = month.tables["core.loans"].select("source", "loan_id", "customer_id")
    accounts = month.tables["status.account_status"].select("source", "account_id", account_customer="customer_id")
    return (
        rows.join(loans, on=["source", "loan_id"], how="left")
        .join(accounts, on=["source", "account_id"], how="left")
        .with_columns(customer_id=pl.coalesce("customer_id", "account_customer"))
        .drop("account_customer")
    )


def _incomplete(made: PbocReport) -> pl.DataFrame:
    """KEY of the subjects that break a rule of the layout, with left_out."""
    return (
        made.violations.select(KEY).unique(maintain_order=True).with_columns(left_out=pl.lit(LeftOut.INCOMPLETE.value))
    )


def _files(made: PbocReport) -> dict[str, bytes]:
    """The records as XML and, the same, as CSV and Parquet."""
    table = io.BytesIO()
    made.rows.write_parquet(table)
    return {"xml": made.xml, "csv": made.rows.write_csv().encode(), "parquet": table.getvalue()}


def _said(made: PbocReport) -> tuple[str, ...]:
    """Broken rules, counted."""
    counted = (
        made.violations.group_by("field", "rule").len().sort("len", "field", "rule", descending=[True, False, False])
    )
    return tuple(f"{count:,} records held back: {field} {rule}" for field, rule, count in counted.iter_rows())
