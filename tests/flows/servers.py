"""Servers on loopback for tests: an S3-compatible store, a Dask scheduler with workers; all ended with the block."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


@contextmanager
def process(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of this project's Python, ended with the block."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "1"}
    with log.open("ab") as told:
        started = subprocess.Popen([sys.executable, *command], env=environment, stdout=told, stderr=told, cwd=ROOT)
        try:
            yield started
        finally:
            started.kill()
            started.wait()


def wait_for(port: int, log: Path, seconds: float = 60) -> None:
    """Returns once something listens on the port."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"Nothing listens on {port}: {log.read_text()}")


@contextmanager
def store(folder: Path, bucket: str) -> Iterator[str]:
    """An S3-compatible store with a bucket, its address and credentials in the environment; where a lake may lie."""
    port, log = free_port(), folder / "store.log"
    said = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with (
        mock.patch.dict(os.environ, said),
        process(["-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], log),
    ):
        wait_for(port, log)
        import s3fs

        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir(bucket)
        yield f"s3://{bucket}/lake"


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A Dask scheduler and workers, one thread each: where the runner finds it, and the workers' processes."""
    port, log = free_port(), folder / "cluster.log"
    address = f"tcp://127.0.0.1:{port}"
    scheduler = ["-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    worker = ["-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    worker += ["--local-directory", str(folder)]
    with ExitStack() as stack:
        stack.enter_context(process(scheduler, log))
        wait_for(port, log)
        yield f"dask://127.0.0.1:{port}", [stack.enter_context(process(worker, log)) for _ in range(workers)]
