"""Prefect's silence is a sentence: asked of Prefect's own client and server, so that their wording is held too."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from unittest import mock

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.errors import TryAgain
from flows.prefect_server import prefect_answers, prepare_prefect, server_starts
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


def test_a_server_of_ones_own_starts_while_the_night_is_loaded() -> None:
    from prefect.server.api.server import SubprocessASGIServer

    may_answer, did_load = threading.Event(), []

    def start(_: SubprocessASGIServer) -> None:
        assert may_answer.wait(60), "the block and what is loaded behind it do not wait for the server"

    def load() -> None:
        did_load.append(True)
        may_answer.set()

    with (
        temporary_settings({PREFECT_API_URL: None}),
        mock.patch.object(SubprocessASGIServer, "start", start),
        mock.patch("expectations.engine.load", load),
        server_starts(),
    ):
        assert not may_answer.is_set()
    assert did_load


def test_a_server_that_does_not_start_is_told_where_it_is_waited_for() -> None:
    from prefect.server.api.server import SubprocessASGIServer

    said = RuntimeError("Timed out while attempting to connect to ephemeral Prefect API server.")
    with (
        temporary_settings({PREFECT_API_URL: None}),
        mock.patch.object(SubprocessASGIServer, "start", side_effect=said),
        pytest.raises(TryAgain, match="did not start in time"),
        prefect_answers(),
        server_starts(),
    ):
        pass


def test_no_server_starts_beside_a_kept_one() -> None:
    from prefect.server.api.server import SubprocessASGIServer

    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}),
        mock.patch.object(SubprocessASGIServer, "start", side_effect=AssertionError),
        mock.patch("expectations.engine.load", side_effect=AssertionError("a night with nothing new needs it not")),
        server_starts(),
    ):
        pass
