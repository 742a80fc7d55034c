"""Second-generation account records as something that is sent: a report, its corrections, the account of subjects."""

from __future__ import annotations

import io

import polars as pl

from transforms.bureau.pboc import PbocReport, records_of, report_of
from transforms.bureau.pboc_fields import SCHEMA
from transforms.policy import Policy
from transforms.sharing.sent import KEY, SENT, Action, LeftOut, Made, Month, held, made_of_changes, reasons_of, record

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


def now(month: Month, policy: Policy, judged: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:  # noqa: ARG001
    """SENT, without what is done and why, of what may be told today; subjects whenever they ended.

    Args:
        month: the month as it is known now.
        policy: the policy in force.
        judged: as of `report`.
        told: KEY of the subjects that were told; every one is made anew here.
    """
    law = reasons_of(_all(month, policy), judged)
    return _sent(law.filter(pl.col("reasons").list.len() == 0).drop("reasons"), month)


def corrections(month: Month, policy: Policy, changed: pl.DataFrame) -> Made:
    """The files of what their recipient must change: corrections and deletions with their reasons.

    Args:
        month: the month as it is known now.
        policy: the policy in force.
        changed: `sent.changes`.

    Raises:
        PbocError: what was written is not valid by the published schemas.
    """
    is_correction = pl.col("action") == Action.CORRECTION
    action = pl.when(is_correction).then(pl.lit("correction")).otherwise(pl.lit("deletion"))
    asked = changed.select(*KEY, "reason", action=action)
    made = report_of(month.tables, _people(month), policy, month.month_end, changes=asked)
    return made_of_changes(_files(made), _sent(made.records, month), changed, _said(made))


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
