"""Codes that may stand in a shared field, gathered from where each is decided."""

from __future__ import annotations

from transforms.obligors import PERSON_ORDER
from transforms.performance import CODES
from transforms.sharing.suppression import COMPLEMENTARY, SMALL
from transforms.tables import BUCKETS

SHARED_CODES: dict[str, tuple[str, ...]] = {
    "bucket": BUCKETS,
    "from_bucket": BUCKETS,
    "to_bucket": BUCKETS,
    "credit_status": PERSON_ORDER,
    "from_credit_status": PERSON_ORDER,
    "to_credit_status": PERSON_ORDER,
    "pboc_code": CODES,
    "suppression": (SMALL, COMPLEMENTARY),
    "grade": tuple("ABCDE"),
}
"""By field, every code; a field of codes that is not here takes whatever a source says."""
SHARED_RANGES: dict[str, tuple[int, int | None]] = {"five_tier": (1, 5), "ifrs9_stage": (1, 3), "dpd": (0, None)}
"""By field, least and most; no most: no end."""
