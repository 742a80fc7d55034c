"""The aggregates once more: counted loan by loan in plain Python from the rows of the core and status tables."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import polars as pl

from transforms.policy import Policy
from transforms.tables import ALL, BUCKETS

Row = dict[str, Any]
Frames = dict[str, pl.DataFrame]
Counted = dict[tuple[Any, ...], Row]
SLICE = ("currency", "lender_id", "product_code", "region_code")
KEYS = {
    "risk.vintage": (*SLICE, "origination_month", "months_on_book"),
    "risk.roll_rate": (*SLICE, "month_end", "from_state", "to_state"),
    "risk.first_payment_default": (*SLICE, "origination_month"),
    "risk.expected_credit_loss": (*SLICE, "ifrs9_stage", "stress_factor"),
    "risk.concentration": (*SLICE, "dimension"),
    "risk.early_warning": (*SLICE, "from_state"),
    "risk.collection": (*SLICE, "month_end"),
}


def alike(found: Row, expected: Row) -> bool:
    """Equal, floats up to their last digits."""
    return found.keys() == expected.keys() and all(_alike(found[name], expected[name]) for name in expected)


def _alike(found: object, expected: object) -> bool:
    if isinstance(expected, float | Fraction) and isinstance(found, float):
        return abs(found - float(expected)) < 1e-9
    return found == expected


def month_ends(first: date, last: date) -> list[date]:
    """Month-ends from the month of `first` to the last not after `last`."""
    ends: list[date] = []
    day = first.replace(day=1)
    while True:
        following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
        if following - timedelta(days=1) > last:
            return ends
        ends.append(following - timedelta(days=1))
        day = following


def before(end: date) -> date:
    """The month-end before."""
    return end.replace(day=1) - timedelta(days=1)


def slices(row: Row) -> Iterator[tuple[str, ...]]:
    """The slices that a loan counts in: one dimension at a time, and none."""
    own = (row["lender_id"], row["product_code"], row["region_code"])
    yield (row["currency"], ALL, ALL, ALL)
    for kept in range(3):
        yield (row["currency"], *(own[place] if place == kept else ALL for place in range(3)))


def loans(tables: Frames) -> list[Row]:
    """Every started loan with its origination and the slices of its account."""
    accounts = {(row["source"], row["account_id"]): row for row in tables["status.account_status"].rows(named=True)}
    core = {(row["source"], row["loan_id"]): row for row in tables["core.loans"].rows(named=True)}
    found = []
    for row in tables["status.loan_status"].rows(named=True):
        account = accounts[row["source"], row["account_id"]]
        own = core[row["source"], row["loan_id"]]
        found.append(
            {
                **row,
                "customer_id": account["customer_id"],
                "currency": account["currency"],
                "lender_id": account["lender_id"],
                "product_code": account["product_code"],
                "region_code": account["region_code"] or "unknown",
                "origination_date": own["origination_date"],
                "principal_cents": own["principal_cents"],
            }
        )
    return found


def is_off(row: Row) -> bool:
    """Charged off, and not settled since."""
    return row["charged_off_on"] is not None and row["remaining_cents"] > 0 and not row["is_settled"]


def in_book(rows: Iterable[Row]) -> list[Row]:
    """Loans in the book."""
    return [row for row in rows if not is_off(row) and (row["remaining_cents"] != 0 or not row["is_settled"])]


def history(tables: Frames) -> dict[tuple[str, str], dict[date, Row]]:
    """Month-end rows by loan and month-end."""
    found: dict[tuple[str, str], dict[date, Row]] = defaultdict(dict)
    for row in tables["status.loan_history"].rows(named=True):
        found[row["source"], row["loan_id"]][row["month_end"]] = row
    return found


def cash(tables: Frames, row: Row, up_to: date) -> int:
    """Payments and recoveries that name a charged-off loan, since its charge-off."""
    if row["charged_off_on"] is None:
        return 0
    return sum(
        each["amount_cents"]
        for each in tables["core.repayments"].rows(named=True)
        if (each["source"], each["loan_id"]) == (row["source"], row["loan_id"])
        and each["kind"] in ("payment", "recovery")
        and not each["is_void"]
        and row["charged_off_on"] <= each["paid_date"] <= min(up_to, row["as_of"])
    )


def rate(part: int, whole: int) -> Fraction | None:
    """Null where the whole is 0."""
    return Fraction(part, whole) if whole else None


def vintage(tables: Frames, policy: Policy, as_of: date) -> Counted:  # noqa: ARG001
    """risk.vintage."""
    months = history(tables)
    counted: Counted = {}
    for row in loans(tables):
        said = months[row["source"], row["loan_id"]]
        for book, end in enumerate(month_ends(row["origination_date"], as_of)):
            for place in slices(row):
                cell = counted.setdefault((*place, row["origination_date"].replace(day=1), book), Counter())
                cell["loan_count"] += 1
                cell["principal_cents"] += row["principal_cents"]
                now = said.get(end)
                for days in (30, 60, 90):
                    firsts = [day for day in (row[f"first_over_{days}_on"], row["charged_off_on"]) if day]
                    is_ever = bool(firsts) and min(firsts) <= end
                    is_now = now is not None and now["dpd"] > days and not now["is_charged_off"]
                    cell[f"ever_{days}_count"] += is_ever
                    cell[f"ever_{days}_cents"] += row["principal_cents"] if is_ever else 0
                    cell[f"now_{days}_count"] += is_now
                    cell[f"now_{days}_cents"] += now["outstanding_principal_cents"] if now and is_now else 0
                is_written = row["charged_off_on"] is not None and row["charged_off_on"] <= end
                cell["charged_off_cents"] += row["charged_off_cents"] if is_written else 0
                cell["recovered_cents"] += cash(tables, row, end)
    for cell in counted.values():
        for days in (30, 60, 90):
            cell[f"ever_{days}_rate"] = rate(cell[f"ever_{days}_count"], cell["loan_count"])
    return {key: dict(cell) for key, cell in counted.items()}


def moves(tables: Frames, as_of: date) -> list[tuple[Row, date, str, str, int]]:
    """Each loan, month-end, state before, state then, and its amount."""
    months = history(tables)
    found = []
    for row in loans(tables):
        said = months[row["source"], row["loan_id"]]
        ends = month_ends(row["origination_date"], as_of)
        for place, end in enumerate(ends):
            now, earlier = said.get(end), said.get(before(end))
            if place == 0:
                assert now is not None
                found.append((row, end, "new", _state(now), now["outstanding_principal_cents"]))
                continue
            origin = _state(earlier)
            amount = earlier["outstanding_principal_cents"] if earlier and origin != "paid_off" else 0
            found.append((row, end, origin, _state(now), amount))
    return found


def _state(row: Row | None) -> str:
    if row is None:
        return "paid_off"
    return "charged_off" if row["is_charged_off"] else "paid_off" if row["is_settled"] else str(row["bucket"])


def roll_rate(tables: Frames, policy: Policy, as_of: date) -> Counted:  # noqa: ARG001
    """risk.roll_rate."""
    counted: Counted = {}
    entered: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for row, end, origin, target, amount in moves(tables, as_of):
        for place in slices(row):
            cell = counted.setdefault((*place, end, origin, target), {"loan_count": 0, "amount_cents": 0})
            cell["loan_count"] += 1
            cell["amount_cents"] += amount
            entered[*place, end, origin][0] += 1
            entered[*place, end, origin][1] += amount
    for key, cell in counted.items():
        count, amount = entered[key[:-1]]
        cell["rate_by_count"] = rate(cell["loan_count"], count)
        cell["rate_by_amount"] = rate(cell["amount_cents"], amount)
    return counted


def first_payment_default(tables: Frames, policy: Policy, as_of: date) -> Counted:  # noqa: ARG001
    """risk.first_payment_default."""
    counted: Counted = {}
    for row in loans(tables):
        for place in slices(row):
            cell = counted.setdefault((*place, row["origination_date"].replace(day=1)), Counter())
            cell["loan_count"] += 1
            for days in (7, 30):
                is_known = row["first_due_date"] + timedelta(days=days + 1) <= as_of
                cell[f"known{days}_count"] += is_known
                cell[f"fpd{days}_count"] += is_known and row[f"first_late_{days}_on"] is not None
    for cell in counted.values():
        for days in (7, 30):
            cell[f"fpd{days}_rate"] = rate(cell[f"fpd{days}_count"], cell[f"known{days}_count"])
    return {key: dict(cell) for key, cell in counted.items()}


CHAIN = (*BUCKETS[:4], "default", "paid_off")


def _chain(state: str) -> str:
    return state if state in CHAIN else "default"


def expected_credit_loss(tables: Frames, policy: Policy, as_of: date) -> Counted:
    """risk.expected_credit_loss, the chances as exact fractions."""
    ends = month_ends(date(2020, 1, 1), as_of)[-policy.loss.history_months :]
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for row, end, origin, target, _ in moves(tables, as_of):
        if end in ends and origin in CHAIN[:4]:
            for product in (row["product_code"], ALL):
                counts[row["currency"], product, origin, _chain(target)] += 1
    counted: Counted = {}
    for row in in_book(loans(tables)):
        exposure = max(row["outstanding_principal_cents"] + row["past_due_charges_cents"], 0)
        left = (row["last_due_date"].year - as_of.year) * 12 + row["last_due_date"].month - as_of.month
        horizon = max(min(left, 12) if row["ifrs9_stage"] == 1 else left, 1)
        chance = Fraction(1)
        if row["ifrs9_stage"] != 3 and row["bucket"] in CHAIN[:4]:
            chance = _chance(counts, row, horizon)
        for factor in policy.loss.stress_factors:
            given = Fraction(str(policy.product(row["product_code"]).loss_given_default))
            loss = round(min(chance * Fraction(factor), Fraction(1)) * given * exposure)
            for place in slices(row):
                key = (*place, row["ifrs9_stage"], factor)
                cell = counted.setdefault(key, {"loan_count": 0, "exposure_cents": 0, "expected_loss_cents": 0})
                cell["loan_count"] += 1
                cell["exposure_cents"] += exposure
                cell["expected_loss_cents"] += loss
    for cell in counted.values():
        cell["coverage_rate"] = rate(cell["expected_loss_cents"], cell["exposure_cents"])
    return counted


def _chance(counts: Counter[tuple[str, str, str, str]], row: Row, horizon: int) -> Fraction:
    """Chance that a loan is in default after so many months."""
    shares: dict[str, dict[str, Fraction]] = {}
    for origin in CHAIN[:4]:
        for product in (row["product_code"], ALL):
            going = {target: counts[row["currency"], product, origin, target] for target in CHAIN}
            if sum(going.values()):
                shares[origin] = {target: Fraction(going[target], sum(going.values())) for target in CHAIN}
                break
    here = {row["bucket"]: Fraction(1)}
    for _ in range(horizon):
        there: dict[str, Fraction] = defaultdict(Fraction)
        for state, share in here.items():
            for target, going_there in shares.get(state, {state: Fraction(1)}).items():
                there[target] += share * going_there
        here = there
    return here.get("default", Fraction(0))


def concentration(tables: Frames, policy: Policy, as_of: date) -> Counted:  # noqa: ARG001
    """risk.concentration."""
    persons = {
        (row["source"], row["customer_id"]): row["person_id"] for row in tables["core.customers"].rows(named=True)
    }
    owed: dict[tuple[Any, ...], Counter[Any]] = defaultdict(Counter)
    for row in in_book(loans(tables)):
        if row["outstanding_principal_cents"] <= 0:
            continue
        person = persons.get((row["source"], row["customer_id"])) or (row["source"], row["customer_id"])
        for place in slices(row):
            owed[*place, "customer"][person] += row["outstanding_principal_cents"]
        for name in ("lender", "product", "region"):
            column = "lender_id" if name == "lender" else f"{name}_code"
            owed[row["currency"], ALL, ALL, ALL, name][row[column]] += row["outstanding_principal_cents"]
    return {
        key: {
            "entity_count": len(amounts),
            "outstanding_principal_cents": (total := sum(amounts.values())),
            "hhi_rate": sum((Fraction(amount, total) ** 2 for amount in amounts.values()), Fraction(0)),
            "top10_rate": Fraction(sum(sorted(amounts.values())[-10:]), total),
            "largest_rate": Fraction(max(amounts.values()), total),
        }
        for key, amounts in owed.items()
    }


def early_warning(tables: Frames, policy: Policy, as_of: date) -> Counted:
    """risk.early_warning."""
    order = (*BUCKETS, "charged_off")
    entered: dict[tuple[Any, ...], Counter[date]] = defaultdict(Counter)
    worse: dict[tuple[Any, ...], Counter[date]] = defaultdict(Counter)
    last = max((end for _, end, _, _, _ in moves(tables, as_of)), default=date.min)
    for row, end, origin, target, _ in moves(tables, as_of):
        if origin not in BUCKETS[:4]:
            continue
        for place in slices(row):
            entered[*place, origin][end] += 1
            worse[*place, origin][end] += target in order and order.index(target) > order.index(origin)
    year = month_ends(date(2000, 1, 1), last)[-13:-1]
    counted: Counted = {}
    for key, months in entered.items():
        if last not in months:
            continue
        rates = {end: worse[key][end] / months[end] for end in sorted(months)}
        earlier = [value for end, value in rates.items() if end in year]
        mean = statistics.fmean(earlier) if earlier else None
        spread = statistics.stdev(earlier) if len(earlier) > 1 else None
        reach = spread * policy.loss.warning_sigmas if spread is not None else None
        upper = min(max(mean + reach, 0), 1) if mean is not None and reach is not None else None
        counted[key] = {
            "month_end": last,
            "roll_forward_rate": rates[last],
            "mean_rate": mean,
            "spread_rate": spread,
            "lower_limit_rate": min(max(mean - reach, 0), 1) if mean is not None and reach is not None else None,
            "upper_limit_rate": upper,
            "months_count": len(earlier),
            "is_warning": len(earlier) >= 3 and upper is not None and rates[last] - upper > 1e-12,
        }
    return counted


def collection(tables: Frames, policy: Policy, as_of: date) -> Counted:  # noqa: ARG001
    """risk.collection."""
    by_loan = {(row["source"], row["loan_id"]): row for row in loans(tables)}
    told: dict[tuple[Any, ...], Row] = {}
    amounts = (*_due(tables, by_loan, as_of), *_defaulted(tables, by_loan, as_of), *_written(tables, by_loan, as_of))
    for row, end, name, amount in amounts:
        for place in slices(row):
            told.setdefault((*place, end), Counter())[name] += amount
    return _filled(told, as_of)


Amount = tuple[Row, date, str, int]
Loans = dict[tuple[str, str], Row]


def _due(tables: Frames, by_loan: Loans, as_of: date) -> Iterator[Amount]:
    for item in tables["core.installments"].rows(named=True):
        row = by_loan.get((item["source"], item["loan_id"]))
        end = month_ends(item["due_date"], item["due_date"] + timedelta(days=31))[0]
        in_force = (item["plan_date"] is None or item["plan_date"] <= end) and (
            item["replaced_on"] is None or item["replaced_on"] > end
        )
        if row is not None and in_force and end <= as_of:
            is_paid = item["settled_date"] is not None and item["settled_date"] <= end
            yield row, end, "due_cents", item["due_cents"]
            yield row, end, "collected_cents", item["due_cents"] if is_paid else 0


def _defaulted(tables: Frames, by_loan: Loans, as_of: date) -> Iterator[Amount]:
    episodes: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for episode in tables["status.loan_defaults"].rows(named=True):
        episodes[episode["source"], episode["loan_id"]].append(episode)
    for loan, found in episodes.items():
        for number, episode in enumerate(found):
            ended = episode["default_ends_on"] if episode["is_over"] else None
            for end in month_ends(episode["default_since"], as_of)[1:]:
                if ended is None or ended > before(end):
                    cured = ended is not None and ended <= end
                    yield by_loan[loan], end, "default_count", 1
                    yield by_loan[loan], end, "cured_count", cured
                    yield by_loan[loan], end, "redefault_count", cured and number + 1 < len(found)


def _written(tables: Frames, by_loan: Loans, as_of: date) -> Iterator[Amount]:
    for row in by_loan.values():
        if row["charged_off_on"] is not None:
            for end in month_ends(row["charged_off_on"], as_of):
                yield row, end, "charged_off_cents", row["charged_off_cents"]
                yield row, end, "recovered_cents", cash(tables, row, end)


def _filled(told: dict[tuple[Any, ...], Row], as_of: date) -> Counted:
    """Every month-end of a slice from its first on, with the rates."""
    first: dict[tuple[Any, ...], date] = {}
    for key in told:
        first[key[:-1]] = min(first.get(key[:-1], key[-1]), key[-1])
    flows = ("due_cents", "collected_cents", "default_count", "cured_count", "redefault_count")
    names = (*flows, "charged_off_cents", "recovered_cents")
    counted: Counted = {}
    for place, start in first.items():
        for end in month_ends(start, as_of):
            cell = {name: told.get((*place, end), {}).get(name, 0) for name in names}
            counted[*place, end] = {
                **cell,
                "collection_rate": rate(cell["collected_cents"], cell["due_cents"]),
                "cure_rate": rate(cell["cured_count"], cell["default_count"]),
                "redefault_rate": rate(cell["redefault_count"], cell["cured_count"]),
                "recovery_rate": rate(cell["recovered_cents"], cell["charged_off_cents"]),
            }
    return counted


TABLES: dict[str, Callable[[Frames, Policy, date], Counted]] = {
    "risk.vintage": vintage,
    "risk.roll_rate": roll_rate,
    "risk.first_payment_default": first_payment_default,
    "risk.expected_credit_loss": expected_credit_loss,
    "risk.concentration": concentration,
    "risk.early_warning": early_warning,
    "risk.collection": collection,
}
