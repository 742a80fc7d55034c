"""Whether a loan may be told to a recipient: consent, notice before negative information, retention.

征信业管理条例 art. 13, 15, 16; 个人信息保护法 art. 23, 29; FCRA 605. The policy's `[sharing]` says how many days a
notice comes before the information, how many years negative information is kept, and from when they are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from transforms.policy import SharingPolicy
from transforms.reason_codes import ReasonCode
from transforms.sharing.consent import holds

LOAN = ("source", "loan_id")
CUSTOMER = ("source", "customer_id")
CHARGED_OFF_DAYS = 180
"""FCRA 605(c): the years of a charged-off or collected debt begin so many days after the delinquency did."""


class HeldBack(ReasonCode):
    """Why a loan is not told."""

    NO_CONSENT = "no_consent", "The customer never agreed that this recipient gets data for this purpose."
    CONSENT_WITHDRAWN = "consent_withdrawn", "The customer's consent for this recipient and purpose was withdrawn."
    NO_NOTICE = "no_notice", "The customer was not told in time that negative information will be handed on."
    RETENTION_ENDED = "retention_ended", "The years for which the negative information may be kept are over."


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, what for, and when."""

    recipient: str
    purpose: str
    day: date
    """Day on which the data is handed on."""


def negative(tables: dict[str, pl.DataFrame], last_day: date) -> pl.DataFrame:
    """One row per loan with negative information: when the bad behaviour began and ended.

    Bad behaviour is a day on which an item of the loan was late, whatever was deferred or within grace; a charge-off
    until the loan is settled; and the days on which a guarantor paid or the loan was settled in kind.

    Args:
        tables: core.installments, core.chargebacks, core.events, core.loans and status.loan_status of that day.
        last_day: the day they describe.

    Returns:
        source, loan_id, began_on, ended_on (first day without it; null: it goes on).
    """
    spells = pl.concat([_late(tables, last_day), _charged_off(tables), _told(tables, last_day)])
    goes_on = pl.col("until").is_null().any()
    return (
        spells.group_by(LOAN)
        .agg(began_on=pl.col("since").min(), ended_on=pl.when(~goes_on).then(pl.col("until").max()))
        .sort(LOAN)
    )


def _late(tables: dict[str, pl.DataFrame], last_day: date) -> pl.DataFrame:
    """Stretches of days on which single items were late: source, loan_id, since, until."""
    items = pl.concat(
        [
            tables["core.installments"].select(*LOAN, "due_date", "settled_date", "replaced_on"),
            tables["core.chargebacks"].select(*LOAN, "due_date", "settled_date", replaced_on=pl.lit(None, pl.Date)),
        ]
    ).drop_nulls("loan_id")
    until = pl.min_horizontal("settled_date", "replaced_on")
    since = pl.col("due_date") + pl.duration(days=1)
    return (
        items.select(*LOAN, since=since, until=until)
        .filter((pl.col("since") <= last_day) & (pl.col("since") < pl.col("until")).fill_null(value=True))
        # what is settled or replaced only later was late on the day asked for
        .with_columns(until=pl.when(pl.col("until") <= last_day).then("until"))
    )


