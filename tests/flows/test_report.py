"""Tables on the terminal: what a file brings stands there as text and does nothing."""

from __future__ import annotations

import io

from rich.console import Console

from flows.report import table


def shown(value: str) -> str:
    """A cell as the terminal gets it."""
    console = Console(file=io.StringIO(), force_terminal=True, no_color=True, width=80)
    console.print(table("", ["cell"], [[value]]))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_control_characters_are_written_out() -> None:
    told = shown("a\x1b[2Jb\x00\x9b")
    assert r"a\x1b[2Jb\x00\x9b" in told
    assert not any(raw in told for raw in ("\x1b[2J", "\x00", "\x9b"))


def test_other_text_stands_as_it_is() -> None:
    assert "白条 [bold] é" in shown("白条 [bold] é")
