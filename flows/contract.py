"""Data contracts by the Open Data Contract Standard 3.1, from the declarations of tables, files and checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from expectations.checks import SQL_EXPECTATION, Check
from expectations.published import EACH_NIGHT, NO_KEY_TWICE, suites
from flows.contract_terms import TERMS, roles, service_levels, terms_of_use
from transforms.bureau import fixed_width
from transforms.bureau.metro2_fields import BASE
from transforms.bureau.pboc_fields import COLUMNS, SPECIAL, Column
from transforms.declare import Field, Kind
from transforms.equivalents import EQUIVALENTS
from transforms.policy import Policy
from transforms.sending_tables import SENDING_TABLES
from transforms.shared_codes import SHARED_CODES, SHARED_RANGES
from transforms.sharing.translation_fields import TRANSLATED
from transforms.tables import TABLES, Table

API_VERSION = "v3.1.0"
VERSION = "1.0.0"
"""Of the contracts: the first figure is raised when a reader's query may break."""

Document = dict[str, Any]

_LOGICAL: dict[Kind, str] = {
    Kind.ID: "string",
    Kind.CODE: "string",
    Kind.TEXT: "string",
    Kind.DATE: "date",
    Kind.AMOUNT: "number",
    Kind.DAYS: "integer",
    Kind.INTEGER: "integer",
    Kind.COUNT: "integer",
    Kind.RATE: "number",
    Kind.FLAG: "boolean",
    Kind.MOMENT: "timestamp",
    Kind.TEXTS: "array",
}
_FILE_TYPES: dict[fixed_width.Type, tuple[str, str]] = {
    fixed_width.Type.TEXT: ("string", "VARCHAR"),
    fixed_width.Type.DIGITS: ("string", "VARCHAR"),
    fixed_width.Type.NUMBER: ("integer", "BIGINT"),
    fixed_width.Type.DATE: ("date", "DATE"),
}
_PERSONAL = {
    "account_id": "pseudonymous",
    "loan_id": "pseudonymous",
    "customer_id": "pseudonymous",
    "person_id": "pseudonymous",
    "key": "pseudonymous",
    "name": "personal",
    "id_type": "personal",
    "id_number": "personal",
}
"""Fields by which a person can be told, and how: by name, or by a number that somebody can turn into one."""
CONTRACTS = tuple(TERMS)
_SENDING = tuple(table.name for table in SENDING_TABLES)


def tables_of(name: str) -> list[Table]:
    """The published tables of a contract: a schema's, but for the register of what was sent, which has its own."""
    if name == "sending":
        return [TABLES[table] for table in _SENDING]
    return [table for table in TABLES.values() if table.name.startswith(f"{name}.") and table.name not in _SENDING]


def contract(name: str, policy: Policy) -> Document:
    """One contract as a document of the standard.

    Args:
        name: share, status, risk (schemas of the warehouse), sending (the register in share) or files.
        policy: thresholds that rules and terms name.
    """
    terms, rules = TERMS[name], policy.sharing
    return {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": f"tallystick-{name}",
        "name": f"Tallystick: {name}",
        "version": VERSION,
        "status": "active",
        "domain": "consumer-credit",
        "dataProduct": "tallystick",
        "tags": ["consumer-credit", "delinquency"],
        "description": {
            "purpose": terms.purpose,
            "usage": terms.usage,
            "limitations": terms.limitations.format(least_people=rules.least_people),
            "customProperties": _properties({"policyVersion": policy.version, **terms_of_use(rules)}),
        },
        "servers": [_server(name)],
        "schema": _files() if name == "files" else _tables(name, policy),
        "roles": roles(name),
        "slaProperties": service_levels(rules),
    }


def _server(name: str) -> Document:
    if name == "files":
        return {"server": "files", "type": "local", "path": "told/{model}.parquet", "format": "parquet"}
    return {
        "server": "warehouse",
        "type": "duckdb",
        "database": "tally.duckdb",
        "schema": tables_of(name)[0].name.partition(".")[0],
        "description": "The published file, read-only and replaced whole each night; it can be copied anywhere.",
    }


def _properties(values: dict[str, Any]) -> list[Document]:
    return [{"property": name, "value": value} for name, value in values.items()]


# ---------------------------------------------------------------- tables of the warehouse


def _tables(name: str, policy: Policy) -> list[Document]:
    checks = {suite.table: suite.checks for suite in suites(policy)}
    return [_table(table, checks.get(table.name, ())) for table in tables_of(name)]


def _table(table: Table, checks: Sequence[Check]) -> Document:
    """One table: its columns, and every rule that the night asks of it by SQL over published tables alone."""
    never_empty = {check.column for check in checks if check.expectation == "ExpectColumnValuesToNotBeNull"}
    has_key = never_empty.issuperset(table.key)
    rules = [check for check in checks if check.expectation == SQL_EXPECTATION and not _asks_for_the_night(check)]
    if has_key:
        rules = [check for check in rules if not check.why.endswith(NO_KEY_TWICE)]  # a primary key says so
    name = table.name.partition(".")[2]
    told: Document = {
        "name": name,
        "physicalName": name,
        "physicalType": "TABLE",
        "logicalType": "object",
        "description": f"{table.en} {table.zh}",
        "dataGranularityDescription": table.en,
        "properties": [
            {
                **_property(field),
                **({"required": True} if field.name in never_empty else {}),
                **(
                    {"primaryKey": True, "primaryKeyPosition": table.key.index(field.name) + 1}
                    if has_key and field.name in table.key
                    else {}
                ),
            }
            for field in table.fields
        ],
    }
    return {**told, "quality": [_rule(check, table.name) for check in rules]} if rules else told


