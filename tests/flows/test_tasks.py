"""The steps as Prefect tasks, the deployment file, and what a run tells where no terminal is."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows import nightly, tasks
from flows.errors import CheckFailed
from flows.serving import SCHEDULE, TIME_ZONE
from tests.nights import STEPS, Bank

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", STEPS)
def test_steps_have_timeouts_and_no_cache(name: str) -> None:
    step = STEPS[name]
    assert step.cache_policy == NO_CACHE
    assert step.timeout_seconds
    assert step.retries == (0 if name == "publish" else 2)


@pytest.mark.parametrize(("error", "again"), [(OSError("disk"), True), (CheckFailed("no"), False), (KeyError(), False)])
def test_only_files_and_networks_are_tried_again(error: Exception, again: bool) -> None:
    state: State[object] = Failed(data=error)
    assert asyncio.run(tasks._is_worth_retrying(STEPS["stage"], None, state)) is again  # type: ignore[arg-type]  # noqa: SLF001


def test_the_deployment_file_fits_the_flow() -> None:
    (deployment,) = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    path, name = deployment["entrypoint"].split(":")
    assert (ROOT / path).exists()
    flow = getattr(nightly, name)
    assert set(deployment["parameters"]) <= set(inspect.signature(flow.fn).parameters)
    (schedule,) = deployment["schedules"]
    assert (schedule["cron"], schedule["timezone"]) == (SCHEDULE, TIME_ZONE)
    assert deployment["concurrency_limit"]["limit"] == 1


def test_the_module_runs_a_night_and_tells_each_step(tmp_path: Path) -> None:
    """`python -m flows.nightly` is `tally nightly`; without a terminal every step is one line in the log."""
    bank = Bank(tmp_path)
    bank.land(
        "accounts_20260210.csv",
        "account_id,customer_id,product_code,opened_date,credit_limit\nA,C,baitiao,2026-01-01,500.00\n",
    )
    command = [sys.executable, "-m", "flows.nightly", "--as-of", "2026-02-10"]
    command += ["--landing", str(bank.landing), "-w", str(bank.warehouse)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_HOME": str(tmp_path / "prefect")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert bank.ask("SELECT run_id FROM ops.runs") == [("2026-02-10.1",)]
    for step in ("read delivery", "keep the books", "audit the next warehouse", "publish"):
        assert told.count(f"{step}: ") == 1, told
    assert "leaked" not in told
