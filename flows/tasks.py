"""A step of a night as Prefect knows it: a task with name, retries and timeout; the functions themselves stay plain."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from flows.measuring import measured

P = ParamSpec("P")
R = TypeVar("R")


async def _is_worth_retrying(step: Task[..., object], run: TaskRun, state: State[object]) -> bool:  # noqa: ARG001
    """A disk or network that hiccuped may answer the second time; a mistake will not mend itself."""
    return isinstance(await state.aresult(raise_on_failure=False), OSError)


def step(function: Callable[P, R], name: str, minutes: int, retries: int = 2) -> Task[P, R]:
    """A step that may be done again from its beginning, and is when files or network fail."""
    return task(
        name=name,
        retries=retries,
        retry_delay_seconds=[2, 10],
        retry_condition_fn=_is_worth_retrying,
        timeout_seconds=minutes * 60,
        cache_policy=NO_CACHE,
        persist_result=False,
    )(measured(function, name))
