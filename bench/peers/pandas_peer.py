"""pandas, one pass over the items per month-end: the tables landed as Parquet; the same reach as `portable_sql`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.peers.portable_sql import AMOUNTS, DATES, FEEDS, SLICES
from transforms.delinquency import OVER_DAYS
from transforms.feeds import CREDIT_KINDS
from transforms.months import month_ends

_NEVER, _ALWAYS = pd.Timestamp("2200-01-01"), pd.Timestamp("1900-01-01")
_EDGES = (-1, 0, 30, 60, 90, 120, 150, 180, 10**6)
_SLICE = ["currency", *SLICES]
_GIVEN = ("repayments", "events", "orders")
"""Feeds that are landed as they are, with the currency of the account."""


def run(landing: Path, out: Path, as_of: date, first_start: date) -> None:
    """Writes the tables as Parquet files; arguments as of `duckdb_peer.run`."""
    feeds = {feed: _read(landing, feed) for feed in FEEDS}
    feeds["repayments"]["is_void"] = _void(feeds["repayments"])
    day = pd.Timestamp(as_of)
    ends = [pd.Timestamp(end) for end in month_ends(first_start, as_of)]
    loans = _loans(feeds, day)
    money = _money(feeds["repayments"], day, loans)
    items = _items(feeds["installments"], money, loans)
    covered = _covered(items, money, loans, day)
    deferrals = _deferrals(feeds["events"], loans)
    moments = ends if ends[-1] == day else [*ends, day]
    standing = _standing(loans, items, money, deferrals, moments)
    first = _first_over(loans, items, money, deferrals, day)
    status = standing[standing["day"] == day].merge(
        loans[["loan", "loan_id", "account_id", "charged_off_on"]], on="loan"
    )
    status = status.merge(first, on="loan", how="left").rename(columns={"oldest": "oldest_due_date"})
    is_shown = ~standing["is_settled"] | ~standing["was_settled"] | (standing["remaining_cents"] < 0)
    history = standing[is_shown & standing["day"].isin(ends)].rename(columns={"day": "month_end"})
    history = history.merge(loans[["loan", "loan_id", "account_id"]], on="loan")
    tables = {
        "core_accounts": feeds["accounts"].rename(columns={"credit_limit": "credit_limit_cents"}),
        "core_loans": loans.rename(columns={"start": "origination_date"}),
        "core_installments": _core_installments(covered, loans),
        "core_chargebacks": _core_chargebacks(covered, loans),
        **{f"core_{feed}": _with_currency(feeds[feed], feeds["accounts"]) for feed in _GIVEN},
        "account_status": _account_status(feeds["accounts"], status),
        "loan_status": status,
        "loan_history": history,
        "portfolio": _portfolio(feeds["accounts"], status),
        "buckets": _buckets(loans, status),
        "vintage": _vintage(loans, status, history, ends),
        "roll_rate": _roll_rate(loans, history, ends),
    }
    for name, rows in tables.items():
        days = {column: rows[column].astype("datetime64[s]").dt.date for column in rows.select_dtypes("datetime")}
        rows.assign(**days).to_parquet(out / f"{name}.parquet", index=False)


def _read(folder: Path, feed: str) -> pd.DataFrame:
    """The delivered file with dates as timestamps and amounts in cents."""
    path = next(folder.rglob(f"{feed}_*.*"))
    is_parquet = path.suffix == ".parquet"
    rows = pd.read_parquet(path) if is_parquet else pd.read_csv(path, dtype="string[pyarrow]")
    for name in rows.columns.intersection(DATES):
        rows[name] = pd.to_datetime(rows[name]).astype("datetime64[s]")
    for name in rows.columns.intersection(AMOUNTS):
        cents = (rows[name].astype("float64") * 100).round()
        rows[name] = cents.astype("Int64") if feed == "events" else cents.fillna(0).astype("int64")
    return rows


def _loans(feeds: dict[str, pd.DataFrame], day: pd.Timestamp) -> pd.DataFrame:
    """One row per loan started: `loan`, its dense number, and its account's slices."""
    original = feeds["installments"][feeds["installments"]["plan_date"].isna()]
    original = original.assign(due=original["principal"] + original["interest"] + original["fee"])
    loans = original.groupby("loan_id", sort=True).agg(
        account_id=("account_id", "first"),
        ordered=("order_date", "min"),
        first_due=("due_date", "min"),
        installment_count=("principal", "size"),
        principal_cents=("principal", "sum"),
        due_cents=("due", "sum"),
    )
    loans["start"] = loans.pop("ordered").fillna(loans.pop("first_due"))
    loans = loans[loans["start"] <= day].reset_index()
    events = feeds["events"]
    off = events[(events["kind"] == "charge_off") & (events["event_date"] <= day)]
    first_off = off.groupby("loan_id")["event_date"].min().rename("charged_off_on")
    accounts = feeds["accounts"][["account_id", "customer_id", *_SLICE]].fillna({"region_code": "unknown"})
    loans = loans.merge(accounts, on="account_id").merge(first_off, on="loan_id", how="left")
    loans = loans.sort_values("loan_id", ignore_index=True)
    return loans.assign(loan=np.arange(len(loans)))


