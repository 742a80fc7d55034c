"""Metro 2 files taken apart into tables, and put together again."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from transforms.bureau.metro2_codes import STATUSES
from transforms.bureau.metro2_fields import BASE, HEADER, LAYOUT, SEGMENTS, STATUS_TOTALS, TRAILER

ENCODING = "latin-1"
"""A character a byte, so that positions hold whatever the bytes are."""
UNREADABLE = {"line_number": pl.Int64, "reason": pl.String, "raw": pl.String}
_LENGTHS = {name: segment.length for name, segment in SEGMENTS.items()}


@dataclass(frozen=True, slots=True)
class Metro2File:
    """The tables of one file."""

    header: pl.DataFrame
    """One row per header: line_number, record_length, its fields."""
    base: pl.DataFrame
    """One row per record: line_number, record_length (characters it has), the fields of the base segment."""
    segments: dict[str, pl.DataFrame]
    """By name, one row per segment behind a base: line_number, segment_no (from 1 within the record), its fields."""
    trailer: pl.DataFrame
    """One row per trailer: line_number, record_length, its fields."""
    unreadable: pl.DataFrame
    """One row per line that can't be read: line_number, reason, raw."""


def split(content: bytes) -> pl.DataFrame:
    """One row per record: line_number, raw. Lines, or, where there are none, one record after the other by its length.

    Args:
        content: the file.
    """
    text = content.decode(ENCODING)
    lines = text.removesuffix("\n").split("\n") if "\n" in text else _by_length(text)
    rows = pl.DataFrame({"raw": [line.removesuffix("\r") for line in lines]}, schema={"raw": pl.String})
    return rows.with_row_index("line_number", offset=1).cast({"line_number": pl.Int64})


def _by_length(text: str) -> list[str]:
    """Records that follow each other without line ends; from a length that can't be read on, the rest is one."""
    records, place = [], 0
    while place < len(text):
        said = text[place : place + 4]
        length = int(said) if said.isdecimal() and int(said) >= BASE.length else len(text)
        records.append(text[place : place + length])
        place += length
    return records


def read(rows: pl.DataFrame) -> Metro2File:
    """The tables of a file; every line is in one of them, or in `unreadable` with the reason.

    A line is a record when its first four characters are digits (its length), every number and date in it can be read,
    its status is known and what stands behind the base segment are segments that are known. A length that is not the
    line's is told by the rules, not here.

    Args:
        rows: line_number, raw.
    """
    kind = (
        pl.when(~pl.col("raw").str.contains(r"^[0-9]{4}"))
        .then(pl.lit("strange"))
        .when(pl.col("raw").str.slice(4, 6) == "HEADER")
        .then(pl.lit(HEADER.name))
        .when(pl.col("raw").str.slice(4, 7) == "TRAILER")
        .then(pl.lit(TRAILER.name))
        .otherwise(pl.lit(BASE.name))
    )
    lines = rows.with_columns(
        kind=kind,
        record_length=pl.col("raw").str.len_chars().cast(pl.Int64),
        text=pl.col("raw").str.pad_end(BASE.length),
    )
    parts, wrong_parts = _behind(lines.filter(kind=BASE.name))
    reasons = [
        lines.filter(kind="strange").select(
            "line_number", reason=pl.lit("The line does not begin with the length of its record, four digits.")
        ),
        wrong_parts,
        *(
            lines.filter(kind=each.name).select("line_number", reason=each.complaint())
            for each in (HEADER, BASE, TRAILER)
        ),
        lines.filter((pl.col("kind") == BASE.name) & ~_status().is_in(list(STATUSES))).select(
            "line_number", reason=pl.lit("base.account_status (positions 124-125) is no status that is known.")
        ),
        *(part.select("line_number", reason=SEGMENTS[name].complaint()) for name, part in parts.items()),
    ]
    why = (
        pl.concat(reasons).drop_nulls("reason").group_by("line_number").agg(pl.col("reason").unique().sort())
    ).with_columns(pl.col("reason").list.join(" "))
    good = lines.join(why, on="line_number", how="anti")
    records = {
        each.name: each.unpack(good.filter(kind=each.name).select("line_number", "record_length", "text"))
        for each in (HEADER, BASE, TRAILER)
    }
    segments = {
        name: SEGMENTS[name].unpack(part.join(why, on="line_number", how="anti")) for name, part in parts.items()
    }
    unreadable = rows.join(why, on="line_number").sort("line_number").select(UNREADABLE.keys())
    return Metro2File(records["header"], records["base"], segments, records["trailer"], unreadable)


def _status() -> pl.Expr:
    (field,) = (field for field in BASE.fields if field.name == "account_status")
    return field.raw


