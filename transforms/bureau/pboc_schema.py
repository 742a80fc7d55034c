"""The published schemas of records in the second-generation style, made of their declared fields: XSD, JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from transforms.bureau.pboc_fields import COLUMNS, LAYOUT, NOTE, SPECIAL, TRANSACTION_COLUMNS, TRANSACTIONS, Column
from transforms.declare import Kind

NAMESPACE = "urn:tallystick:pboc:1"
_NUMBERS = (Kind.DAYS, Kind.INTEGER)
_AMOUNT = r"-?[0-9]{1,16}\.[0-9]{2}"
_ONE_LINE = r"[^\t\n\r]+"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"


class PbocError(ValueError):
    """A file that does not fit the published schemas; says where, never what stood there."""


def xsd() -> str:
    """The XML Schema of a file: an element `accounts` of `account` (reports, corrections) and `deletion`."""
    return "\n".join(_xsd()) + "\n"


def json_schema() -> str:
    """The JSON Schema (2020-12) of one row of CSV or Parquet; what is empty is left out."""
    document: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{NAMESPACE}:row",
        "title": LAYOUT,
        "$comment": NOTE,
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **{column.name: {**_json_type(column), "description": _meaning(column)} for column in COLUMNS},
            SPECIAL: {
                "type": "string",
                "pattern": f"^{_transaction()}(;{_transaction()})*$",
                "description": "Special transactions, type:day:amount:months, parted by semicolons. 特殊交易。",
            },
        },
        "required": [column.name for column in COLUMNS if column.in_report and column.in_deletion],
        "if": {"properties": {"action": {"const": "deletion"}}},
        "then": {
            "required": [column.name for column in COLUMNS if column.in_deletion],
            "propertyNames": {"enum": [column.name for column in deletion_columns()]},
        },
        "else": {
            "required": [column.name for column in COLUMNS if column.in_report],
            "if": {"properties": {"action": {"const": "report"}}},
            "then": {"not": {"required": ["reason"]}},
            "else": {"required": ["reason"]},
        },
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def deletion_columns() -> list[Column]:
    """What may stand in a deletion."""
    return [column for column in COLUMNS if column.in_deletion or column.name == "loan_id"]


def _meaning(column: Column) -> str:
    return f"{column.field.en}. {column.field.zh}。"


def _transaction() -> str:
    return f"({'|'.join(TRANSACTIONS)}):{_DAY}:({_AMOUNT})?:(-?[0-9]+)?"


def _json_type(column: Column) -> dict[str, Any]:
    if column.codes:
        return {"enum": list(column.codes)}
    if column.field.kind is Kind.AMOUNT:
        return {"type": "string", "pattern": f"^{_AMOUNT.removeprefix('-?') if column.least == 0 else _AMOUNT}$"}
    if column.field.kind is Kind.DATE:
        return {"type": "string", "pattern": f"^{_DAY}$"}
    if column.field.kind in _NUMBERS:
        bounds = {"minimum": column.least, "maximum": column.most}
        return {"type": "integer", **{name: value for name, value in bounds.items() if value is not None}}
    pattern = f"^{column.pattern}$" if column.pattern else "^[^\\u0000-\\u001f]+$"
    return {"type": "string", "maxLength": column.longest, "pattern": pattern}


def _xsd() -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="{NAMESPACE}"'
        f' targetNamespace="{NAMESPACE}" elementFormDefault="qualified">'
    )
    yield f"  {_documentation(NOTE)}"
    yield '  <xs:element name="accounts">'
    yield "    <xs:complexType>"
    yield '      <xs:choice minOccurs="0" maxOccurs="unbounded">'
    yield '        <xs:element name="account" type="account"/>'
    yield '        <xs:element name="deletion" type="deletion"/>'
    yield "      </xs:choice>"
    yield f'      <xs:attribute name="layout" use="required" fixed="{LAYOUT}"/>'
    yield f'      <xs:attribute name="note" use="required" fixed={quoteattr(NOTE)}/>'
    yield '      <xs:attribute name="month" use="required" type="xs:date"/>'
    yield '      <xs:attribute name="policy_version" use="required" type="xs:string"/>'
    yield "    </xs:complexType>"
    yield "  </xs:element>"
    reported = [(column, column.in_report) for column in COLUMNS]
    yield from _complex("account", reported, nested="special_transaction")
    yield from _complex("deletion", [(column, column.in_deletion) for column in deletion_columns()])
    yield from _complex("special_transaction", [(column, column.in_report) for column in TRANSACTION_COLUMNS])
    yield "</xs:schema>"


def _complex(name: str, columns: list[tuple[Column, bool]], nested: str = "") -> Iterator[str]:
    yield f'  <xs:complexType name="{name}">'
    yield "    <xs:sequence>"
    for column, is_required in columns:
        yield f'      <xs:element name="{column.name}" minOccurs="{int(is_required)}">'
        yield f"        {_documentation(_meaning(column))}"
        yield "        <xs:simpleType>"
        yield from (f"          {line}" for line in _restriction(column, name))
        yield "        </xs:simpleType>"
        yield "      </xs:element>"
    if nested:
        yield f'      <xs:element name="{nested}" type="{nested}" minOccurs="0" maxOccurs="unbounded"/>'
    yield "    </xs:sequence>"
    yield "  </xs:complexType>"


def _documentation(text: str) -> str:
    return f"<xs:annotation><xs:documentation>{escape(text)}</xs:documentation></xs:annotation>"


def _restriction(column: Column, where: str) -> Iterator[str]:
    kind = column.field.kind
    base = {Kind.AMOUNT: "xs:decimal", Kind.DATE: "xs:date"}.get(kind, "xs:int" if kind in _NUMBERS else "xs:string")
    yield f'<xs:restriction base="{base}">'
    if column.name == "action":
        codes = [code for code in column.codes if (code == "deletion") == (where == "deletion")]
    else:
        codes = list(column.codes)
    yield from (f'  <xs:enumeration value="{code}"/>' for code in codes)
    if kind is Kind.AMOUNT:
        yield '  <xs:totalDigits value="18"/>'
        yield '  <xs:fractionDigits value="2"/>'
    if column.least is not None:
        yield f'  <xs:minInclusive value="{column.least}"/>'
    if column.most is not None:
        yield f'  <xs:maxInclusive value="{column.most}"/>'
    if base == "xs:string" and not codes:
        yield f'  <xs:maxLength value="{column.longest}"/>'
        yield f"  <xs:pattern value={quoteattr(column.pattern or _ONE_LINE)}/>"
    yield "</xs:restriction>"
