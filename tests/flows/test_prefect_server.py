"""Prefect's silence is a sentence: asked of Prefect's own client and server, so that their wording is held too."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pytest

from flows.errors import TryAgain
from flows.prefect_server import prefect_answers, prepare_prefect
from tests.flows.servers import free_port


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    from prefect.client.orchestration import SyncPrefectClient

    port = free_port()
    client = SyncPrefectClient(f"http://user:secret@127.0.0.1:{port}/api")
    with pytest.raises(TryAgain, match=f"127.0.0.1:{port}/api/ does not answer; start it") as raised, prefect_answers():
        client.raise_for_api_version_mismatch()
    assert "secret" not in str(raised.value)
    assert raised.value.exit_code == 3


def test_an_own_server_that_does_not_start_in_time_may_be_tried_again() -> None:
    import prefect

    said = "Timed out while attempting to connect to ephemeral Prefect API server."
    assert said in (Path(prefect.__file__).parent / "server/api/server.py").read_text(encoding="utf-8")
    with pytest.raises(TryAgain, match="did not start in time; nothing was published"), prefect_answers():
        raise RuntimeError(said)


def test_other_mistakes_pass() -> None:
    with pytest.raises(RuntimeError, match="deque"), prefect_answers():
        raise RuntimeError("deque mutated during iteration")


def test_what_somebody_set_stands() -> None:
    name = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
    with mock.patch.dict(os.environ, {name: "5"}), mock.patch("sys.stderr.isatty", return_value=True):
        prepare_prefect()
        assert os.environ[name] == "5"
        assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
        assert os.environ["DO_NOT_TRACK"] == "1"