def _void(repayments: pd.DataFrame) -> pd.Series:
    """Per repayment: named by a reversal, or a chargeback of what is."""
    reversed_ones = repayments.loc[repayments["kind"] == "reversal", "refers_to"].dropna().unique()
    is_bounce_of_void = (repayments["kind"] == "chargeback") & repayments["refers_to"].isin(reversed_ones)
    return repayments["repayment_id"].isin(reversed_ones) | is_bounce_of_void


def _money(repayments: pd.DataFrame, day: pd.Timestamp, loans: pd.DataFrame) -> pd.DataFrame:
    """Credits and chargebacks that are not void."""
    is_good = (repayments["kind"] != "reversal") & ~repayments["is_void"]
    rows = repayments[is_good & (repayments["paid_date"] <= day)].merge(loans[["loan_id", "loan"]], on="loan_id")
    rows["is_credit"] = rows["kind"].isin(CREDIT_KINDS)
    return rows[["loan", "repayment_id", "paid_date", "amount", "is_credit"]]


def _items(installments: pd.DataFrame, money: pd.DataFrame, loans: pd.DataFrame) -> pd.DataFrame:
    """Instalments of every plan and chargebacks, in the order in which they are filled, with running totals."""
    rows = installments.merge(loans[["loan_id", "loan", "start"]], on="loan_id")
    rows["plan_from"] = rows["plan_date"].fillna(_ALWAYS)
    plans = rows[["loan", "plan_from"]].drop_duplicates().sort_values(["loan", "plan_from"])
    plans["plan_to"] = plans.groupby("loan")["plan_from"].shift(-1).fillna(_NEVER)
    rows = rows.merge(plans, on=["loan", "plan_from"])
    rows["due"] = rows["principal"] + rows["interest"] + rows["fee"]
    bounced = money[~money["is_credit"]].rename(columns={"paid_date": "due_date", "amount": "due"})
    bounced = bounced.merge(plans, on="loan").merge(loans[["loan", "start"]], on="loan")
    bounced["exists_from"] = bounced[["plan_from", "due_date", "start"]].max(axis=1)
    bounced = bounced.assign(installment_no=0, is_chargeback=True, principal=lambda b: b["due"], interest=0, fee=0)
    rows = rows.assign(
        is_chargeback=False,
        installment_no=rows["installment_no"].astype("int64"),
        repayment_id="",
        exists_from=rows["plan_from"].where(rows["plan_from"] > rows["start"], rows["start"]),
    )
    order = ["loan", "plan_from", "due_date", "is_chargeback", "installment_no", "repayment_id"]
    columns = [*order, "plan_to", "exists_from", "due", "principal", "interest", "fee"]
    items = pd.concat([rows[columns], bounced[columns]], ignore_index=True).sort_values(order, ignore_index=True)
    by_plan = [items["loan"], items["plan_from"]]
    items["dues"] = items["due"].where(~items["is_chargeback"], 0).groupby(by_plan).cumsum()
    items["chargebacks"] = items["due"].where(items["is_chargeback"], 0).groupby(by_plan).cumsum()
    return items


