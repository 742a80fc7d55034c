"""Progress of long work: a bar where somebody watches a terminal, a log line where nobody does."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")
logger = logging.getLogger("tally")
"""Where steps are told when no bar is shown."""

_bars: list[Progress] = []


@contextmanager
def bars() -> Iterator[None]:
    """Shows bars on the terminal while the block runs, if there is one."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        _bars.append(progress)
        try:
            yield
        finally:
            _bars.pop()


def log_to_stderr() -> None:
    """Tells each step on stderr where no terminal shows bars; Prefect passes these lines to its server alone."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s | %(levelname)-7s | %(message)s", "%H:%M:%S"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # Prefect has the root logger print what comes up to it: each line would stand there twice


def track(items: Sequence[T], title: str) -> Iterable[T]:
    """The items one by one, with the progress told."""
    return follow(items, len(items), title)


def follow(items: Iterable[T], total: int, title: str) -> Iterable[T]:
    """So many items as they come, with the progress told."""
    if not _bars:
        logger.info("%s: %s", title, f"{total} to do")
        yield from items
        return
    task = _bars[-1].add_task(title, total=total)
    for item in items:
        yield item
        _bars[-1].advance(task)
