"""What is known of each loan, or of each account with all of its loans, that a Metro 2 record is made of."""

from __future__ import annotations

from datetime import date

import polars as pl

from transforms.bureau.metro2_items import LOAN, Book, book_of, figures, of_loans, payments
from transforms.policy import Metro2Policy, Policy

ACCOUNT = ("source", "account_id")
MILESTONES: dict[str, pl.DataType] = {
    "source": pl.String(),
    "loan_id": pl.String(),
    "kind": pl.String(),
    "event_date": pl.Date(),
    "counterparty": pl.String(),
}
"""What feeds do not tell: a loan transferred, sold or purchased (with whom), or the stage of its collection."""
TRANSFERS = ("transferred", "sold")
STAGES: dict[str, tuple[str, str, str]] = {
    "collection": ("93", "62", "G"),
    "voluntary_surrender": ("95", "61", "J"),
    "repossession": ("96", "63", "K"),
    "foreclosure": ("94", "65", "H"),
    "deed_in_lieu": ("89", "65", "H"),
    "claim_filed": ("88", "13", ""),
}
"""Kind of milestone: status while owed, status once paid, code in the payment history."""
_SUMS = (
    "remaining_cents",
    "to_come_cents",
    "delinquent_cents",
    "scheduled_cents",
    "outstanding_principal_cents",
    "principal_cents",
    "charged_off_cents",
)


def loan_facts(
    tables: dict[str, pl.DataFrame], milestones: pl.DataFrame, policy: Policy, month_end: date
) -> pl.DataFrame:
    """One row per loan that has started by the month-end.

    Columns: source, loan_id, account_id, customer_id, lender_id, product_code, currency, opened_on, credit_limit_cents
    (0), highest_cents, installment_count, the figures of `metro2_items.figures`, remaining_cents, is_paid, dpd,
    charged_off_on, charged_off_cents, delinquent_since, last_paid_date, metro2_24m, paid_in_month_cents, has_paid,
    waived_on, is_first_missed, is_modified, deferred_until, is_disaster, is_partial, is_disputed, dispute_ended (XC, XH
    or XR, in the month of its end), stage, stage_on, transferred_on, transfer_kind, transferred_to, purchased_from,
    account_closed_on.

    Args:
        tables: the month-end's, by published name.
        milestones: MILESTONES.
        policy: grace, order of payment, words that tell a disaster or how a dispute ended.
        month_end: the day.
    """
    book = book_of(tables, policy, month_end)
    status = tables["status.loan_status"].drop("lender_id", "product_code", "currency", "account_id")
    accounts = tables["core.accounts"].select(*ACCOUNT, account_closed_on="closed_date")
    known = (
        tables["core.loans"]
        .join(status, on=LOAN)
        .join(accounts, on=ACCOUNT, how="left")
        .join(book.loans.select("unit_no", *LOAN), on=LOAN)
        .join(figures(book), on="unit_no", how="left")
        .join(payments(tables, month_end, LOAN), on=LOAN, how="left")
        .join(_told(tables, book, policy.sharing.metro2), on=LOAN, how="left")
        .join(_milestones(milestones, tables, month_end), on=LOAN, how="left")
    )
    pooled = policy.product_frame(known["product_code"].unique()).select("product_code", "allocation")
    # in a common pot, money that came in for the account pays for this loan, too
    account_paid = payments(tables, month_end, ACCOUNT).select(*ACCOUNT, has_account_paid="has_paid")
    known = known.join(pooled, on="product_code", how="left").join(account_paid, on=ACCOUNT, how="left")
    has_paid = pl.col("has_paid").fill_null(value=False) | (
        (pl.col("allocation") == "account") & pl.col("has_account_paid").fill_null(value=False)
    )
    return known.with_columns(
        pl.col("paid_in_month_cents", "charged_off_cents").fill_null(0),
        pl.col("is_disaster", "is_partial", "is_restructured").fill_null(value=False),
        opened_on="origination_date",
        credit_limit_cents=pl.lit(0, pl.Int64),
        highest_cents="principal_cents",
        has_paid=has_paid,
        is_paid=pl.col("is_settled"),
        account_closed_on=pl.when(pl.col("account_closed_on") <= month_end).then("account_closed_on"),
    ).with_columns(
        is_modified=pl.col("is_restructured") | pl.col("is_observed"),
        is_first_missed=~pl.col("has_paid") & (pl.col("first_late_30_on") <= month_end).fill_null(value=False),
    )


