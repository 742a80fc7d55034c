"""Text rows with their line number, out of any delivered file, streaming; malformed records are parted, not dropped.

Every text file becomes blocks of whole lines in UTF-8. A block in which each line has its fields, and quotes stand
where they may, is read by polars; any other is taken apart line by line. A file that is regular throughout is scanned
where it lies.
"""

from __future__ import annotations

from flows.stores.records.lines import COMPRESSIONS, ENDINGS
from flows.stores.records.model import Profile, Records, Regular, Unreadable
from flows.stores.records.reading import profile, raw_lines, read

__all__ = ["COMPRESSIONS", "ENDINGS", "Profile", "Records", "Regular", "Unreadable", "profile", "raw_lines", "read"]
