"""One row of another institution -> every standard, by the very rules that the night applies to our own days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from transforms.bureau.metro2_base import staged_code, with_status
from transforms.charge_offs import is_charged_off
from transforms.conform import cents, integer
from transforms.five_tier import WATCHED
from transforms.obligors import classes
from transforms.performance import month_code
from transforms.policy import Policy
from transforms.refusals import RECORD_REFUSALS, Refusal
from transforms.sharing.institution import COLLECTED, DEFAULTS, OVER, Columns, Institution, State
from transforms.sharing.translation_fields import REFUSED_SCHEMA, STANDARDS, TRANSLATED_SCHEMA
from transforms.standing import bucket, bucket_no
from transforms.strings import METRO2_BEFORE, PBOC_BEFORE, metro2_code

_ENDLESS = 2**31 - 1
"""Days past due that stand for no end: beyond every edge."""
_DAY = date(2000, 1, 1)
"""Stands for every day: what a code says has no date."""
_OWED = 100
"""Cents that stand for whatever is owed: one whole unit, which every standard can tell of."""
_ROLES = tuple(Columns.model_fields)
_MEANING = ("stated", "dpd_from", "dpd_to")
"""stated: the states, one word each, with a space between."""


@dataclass(frozen=True, slots=True)
class Translation:
    """What became of the rows of one file; received = translated + refused."""

    rows: pl.DataFrame
    """One row per row translated: TRANSLATED_SCHEMA, in the file's order."""
    refused: pl.DataFrame
    """One row per refused row and reason: REFUSED_SCHEMA."""
    received_count: int

    @property
    def refused_count(self) -> int:
        """Rows refused; a row may have several reasons."""
        return self.refused["line_number"].n_unique()

    def is_too_much_refused(self, policy: Policy) -> bool:
        """Whether the policy refuses the file whole, as it does a delivery."""
        return self.refused_count > max(policy.refused_rows_limit, policy.refused_rows_share * self.received_count)


def translate(records: pl.DataFrame, institution: Institution, policy: Policy) -> Translation:
    """One row per row of the file, translated or refused.

    Args:
        records: text rows: line_number, damage, and the delivered columns that the institution names.
        institution: what its codes mean.
        policy: edges of buckets and classes, currencies, what default is.
    """
    read = _read(records, institution, policy)
    refused = _refused(read, institution)
    good = read.join(refused.select("line_number").unique(), on="line_number", how="anti", maintain_order="left")
    told = standards(good.select(_MEANING), policy)
    words = pl.col("stated").str.split(" ").list.filter(pl.element() != "")
    rows = good.join(told, on=_MEANING, how="left", nulls_equal=True, maintain_order="left").with_columns(
        institution=pl.lit(institution.institution), states=words, policy_version=pl.lit(policy.version)
    )
    return Translation(
        rows.select(pl.col(name).cast(kind) for name, kind in TRANSLATED_SCHEMA.items()), refused, records.height
    )


