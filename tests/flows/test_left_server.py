"""The embedded server of a killed run is ended by the next one: exactly that process and no other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from flows.server import end_left_server, forget_server

Sleeper = subprocess.Popen[bytes]


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    """A process that stands for a server."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    yield process
    process.kill()
    process.wait()


def note(warehouse: Path, process: Sleeper, **otherwise: object) -> Path:
    """What a run notes of its server."""
    known = psutil.Process(process.pid)
    said = {"pid": known.pid, "created": known.create_time(), "command": known.cmdline(), **otherwise}
    path = warehouse / "server.json"
    path.write_text(json.dumps([said]))
    return path


def test_a_left_server_is_ended(tmp_path: Path, sleeper: Sleeper) -> None:
    path = note(tmp_path, sleeper)
    end_left_server(tmp_path)
    assert not psutil.pid_exists(sleeper.pid)
    assert not path.exists()


@pytest.mark.parametrize("otherwise", [{"created": 1.0}, {"command": ["another", "program"]}])
def test_another_process_with_its_number_is_left_alone(
    tmp_path: Path, sleeper: Sleeper, otherwise: dict[str, object]
) -> None:
    path = note(tmp_path, sleeper, **otherwise)
    end_left_server(tmp_path)
    assert sleeper.poll() is None
    assert not path.exists()


def test_a_server_that_is_gone_is_no_trouble(tmp_path: Path, sleeper: Sleeper) -> None:
    note(tmp_path, sleeper)
    sleeper.kill()
    sleeper.wait()
    end_left_server(tmp_path)
    (tmp_path / "server.json").write_text("not json")
    end_left_server(tmp_path)
    assert not (tmp_path / "server.json").exists()
    forget_server(tmp_path)
