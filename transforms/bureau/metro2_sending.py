"""Metro 2 as something that is sent: a month's report and its corrections, with the account of their subjects."""

from __future__ import annotations

import polars as pl

from transforms.bureau.metro2_deletions import deletions_of
from transforms.bureau.metro2_file import DELETIONS_SCHEMA, IDENTITIES, Beside, Written, file_of
from transforms.bureau.metro2_people import consumers
from transforms.bureau.metro2_reconciliation import account_of
from transforms.bureau.metro2_records import SCHEMAS
from transforms.policy import Policy
from transforms.sharing.lawful import LOAN
from transforms.sharing.sent import (
    KEY,
    SENT,
    Action,
    LeftOut,
    Made,
    Month,
    held,
    made_of_changes,
    reasons_of,
    record,
    records,
)

ENDING = "txt"
HISTORY = "metro2_24m"
_ACCOUNT = ["source", "account_id"]
_PERSON = (
    "surname",
    "first_name",
    "middle_name",
    "generation_code",
    "social_security_number",
    "date_of_birth",
    "telephone_number",
    "country_code",
    "address_line_1",
    "address_line_2",
    "city",
    "state",
    "postal_code",
)
"""Fields of a base segment that come from the vault and are kept nowhere else."""
_OF_THE_FILE = ("line_number", "record_length", "record_descriptor_word")
_RECORD = {name: kind for name, kind in SCHEMAS["base"].items() if name not in (*_PERSON, *_OF_THE_FILE)}
SAYS = {name: kind for name, kind in _RECORD.items() if name not in ("time_stamp", "correction_indicator")}
"""Fields of which a change is one of the subject."""
_CODES = {Action.CORRECTION: None, Action.DELETION: "DA", Action.FRAUD: "DF"}
"""Status of what is deleted."""


def subjects(month: Month, policy: Policy) -> int:
    """How many subjects a month has: loans that have started, or accounts with such loans, by `metro2_grain`."""
    status = month.tables["status.loan_status"].select(*KEY, "product_code")
    by_account = [code for code in status["product_code"].unique() if policy.product(code).metro2_grain == "account"]
    is_by_account = pl.col("product_code").is_in(by_account)
    return status.filter(~is_by_account).height + status.filter(is_by_account).select(_ACCOUNT).n_unique()


def report(month: Month, policy: Policy, judged: pl.DataFrame) -> Made:
    """The report of a month: every subject that may be told, and why the others are not.

    Args:
        month: the month as it is known now.
        policy: the policy in force.
        judged: KEY of every loan and account, with reasons to hold it back (`sent.reasons_of`).

    Raises:
        metro2_file.Refused: a record breaks a rule that must hold; nothing may be sent.
        Unreconciled: the balances do not add up.
    """
    written = _written(month, policy, Beside(only=_free(judged)))
    sent = _sent(written, month).with_columns(action=pl.lit(Action.REPORT.value), reason=pl.lit(None, pl.String))
    return Made(
        {ENDING: written.content}, sent.select(SENT.keys()), _held_back(written, month, policy, judged), _said(written)
    )


