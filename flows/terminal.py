"""Text on its way to a terminal: what a file brings stands there and does nothing."""

from __future__ import annotations


def harmless(text: str) -> str:
    """The text with control characters written out: what a file brings must not steer the terminal of who reads it."""
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode() for each in text
    )
