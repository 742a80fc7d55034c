"""Names elsewhere as Markdown, from their declaration."""

from __future__ import annotations

from transforms.bureau.pboc_fields import BY_NAME
from transforms.equivalents import EQUIVALENTS
from transforms.fields import FIELDS


def equivalents() -> str:
    """One row per field that has an equal in FIRE's loan.json or in the NPL data templates."""
    lines = [
        "# Names elsewhere",
        "",
        "Made by `tally share equivalents` from `transforms/equivalents.py`; a check fails when it is out of date.",
        "FIRE: property of `loan.json`. openNPL: field of its loan (EBA 1.xx: of its counterparty). EBA: number of",
        "the field in the templates of Regulation (EU) 2023/2083; none beside an openNPL name: of earlier templates.",
        "A field that is not here has no equal there. Contracts carry the names as `fire`, `openNpl` and `ebaNpl`.",
        "",
        "| field | meaning | 含义 | FIRE | openNPL | EBA | note |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, each in EQUIVALENTS.items():
        field = FIELDS.get(name) or BY_NAME[name].field
        there = " | ".join(f"`{word}`" if word else "" for word in (each.fire, each.open_npl))
        lines.append(f"| `{name}` | {field.en} | {field.zh} | {there} | {each.eba} | {each.note} |")
    return "\n".join(lines) + "\n"
