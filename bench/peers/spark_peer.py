"""PySpark on two local cores: the same statements, the tables landed as Parquet."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from bench.peers.portable_sql import AMOUNTS, DATES, FEEDS, RESULTS, statements

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_KEPT = ("money", "items", "standing", "moves", "cohorts")
"""What is used more than once."""
PARTITIONS = 8
"""Of a shuffle; two cores need no more."""


def session(scratch: Path) -> SparkSession:
    """A session that talks to nobody but itself."""
    from pyspark.sql import SparkSession  # noqa: PLC0415

    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "6g",
        "spark.local.dir": str(scratch),
        "spark.sql.shuffle.partitions": str(PARTITIONS),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.sql.ansi.enabled": "true",
        "spark.sql.session.timeZone": "UTC",
    }
    builder = SparkSession.builder.master("local[2]").appName("bench")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def _feed(spark: SparkSession, feed: str, folder: Path) -> DataFrame:
    """The delivered file of a feed, typed."""
    path = next(folder.rglob(f"{feed}_*.*"))
    if path.suffix == ".parquet":
        return spark.read.parquet(str(path))
    with path.open(encoding="utf-8") as lines:
        names = lines.readline().strip().split(",")
    kinds = {**dict.fromkeys(DATES, "DATE"), **dict.fromkeys(AMOUNTS, "DECIMAL(18,2)")}
    schema = ", ".join(f"{name} {kinds.get(name, 'STRING')}" for name in names)
    return spark.read.csv(str(path), schema=schema, header=True)


def run(landing: Path, out: Path, as_of: date, first_start: date) -> None:
    """Writes the tables as folders of Parquet; arguments as of `duckdb_peer.run`."""
    from pyspark import StorageLevel  # noqa: PLC0415

    spark = session(out / "scratch")
    try:
        for feed in FEEDS:
            _feed(spark, feed, landing).createOrReplaceTempView(feed)
        spark.sql(
            "CREATE TEMPORARY FUNCTION days_between(first DATE, last DATE) RETURNS INT RETURN datediff(last, first)"
        )
        for name, query in statements(first_start, as_of, is_wide=False):
            rows = spark.sql(query)
            if name in RESULTS:
                rows.write.parquet(str(out / f"{name}.parquet"))
                rows = spark.read.parquet(str(out / f"{name}.parquet"))
            elif name in _KEPT:
                rows = rows.persist(StorageLevel.MEMORY_AND_DISK)
            rows.createOrReplaceTempView(name)
    finally:
        spark.stop()
