"""A book, or a later night of it, written into a landing folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from flows.invented.book import MAX_LOANS, Book
from flows.invented.delivery import deliver
from flows.invented.draws import Dice
from flows.invented.night import debts_of, news
from flows.invented.rows import block_of
from transforms.feeds import CREDIT_FEEDS

BLOCK = 50_000
"""Accounts worked on at a time; bounds memory, and changes no row and no order of rows."""
MAX_NIGHTS = 49


def write_book(
    landing: Path, book: Book, feeds: Sequence[str] = CREDIT_FEEDS, business_date: date | None = None
) -> list[Path]:
    """Write the whole book below `landing/<source>/`; returns the files.

    One full delivery per feed, dated `as_of` unless told otherwise: `accounts_20251231.csv` and so on.
    """
    blocks = (
        block_of(book, np.arange(first, min(first + BLOCK, book.accounts + 1), dtype=np.int64))
        for first in range(1, book.accounts + 1, BLOCK)
    )
    chosen = ({feed: frame for feed, frame in block.items() if feed in feeds} for block in blocks)
    return deliver(landing, book, chosen, business_date or book.as_of)


def write_night(landing: Path, book: Book, as_of: date, share: float = 0.01, seq: int = 0) -> list[Path]:
    """Write what is new in one later night, as deltas dated `as_of`; returns the files.

    About `share` of the accounts pay an instalment; a tenth as many take a new loan, a tenth as many are new, and some
    of the others get another limit, state another income or are reminded. Needs no earlier file: it continues the book
    as `write_book` wrote it, and knows nothing of other nights.

    Raises:
        ValueError: as_of is not 1 to MAX_NIGHTS days after the book's.
    """
    nights = (as_of - book.as_of).days
    if not 1 <= nights <= MAX_NIGHTS:
        raise ValueError(f"a night lies 1 to {MAX_NIGHTS} days after the book's as_of, {book.as_of}")
    dice = Dice(f"{book.source}/{book.seed}/{as_of}")
    everyone = np.arange(1, book.accounts + 1, dtype=np.int64)
    # some of them owe nothing any more: look at more accounts than are to pay
    asked = everyone[dice.chance("asked", everyone, 4 * share)]
    known = block_of(book, asked)
    payers = max(1, round(book.accounts * share))
    few = max(1, payers // 10)
    debts = debts_of(known)
    debts = debts.filter(dice.chance("pays", np.arange(debts.height), payers / max(1, debts.height)))
    tonight = replace(book, first_date=as_of, last_date=as_of, as_of=as_of, loans=1)
    arrivals = block_of(tonight, book.accounts * nights + 1 + np.arange(few, dtype=np.int64))
    is_open = known["accounts"]["closed_date"].is_null().to_numpy()
    again = block_of(tonight, asked[is_open][:: 4 * payers // few][:few], ordinal=MAX_LOANS + nights)
    loans_again = {feed: again[feed] for feed in ("installments", "orders")}
    return deliver(landing, book, [arrivals, loans_again, news(dice, known, debts, as_of, few)], as_of, seq)
