"""The steps of a night as Prefect tasks: names, retries and timeouts; the functions themselves stay plain."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from flows import accounting, aggregating, bookkeeping, intake, judging, looking, publishing, sharing, staging, vaulting
from flows.measuring import measured

P = ParamSpec("P")
R = TypeVar("R")


async def _is_worth_retrying(step: Task[..., object], run: TaskRun, state: State[object]) -> bool:  # noqa: ARG001
    """A disk or network that hiccuped may answer the second time; a mistake will not mend itself."""
    return isinstance(await state.aresult(raise_on_failure=False), OSError)


def _step(function: Callable[P, R], name: str, minutes: int, retries: int = 2) -> Task[P, R]:
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


look = _step(looking.look, "look for deliveries", 30)
stage = _step(staging.stage, "read delivery", 120)
judge = _step(judging.judge, "judge rows and files", 120)
take_in = _step(intake.take_in, "take facts into the lake", 120)
keep_identities = _step(vaulting.keep_identities, "put names into the vault", 60)
books = _step(bookkeeping.books, "keep the books", 360)
account = _step(accounting.account, "account for every row", 60)
write_next = _step(publishing.write_next, "write the next warehouse", 120)
aggregate = _step(aggregating.aggregate, "tell the risk", 120)
share = _step(sharing.share, "share aggregates", 60)
audit = _step(publishing.audit, "audit the next warehouse", 120)
commit = _step(publishing.commit, "record the run", 30)
publish = _step(publishing.publish, "publish", 60, retries=0)
