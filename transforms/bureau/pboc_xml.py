"""Records in the second-generation style as XML, and read back from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from io import BytesIO
from typing import Any

import polars as pl
from lxml import etree

from transforms.bureau.pboc_fields import BY_NAME, COLUMNS, LAYOUT, NOTE, SCHEMA, SPECIAL, TRANSACTION_COLUMNS, Column
from transforms.bureau.pboc_schema import NAMESPACE, PbocError, xsd
from transforms.declare import Kind

_TRANSACTION = "special_transaction"
_TRANSACTION_BY_NAME = {column.name: column for column in TRANSACTION_COLUMNS}


def written(records: pl.DataFrame, month_end: date, policy_version: str) -> bytes:
    """The records as a UTF-8 file that the published XSD finds valid; what is null has no element.

    Raises:
        PbocError: it is not valid.
    """
    target = BytesIO()
    about = {"layout": LAYOUT, "note": NOTE, "month": month_end.isoformat(), "policy_version": policy_version}
    with etree.xmlfile(target, encoding="UTF-8") as file:
        file.write_declaration()
        with file.element(_tag("accounts"), about, nsmap={None: NAMESPACE}):
            file.write("\n")
            for row in records.iter_rows(named=True):
                file.write(_element(row))
                file.write("\n")
    made = target.getvalue()
    _each(made, lambda _: None)
    return made


def parsed(file: bytes) -> pl.DataFrame:
    """One row per record of a file: SCHEMA of pboc_fields, in the order of the file.

    Raises:
        PbocError: it is no XML, or not valid by the published XSD.
    """
    rows: list[dict[str, Any]] = []
    _each(file, lambda element: rows.append(_row(element)))
    return pl.DataFrame(rows, schema=SCHEMA)


def _each(file: bytes, take: Callable[[etree._Element], None]) -> None:
    """Hands each record of a valid file on, without holding the others."""
    tags = [_tag("account"), _tag("deletion")]
    try:
        for _, element in etree.iterparse(BytesIO(file), tag=tags, schema=_schema(), resolve_entities=False):
            take(element)
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    except etree.XMLSyntaxError:
        # the message of a mistake repeats what stood there: only its place is told
        raise PbocError("The file does not fit the published XSD.") from None


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(xsd().encode()))


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _element(row: dict[str, Any]) -> etree._Element:
    element = etree.Element(_tag("deletion" if row["action"] == "deletion" else "account"), nsmap={None: NAMESPACE})
    _fill(element, row, COLUMNS)
    for transaction in row[SPECIAL] or ():
        _fill(etree.SubElement(element, _tag(_TRANSACTION)), transaction, TRANSACTION_COLUMNS)
    return element


def _fill(element: etree._Element, row: dict[str, Any], columns: list[Column]) -> None:
    for column in columns:
        value = row[column.field.inside]
        if value is not None:
            etree.SubElement(element, _tag(column.name)).text = _text(value, column)


def _text(value: str | int | date, column: Column) -> str:
    """The value as the file has it; cents with the point before the last two digits."""
    if column.field.kind is not Kind.AMOUNT or not isinstance(value, int):
        return str(value)
    sign = "-" if value < 0 else ""
    return f"{sign}{abs(value) // 100}.{abs(value) % 100:02d}"


def _row(element: etree._Element) -> dict[str, Any]:
    row: dict[str, Any] = {SPECIAL: []}
    for child in element:
        name = etree.QName(child).localname
        if name == _TRANSACTION:
            row[SPECIAL].append(_values(child, _TRANSACTION_BY_NAME))
        else:
            row |= _value(child, BY_NAME[name])
    return row


def _values(element: etree._Element, columns: dict[str, Column]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for child in element:
        found |= _value(child, columns[etree.QName(child).localname])
    return found


def _value(element: etree._Element, column: Column) -> dict[str, Any]:
    text = element.text or ""
    kind = column.field.kind
    value: str | int | date
    if kind is Kind.AMOUNT:
        units, _, decimals = text.strip().partition(".")
        size = int(units.lstrip("+-") or "0") * 100 + int(decimals.ljust(2, "0"))
        value = -size if units.startswith("-") else size
    elif kind is Kind.DATE:
        value = date.fromisoformat(text.strip())
    elif kind in (Kind.DAYS, Kind.INTEGER):
        value = int(text)
    else:
        value = text
    return {column.field.inside: value}
