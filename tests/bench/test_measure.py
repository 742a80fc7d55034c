"""What a process cost: itself, what it waited for, and what it left to others."""

from __future__ import annotations

import sys

import pytest

from bench.measure import run_process

_BURN = "import time\nwhile time.process_time() < 0.6: pass"
_LEFT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {burn!r}])
while child.poll() is None: time.sleep(0.2)
"""
_NOT_WAITED_FOR = """
import os, subprocess, sys, time
told = "\\nprint('burnt', flush=True); time.sleep(30)"
child = subprocess.Popen([sys.executable, "-c", {burn!r} + told], stdout=subprocess.PIPE)
child.stdout.readline()
time.sleep(0.5)
child.kill()
os._exit(0)
"""


@pytest.mark.parametrize("code", [_BURN, _LEFT, _NOT_WAITED_FOR], ids=["itself", "waited for", "not waited for"])
def test_cpu_seconds_are_those_of_everything_it_started(code: str) -> None:
    done = run_process([sys.executable, "-c", code.replace("{burn!r}", repr(_BURN))])
    assert done.figures["cpu_seconds"] >= 0.5
    assert done.figures["peak_bytes"] > 1_000_000


def test_one_that_fails_says_why() -> None:
    with pytest.raises(SystemExit, match="no such thing"):
        run_process([sys.executable, "-c", "raise SystemExit('no such thing')"])
