"""A lake in memory: nights worked through by the pure transforms alone, as the flows do it with files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import polars as pl

from tests.slow.deliveries import Delivery, Place, Row
from transforms import book, carry, restate, versions
from transforms.aggregates.all_risk import (
    BY_MONTH,
    KEPT_COLUMNS,
    SOURCES,
    Published,
    kept_sums,
    month_ended,
    risk,
    standing,
    standing_cells,
)
from transforms.aggregates.kept import Cells, together, without
from transforms.arrivals import Held, added, links, mark
from transforms.feeds import FEEDS, Feed
from transforms.months import last_month_end, turns_a_month
from transforms.obligors import customer_keys, finish, told_together
from transforms.policy import Policy
from transforms.sharing.industry import people_cells, shared
from transforms.sharing.screening import columns, screen
from transforms.sharing.side_by_side import side_by_side
from transforms.tables import TABLES

ORDER: dict[str, pl.DataType] = {"delivery_no": pl.Int32(), "line_number": pl.Int64(), "run_no": pl.Int32()}
STATUS = ("status.loan_status", "status.account_status")
PERSONS = ("core.customers", "status.customer_status")
ACCOUNT_FEEDS = [feed for feed in FEEDS.values() if feed.of_account]
KEYED = [(feed, ["source", *feed.key]) for feed in ACCOUNT_FEEDS if feed.name != "accounts"]


def _facts_schema(feed: Feed) -> dict[str, pl.DataType]:
    number: dict[str, pl.DataType] = {"account_no": pl.Int32()} if feed.of_account else {}
    return {**number, **feed.facts, **ORDER}


def _repeats_schema(feed: Feed) -> dict[str, pl.DataType]:
    return {name: feed.facts[name] for name in ("source", *feed.key)} | ORDER


@dataclass
class Memory:
    """Everything kept from night to night."""

    policy: Policy
    places: list[Place] = field(default_factory=list)
    """Place of each delivery; its number is the index."""
    facts: dict[str, pl.DataFrame] = field(
        default_factory=lambda: {name: pl.DataFrame(schema=_facts_schema(feed)) for name, feed in FEEDS.items()}
    )
    repeats: dict[str, pl.DataFrame] = field(
        default_factory=lambda: {name: pl.DataFrame(schema=_repeats_schema(feed)) for name, feed in FEEDS.items()}
    )
    accounts: dict[tuple[str, str], int] = field(default_factory=dict)
    pairs: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"account_no": pl.Int32, "other_no": pl.Int32})
    )
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    state: dict[str, pl.DataFrame] = field(default_factory=dict)
    waiting: dict[str, pl.DataFrame] = field(default_factory=dict)
    restatements: pl.DataFrame | None = None
    sums: Cells = field(default_factory=dict)
    account_owners: pl.DataFrame = field(default_factory=pl.DataFrame)
    """source, account_id, customer_id of the night before."""
    run_no: int = 0
    as_of: date | None = None

    def night(self, deliveries: Sequence[Delivery], as_of: date) -> None:
        """Takes the deliveries in and brings the tables to the day."""
        self.take(deliveries)
        self._link()
        self._work(as_of)
        self.as_of = as_of

    def take(self, deliveries: Sequence[Delivery]) -> None:
        """Takes the deliveries in and works nothing out: facts and repeats alone."""
        self.run_no += 1
        first = len(self.places)
        self.places += [delivery.place for delivery in deliveries]
        new = {name: self._rows(feed, deliveries, first) for name, feed in FEEDS.items()}
        for name, feed in FEEDS.items():
            held = Held(feed, self.ordered(self.facts[name]).lazy(), self.ordered(self.repeats[name]).lazy())
            rows = self.ordered(new[name]).with_row_index("row_no").cast({"row_no": pl.Int64})
            marked = mark(rows.lazy(), held)
            facts = added(marked, held)
            repeats = marked.filter("is_duplicate").select(*_repeats_schema(feed)).collect()
            self.facts[name] = pl.concat([self.facts[name], facts.select(*_facts_schema(feed)).collect()])
            self.repeats[name] = pl.concat([self.repeats[name], repeats])

    def _rows(self, feed: Feed, deliveries: Sequence[Delivery], first: int) -> pl.DataFrame:
        rows: list[Row] = []
        for number, delivery in enumerate(deliveries, first):
            if delivery.feed != feed.name:
                continue
            for line, row in enumerate(delivery.rows, 2):
                account = row.get("account_id")
                place: Row = {"delivery_no": number, "line_number": line, "run_no": self.run_no}
                if feed.of_account and account is not None:
                    key = (delivery.source, str(account))
                    place["account_no"] = self.accounts.setdefault(key, len(self.accounts))
                rows.append({"source": delivery.source, **row, **place})
        return pl.DataFrame(rows, schema=_facts_schema(feed))

    def ordered(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with their place in the order of deliveries."""
        order = sorted(range(len(self.places)), key=lambda number: (self.places[number], number))
        deliveries = pl.DataFrame(
            {
                "delivery_no": order,
                "order_no": list(range(len(order))),
                "business_date": [self.places[number][0] for number in order],
            },
            schema={"delivery_no": pl.Int32, "order_no": pl.Int32, "business_date": pl.Date},
        )
        return rows.join(deliveries, on="delivery_no", how="left")

    def _link(self) -> None:
        for feed, key in [*KEYED, (FEEDS["installments"], ["source", "loan_id"])]:
            facts = self.facts[feed.name].lazy()
            new = facts.filter(pl.col("run_no") == self.run_no)
            self.pairs = pl.concat([self.pairs, links(new, facts, key).collect()]).unique()

    def _touched(self, as_of: date) -> set[int]:
        if not self.state:
            return set(self.accounts.values())
        touched = {
            number
            for feed in ACCOUNT_FEEDS
            for number in self.facts[feed.name].filter(pl.col("run_no") == self.run_no)["account_no"].drop_nulls()
        }
        touched |= set(self.state["next_change"].filter(pl.col("next_change") <= as_of)["account_no"])
        while True:
            more = {b for a, b in self.pairs.rows() if a in touched} | {a for a, b in self.pairs.rows() if b in touched}
            if more <= touched:
                return touched
            touched |= more

    def _work(self, as_of: date) -> None:
        touched = self._touched(as_of)
        of_them = pl.col("account_no").is_in(touched)
        names = pl.DataFrame(
            [(number, *key) for key, number in self.accounts.items()],
            schema={"account_no": pl.Int32, "source": pl.String, "account_id": pl.String},
            orient="row",
        )
        facts = {feed.name: self.ordered(self.facts[feed.name]).filter(of_them) for feed in ACCOUNT_FEEDS}
        made = book.keep(facts, self.policy, as_of)
        rest, published = names.filter(~of_them), dict(self.tables)
        owned = self.tables.get("core.customers")
        self._customers(as_of)
        told = self._told(made.tables["status.account_status"], names, touched, owned, as_of)
        carried = self._carry(_of(rest, told), as_of)
        left = {name: self.tables[name].join(told, on=["source", "account_id"], how="anti") for name in carried}
        history = made.tables.pop("status.loan_history")
        before = self.tables.get("status.loan_history")
        tables = {}
        for name, rows in made.tables.items():
            if name in STATUS:
                tables[name] = pl.concat([carried[name], rows]) if name in carried else rows
                continue
            old = self.tables.get(name)
            tables[name] = rows if old is None else pl.concat([_of(old, rest), rows]).sort(TABLES[name].key)
        if before is None or self.as_of is None:
            tables["status.loan_history"] = history.with_columns(known_from=pl.lit(as_of))
        else:
            known = self.tables["core.loans"].select("source", "loan_id")
            causes = known.with_columns(cause=pl.lit("test"))
            worked = names.filter(of_them)
            said = restate.restate(_of(before, worked), history, known, causes, self.as_of, as_of)
            self.restatements = said.restatements
            new_months = carried["status.loan_history"].with_columns(known_from=pl.lit(as_of))
            columns = list(TABLES["status.loan_history"].schema)
            parts = [_of(before, rest), said.history, new_months]
            tables["status.loan_history"] = pl.concat([part.select(columns) for part in parts])
        persons = {name: rows for name, rows in self.tables.items() if name in PERSONS}
        self.tables = persons | {name: rows.sort(TABLES[name].key, nulls_last=False) for name, rows in tables.items()}
        for name, rows in made.state.items():
            kept = self.state.get(name, rows.clear()).filter(~of_them)
            self.state[name] = pl.concat([kept, rows], how="vertical_relaxed")
        for name, rows in made.waiting.items():
            kept = self.waiting.get(name, rows.clear()).filter(~of_them)
            self.waiting[name] = pl.concat([kept, rows], how="diagonal_relaxed")
        self._registers()
        self._finish(left, owned, told, as_of)
        self._risk(as_of, published, names.filter(of_them))

    def _told(
        self,
        worked: pl.DataFrame,
        names: pl.DataFrame,
        touched: set[int],
        owned: pl.DataFrame | None,
        as_of: date,
    ) -> pl.DataFrame:
        """source, account_id of the accounts whose status is told anew."""
        account = ["source", "account_id"]
        if self.as_of is None or owned is None or turns_a_month(self.as_of, as_of):
            return names.select(account)
        accounts = self.tables["status.account_status"].select(*account, "customer_id")
        late = carry.late_accounts(self.state["open_items"].lazy(), as_of).collect()["account_no"].to_list()
        of_them = names.filter(pl.col("account_no").is_in(touched))
        anew = of_them.select(account).join(worked.select(*account, "customer_id"), on=account, how="left")
        moving = names.filter(pl.col("account_no").is_in(late) & ~pl.col("account_no").is_in(touched))
        changed = pl.concat([anew, accounts.join(moving, on=account, how="semi")])
        customers = self.tables["core.customers"]
        columns = ["source", "customer_id", "person_id"]
        differing = pl.concat([owned.select(columns), customers.select(columns)]).filter(
            ~pl.struct(columns).is_duplicated()
        )
        return told_together(
            changed.lazy(), differing.lazy(), accounts.lazy(), owned.lazy(), customers.lazy()
        ).collect()

    def _carry(self, rest: pl.DataFrame, as_of: date) -> dict[str, pl.DataFrame]:
        if self.as_of is None:
            return {}
        loans, accounts = (self.tables[name].join(rest, on=["source", "account_id"]) for name in STATUS)
        kept = ("open_items", "paid_months", "deferred")
        states = {name: self.state[name].join(rest, on="account_no", how="semi") for name in kept}
        before = carry.Before(last_day=self.as_of, loan_status=loans, account_status=accounts, **states)
        return carry.carry(before, self.policy, as_of)

    def _customers(self, as_of: date) -> None:
        feed, table = FEEDS["customers"], TABLES["core.customers"]
        spans = versions.spans(self.ordered(self.facts["customers"]), feed)
        rows = versions.valid_at(spans, feed, as_of).with_columns(
            valid_from=pl.when(pl.col("valid_from") != versions.BEGINNING).then("valid_from")
        )
        self.tables[table.name] = rows.select(table.schema.keys()).sort(table.key)

    def _registers(self) -> None:
        for name, feed in FEEDS.items():
            if feed.is_register:
                table = TABLES[f"core.{name}"]
                rows = versions.latest(self.ordered(self.facts[name]).lazy(), feed)
                self.tables[table.name] = rows.select(*table.schema).sort(table.key).collect()

    def _finish(
        self, left: dict[str, pl.DataFrame], owned: pl.DataFrame | None, told: pl.DataFrame, as_of: date
    ) -> None:
        """What is told of persons together; rows that are not told anew stay, and only their date moves on."""
        loans, accounts = (self.tables[name].lazy() for name in STATUS)
        said = finish(loans, accounts, self.tables["core.customers"].lazy(), self.policy)
        persons = "status.customer_status"
        stay: dict[str, pl.DataFrame] = {name: rows for name, rows in left.items() if name in STATUS}
        if stay and owned is not None:
            theirs = self.account_owners.join(told, on=["source", "account_id"], how="semi")
            gone = customer_keys(theirs.lazy(), owned.lazy()).collect()
            stay[persons] = self.tables[persons].join(gone, on=gone.columns, how="anti", nulls_equal=True)
        for name, rows in zip((*STATUS, persons), (said.loans, said.accounts, said.customers), strict=True):
            kept = stay[name].with_columns(as_of=pl.lit(as_of)) if name in stay else rows.collect().clear()
            self.tables[name] = pl.concat([rows.collect(), kept]).sort(TABLES[name].key, nulls_last=False)
        self.account_owners = self.tables["status.account_status"].select("source", "account_id", "customer_id")

    def _published(self, tables: dict[str, pl.DataFrame], accounts: pl.DataFrame) -> Published:
        """What was published of some accounts."""
        account = ["source", "account_id"]
        return Published(
            **{
                part: tables[SOURCES[part]].lazy().join(accounts.lazy().select(account), on=account, how="semi")
                for part in KEPT_COLUMNS
            }
        )

    @staticmethod
    def _recent(said: Published, before: date, as_of: date) -> Published:
        """What suffices for the months that have ended since a day."""
        ends = (last_month_end(before), last_month_end(as_of))
        rows = {name: getattr(said, name).filter(pl.col(day).is_between(*ends)) for name, day in BY_MONTH.items()}
        return replace(said, **rows)

    def _risk(self, as_of: date, before: dict[str, pl.DataFrame], worked: pl.DataFrame) -> None:
        """Risk of the day, and sums by month in which only the accounts worked on are told anew."""
        said = Published(**{part: self.tables[table].lazy() for part, table in SOURCES.items()})
        if self.as_of is None:
            self.sums = kept_sums([said], as_of)
        else:
            now = kept_sums([self._published(self.tables, worked)], as_of)
            self.sums = together(without(self.sums, kept_sums([self._published(before, worked)], self.as_of)), now)
            if month_ended(self.as_of, as_of):
                everyone = self.tables["status.account_status"]
                others = everyone.join(worked, on=["source", "account_id"], how="anti")
                recent = self._recent(self._published(self.tables, others), self.as_of, as_of)
                self.sums = together(self.sums, kept_sums([recent], as_of, behind=self.as_of))
        stand = standing([standing_cells(said, self.sums["moves"], self.policy, as_of)])
        self.tables |= risk(stand, self.sums, self.policy, as_of)
        accounts, customers = self.tables["status.account_status"], self.tables["core.customers"]
        self.tables |= shared(self.tables["risk.portfolio"], [people_cells(accounts, customers)], self.policy)
        self.tables["share.standards"] = side_by_side(self.policy, as_of)
        self.tables |= screen({name: self.tables[name] for name in columns(self.policy)}, self.policy, as_of)


def _of(rows: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    return rows.join(accounts, on=["source", "account_id"], how="semi")


def state_rows(memory: Memory, name: str) -> list[Row]:
    """The rows of a state table without the columns of the nights, as the slow solver gives them."""
    table = TABLES[name]
    return memory.tables[name].select(c for c in table.schema if c not in table.night_columns).rows(named=True)


def waiting_rows(memory: Memory) -> list[Row]:
    """Every waiting row, as the slow solver gives them."""
    rows = []
    for name, frame in memory.waiting.items():
        for row in frame.unique([*FEEDS[name].key, "source", "delivery_no", "line_number"]).rows(named=True):
            business_date, seq, file_name = memory.places[row["delivery_no"]]
            rows.append(
                {
                    "source": row["source"],
                    "feed": name,
                    "key": tuple(row[column] for column in FEEDS[name].key),
                    "business_date": business_date,
                    "seq": seq,
                    "file_name": file_name,
                    "reasons": row["waits_for"],
                }
            )
    return rows
