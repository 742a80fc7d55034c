"""Base segments from what is known of each subject: status, rating, history, amounts, dates, comments."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.bureau import metro2_codes as codes
from transforms.bureau.metro2_facts import STAGES
from transforms.months import month_number
from transforms.policy import Policy

_UNIT = 100
_FREQUENCIES = ((7, "W"), (14, "B"), (16, "E"), (31, "M"), (62, "L"), (92, "Q"), (123, "T"), (184, "S"))
"""Most days between due dates: weekly, every two weeks, twice a month, monthly, every two, three, four, six months."""


def gone_on() -> pl.Expr:
    """Day on which a subject was transferred or, before that, paid; null while it is neither."""
    return pl.min_horizontal(pl.col("transferred_on"), pl.when("is_paid").then("paid_on"))


def with_status(facts: pl.DataFrame) -> pl.DataFrame:
    """The facts with account_status, payment_rating (null where none is asked for), balance_cents before it is clamped.

    The first that applies: transferred; paid, by what went before; charged off; a stage of collection; days past due.
    A charge-off of less than one whole unit can't be told and leaves the status to the days.
    """
    is_written_off = pl.col("charged_off_on").is_not_null() & (pl.col("charged_off_cents") >= _UNIT)
    was_paid_after = (pl.col("charged_off_on") <= pl.col("paid_on")).fill_null(value=False)
    is_paid = pl.col("is_paid") & pl.col("paid_on").is_not_null()
    is_transferred = pl.col("transferred_on").is_not_null() & (
        ~is_paid | (pl.col("transferred_on") <= pl.col("paid_on"))
    )
    status = (
        pl.when(is_transferred)
        .then(pl.lit(codes.TRANSFERRED))
        .when(is_paid & is_written_off & was_paid_after)
        .then(pl.lit(codes.PAID_CHARGE_OFF))
        .when(is_paid & pl.col("stage").is_not_null())
        .then(pl.col("stage").replace_strict({kind: after for kind, (_, after, _) in STAGES.items()}, default=None))
        .when(is_paid)
        .then(pl.lit(codes.PAID))
        .when(is_written_off & (pl.col("remaining_cents") > 0))
        .then(pl.lit(codes.CHARGED_OFF))
        .when(pl.col("stage").is_not_null() & (pl.col("remaining_cents") > 0))
        .then(pl.col("stage").replace_strict({kind: owed for kind, (owed, _, _) in STAGES.items()}, default=None))
        .otherwise(_by_days(pl.col("dpd")))
    )
    told = facts.with_columns(account_status=status, is_written_off=is_written_off)
    days = pl.when(pl.col("account_status").is_in([codes.PAID, "65"])).then("dpd_when_paid").otherwise("dpd")
    by_days = (days.fill_null(0) // 30).clip(0, 6).cast(pl.String)
    is_transfer = pl.col("account_status") == codes.TRANSFERRED
    rating = (
        pl.when(is_transfer & pl.col("is_written_off"))
        .then(pl.lit("L"))
        .when(is_transfer & (pl.col("stage") == "collection"))
        .then(pl.lit("G"))
        .otherwise(by_days)
    )
    return told.with_columns(payment_rating=pl.when(pl.col("account_status").is_in(codes.RATED)).then(rating))


def _by_days(days: pl.Expr) -> pl.Expr:
    place = (days // 30).clip(0, len(codes.LATE))
    return place.replace_strict(dict(enumerate((codes.CURRENT, *codes.LATE))), return_dtype=pl.String)


def base_fields(facts: pl.DataFrame, policy: Policy, month_end: date) -> pl.DataFrame:
    """The facts with the fields of the base segment that do not say who the consumer is.

    Adds besides: balance_cents (before it is clamped and cut), the same for every use of it.

    Args:
        facts: of `metro2_facts`, with account_status and payment_rating.
        policy: reporter, products.
        month_end: the day told of.
    """
    rules = policy.sharing.metro2
    to_come = pl.lit(0) if rules.balance_to_come else pl.col("to_come_cents")
    status = pl.col("account_status")
    is_paid = status.is_in([codes.PAID, *codes.PAID_AFTER])
    is_gone = is_paid | (status == codes.TRANSFERRED)
    balance = pl.col("remaining_cents") - to_come
    return (
        facts.with_columns(to_come_cents=to_come, balance_cents=balance)
        .join(_products(policy, facts), on="product_code", how="left")
        .with_columns(
            processing_indicator=pl.lit("1"),
            time_stamp=pl.lit(f"{month_end:%m%d%Y}000000"),
            identification_number=pl.lit(rules.identification_number)
            if rules.identification_number
            else pl.col("source").str.to_uppercase(),
            consumer_account_number=pl.coalesce("loan_id", "account_id"),
            date_opened="opened_on",
            credit_limit=_whole("credit_limit_cents"),
            highest_credit=_whole("highest_cents"),
            terms_duration=_terms(),
            terms_frequency=_frequency(),
            scheduled_monthly_payment=pl.when(is_gone | (status == codes.CHARGED_OFF))
            .then(0)
            .otherwise(_whole("scheduled_cents")),
            actual_payment=_whole("paid_in_month_cents"),
            payment_history_profile=_history(month_end),
            special_comment=_comment(month_end),
            compliance_condition_code=pl.when("is_disputed").then(pl.lit("XB")).otherwise("dispute_ended"),
            current_balance=pl.when(is_gone).then(0).otherwise(_whole("balance_cents")),
            amount_past_due=pl.when(is_gone | (status == codes.CURRENT)).then(0).otherwise(_whole("delinquent_cents")),
            original_charge_off_amount=pl.when(status.is_in(codes.CHARGE_OFFS))
            .then(_whole("charged_off_cents"))
            .otherwise(0),
            date_of_account_information=pl.when(is_paid).then("paid_on").otherwise(pl.lit(month_end)),
            date_closed=pl.when(is_paid)
            .then("paid_on")
            .when(status == codes.TRANSFERRED)
            .then("transferred_on")
            .when(pl.col("account_closed_on") >= pl.col("opened_on"))
            .then("account_closed_on"),
            date_of_last_payment="last_paid_date",
            interest_type=pl.lit("F"),
        )
        .with_columns(date_of_first_delinquency=_first_delinquency())
    )


def _whole(cents: str) -> pl.Expr:
    """Whole units, cents cut off; a credit is zero."""
    return pl.col(cents).clip(0) // _UNIT


def _products(policy: Policy, facts: pl.DataFrame) -> pl.DataFrame:
    """product_code, portfolio_type, account_type."""
    rows = [
        (code, policy.product(code).metro2_portfolio_type, policy.product(code).metro2_account_type)
        for code in facts["product_code"].unique().sort()
    ]
    return pl.DataFrame(
        rows, schema=dict.fromkeys(("product_code", "portfolio_type", "account_type"), pl.String), orient="row"
    )


def _terms() -> pl.Expr:
    """REV, LOC or 001 by portfolio type; else the number of instalments, which an account does not have."""
    count = pl.coalesce("installment_count", 1).clip(1, 999).cast(pl.String).str.zfill(3)
    by_type = pl.col("portfolio_type").replace_strict(codes.TERMS, default=None, return_dtype=pl.String)
    return pl.coalesce(by_type, count)


def _frequency() -> pl.Expr:
    """D while deferred, P of a single payment, else by the usual days between due dates; an account is monthly."""
    gap = pl.col("gap_days")
    by_gap = pl.when(pl.col("loan_id").is_null()).then(pl.lit("M")).when(gap.is_null()).then(pl.lit("P"))
    for most, letter in _FREQUENCIES:
        by_gap = by_gap.when(gap <= most).then(pl.lit(letter))
    return pl.when(pl.col("deferred_until").is_not_null()).then(pl.lit("D")).otherwise(by_gap.otherwise(pl.lit("Y")))


def _history(month_end: date) -> pl.Expr:
    """The profile, with the code of a stage of collection in the months since it was reached and until paid."""
    since = month_end.year * 12 + month_end.month - month_number(pl.col("stage_on"))
    history = pl.col("metro2_24m")
    return pl.concat_str(staged_code(history.str.slice(place, 1), pl.lit(place) < since) for place in range(24))


def staged_code(code: pl.Expr, is_reached: pl.Expr) -> pl.Expr:
    """The history code of a month: that of the stage of collection where it is reached and the account is open."""
    stage = pl.col("stage").replace_strict(
        {kind: letter for kind, (_, _, letter) in STAGES.items()}, default=None, return_dtype=pl.String
    )
    is_staged = is_reached & ~code.is_in(["E", "L", "B"]) & (stage != "")
    return pl.when(is_staged.fill_null(value=False)).then(stage).otherwise(code)


def _comment(month_end: date) -> pl.Expr:
    """The weightiest special comment that applies."""
    status = pl.col("account_status")
    is_paid = status.is_in([codes.PAID, *codes.PAID_AFTER])
    is_owed = ~is_paid & (status != codes.TRANSFERRED)
    is_deferred = pl.col("deferred_until") >= month_end
    applies = {
        "O": status == codes.TRANSFERRED,
        "AU": is_paid & (pl.col("waived_on") == pl.col("paid_on")),
        "AW": is_owed & is_deferred & pl.col("is_disaster"),
        "CP": is_owed & is_deferred,
        "CO": is_owed & pl.col("is_modified"),
        "AC": is_owed & pl.col("is_partial"),
        "AV": is_owed & pl.col("is_first_missed"),
    }
    return pl.coalesce(
        pl.when(applies[code].fill_null(value=False)).then(pl.lit(code)) for code in codes.SPECIAL_COMMENTS
    )


def _first_delinquency() -> pl.Expr:
    """The date where the status asks for it.

    Of a loan that was never 30 days late before its loss, the day of the loss stands for it; never before the opening
    nor after the day told of.
    """
    status = pl.col("account_status")
    is_asked = status.is_in(codes.DELINQUENT) | (
        status.is_in([codes.TRANSFERRED, codes.PAID]) & pl.col("payment_rating").is_in(codes.LATE_RATINGS)
    )
    is_first = pl.coalesce("delinquent_since", "paid_spell_since", "charged_off_on", "stage_on", "paid_on")
    day = pl.min_horizontal(pl.max_horizontal(is_first, "opened_on"), "date_of_account_information")
    return pl.when(is_asked).then(day)