def _charged_off(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Charge-offs until the loan is settled; one that was paid in full ends with the last payment."""
    status = tables["status.loan_status"].filter(pl.col("charged_off_on").is_not_null())
    is_over = pl.col("is_settled") | (pl.col("remaining_cents") <= 0)
    ended = pl.max_horizontal("charged_off_on", pl.coalesce("last_paid_date", "charged_off_on"))
    return status.select(*LOAN, since="charged_off_on", until=pl.when(is_over).then(ended))


def _told(tables: dict[str, pl.DataFrame], last_day: date) -> pl.DataFrame:
    """Days on which a guarantor paid or the loan was settled in kind; an event without a loan is of every one then."""
    kinds = ("guarantor_paid", "settled_in_kind")
    events = tables["core.events"].filter(pl.col("kind").is_in(kinds) & (pl.col("event_date") <= last_day))
    started = tables["core.loans"].select(*LOAN, "account_id", "origination_date")
    named = events.drop_nulls("loan_id").select(*LOAN, "event_date")
    for_all = (
        events.filter(pl.col("loan_id").is_null())
        .select("source", "account_id", "event_date")
        .join(started, on=["source", "account_id"])
        .filter(pl.col("origination_date") <= pl.col("event_date"))
        .select(*LOAN, "event_date")
    )
    return pl.concat([named, for_all]).select(*LOAN, since="event_date", until="event_date")


def subjects_of(tables: dict[str, pl.DataFrame], last_day: date) -> pl.DataFrame:
    """One row per loan that has started, with what the gate asks of it.

    Args:
        tables: core.installments, core.chargebacks, core.events, core.loans and status.loan_status of that day.
        last_day: the day they describe.

    Returns:
        source, loan_id, account_id, customer_id, began_on, ended_on, delinquent_since, is_closed.
    """
    return (
        tables["status.loan_status"]
        .select(*LOAN, "account_id", "delinquent_since", is_closed="is_settled")
        .join(tables["core.loans"].select(*LOAN, "customer_id"), on=LOAN, how="left")
        .join(negative(tables, last_day), on=LOAN, how="left")
    )


def gate(
    subjects: pl.DataFrame, consents: pl.DataFrame, notices: pl.DataFrame, rules: SharingPolicy, asked: Asked
) -> pl.DataFrame:
    """One row per subject, with `reasons`: every lawful reason to hold it back; an empty list: it may be told.

    `is_expired` marks those of which what was negative may be told no more.

    Args:
        subjects: source, loan_id, customer_id, began_on, ended_on (of `negative`; null: nothing negative),
            delinquent_since, is_closed, and whatever else.
        consents: core.consents.
        notices: core.notices.
        rules: the policy's.
        asked: recipient, purpose and day.
    """
    day = pl.lit(asked.day)
    marked = (
        subjects.join(_consented(consents, asked), on=CUSTOMER, how="left")
        .join(_first_notice(subjects, notices, rules, asked), on=[*LOAN, "customer_id"], how="left")
        .with_columns(is_expired=(_expires(rules) <= day).fill_null(value=False))
    )
    has_consent = pl.col("has_consent").fill_null(value=False)
    was_withdrawn = pl.col("was_withdrawn").fill_null(value=False)
    is_negative = pl.col("began_on").is_not_null() & ~pl.col("is_expired")
    found = {
        HeldBack.NO_CONSENT: ~has_consent & ~was_withdrawn,
        HeldBack.CONSENT_WITHDRAWN: ~has_consent & was_withdrawn,
        HeldBack.NO_NOTICE: is_negative & pl.col("told_on").is_null(),
        # a loan that goes on after what was negative in it is told of as one that never was
        HeldBack.RETENTION_ENDED: pl.col("is_expired") & (pl.col("is_closed") | pl.col("ended_on").is_null()),
    }
    reasons = pl.concat_list(pl.when(applies).then(pl.lit(reason.value)) for reason, applies in found.items())
    return marked.with_columns(reasons=reasons.list.drop_nulls()).drop("has_consent", "was_withdrawn", "told_on")


def _consented(consents: pl.DataFrame, asked: Asked) -> pl.DataFrame:
    """One row per customer that was ever asked: has_consent on the day, was_withdrawn by then."""
    asked_for = (pl.col("recipient") == asked.recipient) & (pl.col("purpose") == asked.purpose)
    has_consent = holds(asked.day).any()
    return (
        consents.filter(asked_for & (pl.col("granted_date") <= asked.day))
        .group_by(CUSTOMER)
        .agg(has_consent=has_consent, was_withdrawn=~has_consent)
    )


def _first_notice(subjects: pl.DataFrame, notices: pl.DataFrame, rules: SharingPolicy, asked: Asked) -> pl.DataFrame:
    """One row per subject told in time of what began by then: source, loan_id, customer_id, told_on.

    A notice counts from the day on which the bad behaviour began, for the loan it names or, naming none, for all of the
    customer's, and only when it was sent `notice_days` before the day.
    """
    in_time = pl.col("sent_date") + pl.duration(days=rules.notice_days) <= asked.day
    sent = notices.select(*CUSTOMER, "sent_date", told_loan="loan_id").filter(in_time)
    return (
        subjects.select(*LOAN, "customer_id", "began_on")
        .drop_nulls("began_on")
        .join(sent, on=CUSTOMER)
        .filter(
            (pl.col("told_loan").is_null() | (pl.col("told_loan") == pl.col("loan_id")))
            & (pl.col("sent_date") >= pl.col("began_on"))
        )
        .group_by(*LOAN, "customer_id")
        .agg(told_on=pl.col("sent_date").min())
    )


def _expires(rules: SharingPolicy) -> pl.Expr:
    """First day on which the negative information may be kept no more; null while it may."""
    end = pl.col("ended_on")
    if rules.retention_from == "delinquency":
        end = pl.coalesce(pl.col("delinquent_since") + pl.duration(days=CHARGED_OFF_DAYS), end)
    return end.dt.offset_by(f"{rules.retention_years}y")
