"""Prefect's embedded server: remembered while a run uses it, and ended by the next run when a kill left it behind."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import psutil

from flows.stores.durable import write_durably


def remember_server(warehouse: Path) -> None:
    """Notes which embedded servers this process started, so that the next run can end them if this one is killed."""
    # a run that talks to a kept server never loads the embedded one, which takes seconds
    embedded = sys.modules.get("prefect.server.api.server")
    if embedded is None:
        return
    servers = [
        _identity(psutil.Process(server.server_process.pid))
        for server in embedded.SubprocessASGIServer._instances.values()  # noqa: SLF001 - there is no other way to it
        if server.server_process is not None
    ]
    if servers:
        write_durably(_note(warehouse), json.dumps(servers).encode())


def forget_server(warehouse: Path) -> None:
    """Drops the note: the process ends its server itself."""
    _note(warehouse).unlink(missing_ok=True)


def end_left_server(warehouse: Path) -> None:
    """Ends exactly the processes noted by a run that was killed: same number, start and command line."""
    note = _note(warehouse)
    if not note.exists():
        return
    with contextlib.suppress(ValueError):
        for noted in json.loads(note.read_bytes()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(noted["pid"])
                if _identity(process) == noted:
                    process.terminate()
                    psutil.wait_procs([process], timeout=5)
    note.unlink()


def _identity(process: psutil.Process) -> dict[str, object]:
    return {"pid": process.pid, "created": process.create_time(), "command": process.cmdline()}


def _note(warehouse: Path) -> Path:
    return warehouse / "server.json"
