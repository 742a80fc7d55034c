"""The parts of a night's steps that the benchmark measures are where it looks for them."""

from __future__ import annotations

import importlib

import pytest

from bench.staged_night import PARTS


@pytest.mark.parametrize(("module", "function", "stage"), PARTS)
def test_the_part_is_there(module: str, function: str, stage: str) -> None:
    assert callable(getattr(importlib.import_module(module), function)), stage
