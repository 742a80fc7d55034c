"""What a check, a suite and their outcome are, and the two house styles of check: by SQL and by bit.

Cheap to import: Great Expectations itself is loaded by `expectations.engine`, when a suite runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import duckdb

Severity = Literal["critical", "warning"]
"""`critical` refuses the file or stops publishing; `warning` reports."""

MAX_BITS = 63
"""Bits of a BIGINT that can be set without touching its sign."""

_SHOW_VALUES = frozenset(
    {
        "ExpectColumnDistinctValuesToBeInSet",
        "ExpectColumnDistinctValuesToContainSet",
        "ExpectColumnDistinctValuesToEqualSet",
        "ExpectColumnKLDivergenceToBeLessThan",
        "ExpectColumnMaxToBeBetween",
        "ExpectColumnMedianToBeBetween",
        "ExpectColumnMinToBeBetween",
        "ExpectColumnMostCommonValueToBeInSet",
        "ExpectColumnQuantileValuesToBeBetween",
        "ExpectQueryResultsToMatchComparison",
    }
)
"""Expectations whose result is made of cell values instead of counts."""

SQL_EXPECTATION = "UnexpectedRowsExpectation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One expectation on one table: what must hold, how bad it is when it does not, and why it is asked.

    ValueError when the expectation would put cell values into its result: no cell leaves the database.
    """

    expectation: str
    """Name of a stock class of Great Expectations, such as `ExpectColumnValuesToBeInSet`."""
    why: str
    """One sentence."""
    severity: Severity = "critical"
    column: str | None = None
    """Column the check looks at; None when it looks at whole rows or at the table."""
    kwargs: Mapping[str, object] = field(default_factory=dict)
    """What the expectation takes besides the column."""

    def __post_init__(self) -> None:
        if self.expectation in _SHOW_VALUES:
            raise ValueError(f"{self.expectation} shows cell values; ask for the same by a check that counts rows.")


@dataclass(frozen=True, slots=True)
class Suite:
    """The checks of one table; `feed` is None for a published table."""

    name: str
    feed: str | None
    table: str
    """DuckDB table or view as SQL names it: `core.loans`."""
    checks: Sequence[Check]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found, as `ops.checks` keeps it.

    `column_name` is None when the check is about whole rows. An expectation that raised has severity `critical`, what
    it raised as `observed`, and counts no rows.
    """

    suite: str
    feed: str | None
    expectation: str
    column_name: str | None
    severity: Severity
    success: bool
    observed: str
    unexpected_count: int
    why: str


def sql_check(query: str, *, why: str, severity: Severity = "critical", column: str | None = None) -> Check:
    """The check that a query finds no row.

    The query selects the rows that break the rule and names the suite's table `{batch}`; in a join `{batch}` takes an
    alias. Any other brace is doubled. The query runs once, and only the number of its rows leaves the database.

    Raises:
        ValueError: the query does not name `{batch}`.
    """
    if "{batch}" not in query:
        raise ValueError(f"The query must read from {{batch}}: {query}")
    return Check(
        expectation=SQL_EXPECTATION,
        why=why,
        severity=severity,
        column=column,
        kwargs={"unexpected_rows_query": query},
    )


def mask_view(connection: duckdb.DuckDBPyConnection, view: str, table: str, names: Sequence[str]) -> None:
    """Create the temporary view that spells out the bits of `reasons`: one row per row of the table.

    Columns: the table's own, then one mark per name: 1 where the row has the bit of the name's place, else null. An
    existing view of that name is replaced.

    Raises:
        ValueError: there are more names than bits, or a name stands twice.
    """
    if len(names) > MAX_BITS:
        raise ValueError(f"{len(names)} rules do not fit into the {MAX_BITS} bits of a mask.")
    if len({name.casefold() for name in names}) < len(names):
        raise ValueError(f"Two rules have one name: {', '.join(names)}.")
    marks = [f"CASE WHEN reasons & {1 << bit} <> 0 THEN 1 END AS {_quoted(name)}" for bit, name in enumerate(names)]
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {_quoted(view)} AS SELECT {', '.join(['*', *marks])} FROM {table}")


def bit_checks(whys: Mapping[str, str], severity: Severity = "warning") -> list[Check]:
    """One check per mark of a mask view: no row has it; `whys` maps a mark's name to the reason for its rule.

    A mark that must be null costs one count, and all counts of a table share one scan; a mark that must be 0 costs two.
    """
    return [
        Check(expectation="ExpectColumnValuesToBeNull", why=why, severity=severity, column=name)
        for name, why in whys.items()
    ]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
