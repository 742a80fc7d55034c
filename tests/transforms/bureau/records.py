"""Metro 2 records for tests: a good one that breaks no rule, and random ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
from hypothesis import strategies as st

from transforms.bureau.fixed_width import Field, Type
from transforms.bureau.metro2_codes import STATUSES
from transforms.bureau.metro2_fields import BASE, HEADER, SEGMENTS, TRAILER
from transforms.bureau.metro2_records import SCHEMAS, Metro2File

DAY = date(2026, 9, 30)
GOOD: dict[str, Any] = {
    "line_number": 2,
    "record_length": 426,
    "record_descriptor_word": "0426",
    "processing_indicator": "1",
    "time_stamp": "09302026000000",
    "correction_indicator": "0",
    "identification_number": "BANK",
    "consumer_account_number": "L1",
    "portfolio_type": "I",
    "account_type": "06",
    "date_opened": date(2026, 1, 15),
    "credit_limit": 0,
    "highest_credit": 1200,
    "terms_duration": "012",
    "terms_frequency": "M",
    "scheduled_monthly_payment": 100,
    "actual_payment": 0,
    "account_status": "78",
    "payment_history_profile": "1000000B".ljust(24, "B"),
    "current_balance": 500,
    "amount_past_due": 200,
    "original_charge_off_amount": 0,
    "date_of_account_information": DAY,
    "date_of_first_delinquency": date(2026, 8, 20),
    "date_of_last_payment": date(2026, 7, 1),
    "interest_type": "F",
    "surname": "ROE",
    "first_name": "ANN",
    "social_security_number": "123456789",
    "date_of_birth": date(1990, 2, 28),
    "ecoa_code": "1",
    "country_code": "US",
    "address_line_1": "1 LONG ROAD",
    "city": "SPRINGFIELD",
    "state": "IL",
    "postal_code": "62701",
}
"""60 days late: breaks no rule."""
NONE: dict[str, Any] = dict.fromkeys(BASE.names)


def table(name: str, *rows: Mapping[str, Any]) -> pl.DataFrame:
    """The table of a segment; what a row does not say is null."""
    schema = SCHEMAS[name]
    return pl.DataFrame([{column: row.get(column) for column in schema} for row in rows], schema=schema)


def file_of_records(*base: Mapping[str, Any], **segments: list[Mapping[str, Any]]) -> Metro2File:
    """A file of base segments and, by name, what stands behind them."""
    behind = {name: table(name, *segments.get(name, [])) for name in SEGMENTS}
    header, trailer = (
        table(
            each.name,
            {
                "line_number": line,
                "record_length": 426,
                "record_descriptor_word": "0426",
                "record_identifier": each.name.upper(),
            },
        )
        for each, line in ((HEADER, 1), (TRAILER, len(base) + 2))
    )
    unreadable = pl.DataFrame(schema={"line_number": pl.Int64, "reason": pl.String, "raw": pl.String})
    return Metro2File(header, table("base", *base), behind, trailer, unreadable)


_LETTERS = st.characters(codec="ascii", min_codepoint=33, max_codepoint=126)


def _value(field: Field) -> st.SearchStrategy[Any]:
    """Any value that a field may have."""
    if field.name == "segment_identifier":
        return st.nothing()
    match field.type:
        case Type.TEXT:
            words = st.text(_LETTERS, min_size=1, max_size=field.length)
            return st.none() | words
        case Type.DIGITS:
            full = st.from_regex(f"[0-9]{{{field.length}}}", fullmatch=True).filter(lambda text: text.strip("0") != "")
            return st.none() | st.just("") | full
        case Type.NUMBER:
            return st.none() | st.integers(-(10 ** (field.length - 1)) + 1, 10**field.length - 1)
        case Type.DATE:
            return st.none() | st.dates(date(1900, 1, 1), date(2099, 12, 31))


@st.composite
def files(draw: st.DrawFn) -> Metro2File:
    """A file of up to four records with anything in their fields, and any segments behind them."""
    rows = []
    behind: dict[str, list[Mapping[str, Any]]] = {name: [] for name in SEGMENTS}
    for line in range(2, 2 + draw(st.integers(0, 4))):
        row = {field.name: draw(_value(field)) for field in BASE.fields}
        length = BASE.length
        for number, name in enumerate(draw(st.lists(st.sampled_from(list(SEGMENTS)), max_size=4)), start=1):
            said = {field.name: draw(_value(field)) for field in SEGMENTS[name].fields[1:]}
            behind[name].append({**said, "line_number": line, "segment_no": number, "segment_identifier": name})
            length += SEGMENTS[name].length
        row |= {"record_descriptor_word": f"{length:04}", "account_status": draw(st.sampled_from(list(STATUSES)))}
        # positions 5 to 11 of a header and a trailer say so
        rows.append({**row, "processing_indicator": "1", "line_number": line, "record_length": length})
    return file_of_records(*rows, **behind)
