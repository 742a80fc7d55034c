"""Data contracts: made of the declarations, valid by the standard's own schema, and true of a published file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
import yaml

from flows import contract as contracts
from flows.contract_terms import SCHEDULE, TIME_ZONE
from flows.settings import load_policy
from tests.flows.command import tally
from tests.flows.small import land_base
from tests.nights import Bank

ROOT = Path(__file__).parents[2]
CHECKER = ROOT / ".venv-contract" / "bin" / "datacontract"
checked = pytest.mark.skipif(not CHECKER.exists(), reason="`make contract` sets up the checker of contracts")
DOCUMENTS = {name: contracts.contract(name, load_policy(None)) for name in contracts.CONTRACTS}
SCHEMAS = [name for name in contracts.CONTRACTS if name != "files"]


def checker(*words: object, database: Path | None = None) -> dict[str, Any]:
    """What the standard's command line says of a contract."""
    environment = {**os.environ, **({"DATACONTRACT_DUCKDB_DATABASE": str(database)} if database else {})}
    done = subprocess.run(
        [CHECKER, *map(str, words), "--output-format", "json", "--output", "result.json"],
        env=environment,
        cwd=words[-1].parent if isinstance(words[-1], Path) else None,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout or done.stderr
    told: dict[str, Any] = json.loads((Path(str(words[-1])).parent / "result.json").read_text(encoding="utf-8"))
    return told


def not_passed(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and results of checks that did not pass."""
    return [(check["name"], check["result"]) for check in told["checks"] if check["result"] != "passed"]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """A bank after a night, with a screening."""
    bank = Bank(tmp_path_factory.mktemp("contract"))
    land_base(bank, "bank")
    bank.land("companies_20260210.csv", "company_id,kind\nF,company\n")
    bank.land("relations_20260210.csv", "relation_id,company_id,kind,customer_id\nV,F,controller,C\n")
    bank.land(
        "consents_20260210.csv",
        "consent_id,customer_id,recipient,purpose,granted_date\nK,C,leasing,loan,2026-02-01\n",
    )
    bank.land(
        "screenings_20260210.csv", "screening_id,company_id,recipient,purpose,asked_date\nS,F,leasing,loan,2026-02-09\n"
    )
    bank.night("2026-03-31")
    return bank


@pytest.mark.parametrize("name", contracts.CONTRACTS)
def test_the_committed_contract_is_the_declared_one(name: str) -> None:
    said = tally("share", "contract", name).out
    assert said == (ROOT / "docs" / "contract" / f"{name}.odcs.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(said) == DOCUMENTS[name]


def test_every_column_of_every_table_is_there(bank: Bank) -> None:
    told = [
        (f"{DOCUMENTS[name]['servers'][0]['schema']}.{table['physicalName']}", field["name"], field["physicalType"])
        for name in SCHEMAS
        for table in DOCUMENTS[name]["schema"]
        for field in table["properties"]
    ]
    columns = bank.ask(
        "SELECT schema_name || '.' || table_name, column_name,"
        " replace(data_type, 'TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ') FROM duckdb_columns()"
        " WHERE schema_name IN ('share', 'status', 'risk')"
        " AND table_name NOT IN (SELECT view_name FROM duckdb_views())"
    )
    assert sorted(told) == sorted(columns), "each once"


def test_keys_are_those_declared_or_told_as_a_rule() -> None:
    for name in SCHEMAS:
        for told, table in zip(DOCUMENTS[name]["schema"], contracts.tables_of(name), strict=True):
            key = [field["name"] for field in told["properties"] if field.get("primaryKey")]
            rules = [rule["description"] for rule in told.get("quality", [])]
            if key:
                assert key == sorted(table.key, key=table.columns.index)
                assert all(field["required"] for field in told["properties"] if field.get("primaryKey"))
            elif table.scope == "state":
                assert any("no key stands twice" in rule for rule in rules), table.name


def test_rules_read_published_tables_alone(bank: Bank) -> None:
    """Every rule runs on the published file as a reader has it, and no row breaks it."""
    queries = [
        rule["query"]
        for schema in SCHEMAS
        for table in DOCUMENTS[schema]["schema"]
        for rule in table.get("quality", [])
    ]
    assert len(queries) > 30
    with duckdb.connect(str(bank.warehouse / "tally.duckdb"), read_only=True) as connection:
        assert {connection.execute(query).fetchone() for query in queries} == {(0,)}


def test_personal_fields_are_marked_and_stay_out_of_aggregates() -> None:
    marked = {
        table["name"]: {field["name"] for field in table["properties"] if "classification" in field}
        for table in DOCUMENTS["share"]["schema"]
    }
    assert set().union(*marked.values()) == set(), "what is shared names nobody, not even by a number"
    base = next(table for table in DOCUMENTS["files"]["schema"] if table["name"] == "metro2_base")
    personal = {field["name"] for field in base["properties"] if field.get("classification") == "personal"}
    assert {"surname", "first_name", "social_security_number", "date_of_birth", "telephone_number"} <= personal


def test_terms_follow_the_policy() -> None:
    us = contracts.contract("share", load_policy(Path("us-metro2")))
    terms = {each["property"]: each["value"] for each in us["description"]["customProperties"]}
    assert (
        terms["retention"] == "Negative information for 7 years from 180 days after the delinquency began (FCRA 605)."
    )
    assert terms["policyVersion"] == "us-metro2.1"
    levels = {each["property"]: each["value"] for each in us["slaProperties"]}
    assert levels["retention"] == 7


def test_the_service_level_is_the_schedule() -> None:
    from flows import serving

    assert (SCHEDULE, TIME_ZONE) == (serving.SCHEDULE, serving.TIME_ZONE)


def test_mistakes_end_with_a_sentence() -> None:
    for words, said in (
        (("-o", "no/such/x.yaml"), "can't be written"),
        (("--policy", "none"), "There is no policy none"),
    ):
        done = tally("share", "contract", "risk", *words)
        assert done.code == 2
        assert said in done.err
        assert "Traceback" not in done.err


@checked
@pytest.mark.parametrize("name", contracts.CONTRACTS)
def test_the_schema_of_the_standard_accepts_it(name: str) -> None:
    """The official JSON Schema, as the checker ships it."""
    assert list(official().iter_errors(DOCUMENTS[name])) == []


@checked
def test_the_schema_of_the_standard_refuses_a_broken_one() -> None:
    broken = {**DOCUMENTS["share"], "servers": [{"server": "warehouse", "type": "duckdb"}]}
    assert [list(mistake.absolute_path) for mistake in official().iter_errors(broken)] == [["servers", 0]]


def official() -> jsonschema.Draft201909Validator:
    """The schema that `datacontract lint` judges by."""
    (path,) = CHECKER.parents[1].glob("lib/*/site-packages/datacontract/schemas/odcs-3.1.0.schema.json")
    return jsonschema.Draft201909Validator(json.loads(path.read_text(encoding="utf-8")))


@checked
def test_the_checker_accepts_the_contract_of_files(tmp_path: Path) -> None:
    path = shutil.copy(ROOT / "docs" / "contract" / "files.odcs.yaml", tmp_path)
    told = checker("lint", "--all-errors", Path(path))
    assert not_passed(told) == []
    assert [check["name"] for check in told["checks"]] == ["Data contract is valid against ODCS v3.1.0"]


@checked
@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_published_file_keeps_it(schema: str, bank: Bank, tmp_path: Path) -> None:
    path = shutil.copy(ROOT / "docs" / "contract" / f"{schema}.odcs.yaml", tmp_path)
    told = checker("test", "--server", "warehouse", Path(path), database=bank.warehouse / "tally.duckdb")
    assert not_passed(told) == []
    assert len(told["checks"]) > sum(len(table["properties"]) for table in DOCUMENTS[schema]["schema"])


@checked
def test_a_file_that_breaks_it_is_told(bank: Bank, tmp_path: Path) -> None:
    """A grade nobody knows, a key twice, a column gone."""
    database = tmp_path / "broken.duckdb"
    shutil.copy(bank.warehouse / "tally.duckdb", database)
    database.chmod(0o644)
    with duckdb.connect(str(database)) as connection:
        connection.execute("UPDATE share.screening SET grade = 'F'")
        connection.execute("INSERT INTO share.screening FROM share.screening")
        connection.execute("ALTER TABLE share.screening DROP COLUMN key_default_count")
    path = shutil.copy(ROOT / "docs" / "contract" / "share.odcs.yaml", tmp_path)
    words = ("test", "--server", "warehouse", "--schema-name", "screening", Path(path))
    failed = {name for name, result in not_passed(checker(*words, database=database)) if result == "failed"}
    for part in (
        "field grade has invalid_count = 0",
        "primary key (source, screening_id)",
        "'key_default_count' is present",
    ):
        assert any(part in name for name in failed), part
