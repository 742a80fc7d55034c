"""`python -m bench.staged_night nightly …`: the `tally` command, with the parts of its steps measured as well.

The parts are functions of the pipeline, each wrapped where its caller looks it up; what batches of accounts do is seen
as long as they are worked on in the process itself.
"""

from __future__ import annotations

import importlib

from flows.measuring import measured

MARK = "· "
"""Begins the name of a part, which is also inside a step."""
PARTS = (
    ("flows.stores.records", "read", "read"),
    ("flows.staging", "_conformed", "parse"),
    ("flows.judging", "_mask", "validate: mark rows"),
    ("flows.judging", "run_suites", "validate: Great Expectations"),
    ("flows.judging", "_refused", "quarantine"),
    ("transforms.references", "resolve", "settle: references"),
    ("transforms.ledger", "build", "settle: ledger"),
    ("transforms.settle", "settle", "settle: levels"),
    ("transforms.book", "_covered_items", "settle: items"),
    ("transforms.standing", "standing", "standing: loans"),
    ("transforms.book", "_account_status", "standing: accounts"),
    ("transforms.history", "history", "history: month-ends"),
    ("transforms.performance", "monthly", "history: monthly performance"),
    ("transforms.loan_book", "_strings", "history: strings"),
    ("transforms.course", "course", "default and class: course"),
    ("transforms.defaults", "defaults", "default and class: defaults"),
    ("transforms.five_tier", "floors", "default and class: five-tier"),
    ("transforms.carry", "state", "state of the next night"),
)
"""Module, function, and the stage that it is."""


def measure_parts() -> None:
    """Wraps every part.

    Raises:
        AttributeError: a part is not where it was.
    """
    for module, function, stage in PARTS:
        place = importlib.import_module(module)
        setattr(place, function, measured(getattr(place, function), f"{MARK}{stage}"))


def main() -> None:
    """Runs the command."""
    measure_parts()
    from flows.cli import main as tally  # noqa: PLC0415 - after its parts are wrapped

    tally()


if __name__ == "__main__":
    main()
