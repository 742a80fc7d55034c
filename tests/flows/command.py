"""The `tally` command in this process, its flows without Prefect's server: exit code and what it says."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from unittest import mock

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows import cli
from flows.progress import logger
from tests.nights import plain_steps

FLOWS = ("nightly", "backfill", "rebuild")


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str


def tally(*words: object, **environment: str) -> Said:
    """Runs the command as a user would, with more environment if need be."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, environment))
        stack.enter_context(mock.patch.object(sys, "argv", ["tally", *map(str, words)]))
        stack.enter_context(plain_steps())
        stack.enter_context(_log_of_its_own())
        stack.enter_context(mock.patch.object(cli, "server_starts", return_value=nullcontext()))
        for name in FLOWS:
            module = import_module(f"flows.{name}")
            stack.enter_context(mock.patch.object(module, name, _without_server(getattr(module, name).fn)))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        code = _exit_code()
    texts = (stream.buffer.getvalue().decode() for stream in (out, err))
    return Said(code, *texts)


def _exit_code() -> int:
    try:
        cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


@contextmanager
def _log_of_its_own() -> Iterator[None]:
    """What the command sets up to tell its steps ends with it: other tests of this process read the log as well."""
    handlers, level, propagate = [*logger.handlers], logger.level, logger.propagate
    try:
        yield
    finally:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


def _without_server(function: Callable[..., Any]) -> Callable[..., State[Any]]:
    """The flow's function, its result as the state that Prefect would give."""

    def flow(*, return_state: bool, **given: object) -> State[Any]:
        assert return_state
        try:
            result = function(**given)
        except Exception as error:  # noqa: BLE001 - as Prefect does
            return Failed(data=error)
        return result if isinstance(result, State) else Completed(data=result)

    return flow
