"""What can be sent to a bureau, whatever the layout: a month's report, and what of it must be changed since."""

from __future__ import annotations

from typing import Protocol

import polars as pl

from transforms.bureau import metro2_sending, pboc_sending
from transforms.policy import Policy
from transforms.sharing.sent import Made, Month, causes, changes, in_force


class Layout(Protocol):
    """What a layout alone knows; see `metro2_sending` and `pboc_sending`."""

    HISTORY: str
    """Column of the string of months that it tells."""
    SAYS: dict[str, pl.DataType]
    """Columns of a record that say something of the subject."""

    def subjects(self, month: Month, policy: Policy) -> int:
        """How many subjects the month has."""

    def report(self, month: Month, policy: Policy, judged: pl.DataFrame) -> Made:
        """The report of the month."""

    def now(self, month: Month, policy: Policy, judged: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
        """What a report would tell today of the subjects told before."""

    def corrections(self, month: Month, policy: Policy, changed: pl.DataFrame) -> Made:
        """The files of what is to be changed at the recipient."""


LAYOUTS: dict[str, Layout] = {"metro2": metro2_sending, "pboc": pboc_sending}


def corrections(
    layout: Layout,
    month: Month,
    policy: Policy,
    judged: pl.DataFrame,
    sent: pl.DataFrame,
    restatements: pl.DataFrame,
    fraud: pl.DataFrame,
) -> Made | None:
    """What the recipient of a month must change; None when nothing is to be changed.

    Args:
        layout: of the month's report.
        month: the month as it is known now.
        policy: the policy in force.
        judged: KEY of every loan and account, with reasons to hold it back.
        sent: everything sent of the month to this recipient: SENT and sending_no.
        restatements: those of the month: source, loan_id, cause, run_no.
        fraud: KEY of subjects that were opened by fraud.

    Raises:
        metro2_file.Refused, Unreconciled, PbocError: a record breaks a rule that must hold; nothing may be sent.
    """
    told = in_force(sent)
    caused = causes(restatements, month.tables["status.loan_status"], told)
    changed = changes(told, layout.now(month, policy, judged, told), judged, caused, fraud, layout.SAYS)
    return None if changed.is_empty() else layout.corrections(month, policy, changed)
