"""Invented feeds of an invented lender in the canonical layout, for the demo, the tests and the benchmark.

Nothing here is about anybody: names are put together from lists, identity numbers name a region that does not exist
and end with a wrong check character.

Every draw is a function of seed, name and number alone (`draws`), so the same call writes the same bytes, a large book
is written in blocks, and a later night knows any account's loans without reading what was written before.

`write_book` and `write_night` write clean deliveries: every row is accepted, every reference holds.
"""

from __future__ import annotations

from flows.invented.book import Book
from flows.invented.writing import write_book, write_night

__all__ = ["Book", "write_book", "write_night"]