def standards(meanings: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """One row per distinct meaning: stated, dpd_from, dpd_to, and of each standard its lower, upper and is_exact.

    Args:
        meanings: stated, dpd_from, dpd_to (null: no end; both null: it has not started).
        policy: edges of buckets and classes, what default is.
    """
    distinct = meanings.unique(maintain_order=True)
    most = pl.when(pl.col("dpd_from").is_not_null()).then(pl.col("dpd_to").fill_null(_ENDLESS))
    sides = (
        _codes(_facts(distinct, days, policy, is_due=is_due), policy).select(pl.all().name.suffix(f"_{side}"))
        for side, days, is_due in (
            # that nothing is past due leaves open whether something fell due: * and N
            ("lower", pl.col("dpd_from"), _says(State.DUE_PAID)),
            ("upper", most, ~_says(State.NOTHING_DUE)),
        )
    )
    return pl.concat([distinct, *sides], how="horizontal").with_columns(
        pl.col(f"{name}_lower").eq_missing(pl.col(f"{name}_upper")).alias(f"is_{name}_exact") for name in STANDARDS
    )


def _says(*states: State) -> pl.Expr:
    """Whether a code says any of the states."""
    return pl.any_horizontal(pl.col("stated").str.split(" ").list.contains(state.value) for state in states)


def _facts(meanings: pl.DataFrame, days: pl.Expr, policy: Policy, *, is_due: pl.Expr) -> pl.DataFrame:
    """The meanings as the facts that the night would know of a loan that stands so on a day."""
    is_over, is_charged_off_once = _says(*OVER), _says(State.CHARGED_OFF)
    stage = pl.coalesce(
        *(pl.when(_says(state)).then(pl.lit(state.value)) for state in COLLECTED),
        # as the night tells it in Metro 2
        pl.when(_says(State.SETTLED_IN_KIND)).then(pl.lit(State.VOLUNTARY_SURRENDER.value)),
    )
    in_default = ~is_over & (_says(*DEFAULTS) | (pl.col("dpd") > policy.default.days))
    is_observed = ~is_over & _says(State.RESTRUCTURED)
    is_watched = is_observed & pl.lit(policy.five_tier.follows_status)
    return (
        meanings.with_columns(dpd=days.cast(pl.Int32))
        .with_columns(
            as_of=_DAY,
            is_started=pl.col("dpd").is_not_null(),
            is_over=is_over,
            is_settled=_says(State.SETTLED, State.WAIVED),
            is_paid=_says(State.SETTLED, State.WAIVED, State.CLOSED),
            paid_on=_on(is_over),
            closed_date=_on(_says(State.CLOSED, State.TRANSFERRED)),
            transferred_on=_on(_says(State.TRANSFERRED)),
            charged_off_on=_on(is_charged_off_once),
            charged_off_cents=pl.lit(_OWED),
            remaining_cents=pl.when(is_over).then(0).otherwise(_OWED),
            past_due_cents=pl.when(pl.col("dpd") > 0).then(_OWED).otherwise(0),
            tolerance_cents=pl.lit(0),
            default_since=_on(in_default),
            is_obligor_default=pl.lit(value=False),
            five_tier_floor=pl.when(is_watched).then(WATCHED).otherwise(1),
            is_observed=is_observed,
            is_forborne=is_observed | (~is_over & _says(State.DEFERRED)),
            is_past_due=pl.col("dpd") > 0,
            is_in_credit=pl.lit(value=False),
            stage=stage,
            dpd_when_paid=pl.lit(None, pl.Int32),
            bucket_no=bucket_no(policy),
            special=pl.coalesce(
                pl.when(_says(State.GUARANTOR_PAID)).then(pl.lit("D")),
                pl.when(_says(State.SETTLED_IN_KIND)).then(pl.lit("Z")),
            ),
            is_closing=is_over,
            is_lossy=_says(State.WAIVED, State.TRANSFERRED),
            is_unknown=_says(State.UNKNOWN),
            was_late=_says(State.PAID_LATE),
            is_due=is_due,
        )
        .with_columns(is_charged_off=is_charged_off())
    )


def _on(happened: pl.Expr) -> pl.Expr:
    return pl.when(happened).then(pl.lit(_DAY))


def _codes(facts: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """The code of every standard, in their order; of what has not started only those that say so."""
    told = classes(with_status(facts).lazy(), policy).collect()
    is_reached = pl.col("stage").is_not_null()
    codes = told.select(
        "is_started",
        bucket=bucket(pl.col("bucket_no")),
        # nobody knows how late it is: the days are no one's to tell
        pboc_code=pl.when("is_unknown").then(pl.lit("#")).otherwise(month_code()),
        metro2_status="account_status",
        metro2_history=staged_code(metro2_code(), is_reached),
        five_tier="five_tier",
        ifrs9_stage="ifrs9_stage",
        credit_status="credit_status",
    )
    before = {"pboc_code": PBOC_BEFORE, "metro2_history": METRO2_BEFORE, "credit_status": State.NOT_STARTED.value}
    return codes.select(
        pl.when("is_started").then(name).otherwise(pl.lit(before.get(name))).alias(name) for name in STANDARDS
    )


def _read(records: pl.DataFrame, institution: Institution, policy: Policy) -> pl.DataFrame:
    """The rows with key, code, days, currency and amount_cents as read, what the code says, stated, dpd_from, dpd_to.

    Their texts stay beside them as `text <role>`.
    """
    columns = institution.columns.named()
    texts = {
        role: pl.col(columns[role]).str.strip_chars() if role in columns else pl.lit(None, pl.String) for role in _ROLES
    }
    rows = records.select(
        "line_number", "damage", *(pl.when(text != "").then(text).alias(f"text {role}") for role, text in texts.items())
    )
    said = pl.DataFrame(
        [(code, " ".join(meaning.states), *meaning.days, True) for code, meaning in institution.codes.items()],
        schema={
            "code": pl.String,
            "stated": pl.String,
            "code_from": pl.Int32,
            "code_to": pl.Int32,
            "is_known": pl.Boolean,
        },
        orient="row",
    )
    default = pl.lit(policy.currency if "amount" in columns else None, pl.String)
    currency = pl.coalesce("text currency", default)
    is_begun = pl.col("code_from").is_not_null() | ~pl.col("is_known")
    days = pl.when(is_begun).then("days")
    return (
        rows.with_columns(
            key="text key",
            code="text code",
            days=integer(pl.col("text days")),
            currency=currency,
            is_accepted_currency=currency.is_in(policy.currencies),
            amount_cents=cents(pl.col("text amount"), institution.reading, institution.reading.amount_unit),
        )
        .join(said, on="code", how="left", maintain_order="left")
        .with_columns(pl.col("is_known").fill_null(value=False), pl.col("stated").fill_null(""))
        .with_columns(
            dpd_from=pl.coalesce(days, "code_from"),
            dpd_to=pl.when(days.is_not_null()).then(days).otherwise("code_to"),
        )
    )


def _refused(read: pl.DataFrame, institution: Institution) -> pl.DataFrame:
    """One row per row that cannot be translated and reason: REFUSED_SCHEMA, by line."""
    columns = institution.columns.named()
    lacks_meaning = pl.col("text code").is_null() & pl.col("text days").is_null()
    days = pl.col("days")
    is_outside = (days < 0) | (days < pl.col("code_from")) | (days > pl.col("code_to"))
    is_before = pl.col("is_known") & pl.col("code_from").is_null() & (days > 0)
    marks = (
        (Refusal.MISSING, "key", pl.col("text key").is_null()),
        (Refusal.MISSING, "code" if "code" in columns else "days", lacks_meaning),
        (Refusal.UNKNOWN_CODE, "code", pl.col("text code").is_not_null() & ~pl.col("is_known")),
        (Refusal.BAD_INTEGER, "days", pl.col("text days").is_not_null() & days.is_null()),
        (Refusal.OUT_OF_RANGE, "days", is_outside | is_before),
        (Refusal.BAD_AMOUNT, "amount", pl.col("text amount").is_not_null() & pl.col("amount_cents").is_null()),
        (Refusal.UNKNOWN_CURRENCY, "currency", ~pl.col("is_accepted_currency")),
    )
    is_whole = pl.col("damage").is_null()
    found = [_marked(read.filter(pl.col("damage") == reason), reason, None) for reason in RECORD_REFUSALS]
    found += [
        _marked(read.filter(is_whole & applies), reason, columns[role])
        for reason, role, applies in marks
        if role in columns
    ]
    return pl.concat(found).sort("line_number", maintain_order=True)


def _marked(rows: pl.DataFrame, reason: Refusal, column: str | None) -> pl.DataFrame:
    told = rows.with_columns(column=pl.lit(column), reason=pl.lit(reason.value), sentence=pl.lit(reason.sentence))
    return told.select(pl.col(name).cast(kind) for name, kind in REFUSED_SCHEMA.items())
