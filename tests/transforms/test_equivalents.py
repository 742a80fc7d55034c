"""Names elsewhere: each is a name that the other standard has, each of our fields is one of ours."""

from __future__ import annotations

from pathlib import Path

from flows.contract import CONTRACTS, contract
from flows.equivalents import equivalents
from flows.settings import load_policy
from tests.transforms.names_elsewhere import FIRE_LOAN, OPEN_NPL
from transforms.equivalents import EQUIVALENTS

ROOT = Path(__file__).parents[2]
DOCUMENTS = [contract(name, load_policy(None)) for name in CONTRACTS]
SHARED = {field["name"]: field for told in DOCUMENTS for table in told["schema"] for field in table["properties"]}


def test_every_name_is_one_of_the_other_standard() -> None:
    for each in EQUIVALENTS.values():
        assert each.fire or each.open_npl, each.field
        assert not each.fire or each.fire in FIRE_LOAN
        assert not each.open_npl or OPEN_NPL[each.open_npl] == each.eba


def test_every_field_is_shared_and_carries_its_names() -> None:
    for name, each in EQUIVALENTS.items():
        said = {entry["property"]: entry["value"] for entry in SHARED[name]["customProperties"]}
        assert said == {
            word: value
            for word, value in (("fire", each.fire), ("openNpl", each.open_npl), ("ebaNpl", each.eba))
            if value
        }


def test_the_page_in_the_docs_is_the_declared_one() -> None:
    assert equivalents() == (ROOT / "docs" / "equivalents.md").read_text(encoding="utf-8")