def now(month: Month, policy: Policy, judged: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """SENT, without what is done and why, of what a report would tell today; subjects told before whenever they ended.

    Args:
        month: the month as it is known now.
        policy: the policy in force.
        judged: as of `report`.
        told: KEY of the subjects that were told.
    """
    again = _loans_of(told.select(KEY), _loans(month, policy)).select(LOAN)
    return _sent(_written(month, policy, Beside(only=_free(judged), told_before=again)), month)


def corrections(month: Month, policy: Policy, changed: pl.DataFrame) -> Made:
    """The file of what its recipient must change: with correction indicator 1, DA or DF.

    Args:
        month: the month as it is known now.
        policy: the policy in force.
        changed: `sent.changes`.

    Raises:
        metro2_file.Refused: a record breaks a rule that must hold; nothing may be sent.
        Unreconciled: the balances do not add up.
    """
    loans = _loans(month, policy)
    numbered = changed.with_row_index("subject_no")
    known = _loans_of(numbered.select(*KEY, "subject_no", code=pl.col("action").replace_strict(_CODES)), loans)
    gone = numbered.join(known, on="subject_no", how="anti")
    beside = Beside(
        only=known.select(LOAN),
        told_before=known.select(LOAN),
        deletions=known.drop_nulls("code").select(DELETIONS_SCHEMA.keys()),
        is_correction=True,
        sent=_given(gone, month, policy),
    )
    written = _written(month, policy, beside)
    return made_of_changes({ENDING: written.content}, _sent(written, month), changed, _said(written))


def _loans(month: Month, policy: Policy) -> pl.DataFrame:
    """KEY of the loans that Metro 2 can tell of: those of the policy's currency."""
    return month.tables["status.loan_status"].filter(currency=policy.currency).select(KEY)


def _written(month: Month, policy: Policy, beside: Beside) -> Written:
    people = pl.concat([pl.DataFrame(schema=IDENTITIES), month.identities], how="diagonal").select(IDENTITIES.keys())
    return file_of(month.tables, people, policy, month.month_end, made_on=month.made_on, beside=beside)


def _free(judged: pl.DataFrame) -> pl.DataFrame:
    """source, loan_id of the loans that nothing holds back."""
    return judged.filter(pl.col("loan_id").is_not_null() & (pl.col("reasons").list.len() == 0)).select(LOAN)


def _sent(written: Written, month: Month) -> pl.DataFrame:
    """SENT of the records in a file, without what is done and why."""
    currencies = month.tables["status.loan_status"].select(*_ACCOUNT, "currency").unique(_ACCOUNT)
    owners = month.tables["core.loans"].select(*KEY, "customer_id")
    of_accounts = owners.group_by(_ACCOUNT).agg(account_customer=pl.col("customer_id").first())
    return (
        written.base.join(owners, on=KEY, how="left", maintain_order="left")
        .join(of_accounts, on=_ACCOUNT, how="left")
        .join(currencies, on=_ACCOUNT, how="left")
        .select(
            *KEY,
            pl.coalesce("customer_id", "account_customer").alias("customer_id"),
            "currency",
            record(list(_RECORD)),
            told_balance_cents=pl.col("current_balance").fill_null(0).cast(pl.Int64) * 100,
            told_past_due_cents=pl.col("amount_past_due").fill_null(0).cast(pl.Int64) * 100,
        )
    )


def _held_back(written: Written, month: Month, policy: Policy, judged: pl.DataFrame) -> pl.DataFrame:
    """HELD of every subject that the file does not tell."""
    other = _other_currencies(month, policy).with_columns(left_out=pl.lit(LeftOut.OTHER_CURRENCY.value))
    rows = pl.concat([written.left_out.select(*KEY, "customer_id", "left_out"), other])
    law = reasons_of(rows, judged)
    return held(
        law.with_columns(
            reasons=pl.when(pl.col("left_out") == "held_back")
            .then("reasons")
            .otherwise(pl.concat_list("left_out", "reasons"))
        )
    )


def _other_currencies(month: Month, policy: Policy) -> pl.DataFrame:
    """KEY and customer_id of subjects in other currencies than the policy's."""
    loans = month.tables["status.loan_status"].filter(pl.col("currency") != policy.currency)
    rows = loans.select(*KEY, "product_code").join(
        month.tables["core.loans"].select("source", "loan_id", "customer_id"), on=["source", "loan_id"], how="left"
    )
    grains = {code: policy.product(code).metro2_grain for code in rows["product_code"].unique()}
    grain = pl.col("product_code").replace_strict(grains, default="loan", return_dtype=pl.String)
    whole = rows.with_columns(loan_id=pl.when(grain == "loan").then("loan_id"))
    return whole.unique(KEY, maintain_order=True).select(*KEY, "customer_id")


def _loans_of(subjects: pl.DataFrame, loans: pl.DataFrame) -> pl.DataFrame:
    """The subjects by those of their loans that the tables know: KEY and what else the subjects have."""
    by_loan = subjects.drop_nulls("loan_id").join(loans, on=KEY, how="semi")
    by_account = subjects.filter(pl.col("loan_id").is_null()).drop("loan_id").join(loans, on=_ACCOUNT)
    return pl.concat([by_loan, by_account.select(subjects.columns)])


def _given(gone: pl.DataFrame, month: Month, policy: Policy) -> pl.DataFrame:
    """Base segments that delete subjects which the tables no longer know, with the names that the vault still has."""
    if gone.is_empty():
        return pl.DataFrame(schema=SCHEMAS["base"])
    people = pl.concat([pl.DataFrame(schema=IDENTITIES), month.identities], how="diagonal").select(IDENTITIES.keys())
    asked = people.join(gone.select("source", "customer_id").unique(), on=["source", "customer_id"], how="semi")
    who = consumers(asked, policy.sharing.metro2).select("source", "customer_id", *_PERSON)
    whole = pl.concat([gone.select(*KEY, "customer_id", "action"), records(gone, _RECORD)], how="horizontal")
    whole = whole.join(who, on=["source", "customer_id"], how="left").with_columns(correction_indicator=pl.lit("1"))
    parts = [
        deletions_of(whole.filter(action=action.value).drop("action", "customer_id"), code, month.month_end)
        for action, code in _CODES.items()
        if code is not None
    ]
    return pl.concat(parts)


def _said(written: Written) -> tuple[str, ...]:
    """How the balances add up, and rules that are broken and forbid nothing, counted.

    Raises:
        Unreconciled: they do not.
    """
    (sums,) = written.reconciliation.drop("currency").to_dicts()
    counted = written.violations.group_by("sentence").len().sort("len", "sentence", descending=[True, False])
    return (account_of(sums), *(f"{count:,} records: {sentence}" for sentence, count in counted.iter_rows()))