def _asks_for_the_night(check: Check) -> bool:
    """Whether the rule reads what only a running night knows."""
    return any(relation in str(check.kwargs["unexpected_rows_query"]) for relation in EACH_NIGHT)


def _rule(check: Check, table: str) -> Document:
    """The night's check as a count of the rows that break it."""
    query = " ".join(str(check.kwargs["unexpected_rows_query"]).format(batch=table).split())
    return {
        "type": "sql",
        "description": check.why,
        "query": f"SELECT count(*) FROM ({query}) AS broken",
        "mustBe": 0,
        "dimension": "uniqueness" if check.why.endswith(NO_KEY_TWICE) else "consistency",
        "severity": "error" if check.severity == "critical" else "warning",
    }


def _property(field: Field) -> Document:
    told: Document = {
        "name": field.name,
        "businessName": field.zh,
        "description": f"{field.en}. {field.zh}。",
        "logicalType": _LOGICAL[field.kind],
        "physicalType": field.duckdb_type,
    }
    if field.kind is Kind.TEXTS:
        told["items"] = {"name": "item", "logicalType": "string", "physicalType": "VARCHAR"}
    if field.name in SHARED_RANGES:
        least, most = SHARED_RANGES[field.name]
        told["logicalTypeOptions"] = {"minimum": least} | ({} if most is None else {"maximum": most})
    if field.name in SHARED_CODES:
        told["quality"] = [_enum(SHARED_CODES[field.name])]
    return _marked(told, field.name)


def _marked(told: Document, name: str) -> Document:
    """With how the field tells of a person, and what it is called elsewhere."""
    if name in _PERSONAL:
        told["classification"] = _PERSONAL[name]
    if (equal := EQUIVALENTS.get(name)) is not None:
        names = {"fire": equal.fire, "openNpl": equal.open_npl, "ebaNpl": equal.eba}
        told["customProperties"] = _properties({word: said for word, said in names.items() if said})
    return told


def _enum(codes: tuple[str, ...]) -> Document:
    return {
        "metric": "invalidValues",
        "arguments": {"validValues": list(codes)},
        "mustBe": 0,
        "description": "One of these codes, or empty.",
        "dimension": "conformity",
    }


# ---------------------------------------------------------------- files


def _files() -> list[Document]:
    return [
        _file(
            "metro2_base",
            "Base segments of a Metro 2 file in character format, as `tally share read` tells them. Metro 2 基本段。",
            [_fixed(field) for field in BASE.fields],
        ),
        _file(
            "pboc_accounts",
            "Account records in the second-generation style (二代征信), flat; our own layout, not the official one."
            " 二代征信风格账户记录（自定版式）。",
            [*(_column(column) for column in COLUMNS), _special()],
        ),
        _file(
            "translation",
            "Rows of another institution in every standard, by `tally share translate`. 他机构代码换算结果。",
            [_property(field) for field in TRANSLATED],
        ),
    ]


def _file(name: str, meaning: str, properties: list[Document]) -> Document:
    return {
        "name": name,
        "physicalType": "file",
        "logicalType": "object",
        "description": meaning,
        "properties": properties,
    }


def _fixed(field: fixed_width.Field) -> Document:
    logical, physical = _FILE_TYPES[field.type]
    told: Document = {
        "name": field.name,
        "description": f"Positions {field.start} to {field.end}. {field.rule}".strip(),
        "logicalType": logical,
        "physicalType": physical,
    }
    if logical == "string":
        told["logicalTypeOptions"] = {"maxLength": field.length}
    if field.source.startswith("identities."):
        told["classification"] = "personal"
    return told


def _column(column: Column) -> Document:
    """A field of a record with what may stand in it."""
    told = _property(column.field)
    if told["logicalType"] == "string":
        told["logicalTypeOptions"] = {"maxLength": column.longest}
        if column.pattern:
            told["logicalTypeOptions"]["pattern"] = f"^{column.pattern}$"
    bounds = {"minimum": column.least, "maximum": column.most}
    if limits := {name: bound for name, bound in bounds.items() if bound is not None}:
        told["logicalTypeOptions"] = limits
    if column.codes:
        told["quality"] = [_enum(column.codes)]
    if column.in_report and column.in_deletion:
        told["required"] = True
    return told


def _special() -> Document:
    return {
        "name": SPECIAL,
        "description": "Special transactions, `type:day:amount:months` each, parted by semicolons. 特殊交易。",
        "logicalType": "string",
        "physicalType": "VARCHAR",
    }


def text(document: Document) -> str:
    """The document as YAML."""
    import yaml

    head = "# Made by `tally share contract` from the declarations; a check fails when it is out of date.\n"
    dump: Callable[..., str] = yaml.safe_dump
    return head + dump(document, allow_unicode=True, sort_keys=False, width=110)
