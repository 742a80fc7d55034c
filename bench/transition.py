"""Open Risk's transitionMatrix against our roll rates: equal counts of moves between states, and the time of each."""

from __future__ import annotations

import json
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from transforms.aggregates.roll_rate import CHARGED_OFF, transitions
from transforms.aggregates.slices import started
from transforms.months import month_number
from transforms.tables import BUCKETS

_STATES = {name: place for place, name in enumerate((*BUCKETS, CHARGED_OFF))}
_TABLES = ("status.loan_history", "status.loan_status", "status.account_status", "core.loans")


@dataclass(frozen=True, slots=True)
class Compared:
    """Moves counted, and seconds of each way."""

    moves: int
    ours_seconds: float
    theirs_seconds: float


def compare(published: Path, loans: int) -> Compared:
    """Counts the moves of some loans both ways.

    Raises:
        ValueError: the counts differ.
    """
    from flows.stores.tables import read  # noqa: PLC0415 - the reader of published tables

    with duckdb.connect(str(published), read_only=True) as connection:
        few = read(connection, "core.loans").sort("source", "loan_id").head(loans)
        history, status, accounts, promised = (
            read(connection, table, few, by=("source", "account_id")) for table in _TABLES
        )
    chosen = few.select("source", "loan_id")
    history = history.join(chosen, on=["source", "loan_id"], how="semi").filter(~pl.col("is_settled"))
    clock = time.perf_counter()
    told = transitions(
        started(status.lazy(), accounts.lazy(), promised.lazy()).lazy().join(chosen.lazy(), on=["source", "loan_id"]),
        history.lazy(),
        status["as_of"][0],
    )
    ours = time.perf_counter() - clock
    counts = (
        told.filter(pl.all_horizontal(pl.col("from_state", "to_state").is_in(list(_STATES))))
        .group_by("from_state", "to_state")
        .agg(pl.col("loan_count").sum())
    )
    expected = {(row[0], row[1]): row[2] for row in counts.rows()}
    found, theirs = _theirs(history)
    if expected != found:
        raise ValueError(f"transitionMatrix counts {found}, and we {expected}.")
    return Compared(sum(found.values()), ours, theirs)


def _theirs(history: pl.DataFrame) -> tuple[dict[tuple[str, str], int], float]:
    """The moves as transitionMatrix counts them; an event of nobody ends the list, for the last one counts twice."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transitionMatrix import StateSpace  # noqa: PLC0415 - an optional extra
        from transitionMatrix.estimators.cohort_estimator import CohortEstimator  # noqa: PLC0415

        # it takes the next event of an id for the next month: an id ends where a loan was settled for a while
        month = month_number(pl.col("month_end"))
        state = pl.when("is_charged_off").then(pl.lit(CHARGED_OFF)).otherwise("bucket")
        stretch = month - month.rank("ordinal").over("loan_id")
        rows = history.select(
            ID=pl.struct("loan_id", stretch=stretch).rank("dense").cast(pl.Int64),
            State=state.replace_strict(_STATES, return_dtype=pl.Int64),
            Time=(month - month.min()).cast(pl.Int64),
        ).sort("ID", "Time")
        months = int(str(rows["Time"].max())) + 1
        nobody = pl.DataFrame({"ID": [0], "State": [0], "Time": [1]}, schema=rows.schema)
        events = pl.concat([rows, nobody]).to_pandas()
        space = StateSpace([(str(place), name) for name, place in _STATES.items()])
        estimator = CohortEstimator(
            states=space, cohort_bounds=list(range(months)), ci={"method": "goodman", "alpha": 0.05}
        )
        clock = time.perf_counter()
        estimator.fit(events, labels={"Time": "Time", "State": "State", "ID": "ID"})
        taken = time.perf_counter() - clock
    names = list(_STATES)
    total = sum(estimator.count_set[k] for k in range(len(estimator.count_set)))
    return {
        (names[a], names[b]): int(total[a, b]) for a in range(len(names)) for b in range(len(names)) if total[a, b]
    }, taken


def main() -> None:
    """`python -m bench.transition PUBLISHED LOANS`: the moves counted both ways and the seconds of each, as JSON."""
    told = compare(Path(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps({"moves": told.moves, "ours": told.ours_seconds, "theirs": told.theirs_seconds}))


if __name__ == "__main__":
    main()
