"""The layout of Metro 2 as Markdown, from its field table and the list of its rules."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.bureau.metro2_codes import COMPLIANCE, SPECIAL_COMMENTS, STATUSES
from transforms.bureau.metro2_fields import LAYOUT
from transforms.bureau.metro2_rules import RULES


def layout() -> str:
    """Every segment with its fields, the codes that are written, and the rules that are checked."""
    return "\n".join([*_fields(), *_codes(), *_rules()]) + "\n"


def _fields() -> Iterator[str]:
    yield "# Metro 2, field by field"
    yield ""
    yield "Made by `tally share layout` from the field table in `transforms/`; a check fails when it is out of date."
    yield "Fields without source and rule are read, and left blank in what we write (dates and digits: zeros)."
    yield ""
    for segment in LAYOUT.values():
        yield f"## {segment.name}: {segment.title}, {segment.length} characters"
        yield ""
        yield "| positions | field | type | made of | how |"
        yield "| --- | --- | --- | --- | --- |"
        for field in segment.fields:
            source = "" if field.source in ("", "-") else f"`{field.source}`"
            place = f"{field.start}-{field.end}" if field.length > 1 else f"{field.start}"
            yield f"| {place} | `{field.name}` | {field.type} | {source} | {field.rule} |"
        yield ""


def _codes() -> Iterator[str]:
    for title, codes in (
        ("Account statuses", STATUSES),
        ("Special comments written, the weightiest first", SPECIAL_COMMENTS),
        ("Compliance condition codes written", COMPLIANCE),
    ):
        yield f"## {title}"
        yield ""
        yield "| code | meaning |"
        yield "| --- | --- |"
        for code, meaning in codes.items():
            yield f"| {code} | {meaning} |"
        yield ""


def _rules() -> Iterator[str]:
    yield "## Rules between fields"
    yield ""
    yield "A critical rule that is broken refuses the whole file before anything is written; a warning is told."
    yield ""
    yield "| rule | severity | what holds |"
    yield "| --- | --- | --- |"
    for rule in RULES:
        yield f"| `{rule.name}` | {rule.severity} | {rule.sentence} |"
