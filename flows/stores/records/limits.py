"""How much of a file is looked at at once, and how large its parts may be."""

from __future__ import annotations

import csv

BLOCK_BYTES = 1 << 20
GLANCE_BYTES = 512 << 10
"""A block of a profile: small, so that its arrays stay in the processor's cache."""
PART_BYTES = 64 << 20
MAX_LINE_BYTES = 16 << 20
csv.field_size_limit(MAX_LINE_BYTES)  # one limit for all cells, whoever takes them apart
MAX_RECORD_LINES = 1_000
MAX_COLUMNS = 2_000
MAX_BLANK_LINES = 100_000
