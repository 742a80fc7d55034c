"""Batches: every account in one, linked ones together, smaller ones where all are few."""

from __future__ import annotations

from unittest import mock

import polars as pl
import pytest

from flows import batching
from flows.stores.lake import DATASETS, Lake


@pytest.mark.parametrize(("accounts", "largest"), [(1, 2), (128, 2), (129, 16), (400, 16)])
def test_few_accounts_are_worked_on_in_small_batches(accounts: int, largest: int) -> None:
    lake = mock.create_autospec(Lake, instance=True)
    links = pl.DataFrame({"account_no": [3], "other_no": [5]}, schema=DATASETS["links"]).lazy()
    lake.scan.return_value = links if accounts > 5 else links.clear()
    everyone = pl.DataFrame({"account_no": range(accounts)}, schema={"account_no": pl.Int32()})
    with mock.patch.object(batching, "BATCH_ACCOUNTS", 16):
        found = [batch["account_no"].to_list() for batch in batching.batches(lake, everyone)]
    assert sorted(number for batch in found for number in batch) == list(range(accounts))
    assert max(map(len, found)) == min(largest, accounts)
    assert accounts <= 5 or [3, 5] in found