def _told(tables: dict[str, pl.DataFrame], book: Book, rules: Metro2Policy) -> pl.DataFrame:
    """What events say of a loan: deferred_until, is_disaster, is_partial, is_restructured, dispute_ended."""
    happened = of_loans(tables["core.events"].filter(pl.col("event_date") <= book.month_end), book.loans)
    note = pl.col("note").fill_null("").str.to_lowercase()
    runs = pl.col("until_date") >= book.month_end
    deferral = (pl.col("kind") == "deferral") & runs
    last = happened.filter(pl.col("kind").is_in(["dispute_opened", "dispute_closed"]))
    last = last.sort("event_date", "event_id").unique(LOAN, keep="last", maintain_order=True)
    ended = (
        pl.when(_has(note, rules.removal_words))
        .then(pl.lit("XR"))
        .when(_has(note, rules.disagreement_words))
        .then(pl.lit("XC"))
        .otherwise(pl.lit("XH"))
    )
    in_month = pl.col("event_date") >= book.month_end.replace(day=1)
    disputes = last.filter((pl.col("kind") == "dispute_closed") & in_month).select(*LOAN, dispute_ended=ended)
    rest = happened.group_by(LOAN).agg(
        deferred_until=pl.col("until_date").filter(deferral).max(),
        is_disaster=(deferral & _has(note, rules.disaster_words)).any(),
        is_partial=((pl.col("kind") == "plan_offered") & runs.fill_null(value=False)).any(),
        is_restructured=(pl.col("kind") == "restructure").any(),
    )
    # whatever a source calls a new plan, replaced instalments show it
    replaced = tables["core.installments"].drop_nulls("replaced_on").select(*LOAN, was_replaced=pl.lit(value=True))
    return (
        book.loans.select(*LOAN)
        .join(rest, on=LOAN, how="left")
        .join(disputes, on=LOAN, how="left")
        .join(replaced.unique(), on=LOAN, how="left")
        .with_columns(
            is_restructured=pl.any_horizontal(pl.col("is_restructured", "was_replaced").fill_null(value=False))
        )
        .drop("was_replaced")
    )


def _has(note: pl.Expr, words: tuple[str, ...]) -> pl.Expr:
    found = [note.str.contains(word.lower(), literal=True) for word in words]
    return pl.any_horizontal(found) if found else pl.lit(value=False)


def _milestones(milestones: pl.DataFrame, tables: dict[str, pl.DataFrame], month_end: date) -> pl.DataFrame:
    """One row per loan: the last stage, transfer and purchase by the month-end. A settlement in kind is a surrender."""
    loans = tables["core.loans"].select(*LOAN, "account_id", start="origination_date")
    in_kind = tables["core.events"].filter(pl.col("kind") == "settled_in_kind")
    surrendered = of_loans(in_kind, loans).select(
        *LOAN, kind=pl.lit("voluntary_surrender"), event_date="event_date", counterparty=pl.lit(None, pl.String)
    )
    told = pl.concat([milestones.select(MILESTONES.keys()), surrendered]).filter(pl.col("event_date") <= month_end)
    told = told.sort(*LOAN, "event_date", "kind")

    def last(kinds: tuple[str, ...], **columns: str) -> pl.DataFrame:
        rows = told.filter(pl.col("kind").is_in(kinds)).unique(LOAN, keep="last", maintain_order=True)
        return rows.select(*LOAN, **columns)

    return (
        told.select(*LOAN)
        .unique()
        .join(last(tuple(STAGES), stage="kind", stage_on="event_date"), on=LOAN, how="left")
        .join(
            last(TRANSFERS, transfer_kind="kind", transferred_on="event_date", transferred_to="counterparty"),
            on=LOAN,
            how="left",
        )
        .join(last(("purchased",), purchased_from="counterparty"), on=LOAN, how="left")
    )


