"""Random books in the second-generation style: every subject accounted for, read back from XML as it was written."""

from __future__ import annotations

from datetime import date

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.slow.deliveries import Delivery
from tests.slow.strategies import histories, policies
from tests.transforms.working import kept
from transforms.bureau.pboc import PbocReport, report_of
from transforms.bureau.pboc_fields import ACCOUNT_TYPES, KEY
from transforms.bureau.pboc_xml import parsed
from transforms.months import next_month_end
from transforms.policy import Policy

FEWER = settings(max_examples=settings().max_examples // 6)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


def told(deliveries: list[Delivery], policy: Policy, names: list[str], account_type: str) -> PbocReport:
    """The report of the month-end after all deliveries; the names go round."""
    rules = {code: each.model_copy(update={"pboc_type": account_type}) for code, each in policy.products.items()}
    policy = policy.model_copy(update={"products": rules})
    dates = [delivery.business_date for delivery in deliveries]
    month_end = next_month_end(max(dates, default=date(2026, 1, 1)))
    tables = kept(deliveries, policy, month_end).tables
    customers = tables["core.accounts"].select("source", "customer_id").unique().sort("source", "customer_id")
    identities = customers.with_row_index("n").with_columns(
        name=pl.col("n").map_elements(lambda n: names[n % len(names)], return_dtype=pl.String),
        id_type=pl.lit("resident_id"),
        id_number=pl.col("n").cast(pl.String),
    )
    report = report_of(tables, identities, policy, month_end)
    left = [report.records.select(KEY), report.violations.select(KEY).unique(), report.closed_before]
    started = tables["status.loan_status"].select(KEY)
    grains = policy.product_frame(tables["status.account_status"]["product_code"]).select("product_code", "pboc_grain")
    accounts = (
        tables["status.account_status"]
        .join(grains.filter(pl.col("pboc_grain") == "account"), on="product_code")
        .select(*KEY[:2], loan_id=pl.lit(None, pl.String))
    )
    by_loan = (
        started.join(tables["core.loans"].select("source", "loan_id", "product_code"), on=["source", "loan_id"])
        .join(grains.filter(pl.col("pboc_grain") == "loan"), on="product_code")
        .select(KEY)
    )
    expected = pl.concat([accounts, by_loan]).sort(KEY)
    assert pl.concat(left).sort(KEY).rows() == expected.rows()
    return report


@FEWER
@given(histories(), policies(), st.lists(NAMES, min_size=1, max_size=3), st.sampled_from(ACCOUNT_TYPES))
def test_what_is_written_is_read_back(
    deliveries: list[Delivery], policy: Policy, names: list[str], account_type: str
) -> None:
    report = told(deliveries, policy, names, account_type)
    assert parsed(report.xml).equals(report.records)
    assert report.rows.height == report.records.height
    assert set(report.violations["field"]) <= {"name"}
