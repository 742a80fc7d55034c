"""Who stands behind a company: persons named in relations in force, directly and through other companies."""

from __future__ import annotations

from datetime import date

import polars as pl

COMPANY = ("source", "company_id")


def in_force(relations: pl.DataFrame, day: date) -> pl.DataFrame:
    """The rows of core.relations that hold on the day, first and last day included."""
    has_begun = (pl.col("from_date") <= day).fill_null(value=True)
    goes_on = (pl.col("until_date") >= day).fill_null(value=True)
    return relations.filter(has_begun & goes_on)


def behind(companies: pl.DataFrame, relations: pl.DataFrame, depth: int) -> pl.DataFrame:
    """One row per company and person relation that reaches it, by each chain of at most `depth` companies.

    A chain never passes the same company twice, so that companies that hold each other end it.

    Args:
        companies: source, company_id; each once.
        relations: core.relations in force.
        depth: most companies in a chain, the one asked about included.

    Returns:
        source, company_id (the one asked about), relation_id, customer_id, kind, depth (1: named directly), share_rate
        (the product of the shares along the chain; null where one is not known).
    """
    chains = companies.select(
        *COMPANY,
        at="company_id",
        path=pl.concat_list("company_id"),
        held=pl.lit(1.0),
        depth=pl.lit(1, pl.Int32),
    )
    links = relations.drop_nulls("other_company_id").select(
        "source", "other_company_id", at="company_id", link="share_rate"
    )
    persons = relations.drop_nulls("customer_id").select(
        "source", "relation_id", "customer_id", "kind", at="company_id", own="share_rate"
    )
    found = []
    for _ in range(depth):
        found.append(chains.join(persons, on=["source", "at"]))
        chains = (
            chains.join(links, on=["source", "at"])
            .filter(~pl.col("path").list.contains(pl.col("other_company_id")))
            .select(
                *COMPANY,
                at="other_company_id",
                path=pl.concat_list("path", "other_company_id"),
                held=pl.col("held") * pl.col("link"),
                depth=pl.col("depth") + 1,
            )
        )
    return pl.concat(found).select(
        *COMPANY, "relation_id", "customer_id", "kind", "depth", share_rate=pl.col("held") * pl.col("own")
    )


def persons_of(customers: pl.DataFrame) -> pl.DataFrame:
    """One row per row of core.customers: source, customer_id, person (the same at every lender where it is known)."""
    alone = pl.concat_str("source", "customer_id", separator="\x1f")
    return customers.select("source", "customer_id", person=pl.coalesce(pl.lit("\x1e") + pl.col("person_id"), alone))