def _behind(lines: pl.DataFrame) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """What stands behind the base segments: by segment line_number, segment_no, text; and line_number, reason."""
    rest = lines.select("line_number", tail=pl.col("text").str.slice(BASE.length))
    taken: list[pl.DataFrame] = []
    wrong: list[pl.DataFrame] = []
    name = pl.col("tail").str.slice(0, 2)
    number = 0
    while True:
        rest = rest.filter(pl.col("tail").str.contains("[^ ]"))  # blanks fill a record up
        if rest.is_empty():
            break
        number += 1
        named = rest.with_columns(name=name, length=name.replace_strict(_LENGTHS, default=None, return_dtype=pl.Int64))
        unknown = pl.lit(f"What stands behind the base segment is no segment that is known (number {number}).")
        wrong.append(named.filter(pl.col("length").is_null()).select("line_number", reason=unknown))
        known = named.drop_nulls("length")
        taken.append(
            known.select(
                "line_number", "name", segment_no=pl.lit(number, pl.Int64), text=pl.col("tail").str.slice(0, "length")
            )
        )
        rest = known.select("line_number", tail=pl.col("tail").str.slice(pl.col("length")))
    schema = {"line_number": pl.Int64, "name": pl.String, "segment_no": pl.Int64, "text": pl.String}
    parts = pl.concat([pl.DataFrame(schema=schema), *taken])
    return (
        {
            each: parts.filter(name=each)
            .drop("name")
            .with_columns(pl.col("text").str.pad_end(length))
            .sort("line_number", "segment_no")
            for each, length in _LENGTHS.items()
        },
        pl.concat([pl.DataFrame(schema={"line_number": pl.Int64, "reason": pl.String}), *wrong]),
    )


def write(file: Metro2File) -> pl.DataFrame:
    """One row per record in order: line_number, text; each as long as its record_length where that is told.

    Raises:
        TooLong: a value does not fit its field.
    """
    rows = []
    behind = _packed_behind(file.segments)
    for segment, records in ((HEADER, file.header), (BASE, file.base), (TRAILER, file.trailer)):
        made = records.select("line_number", "record_length").with_columns(text=segment.pack(records))
        if segment is BASE:
            made = made.join(behind, on="line_number", how="left").with_columns(
                text=pl.col("text") + pl.col("behind").fill_null("")
            )
        length = pl.coalesce("record_length", pl.col("text").str.len_chars().cast(pl.Int64))
        blanks = pl.lit(" ").repeat_by((length - pl.col("text").str.len_chars().cast(pl.Int64)).clip(0)).list.join("")
        rows.append(made.select("line_number", text=(pl.col("text") + blanks).str.slice(0, length)))
    return pl.concat(rows).sort("line_number")


def _packed_behind(segments: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """One row per record with segments behind its base: line_number, behind."""
    packed = [
        rows.select("line_number", "segment_no").with_columns(text=SEGMENTS[name].pack(rows))
        for name, rows in segments.items()
    ]
    schema = {"line_number": pl.Int64, "segment_no": pl.Int64, "text": pl.String}
    return (
        pl.concat([pl.DataFrame(schema=schema), *packed])
        .sort("line_number", "segment_no")
        .group_by("line_number", maintain_order=True)
        .agg(behind=pl.col("text").str.join(""))
    )


def joined(rows: pl.DataFrame) -> bytes:
    """The file of the records (line_number, text), one a line."""
    return "".join(f"{text}\n" for text in rows["text"]).encode(ENCODING)


def totals(base: pl.DataFrame, segments: dict[str, pl.DataFrame]) -> dict[str, int]:
    """The figures of a trailer, counted in its file: by the names of the trailer's fields."""
    of = {"base": base, **segments}
    people = {name: of[name] for name in ("base", "J1", "J2")}
    statuses = dict(base["account_status"].value_counts().iter_rows())
    ssn = {name.lower(): _numbers(rows["social_security_number"]) for name, rows in people.items()}
    births = {name.lower(): rows["date_of_birth"].count() for name, rows in people.items()}
    return {
        "base_total": base.height,
        **{f"{name.lower()}_total": segments[name].height for name in SEGMENTS},
        **{f"status_{code.lower()}_total": statuses.get(code, 0) for code in (*STATUS_TOTALS, "DF")},
        "ecoa_z_total": sum((rows["ecoa_code"] == "Z").sum() for rows in people.values()),
        "ssn_all_total": sum(ssn.values()),
        **{f"ssn_{name}_total": count for name, count in ssn.items()},
        "birth_date_all_total": sum(births.values()),
        **{f"birth_date_{name}_total": count for name, count in births.items()},
        "telephone_all_total": sum(_numbers(rows["telephone_number"]) for rows in people.values()),
    }


def _numbers(values: pl.Series) -> int:
    """How many are neither blank nor all zeros (both null or empty here) nor all nines."""
    return int((values.is_not_null() & values.str.contains("[^ 9]")).sum())


SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    name: {
        "line_number": pl.Int64(),
        ("segment_no" if name in SEGMENTS else "record_length"): pl.Int64(),
        **segment.schema,
    }
    for name, segment in LAYOUT.items()
}
"""Columns of the table of each segment."""
