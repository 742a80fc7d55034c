"""pandas and numpy: the wide form with one column a month-end, landed in a DuckDB file."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from bench.peers.work import CREDITS, EDGES

_NEVER = np.datetime64("2200-01-01")


def run(landing: Path, out: Path, as_of: date, ends: list[date]) -> None:
    """Lands every table of the work in `out/peer.duckdb`."""
    accounts, items, money = (_read(landing, feed) for feed in ("accounts", "installments", "repayments"))
    items = _sorted(items)
    loans = _loans(items, accounts)
    wide = _wide(loans, items, money, [*ends, as_of])
    status = _told(loans, wide, len(ends), as_of).query("start <= @as_of_day", local_dict={"as_of_day": _day(as_of)})
    history = _history(loans, wide, ends)
    tables = {
        "loan_status": status.drop(columns=["is_settled"]),
        "loan_history": history,
        "portfolio": _portfolio(status),
        "vintage": _vintage(loans, history, ends[-1]),
        "roll_rate": _roll_rate(history),
    }
    with duckdb.connect(str(out / "peer.duckdb")) as connection:
        for name, rows in tables.items():
            connection.register("rows_to_land", rows)
            connection.execute(f"CREATE TABLE {name} AS FROM rows_to_land")
            connection.unregister("rows_to_land")


def _day(day: date) -> pd.Timestamp:
    return pd.Timestamp(day)


def _read(landing: Path, feed: str) -> pd.DataFrame:
    rows = pd.read_csv(next(landing.glob(f"{feed}_*.csv")), dtype=str, keep_default_na=False)
    for name in rows.columns:
        if name.endswith("_date"):
            rows[name] = pd.to_datetime(rows[name].replace("", None), format="%Y-%m-%d")
        elif name in ("principal", "interest", "fee", "amount"):
            rows[name] = (rows[name].astype(float) * 100).round().astype(np.int64)
    return rows


def _sorted(items: pd.DataFrame) -> pd.DataFrame:
    items["charges"] = items["interest"] + items["fee"]
    items["due"] = items["principal"] + items["charges"]
    items["installment_no"] = items["installment_no"].astype(int)
    return items.sort_values(["loan_id", "due_date", "installment_no"], ignore_index=True)


def _loans(items: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    loans = items.groupby("loan_id", sort=True).agg(
        account_id=("account_id", "first"),
        ordered=("order_date", "min"),
        first_due=("due_date", "min"),
        total=("due", "sum"),
        lent=("principal", "sum"),
    )
    loans["start"] = loans["ordered"].fillna(loans["first_due"])
    return loans.reset_index().merge(accounts[["account_id", "product_code"]], on="account_id")


def _wide(loans: pd.DataFrame, items: pd.DataFrame, money: pd.DataFrame, days: list[date]) -> list[dict[str, Any]]:
    """Per day, arrays with one entry a loan: late, oldest, principal, money."""
    codes = pd.Index(loans["loan_id"])
    loan = codes.get_indexer(items["loan_id"])
    starts = np.flatnonzero(np.r_[True, loan[1:] != loan[:-1]])
    due, charges, principal = (items[name].to_numpy() for name in ("due", "charges", "principal"))
    total = np.cumsum(due)
    level = total - np.repeat((total - due)[starts], np.diff(np.r_[starts, len(due)]))
    due_day = items["due_date"].to_numpy()
    paid_in = money[money["kind"].isin(CREDITS)]
    payer, amount, paid_day = codes.get_indexer(paid_in["loan_id"]), paid_in["amount"].to_numpy(), paid_in["paid_date"]
    told = []
    for day in days:
        is_in = (paid_day <= _day(day)).to_numpy()
        paid = np.bincount(payer[is_in], weights=amount[is_in], minlength=len(loans)).round().astype(np.int64)
        here = paid[loan]
        covered = np.clip(here - (level - due), 0, due)
        is_due = due_day < np.datetime64(day)
        told.append(
            {
                "late": np.add.reduceat(np.where(is_due, due - covered, 0), starts),
                "oldest": np.minimum.reduceat(np.where(is_due & (level > here), due_day, _NEVER), starts),
                "principal": np.add.reduceat(principal - np.clip(covered - charges, 0, principal), starts),
                "money": paid,
            }
        )
    return told


def _told(loans: pd.DataFrame, wide: list[dict[str, Any]], place: int, day: date) -> pd.DataFrame:
    figures = wide[place]
    is_late = figures["oldest"] < _NEVER
    days = (np.datetime64(day) - figures["oldest"].astype("datetime64[D]")).astype(int)
    dpd = np.where(is_late, days, 0)
    buckets = np.array([f"M{place}" for place in range(8)], dtype=object)
    return pd.DataFrame(
        {
            "loan_id": loans["loan_id"],
            "dpd": dpd,
            "bucket": buckets[np.searchsorted(EDGES, dpd)],
            "past_due_cents": figures["late"],
            "outstanding_principal_cents": figures["principal"],
            "remaining_cents": loans["total"] - figures["money"],
            "is_settled": figures["money"] >= loans["total"],
            "product_code": loans["product_code"],
            "start": loans["start"],
        }
    )


def _history(loans: pd.DataFrame, wide: list[dict[str, Any]], ends: list[date]) -> pd.DataFrame:
    parts = []
    for place, end in enumerate(ends):
        rows = _told(loans, wide, place, end)
        was_settled = wide[place - 1]["money"] >= loans["total"] if place else np.zeros(len(loans), bool)
        is_over = was_settled & (rows["remaining_cents"] == 0) & (loans["start"] < _day(end.replace(day=1)))
        kept = rows[(rows["start"] <= _day(end)) & ~is_over].copy()
        kept["month_end"], kept["lent"] = _day(end), loans["lent"]
        parts.append(kept)
    return pd.concat(parts, ignore_index=True)


def _portfolio(status: pd.DataFrame) -> pd.DataFrame:
    book = status[status["remaining_cents"] != 0].copy()
    for days in (0, 30, 60, 90):
        book[f"over{days}_cents"] = np.where(book["dpd"] > days, book["outstanding_principal_cents"], 0)
    sums = {name: (name, "sum") for name in book.columns if name.endswith("_cents") and name != "remaining_cents"}
    by_product = book.groupby("product_code").agg(loan_count=("loan_id", "count"), **sums).reset_index()
    everything = by_product.drop(columns="product_code").sum().to_frame().T.assign(product_code="ALL")
    return pd.concat([by_product, everything], ignore_index=True)


def _age(rows: pd.DataFrame) -> pd.Series:
    start, end = rows["start"].dt, rows["month_end"].dt
    return (end.year - start.year) * 12 + end.month - start.month


def _vintage(loans: pd.DataFrame, history: pd.DataFrame, last: date) -> pd.DataFrame:
    rows = history.assign(origination_month=_month(history))
    named = {}
    for days in (30, 60, 90):
        is_late = rows["dpd"] > days
        rows[f"now_{days}_count"], rows[f"now_{days}_cents"] = is_late, rows["outstanding_principal_cents"] * is_late
        named |= {f"now_{days}_{unit}": (f"now_{days}_{unit}", "sum") for unit in ("count", "cents")}
    key = ["product_code", "origination_month", "month_end"]
    late = rows.groupby(key).agg(**named).reset_index()
    begun = loans[loans["start"] <= _day(last)]
    cohorts = (
        begun.assign(origination_month=_month(begun))
        .groupby(key[:2])
        .agg(loan_count=("loan_id", "count"), principal_cents=("lent", "sum"))
    )
    ends = pd.DataFrame({"month_end": history["month_end"].unique()})
    grid = cohorts.reset_index().merge(ends, how="cross").query("month_end >= origination_month")
    grid = grid.merge(late, on=key, how="left").fillna(dict.fromkeys(named, 0))
    start, end = grid["origination_month"].dt, grid["month_end"].dt
    return grid.assign(months_on_book=(end.year - start.year) * 12 + end.month - start.month)


def _month(rows: pd.DataFrame) -> pd.Series:
    return rows["start"].dt.to_period("M").dt.to_timestamp()


def _roll_rate(history: pd.DataFrame) -> pd.DataFrame:
    rows = history.sort_values(["loan_id", "month_end"], ignore_index=True)
    rows["to_state"] = np.where(rows["is_settled"], "paid_off", rows["bucket"])
    same = rows["loan_id"] == rows["loan_id"].shift()
    before = rows["to_state"].shift().where(same)
    is_new = _age(rows) == 0
    rows["from_state"] = np.where(is_new, "new", before)
    amount_before = rows["outstanding_principal_cents"].shift().where(same, 0).fillna(0).astype(np.int64)
    rows["amount_cents"] = np.where(
        is_new, rows["outstanding_principal_cents"], np.where(before == "paid_off", 0, amount_before)
    )
    moved = rows[~((rows["to_state"] == "paid_off") & (before == "paid_off"))]
    return (
        moved.groupby(["product_code", "month_end", "from_state", "to_state"])
        .agg(loan_count=("loan_id", "count"), amount_cents=("amount_cents", "sum"))
        .reset_index()
    )
