"""Sending a month to a bureau: made lawfully, accounted for to the last subject, remembered, published as one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl

from flows.errors import CheckFailed, WrongUse
from flows.identities import identities
from flows.month_ends import tables_at
from flows.run import Run
from flows.settings import Settings
from flows.stores.lake import Lake, LakeWriter, dataset_of, manifest_name
from flows.stores.outbox import Outbox
from flows.stores.tables import read
from flows.upkeep import publish_upkeep, same_tables, upkeep
from transforms.bureau.metro2_file import Refused
from transforms.bureau.metro2_reconciliation import Unreconciled
from transforms.bureau.pboc_schema import PbocError
from transforms.bureau.sending import LAYOUTS, corrections
from transforms.sending_tables import SENDING_TABLES
from transforms.sharing.lawful import Asked
from transforms.sharing.sending_gate import Register, judge
from transforms.sharing.sent import KEY, SENT, Action, Made, Month, adds_up

REPORT, CORRECTIONS = "report", "corrections"
_WHOM = ("layout", "month_end", "recipient", "purpose")


@dataclass(frozen=True, slots=True)
class Whom:
    """Who receives which month in which layout, and what for."""

    layout: str
    month_end: date
    recipient: str
    purpose: str

    def of(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The rows of the ledger's files that went to the same recipient of the same month in the same layout."""
        return rows.filter(layout=self.layout, month_end=self.month_end, recipient=self.recipient)


@dataclass(frozen=True, slots=True)
class Sending:
    """One sending: what was made, and where its files lie."""

    sending_id: str
    whom: Whom
    kind: str
    made: Made
    paths: tuple[Path, ...] = ()


def send(settings: Settings, whom: Whom, made_on: date, *, force: bool = False) -> Sending:
    """Makes the files of a month for a recipient, remembers them, and publishes both as one run.

    Args:
        settings: give the warehouse.
        whom: layout, month, recipient and purpose.
        made_on: day of handing on; consents, notices and retention are those of this day.
        force: send the month again although it was sent.

    Raises:
        WrongUse: the month was sent already, or has not ended in the books; nothing is published yet.
        CheckFailed: records break a rule that must hold, or do not add up; nothing is written.
        Locked: another run holds the warehouse.
    """
    with upkeep(settings, "share") as (run, writer):
        if not force:
            _refuse_twice(run.lake, whom)
        month = _month(run, whom.month_end, made_on)
        layout = LAYOUTS[whom.layout]
        with _broken_rules():
            made = layout.report(month, run.policy, _judged(run, whom, month))
        if not adds_up(expected := layout.subjects(month, run.policy), made):
            raise CheckFailed(
                f"{expected:,} subjects are in the books of {whom.month_end}, and {made.sent.height:,} would be sent"
                f" and {made.held_back.height:,} held back: nothing was written. Please report this with the policy."
            )
        return _publish(run, writer, [Sending(_name(run.lake, whom), whom, REPORT, made)], made_on)[0]


def correct(
    settings: Settings,
    recipient: str,
    made_on: date,
    *,
    layout: str | None = None,
    month_end: date | None = None,
    fraud: Sequence[str] = (),
) -> list[Sending]:
    """Makes files of what changed in the months that were sent to a recipient; nothing where nothing did.

    Args:
        settings: give the warehouse.
        recipient: who received them.
        made_on: day of handing on.
        layout: only of this layout.
        month_end: only of this month.
        fraud: subjects that were opened by fraud and are deleted as such, as SOURCE/LOAN or SOURCE/ACCOUNT.

    Raises:
        WrongUse: nothing was sent to the recipient, or not what fraud names.
        CheckFailed: records break a rule that must hold; nothing is written.
        Locked: another run holds the warehouse.
    """
    with upkeep(settings, "share") as (run, writer):
        asked = _months_sent(run.lake, recipient, layout, month_end)
        sent = {whom: _sent(run.lake, whom) for whom in asked}
        doomed = _named(fraud, pl.concat(sent.values()), recipient)
        made: list[Sending] = []
        for day, whoms in groupby(asked, key=lambda whom: whom.month_end):
            month = _month(run, day, made_on)  # one month at a time in memory, whatever its layouts
            restated = _restatements(run, day)
            for whom in whoms:
                judged, layout_of = _judged(run, whom, month), LAYOUTS[whom.layout]
                with _broken_rules():
                    found = corrections(layout_of, month, run.policy, judged, sent[whom], restated, doomed)
                if found is not None:
                    made.append(Sending(_name(run.lake, whom), whom, CORRECTIONS, found))
        return _publish(run, writer, made, made_on) if made else []


