"""`python -m bench.peers NAME LANDING OUT AS_OF FIRST`: one peer as a process of its own."""

from __future__ import annotations

import importlib
import sys
from datetime import date
from pathlib import Path


def main() -> None:
    """Runs the peer named."""
    name, landing, out, as_of, first = sys.argv[1:]
    Path(out).mkdir(parents=True, exist_ok=True)
    peer = importlib.import_module(f"bench.peers.{name}_peer")
    peer.run(Path(landing), Path(out), date.fromisoformat(as_of), date.fromisoformat(first))


if __name__ == "__main__":
    main()
