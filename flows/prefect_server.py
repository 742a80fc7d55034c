"""Prefect's server as the command needs it: told how to start before it is loaded, its silence one sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.errors import TryAgain

if TYPE_CHECKING:
    from concurrent.futures import Future

_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "tally",
    # `tally demo` tells its progress between flow runs as well; Prefect would complain of each such line
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    # the first start makes a database: 9 to 25 s on an idle machine, and Prefect's own patience is 20
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
}
_NO_ANSWER = "Failed to reach API at "
_NO_START = "ephemeral Prefect API server"


def prepare_prefect() -> None:
    """Prefect without telemetry, its log lines out of the way of progress bars, ours among them."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    if sys.stderr.isatty():
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    else:
        from flows.progress import log_to_stderr

        log_to_stderr()


@contextmanager
def prefect_answers() -> Iterator[None]:
    """Says in a sentence that Prefect's server did not answer while the block ran.

    Raises:
        TryAgain: neither a server of its own started in time, nor does the one that PREFECT_API_URL names answer.
    """
    try:
        yield
    except RuntimeError as error:  # Prefect has no class of its own for it
        said = str(error)
        if said.startswith(_NO_ANSWER):  # the address follows, without its password
            raise TryAgain(
                f"Prefect's server at {said.removeprefix(_NO_ANSWER)} does not answer; start it, or unset "
                "PREFECT_API_URL, and run again."
            ) from None
        if _NO_START in said:
            raise TryAgain(
                "Prefect's own server did not start in time; nothing was published. Run again when the machine is less "
                "busy, or let it wait longer with PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS."
            ) from None
        raise


@contextmanager
def server_starts(*, of_a_night: bool = True) -> Iterator[None]:
    """Has Prefect's own server start, where a flow will want one, while the block runs and what it runs is loaded.

    The server takes some six seconds on another processor, Great Expectations and the steps of a night about as long.

    Args:
        of_a_night: whether a night follows, which wants all of that.
    """
    started = _start()
    yield
    if started is None:
        return
    if of_a_night:
        from expectations import engine
        from flows import steps  # noqa: F401

        engine.load()
    started.result()


def _start() -> Future[None] | None:
    """The server's start, under way; none where a kept server is named."""
    from concurrent.futures import Future
    from threading import Thread

    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url or not settings.server.ephemeral.enabled:
        return None
    from prefect.server.api.server import SubprocessASGIServer

    started: Future[None] = Future()

    def start() -> None:
        try:
            SubprocessASGIServer().start()  # the one that flows use
        except Exception as error:  # noqa: BLE001 - whoever waits for it is told
            started.set_exception(error)
        else:
            started.set_result(None)

    # a daemon: whoever interrupts the command does not wait for it
    Thread(target=start, daemon=True).start()
    return started
