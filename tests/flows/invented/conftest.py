"""An invented book, two nights after it, and the demo's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.demo import DEMO_NIGHTS, write_demo
from flows.invented import write_book, write_night
from tests.flows.invented.reading import BOOK, NIGHTS, Feeds, read


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Feeds:
    """The book."""
    return read(write_book(tmp_path_factory.mktemp("book"), BOOK))


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> list[Feeds]:
    """What two nights after it bring."""
    landing = tmp_path_factory.mktemp("nights")
    return [read(write_night(landing, BOOK, night, share=0.05)) for night in NIGHTS]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The landing folder of the demo, all nights written."""
    landing = tmp_path_factory.mktemp("demo")
    assert write_demo(landing) == list(DEMO_NIGHTS)
    return landing
