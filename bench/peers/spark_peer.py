"""PySpark on two local cores: the same text as DuckDB's but for one word, landed as Parquet."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from bench.peers.work import TABLES, statements

_CENTS = "CAST(round(CAST({} AS DECIMAL(18,2)) * 100) AS BIGINT)"
_COLUMNS = {
    "accounts": ["account_id", "product_code"],
    "installments": [
        "loan_id",
        "account_id",
        "CAST(installment_no AS INT) AS installment_no",
        "CAST(due_date AS DATE) AS due_date",
        "CAST(order_date AS DATE) AS order_date",
        f"{_CENTS.format('principal')} AS principal",
        f"{_CENTS.format('interest')} + {_CENTS.format('fee')} AS charges",
    ],
    "repayments": ["loan_id", "CAST(paid_date AS DATE) AS paid_date", f"{_CENTS.format('amount')} AS amount", "kind"],
}


def run(landing: Path, out: Path, as_of: date, ends: list[date]) -> None:
    """Lands every table of the work as Parquet in `out/<table>`."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an optional extra

    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "8g")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.ansi.enabled", "false")
        .getOrCreate()
    )
    try:
        for feed, columns in _COLUMNS.items():
            path = next(landing.glob(f"{feed}_*.csv"))
            spark.read.csv(str(path), header=True).selectExpr(*columns).createOrReplaceTempView(feed)
        for name, sql in statements(as_of, ends).items():
            rows = spark.sql(sql.replace("datediff('day',", "datediff(DAY,"))
            if name in TABLES:
                rows.write.mode("overwrite").parquet(str(out / name))
                rows = spark.read.parquet(str(out / name))
            elif name == "wide":
                rows = rows.persist()
            rows.createOrReplaceTempView(name)
    finally:
        spark.stop()
