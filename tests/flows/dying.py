"""A night that kills itself at a chosen point; run as a process of its own by the kill tests."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows.stores import durable, lake, tables, warehouse
from tests.nights import Bank

POINTS: dict[str, tuple[object, str]] = {
    "lake file": (lake.LakeWriter, "add"),
    "state file": (lake.LakeWriter, "replace"),
    "next file": (warehouse.Warehouse, "begin"),
    "table": (tables.Writer, "append"),
    "manifest": (lake.LakeWriter, "commit"),
    "durable write": (durable, "flush_folder"),
    "checkpoint": (tables.Writer, "finish"),
    "rename": (Path, "replace"),
    "publish": (warehouse.Warehouse, "publish"),
    "mark": (warehouse.Warehouse, "_leave_mark"),
}


def die_at(point: str, call: int, when: str) -> None:
    """Kills the process before or after the n-th call of a function."""
    owner, name = POINTS[point]
    real: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def dying(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function takes
        nonlocal calls
        calls += 1
        if calls == call and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if calls == call and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, dying)


if __name__ == "__main__":
    root, as_of, where, number, moment = sys.argv[1:]
    die_at(where, int(number), moment)
    Bank(Path(root), {"person_key": "test"}).night(as_of)
