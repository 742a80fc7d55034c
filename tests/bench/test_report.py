"""What docs/benchmarks.md says of sizes that were measured whole, and of one of which only the first night was."""

from __future__ import annotations

from typing import Any

import pytest

from bench import report


def night(seconds: float, gigabytes: float = 1.0) -> dict[str, Any]:
    """One run of a night."""
    steps = [
        {"step": name, "wall_seconds": seconds / 4, "cpu_seconds": seconds / 4, "peak_bytes": gigabytes * 1e9}
        for name in ("keep the books", "tell the risk", "write the next warehouse")
    ]
    return {"wall_seconds": seconds, "cpu_seconds": seconds, "peak_bytes": gigabytes * 1e9, "steps": steps}


def size(accounts: int, first: float, **nights: list[dict[str, Any]]) -> dict[str, Any]:
    """What is kept of a size whose F is 10 s."""
    held = {"machine": "", "csv_bytes": 1, "generated_seconds": 1.0, "warehouse_bytes": 1, "lake_bytes": 1}
    return {"accounts": accounts, **held, "floor": [9.0, 10.0, 50.0], "first": [night(first)], **nights}


WHOLE = [
    size(250_000, 20.0, next=[night(16.0)], nothing=[night(15.0)]),
    size(2_000_000, 60.0, next=[night(26.0, 2.0)], nothing=[night(15.0)]),
]
LARGEST = size(10_000_000, 300.0)


def told(results: list[dict[str, Any]]) -> dict[str, str]:
    """What is measured and whether it is met, by target."""
    rows = [line.strip("| ").split(" | ") for line in report.targets(results)[2:]]
    return {what: f"{measured}: {met}" for what, _, measured, met in rows}


def test_ratios_are_those_of_the_largest_size_measured_whole() -> None:
    assert told([*WHOLE, LARGEST]) == {
        "first night from CSV": "6.0 F: met",
        "one more night beyond start-up": "1.1 F: not met",
        "memory of the first night": "1.0 GB: met",
        "memory of one more night": "2.0 GB: not met",
        "growth from 250,000 to 2,000,000 accounts": "1.12 times the seconds an account: met",
        "memory of a first night of 10,000,000 accounts": "1.0 GB: met",
    }


@pytest.mark.parametrize(("gigabytes", "met"), [(15.9, "met"), (16.1, "not met")])
def test_the_largest_size_is_told_by_its_memory(gigabytes: float, met: str) -> None:
    largest = {**LARGEST, "first": [night(300.0, gigabytes)]}
    found = told([*WHOLE, largest])["memory of a first night of 10,000,000 accounts"]
    assert found == f"{gigabytes} GB: {met}"


def test_a_size_tells_its_nights_and_the_number_of_its_runs() -> None:
    lines = report.text({**LARGEST, "remark": "Beside other work"}).splitlines()
    assert lines[0].endswith("the warehouse holds 0.00 GB, the lake 0.00 GB; 1 run(s) of ours. Beside other work.")
    assert "| first night | 300.0 | 300.0 | 1.00 | 30.0 |" in lines
    assert not any(line.startswith("| one more night") for line in lines)