def account_facts(loans: pl.DataFrame, tables: dict[str, pl.DataFrame], month_end: date) -> pl.DataFrame:
    """One row per account of those loans, the same columns: loan_id is null, figures added, the worst of every state.

    An account is paid when it is closed and all of its loans are paid. The highest credit is the largest that is
    known: of the largest loan and what is owed of all.

    Args:
        loans: `loan_facts` of the accounts.
        tables: the month-end's, by published name.
        month_end: the day.
    """
    is_last = pl.col("paid_on") == pl.col("paid_on").max()
    together = loans.group_by(ACCOUNT).agg(
        *(pl.col(name).sum() for name in _SUMS),
        *(pl.col(name).max() for name in ("dpd", "last_paid_date", "deferred_until", "waived_on")),
        *(pl.col(name).min() for name in ("charged_off_on", "delinquent_since", "stage_on")),
        *(pl.col(name).any() for name in ("is_disaster", "is_partial", "is_modified", "is_disputed", "has_paid")),
        *(
            pl.col(name).drop_nulls().first()
            for name in ("customer_id", "lender_id", "product_code", "currency", "stage", "purchased_from")
        ),
        *(pl.col(name).drop_nulls().min() for name in ("dispute_ended",)),
        loans_opened_on=pl.col("opened_on").min(),
        largest_cents=pl.col("principal_cents").max(),
        is_first_missed=pl.col("is_first_missed").all(),
        are_paid=pl.col("is_paid").all(),
        loans_paid_on=pl.col("paid_on").max(),
        are_transferred=pl.col("transferred_on").is_not_null().all(),
        all_transferred_on=pl.col("transferred_on").max(),
        transfer_kind=pl.col("transfer_kind").drop_nulls().first(),
        transferred_to=pl.col("transferred_to").drop_nulls().first(),
        metro2_24m=_worst_history(),
        last_dpd=pl.col("dpd_when_paid").filter(is_last).max(),
        last_spell_since=pl.col("paid_spell_since").filter(is_last).min(),
    )
    accounts = tables["core.accounts"].select(*ACCOUNT, "opened_date", "credit_limit_cents", "closed_date")
    status = tables["status.account_status"].select(*ACCOUNT, account_remaining_cents="remaining_cents")
    paid = payments(tables, month_end, ACCOUNT).select(*ACCOUNT, "paid_in_month_cents")
    closed = pl.when(pl.col("closed_date") <= month_end).then("closed_date")
    return (
        together.join(accounts, on=ACCOUNT, how="left")
        .join(status, on=ACCOUNT, how="left")
        .join(paid, on=ACCOUNT, how="left")
        .with_columns(account_closed_on=closed)
        .with_columns(is_paid=pl.col("are_paid") & pl.col("account_closed_on").is_not_null())
        .with_columns(
            pl.col("paid_in_month_cents").fill_null(0),
            loan_id=pl.lit(None, pl.String),
            opened_on=pl.min_horizontal("opened_date", "loans_opened_on"),
            remaining_cents=pl.coalesce("account_remaining_cents", "remaining_cents"),
            highest_cents=pl.max_horizontal("largest_cents", "outstanding_principal_cents"),
            paid_on=pl.when("is_paid").then(pl.max_horizontal("loans_paid_on", "account_closed_on")),
            # an account that is closed after its last payment was not late when it was
            dpd_when_paid=pl.when(pl.col("loans_paid_on") >= pl.col("account_closed_on")).then("last_dpd"),
            paid_spell_since=pl.when(pl.col("loans_paid_on") >= pl.col("account_closed_on")).then("last_spell_since"),
            transferred_on=pl.when("are_transferred").then("all_transferred_on"),
            installment_count=pl.lit(None, pl.Int64),
            gap_days=pl.lit(None, pl.Float64),
        )
    )


def _worst_history() -> pl.Expr:
    """Of each month the worst code of any loan: charged off, then the latest, then current, zero balance, none yet."""
    order = "BE0123456L"
    places = []
    for place in range(24):
        code = pl.col("metro2_24m").str.slice(place, 1)
        rank = code.replace_strict({letter: n for n, letter in enumerate(order)}, return_dtype=pl.Int8)
        places.append(rank.max().replace_strict(dict(enumerate(order)), return_dtype=pl.String))
    return pl.concat_str(places)
