"""A real Prefect server on loopback: serve, trigger, completed; and a failing night shows as failed, and why."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import date
from http import HTTPStatus
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.nights import Bank

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.server
ACCOUNTS = "account_id,customer_id,product_code,opened_date,credit_limit\nA,C,baitiao,2026-01-01,500.00\n"
BAD = "account_id,customer_id,product_code,opened_date,credit_limit\nB,C,baitiao,2026-01-32,500.00\n"
PATIENCE_SECONDS = 120


class Server:
    """The server's interface, asked over HTTP."""

    def __init__(self, port: int, home: Path) -> None:
        self.url = f"http://127.0.0.1:{port}/api"
        self.environment = {
            **os.environ,
            "PREFECT_API_URL": self.url,
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PYTHONPATH": str(ROOT),
        }

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - whatever JSON says
        """GET, or POST with a body; asked again while the server says 503: its database is locked, nothing was done."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})  # noqa: S310
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - a loopback address
                    return json.loads(answer.read())
            except urllib.error.HTTPError as error:
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > until:
                    raise
            time.sleep(0.3)

    def deployment(self) -> dict[str, Any]:
        """The nightly deployment."""
        found: dict[str, Any] = self.ask("/deployments/name/nightly/nightly")
        return found

    def trigger(self, **parameters: object) -> dict[str, Any]:
        """Starts a run by hand and waits until it has ended."""
        run = self.ask(f"/deployments/{self.deployment()['id']}/create_flow_run", {"parameters": parameters})
        ended: dict[str, Any] = waited(
            lambda: (
                (found := self.ask(f"/flow_runs/{run['id']}"))["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED")
                and found
            )
        )
        return ended


def waited(look: Callable[[], Any]) -> Any:  # noqa: ANN401 - what it looks for
    """What the look finds, as soon as it finds something."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            if found := look():
                return found
        except OSError:
            pass
        time.sleep(0.3)
    raise TimeoutError


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    bank = Bank(tmp_path_factory.mktemp("bank"))
    bank.land("accounts_20260210.csv", ACCOUNTS)
    return bank


@pytest.fixture(scope="module")
def server(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("prefect")
    server = Server(port, home)
    start = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    serve = [sys.executable, "-m", "flows.cli", "serve", "--landing", str(bank.landing), "-w", str(bank.warehouse)]
    environment = {name: value for name, value in server.environment.items() if name != "PREFECT_API_URL"}
    log = (home / "log.txt").open("w")
    running = [subprocess.Popen(start, env=environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)]
    try:
        waited(lambda: server.ask("/health"))
        running.append(
            subprocess.Popen(serve, env=server.environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        )
        waited(server.deployment)
        yield server
    finally:
        for process in reversed(running):
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(20)
        log.close()


def test_the_schedule(server: Server, bank: Bank) -> None:
    found = server.deployment()
    (schedule,) = (each["schedule"] for each in found["schedules"])
    assert (schedule["cron"], schedule["timezone"]) == ("30 1 * * *", "Asia/Shanghai")
    assert found["parameters"] == {"landing": str(bank.landing), "warehouse": str(bank.warehouse)}
    assert {"as_of", "landing", "warehouse", "sources", "policy", "hold"} <= set(
        found["parameter_openapi_schema"]["properties"]
    )


def test_a_triggered_night_completes(server: Server, bank: Bank) -> None:
    run = server.trigger(as_of="2026-02-10")
    assert run["state"]["type"] == "COMPLETED", run["state"]
    assert run["name"] == "nightly-2026-02-10"
    with duckdb.connect(str(bank.warehouse / "tally.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT as_of FROM ops.runs").fetchall() == [(date(2026, 2, 10),)]
    artifacts = server.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
    assert {artifact["key"] for artifact in artifacts} == {"run-summary", "files", "refused-rows", "checks"}
    tasks = server.ask("/task_runs/filter", {"task_runs": {"flow_run_id": {"any_": [run["id"]]}}})
    names = {task["name"].rsplit("-", 1)[0] for task in tasks}
    assert {"read delivery", "judge rows and files", "keep the books", "audit the next warehouse", "publish"} <= names


def test_refused_rows_stand_in_the_artifact(server: Server, bank: Bank) -> None:
    bank.land("accounts_20260211.csv", BAD)
    run = server.trigger(as_of="2026-02-11")
    assert run["state"]["type"] == "COMPLETED", run["state"]
    wanted = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}, "key": {"any_": ["refused-rows"]}}}
    (artifact,) = server.ask("/artifacts/filter", wanted)
    (row,) = json.loads(artifact["data"])
    assert (row["path"], row["line_number"]) == ("bank/accounts_20260211.csv", "2")
    assert "bad_date" in row["reasons"]


def test_a_failing_night_says_why(server: Server, bank: Bank) -> None:
    run = server.trigger(as_of="2026-02-01")
    assert run["state"]["type"] == "FAILED"
    assert "lies before the last published one" in run["state"]["message"]
    run = server.trigger(as_of="2026-02-12", policy=str(bank.root / "none.toml"))
    assert run["state"]["type"] == "FAILED"
    assert "none.toml" in run["state"]["message"]


def test_a_second_run_at_once_is_locked_out(server: Server, bank: Bank) -> None:
    import fcntl

    with (bank.warehouse / ".lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = server.trigger(as_of="2026-02-12")
    assert run["state"]["type"] == "FAILED"
    assert "is held by" in run["state"]["message"]


def test_a_command_that_fails_ends_with_its_sentence(server: Server, bank: Bank) -> None:
    """DuckDB up to 2.0.0 printed pages after it, of connections that the frames of Prefect's kept error still held."""
    bank.land("accounts_20260212.csv", ACCOUNTS)
    command = [sys.executable, "-m", "tests.flows.hungry", "nightly", "--as-of", "2026-02-12"]
    done = subprocess.run(
        [*command, "--landing", str(bank.landing), "-w", str(bank.warehouse)],
        env={**server.environment, "TALLY_MEMORY": "64MB"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    last = done.stderr.rstrip().splitlines()[-1]
    assert last.startswith("tally: DuckDB needed more than the 64MB of memory")