def _covered(items: pd.DataFrame, money: pd.DataFrame, loans: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """The items with what covers each on the day, and since when it is settled."""
    sums = money.assign(
        credited=money["amount"].where(money["is_credit"], 0), bounced=money["amount"].where(~money["is_credit"], 0)
    )
    days = sums.groupby(["loan", "paid_date"], as_index=False)[["credited", "bounced"]].sum()
    days[["credited", "bounced"]] = days.groupby("loan")[["credited", "bounced"]].cumsum()
    days["next_day"] = days.groupby("loan")["paid_date"].shift(-1).fillna(_NEVER)
    last = days.groupby("loan")[["credited", "bounced"]].last().reindex(range(len(loans)), fill_value=0).to_numpy()
    credited, bounced = last[items["loan"].to_numpy()].T
    level = items["dues"].to_numpy() + np.minimum(items["chargebacks"].to_numpy(), bounced)
    above = np.clip(credited - level + items["due"], 0, items["due"])
    is_there = (items["plan_to"] > day) & (items["exists_from"] <= day)
    # loans stand apart by more than any level, so that one search finds the credit that reaches an item
    apart = int(max(items["dues"].max(), days["credited"].max())) + 1
    wanted = items["loan"].to_numpy() * apart + items["dues"].to_numpy()
    place = np.searchsorted(days["loan"].to_numpy() * apart + days["credited"].to_numpy(), wanted)
    found = days.reindex(place)
    reached = found["paid_date"].where(found["loan"].to_numpy() == items["loan"].to_numpy()).set_axis(items.index)
    moved = items[items["chargebacks"] > 0].reset_index().merge(days, on="loan")
    total = moved["dues"] + np.minimum(moved["chargebacks"], moved["bounced"])
    is_open = (moved["credited"] < total) & (moved["paid_date"] < moved["plan_to"])
    moved = moved.assign(open_until=moved["next_day"].where(is_open)).groupby("index")
    late = moved.agg(first_day=("paid_date", "min"), open_until=("open_until", "max")).max(axis=1)
    reached = reached.where(items["chargebacks"] == 0, late.reindex(items.index))
    reached = reached.where(items["due"] > 0, items["exists_from"])
    settled = reached.where(reached > items["exists_from"], items["exists_from"]).where(reached.notna())
    is_settled = (settled < items["plan_to"]) & (settled <= day)
    return items.assign(paid_cents=np.where(is_there, above, 0), settled_date=settled.where(is_settled))


def _core_installments(covered: pd.DataFrame, loans: pd.DataFrame) -> pd.DataFrame:
    rows = covered[~covered["is_chargeback"]].merge(loans[["loan", "loan_id", "account_id", "currency"]], on="loan")
    names = {name: f"{name}_cents" for name in ("due", "principal", "interest", "fee")}
    return rows.rename(columns=names).assign(
        plan_date=rows["plan_from"].where(rows["plan_from"] != _ALWAYS),
        replaced_on=rows["plan_to"].where(rows["plan_to"] != _NEVER),
    )


def _core_chargebacks(covered: pd.DataFrame, loans: pd.DataFrame) -> pd.DataFrame:
    """One row per chargeback: what a later plan finds settled has been so since the earlier one."""
    rows = covered[covered["is_chargeback"]]
    is_own = (rows["settled_date"] > rows["exists_from"]) | (rows["exists_from"] == rows["due_date"])
    rows = rows.assign(
        own=rows["settled_date"].where(is_own), last=rows["settled_date"].where(rows["plan_to"] == _NEVER)
    )
    found = rows.groupby("repayment_id", as_index=False).agg(
        loan=("loan", "first"),
        due_date=("due_date", "first"),
        due_cents=("due", "first"),
        paid_cents=("paid_cents", "sum"),
        own=("own", "max"),
        last=("last", "max"),
    )
    found["settled_date"] = found["own"].where(found["last"].notna())
    return found.merge(loans[["loan", "loan_id", "account_id"]], on="loan")


def _with_currency(rows: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    return rows.merge(accounts[["account_id", "currency"]], on="account_id").rename(columns={"amount": "amount_cents"})


def _account_status(accounts: pd.DataFrame, status: pd.DataFrame) -> pd.DataFrame:
    """One row per account: its loans together."""
    sums = status.groupby("account_id").agg(
        loan_count=("loan", "size"),
        dpd=("dpd", "max"),
        past_due_cents=("past_due_cents", "sum"),
        outstanding_principal_cents=("outstanding_principal_cents", "sum"),
    )
    rows = sums.reindex(accounts["account_id"]).fillna(0).astype("int64").reset_index()
    return rows.assign(bucket=_bucket(rows["dpd"]))


def _bucket(dpd: pd.Series) -> pd.Series:
    return pd.cut(dpd, _EDGES, labels=[f"M{no}" for no in range(8)]).astype("str")


def _deferrals(events: pd.DataFrame, loans: pd.DataFrame) -> pd.DataFrame:
    """One row per deferred loan: first_day, last_day."""
    rows = events[events["kind"] == "deferral"].merge(loans[["loan_id", "loan"]], on="loan_id")
    return rows.groupby("loan").agg(first_day=("event_date", "min"), last_day=("until_date", "max")).reset_index()


def _level(money: pd.DataFrame, count: int, day: pd.Timestamp, *, is_credit: bool) -> npt.NDArray[np.int64]:
    """Per loan what was credited, or charged back, up to the day."""
    rows = money[(money["is_credit"] == is_credit) & (money["paid_date"] <= day)]
    level: npt.NDArray[np.int64] = rows.groupby("loan")["amount"].sum().reindex(range(count), fill_value=0).to_numpy()
    return level


def _standing(
    loans: pd.DataFrame,
    items: pd.DataFrame,
    money: pd.DataFrame,
    deferrals: pd.DataFrame,
    moments: list[pd.Timestamp],
) -> pd.DataFrame:
    """One row per loan and moment from the month of its start on."""
    parts = []
    was_settled = np.zeros(len(loans), dtype=bool)
    for day in moments:
        credited, bounced = (_level(money, len(loans), day, is_credit=is_credit) for is_credit in (True, False))
        is_there = (items["plan_from"] <= day) & (items["plan_to"] > day)
        now = items[is_there & (~items["is_chargeback"] | (items["due_date"] <= day))]
        total = now["dues"] + np.minimum(now["chargebacks"], bounced[now["loan"]])
        uncovered = (total - credited[now["loan"]]).clip(lower=0)
        is_late = (now["due_date"] < day) & (now["due"] > 0) & (uncovered > 0)
        sums = (
            pd.DataFrame(
                {
                    "loan": now["loan"],
                    "due": now["due"],
                    "was_due": now["due"].where(now["due_date"] < day, 0),
                    "outstanding_principal_cents": np.minimum(uncovered, now["principal"]),
                }
            )
            .groupby("loan")
            .sum()
            .reindex(range(len(loans)), fill_value=0)
        )
        rows = sums[["outstanding_principal_cents"]].reset_index().assign(day=day)
        rows["past_due_cents"] = (sums["was_due"].to_numpy() - credited).clip(min=0)
        rows["remaining_cents"] = sums["due"].to_numpy() - credited
        rows["oldest"] = now.loc[is_late].groupby("loan")["due_date"].min().reindex(range(len(loans)))
        rows["is_settled"] = rows["remaining_cents"] <= 0
        rows["was_settled"] = was_settled
        has_started = (loans["start"] <= day).to_numpy()
        was_settled = rows["is_settled"].to_numpy() & has_started
        parts.append(rows[has_started])
    rows = pd.concat(parts, ignore_index=True).merge(deferrals, on="loan", how="left")
    begin = rows["first_day"].where(rows["first_day"] > rows["oldest"], rows["oldest"] + pd.Timedelta(days=1))
    end = rows["last_day"].where(rows["last_day"] < rows["day"], rows["day"]).where(rows["last_day"].notna())
    deferred = ((end - begin).dt.days + 1).clip(lower=0).fillna(0)
    rows["dpd"] = ((rows["day"] - rows["oldest"]).dt.days.fillna(0) - deferred).astype("int64")
    rows["bucket"] = _bucket(rows["dpd"])
    off = loans["charged_off_on"].to_numpy()[rows["loan"]]
    rows["is_charged_off"] = (off <= rows["day"].to_numpy()) & (rows["remaining_cents"] > 0)
    return rows.drop(columns=["first_day", "last_day"])


def _first_over(
    loans: pd.DataFrame, items: pd.DataFrame, money: pd.DataFrame, deferrals: pd.DataFrame, day: pd.Timestamp
) -> pd.DataFrame:
    """One row per loan: the first days over each edge."""
    paid_in = money[money["is_credit"]].groupby(["loan", "paid_date"], as_index=False)["amount"].sum()
    paid_in["paid"] = paid_in.groupby("loan")["amount"].cumsum()
    paid_in = paid_in.sort_values("paid_date").rename(columns={"paid_date": "on"})
    rows = items[items["due"] > 0].merge(deferrals, on="loan", how="left")
    begin = rows["first_day"].where(rows["first_day"] > rows["due_date"], rows["due_date"] + pd.Timedelta(days=1))
    length = ((rows["last_day"] - begin).dt.days + 1).clip(lower=0)
    counted_before = (rows["first_day"] - rows["due_date"]).dt.days - 1
    found = loans[["loan"]]
    for days in OVER_DAYS:
        push = length.where(counted_before <= days, 0).fillna(0)
        on = rows["due_date"] + pd.to_timedelta(days + 1 + push, unit="D")
        asked = rows.assign(on=on.where(on > rows["plan_from"], rows["plan_from"]).astype("datetime64[s]"))
        asked = asked[(asked["on"] < asked["plan_to"]) & (asked["on"] <= day)].sort_values("on")
        asked = pd.merge_asof(asked, paid_in[["loan", "on", "paid"]], on="on", by="loan")
        is_open = asked["paid"].fillna(0) < asked["dues"] + asked["chargebacks"]
        first = asked[is_open].groupby("loan")["on"].min().rename(f"first_over_{days}_on")
        found = found.merge(first, on="loan", how="left")
    return found


def _one_at_a_time(rows: pd.DataFrame, by: list[str], sums: list[str]) -> pd.DataFrame:
    """Sums of one dimension kept and the others ALL, and of all of them ALL."""
    parts = [rows.assign(**{name: "ALL" for name in SLICES if name != kept}) for kept in ("", *SLICES)]
    return pd.concat(
        [part.groupby([*_SLICE, *by], observed=True)[sums].sum().reset_index() for part in parts], ignore_index=True
    )


def _in_book(status: pd.DataFrame) -> pd.DataFrame:
    return status[~status["is_charged_off"] & ((status["remaining_cents"] != 0) | ~status["is_settled"])]


def _portfolio(accounts: pd.DataFrame, status: pd.DataFrame) -> pd.DataFrame:
    """One row per slice and per ALL of each dimension."""
    loans = _in_book(status)
    principal = loans["outstanding_principal_cents"]
    late = {
        name: principal.where(loans["dpd"] > days, 0)
        for name, days in (("par1", 0), ("par30", 30), ("par60", 60), ("par90", 90))
    }
    per_account = (
        loans.assign(loan_count=1, **late)
        .groupby("account_id")
        .agg(dict.fromkeys(("loan_count", "outstanding_principal_cents", "past_due_cents", *late), "sum"))
    )
    rows = accounts[["account_id", *_SLICE]].fillna({"region_code": "unknown"})
    rows = rows.merge(per_account.assign(account_count=1).reset_index(), on="account_id", how="left")
    sums = ["loan_count", "account_count", "outstanding_principal_cents", "past_due_cents", *late]
    rows = rows.groupby(_SLICE)[sums].sum().astype("int64").reset_index()
    for name in SLICES:
        rows = pd.concat([rows, rows.assign(**{name: "ALL"})], ignore_index=True)
    rows = rows.groupby(_SLICE)[sums].sum().reset_index()
    whole = rows["outstanding_principal_cents"].where(rows["outstanding_principal_cents"] != 0)
    return rows.assign(**{f"{name}_rate": rows[name] / whole for name in late}).drop(columns=[*late])


def _buckets(loans: pd.DataFrame, status: pd.DataFrame) -> pd.DataFrame:
    rows = _in_book(status).merge(loans[["loan", *_SLICE]], on="loan").assign(loan_count=1)
    rows = pd.concat([rows, rows.assign(product_code="ALL")])
    sums = ["loan_count", "outstanding_principal_cents", "past_due_cents"]
    return rows.groupby(["currency", "product_code", "bucket"])[sums].sum().reset_index()


def _number(days: pd.Series) -> pd.Series:
    return days.dt.year * 12 + days.dt.month


def _vintage(
    loans: pd.DataFrame, status: pd.DataFrame, history: pd.DataFrame, ends: list[pd.Timestamp]
) -> pd.DataFrame:
    """One row per slice, month of origination and months on book."""
    month = loans["start"].dt.to_period("M").dt.to_timestamp().astype("datetime64[s]")
    cohort = loans.assign(origination_month=month, loan_count=1)
    turned = cohort.merge(status[["loan", *(f"first_over_{days}_on" for days in OVER_DAYS)]], on="loan")
    late = history[(history["dpd"] > 30) & ~history["is_charged_off"]]
    late = late[["loan", "month_end", "outstanding_principal_cents"]].merge(cohort, on="loan")
    parts = []
    for end in ends:
        now = late[late["month_end"] == end].groupby("loan")["outstanding_principal_cents"].sum()
        rows = turned[turned["origination_month"] <= end].copy()
        for days in OVER_DAYS:
            first = rows[[f"first_over_{days}_on", "charged_off_on"]].min(axis=1)
            rows[f"ever_{days}_count"] = (first <= end).astype("int64")
        rows["now_30_count"] = rows["loan"].isin(now.index).astype("int64")
        rows["now_30_cents"] = rows["loan"].map(now).fillna(0).astype("int64")
        rows["months_on_book"] = end.year * 12 + end.month - _number(rows["origination_month"])
        sums = [
            "loan_count",
            "principal_cents",
            *(f"ever_{days}_count" for days in OVER_DAYS),
            "now_30_count",
            "now_30_cents",
        ]
        parts.append(_one_at_a_time(rows, ["origination_month", "months_on_book"], sums))
    rows = pd.concat(parts, ignore_index=True)
    return rows.assign(ever_30_rate=rows["ever_30_count"] / rows["loan_count"])


def _roll_rate(loans: pd.DataFrame, history: pd.DataFrame, ends: list[pd.Timestamp]) -> pd.DataFrame:
    """One row per slice, month-end and pair of states."""
    state = history["bucket"].where(~history["is_settled"], "paid_off").where(~history["is_charged_off"], "charged_off")
    rows = history[["loan", "month_end", "outstanding_principal_cents"]].assign(to_state=state)
    rows = rows.merge(loans[["loan", "start", *_SLICE]], on="loan").sort_values(["loan", "month_end"])
    rows["number"] = _number(rows["month_end"])
    before = rows.groupby("loan")[["to_state", "number", "outstanding_principal_cents"]].shift(1)
    follows = before["number"] == rows["number"] - 1
    is_new = _number(rows["start"]) == rows["number"]
    rows["from_state"] = before["to_state"].where(follows, "paid_off").where(~is_new, "new")
    had = before["outstanding_principal_cents"].where(rows["from_state"] != "paid_off", 0).fillna(0)
    rows["amount_cents"] = had.where(~is_new, rows["outstanding_principal_cents"]).astype("int64")
    rows["loan_count"] = 1
    key = [*_SLICE, "month_end", "from_state", "to_state"]
    told = rows.groupby(key)[["loan_count", "amount_cents"]].sum().reset_index()
    heard = told[told["from_state"] != "new"].groupby([*_SLICE, "month_end"])["loan_count"].sum().rename("heard")
    parts = [told]
    for end in ends:
        started = loans[loans["start"] < end.replace(day=1)].groupby(_SLICE).size().rename("loan_count").reset_index()
        started = started.assign(month_end=end, from_state="paid_off", to_state="paid_off", amount_cents=0)
        started = started.astype({"month_end": told["month_end"].dtype}).merge(
            heard.reset_index(), on=[*_SLICE, "month_end"], how="left"
        )
        started["loan_count"] -= started.pop("heard").fillna(0).astype("int64")
        parts.append(started[started["loan_count"] > 0])
    moves = _one_at_a_time(
        pd.concat(parts, ignore_index=True), ["month_end", "from_state", "to_state"], ["loan_count", "amount_cents"]
    )
    within = moves.groupby([*_SLICE, "month_end", "from_state"])[["loan_count", "amount_cents"]].transform("sum")
    whole = within["amount_cents"].where(within["amount_cents"] != 0)
    return moves.assign(
        rate_by_count=moves["loan_count"] / within["loan_count"], rate_by_amount=moves["amount_cents"] / whole
    )