def sent_before(lake: Lake, whom: Whom) -> dict[str, Any] | None:
    """The last file in which a recipient was told a month whole: its row of share.files; None when it was not."""
    before = whom.of(lake.scan("share/files")).filter(kind=REPORT).sort("run_no", "sent_path").collect()
    return before.row(-1, named=True) if before.height else None


def _refuse_twice(lake: Lake, whom: Whom) -> None:
    """A month is sent to a recipient once.

    Raises:
        WrongUse: it was; says when and as what.
    """
    if (row := sent_before(lake, whom)) is not None:
        raise WrongUse(
            f"The month that ends on {whom.month_end} was sent to {whom.recipient} as {whom.layout} on {row['made_on']}"
            f" ({row['sent_path']}, SHA-256 {row['sha256'][:12]}). `tally share corrections` tells what changed since;"
            " --force sends the whole month again."
        )


def _months_sent(lake: Lake, recipient: str, layout: str | None, month_end: date | None) -> list[Whom]:
    """The months that were sent to a recipient, as far as they are asked for, month by month."""
    files = lake.scan("share/files").filter(recipient=recipient, kind=REPORT)
    if layout is not None:
        files = files.filter(layout=layout)
    if month_end is not None:
        files = files.filter(month_end=month_end)
    last = files.sort("run_no").unique(_WHOM[:3], keep="last").sort("month_end", "layout").select(_WHOM).collect()
    if last.is_empty():
        raise WrongUse(
            f"No such month was sent to {recipient}, so that nothing can be corrected there; "
            "`tally share files` lists what was sent."
        )
    return [Whom(**row) for row in last.iter_rows(named=True)]


def _sent(lake: Lake, whom: Whom) -> pl.DataFrame:
    """Everything that was sent of a month to its recipient: SENT and sending_no."""
    sendings = whom.of(lake.scan("share/files")).select("sending_id", sending_no="run_no").unique()
    return lake.scan("share/sent").join(sendings, on="sending_id").select(*SENT, "sending_no").collect()


def _named(fraud: Sequence[str], sent: pl.DataFrame, recipient: str) -> pl.DataFrame:
    """KEY of the subjects that are named as SOURCE/LOAN or SOURCE/ACCOUNT.

    Raises:
        WrongUse: one of them was not sent to the recipient.
    """
    found = [sent.select(KEY).clear()]
    for name in fraud:
        source, _, number = name.partition("/")
        is_meant = (pl.col("source") == source) & (pl.coalesce("loan_id", "account_id") == number)
        subjects = sent.filter(is_meant).select(KEY).unique()
        if subjects.is_empty():
            raise WrongUse(
                f"{name} was not sent to {recipient}; name a subject as SOURCE/LOAN, or SOURCE/ACCOUNT where the layout"
                " tells of accounts, as share.sent has them."
            )
        found.append(subjects)
    return pl.concat(found)


def _restatements(run: Run, month_end: date) -> pl.DataFrame:
    """What was restated of a month-end: source, loan_id, cause, run_no; in order."""
    with run.reader() as connection:
        rows = read(connection, "ops.restatements").filter(month_end=month_end)
    numbers = run.lake.scan("runs").select("run_id", "run_no").collect()
    return rows.join(numbers, on="run_id").sort("run_no").select("source", "loan_id", "cause", "run_no")


