"""Runners by themselves: every task once, and a sentence for whatever may be wrong with a cluster."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from unittest import mock

import psutil
import pytest
from distributed import versions

from flows.errors import TryAgain, WrongUse
from flows.runners import WORKERS, Dask, Here, Processes, runner
from tests.flows.servers import cluster, free_port


def test_every_task_is_done_once() -> None:
    assert list(Here().map(abs, [-1, 2])) == [1, 2]
    assert list(Processes(2).map(abs, [-1])) == [1]
    assert sorted(Processes(2).map(abs, [-1, 2, -3])) == [1, 2, 3]


def test_processes_find_what_workers_need_and_this_one_stays_as_it_was() -> None:
    before = dict(os.environ)
    assert set(Processes(2).map(os.getenv, list(WORKERS))) == set(WORKERS.values())
    assert dict(os.environ) == before


def test_a_killed_process_is_a_sentence() -> None:
    with pytest.raises(TryAgain, match="A process that worked on accounts was killed"):
        list(Processes(2).map(os._exit, [1, 1, 1]))


def test_a_runner_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(WrongUse, match=r"There is no runner spark: use here, processes or dask://host:port\."):
        runner("spark")
    with pytest.raises(TryAgain, match=r"There is no Dask scheduler at tcp://127"):
        list(Dask(f"tcp://127.0.0.1:{free_port()}", patience=0.5).map(abs, [1]))


def test_a_cluster_does_every_task_once_until_it_is_gone(tmp_path: Path) -> None:
    with cluster(tmp_path, 2) as (address, _):
        found = runner(address)
        assert isinstance(found, Dask)
        assert sorted(found.map(abs, range(-50, 0))) == list(range(1, 51))
        assert list(found.map(abs, [])) == []
        with pytest.raises(TryAgain, match=r"does not find what the run wrote .*under the same name"):
            list(found.map(os.listdir, [str(tmp_path / "not there")]))
        real = versions._version_cached  # noqa: SLF001 - this process has another polars for a moment
        with (
            mock.patch.object(versions, "_version_cached", lambda name: "99" if name == "polars" else real(name)),
            pytest.raises(WrongUse, match=r"has polars 2.* and this run has 99; install the same for both"),
        ):
            list(found.map(abs, [1]))
        (scheduler,) = (
            each for each in psutil.Process().children() if "distributed.cli.dask_scheduler" in each.cmdline()
        )
        under_way = replace(found, patience=2).map(time.sleep, [0.01, *[0.5] * 20])
        next(under_way)
        scheduler.kill()
        with pytest.raises(TryAgain, match="ended amid the work; start it again"):
            list(under_way)


def test_a_cluster_without_workers_is_a_sentence(tmp_path: Path) -> None:
    with cluster(tmp_path, 0) as (address, _):
        found = Dask(address.replace("dask", "tcp"), patience=1)
        with pytest.raises(TryAgain, match="has no worker; start some and try again"):
            list(found.map(abs, [1]))