def _month(run: Run, month_end: date, made_on: date) -> Month:
    """The month as it is known now, and who its customers are."""
    tables = tables_at(run, month_end)
    return Month(tables, identities(run.lake, run.vault, run.as_of), month_end, made_on)


def _judged(run: Run, whom: Whom, month: Month) -> pl.DataFrame:
    """Every loan and account with its reasons to be held back from the recipient."""
    with run.reader() as connection:
        consents, notices = read(connection, "core.consents"), read(connection, "core.notices")
    files = run.lake.scan("share/files").filter(recipient=whom.recipient).select("sending_id").unique()
    # a subject deleted as fraud is never sent again, so that this is the last word on it
    frauds = run.lake.scan("share/sent").filter(action=Action.FRAUD.value)
    fraud = frauds.join(files, on="sending_id", how="semi").select(KEY).unique().collect()
    asked = Asked(whom.recipient, whom.purpose, month.made_on)
    register = Register(consents, notices, fraud)
    return judge(month.tables, register, run.policy.sharing, asked, month.month_end, LAYOUTS[whom.layout].HISTORY)


@contextmanager
def _broken_rules() -> Iterator[None]:
    """What a layout refuses, told as a check that failed."""
    try:
        yield
    except (Refused, Unreconciled, PbocError) as error:
        raise CheckFailed(str(error)) from None


def _name(lake: Lake, whom: Whom) -> str:
    """Name of the next sending of a month to a recipient."""
    earlier = whom.of(lake.scan("share/files")).select(pl.col("sending_id").n_unique()).collect().item()
    return f"{whom.layout}-{whom.month_end:%Y-%m}-{quote(whom.recipient, safe='')}-{earlier + 1}"


def _publish(run: Run, writer: LakeWriter, sendings: Sequence[Sending], made_on: date) -> list[Sending]:
    """Writes the files, the ledger of them, and publishes; the files get their names once the ledger knows them."""
    outbox = Outbox(run.settings.outbox)
    tables: dict[str, list[pl.DataFrame]] = {table.name: [] for table in SENDING_TABLES}
    done = []
    for sending in sendings:
        files: list[dict[str, Any]] = []
        for ending, content in sending.made.files.items():
            relative = outbox.relative(sending.whom.recipient, f"{sending.sending_id}.{ending}")
            sha256 = outbox.put(relative, content)
            files.append({"sent_path": relative, "sha256": sha256, "byte_count": len(content)})
        for name, rows in _ledger(run, sending, files, made_on).items():
            tables[name].append(rows)
        done.append(replace(sending, paths=tuple(outbox.file(file["sent_path"]) for file in files)))
    for name, parts in tables.items():
        writer.add(dataset_of(name), pl.concat(parts))
    publish_upkeep(run, writer, same_tables)
    outbox.settle(run.lake.at(manifest_name(run.run_id)).files_sent)
    return done


def _ledger(run: Run, sending: Sending, files: list[dict[str, Any]], made_on: date) -> dict[str, pl.DataFrame]:
    """The rows of a sending in the tables of the ledger, and in share.sent the records."""
    whom, made = sending.whom, sending.made
    of_sending = {"run_id": run.run_id, "sending_id": sending.sending_id}
    told = {
        **of_sending,
        **{name: getattr(whom, name) for name in _WHOM},
        "kind": sending.kind,
        "made_on": made_on,
        "subject_count": made.sent.height + made.held_back.height,
        "sent_count": made.sent.height,
        "held_back_count": made.held_back.height,
        "policy_version": run.policy.version,
    }
    totals = made.sent.group_by("currency", "action", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("sent_count"), pl.col("told_balance_cents", "told_past_due_cents").sum()
    )
    marks = [pl.lit(value).alias(name) for name, value in of_sending.items()]
    return {
        "share.files": pl.DataFrame([{**told, **file} for file in files]),
        "share.sent_totals": totals.with_columns(marks),
        "share.sent": made.sent.with_columns(marks),
        "share.held_back": made.held_back.with_columns(marks),
    }
