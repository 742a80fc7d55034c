"""Policy: every choice that the standards leave open, frozen and versioned; read from one TOML file.

The schema names a mistake by its place: `products.default.allocation: …`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

Part = Literal["fee", "interest", "principal"]
PARTS: tuple[Part, ...] = ("fee", "interest", "principal")


_NOT_COLUMNS = {"payment_order", "metro2_grain", "metro2_portfolio_type", "metro2_account_type"}
"""Rules of a product that no night asks for by column."""


class PolicyError(ValueError):
    """A policy that does not fit the schema; the message lists each mistake with its place."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class ProductPolicy(_Frozen):
    """How the loans of one product are counted; what is left out is taken from `[products.default]`."""

    allocation: Literal["loan", "account"] = "loan"
    """Scope in which credits meet dues: the loan's own, or one pot for all loans of an account."""
    tolerance_cents: Annotated[int, Field(ge=0)] = 0
    """An item is settled once no more than this is uncovered."""
    grace_days: Annotated[int, Field(ge=0)] = 0
    """Days past due are 0 while not above this, then the full count."""
    payment_order: tuple[Part, ...] = PARTS
    """What a credit pays first inside one item."""
    refund_to_own_loan: bool = False
    """In scope `account`: a refund fills the items of the loan it names first."""
    loss_given_default: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Share of the exposure that is lost in default."""
    pboc_type: Literal["D1", "R1", "R4"] = "R4"
    """Account type in the second-generation credit report."""
    pboc_grain: Literal["loan", "account"] = "loan"
    """Whether the performance string is kept by loan or by account."""
    metro2_grain: Literal["loan", "account"] = "loan"
    """Whether a Metro 2 record tells of a loan or of an account with all of its loans."""
    metro2_portfolio_type: Literal["I", "R", "C", "O"] = "I"
    """Portfolio type in Metro 2: instalment, revolving, line of credit, open."""
    metro2_account_type: Annotated[str, Field(pattern="^[0-9A-Z]{2}$")] = "06"
    """Account type in Metro 2: 06 is an instalment sales contract, 07 a charge account, 15 a line of credit."""

    @field_validator("payment_order", mode="before")
    @classmethod
    def _each_part_once(cls, value: object) -> object:
        if isinstance(value, list | tuple) and sorted(value) == sorted(PARTS):
            return tuple(value)
        raise ValueError("must name fee, interest and principal, each once")


class DefaultPolicy(_Frozen):
    """When a loan is in default, and when it is cured."""

    days: Annotated[int, Field(ge=1)] = 90
    """Default starts on the first day on which more days are past due."""
    materiality_cents: Annotated[int, Field(ge=0)] = 0
    """... and more than this is past due."""
    materiality_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """... and more than this share of outstanding principal and past-due interest and fees is past due."""
    probation_days: Annotated[int, Field(ge=0)] = 90
    """Days without anything past due after which default ends."""
    restructured_probation_days: Annotated[int, Field(ge=0)] = 365
    """The same for a restructured loan, which must also meet instalments on time."""
    instalments_on_time: Annotated[int, Field(ge=1)] = 2
    """So many of them, due since nothing was past due."""


class FiveTierPolicy(_Frozen):
    """Five-tier class (五级分类)."""

    upper_days: tuple[int, int, int, int] = (0, 90, 270, 360)
    """Last day past due of classes 1, 2, 3 and 4."""
    follows_status: bool = True
    """In default at least 3; once 3 at least 3 until it has held; observed at least 2. False: by days alone."""
    upgrade_months: Annotated[int, Field(ge=0)] = 6
    """Months without anything past due before a class of 3 or worse may improve."""
    instalments_on_time: Annotated[int, Field(ge=1)] = 2
    """So many instalments must be met on time as well, before it improves or observation ends."""
    observation_days: Annotated[int, Field(ge=0)] = 365
    """Days for which a restructured loan is observed, from its new plan's first due date."""

    @field_validator("upper_days", mode="before")
    @classmethod
    def _four_rising_edges(cls, value: object) -> object:
        if not isinstance(value, list | tuple) or len(value) != 4 or list(value) != sorted(set(value)):
            raise ValueError("must be four rising numbers of days")
        return tuple(value)


class LossPolicy(_Frozen):
    """Expected credit loss."""

    significant_days: Annotated[int, Field(ge=0)] = 30
    """More days past due are a significant rise in risk (stage 2)."""
    history_months: Annotated[int, Field(ge=1)] = 12
    """Month transitions that are pooled."""
    discount_rate: Annotated[float, Field(ge=0)] = 0.0
    """Yearly rate at which losses are discounted; 0: not at all."""
    warning_sigmas: Annotated[float, Field(gt=0)] = 3.0
    """Standard deviations between the mean and the control limits of the early warning."""
    stress_factors: tuple[float, ...] = (1.0, 1.5, 2.0)
    """Factors by which the probability of default is multiplied."""

    @field_validator("stress_factors", mode="before")
    @classmethod
    def _list_is_tuple(cls, value: object) -> object:
        return tuple(float(each) for each in value) if isinstance(value, list | tuple) else value


class ScreeningPolicy(_Frozen):
    """The grade of a counterparty by those who stand behind it."""

    version: Annotated[str, Field(min_length=1)] = "screening.1"
    """Stands on every row; changed thresholds need another one."""
    depth: Annotated[int, Field(ge=1, le=10)] = 4
    """Most companies in a chain, the one asked about included."""
    dpd_days: tuple[int, int, int, int] = (0, 30, 60, 90)
    """More days past due than these of any related person: B, C, D, E."""
    defaulted_rate: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Any outstanding principal in default: D; more than this share of it: E."""
    guarantee_rate: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Any guarantee against a default: C; more than this share of them: D."""
    trend_months: Annotated[int, Field(ge=1, le=11)] = 3
    """The worst bucket of the last month-end is compared with that of so many months before."""
    trend_buckets: Annotated[int, Field(ge=1)] = 1
    """Worse by so many buckets: B."""
    person_hhi: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Of two persons or more, a concentration above this: B."""

    @field_validator("dpd_days", mode="before")
    @classmethod
    def _four_rising_edges(cls, value: object) -> object:
        if not isinstance(value, list | tuple) or len(value) != 4 or list(value) != sorted(set(value)):
            raise ValueError("must be four rising numbers of days")
        return tuple(value)


class Metro2Policy(_Frozen):
    """Who reports in Metro 2, and what the format leaves to the reporter."""

    identification_number: Annotated[str, Field(max_length=20)] = ""
    """The reporter's number, as agreed with the bureau; empty: the name of the source."""
    innovis_program: Annotated[str, Field(max_length=10)] = ""
    """Program identifier that Innovis gave the reporter."""
    equifax_program: Annotated[str, Field(max_length=10)] = ""
    """Program identifier that Equifax gave the reporter."""
    experian_program: Annotated[str, Field(max_length=5)] = ""
    """Program identifier that Experian gave the reporter."""
    transunion_program: Annotated[str, Field(max_length=10)] = ""
    """Program identifier that TransUnion gave the reporter."""
    reporter_name: Annotated[str, Field(max_length=40)] = ""
    """Name of the reporter."""
    reporter_address: Annotated[str, Field(max_length=96)] = ""
    """Address of the reporter, in one line."""
    reporter_telephone: Annotated[str, Field(pattern="^([0-9]{10})?$")] = ""
    """Telephone number of the reporter, ten digits."""
    country_code: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "US"
    """Country of the consumers' addresses."""
    name_order: Literal["given_first", "surname_first"] = "given_first"
    """How names are written that have no comma behind the surname."""
    creditor_classification: Annotated[str, Field(pattern="^[0-9]{2}$")] = "12"
    """Classification of original creditors; 12 is a financial company."""
    balance_to_come: bool = False
    """Interest and fees that are not yet due are part of the balance."""
    disaster_words: tuple[str, ...] = ("disaster",)
    """A deferral whose note has one of these words is told as AW, any other as CP."""
    disagreement_words: tuple[str, ...] = ("disagree",)
    """A closed dispute whose note has one of these words is told as XC, any other as XH."""
    removal_words: tuple[str, ...] = ("withdrawn",)
    """A closed dispute whose note has one of these words is told as XR."""

    @field_validator("disaster_words", "disagreement_words", "removal_words", mode="before")
    @classmethod
    def _list_is_tuple(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value


class SharingPolicy(_Frozen):
    """What may be shown to others."""

    least_people: Annotated[int, Field(ge=1)] = 10
    """Fewest people that a cell of a shared aggregate may show."""
    notice_days: Annotated[int, Field(ge=0)] = 10
    """Negative information is handed on only so many days after the person was told."""
    retention_years: Annotated[int, Field(ge=0)] = 5
    """Years for which negative information is kept."""
    retention_from: Literal["end", "delinquency"] = "end"
    """They are counted from the end of the bad behaviour, or from 180 days after a delinquency began."""
    screening: ScreeningPolicy = ScreeningPolicy()
    """The grade of a counterparty by those who stand behind it."""
    metro2: Metro2Policy = Metro2Policy()
    """Who reports in Metro 2, and what the format leaves to the reporter."""


class Policy(_Frozen):
    """One versioned set of rules; everything published carries its version."""

    version: Annotated[str, Field(min_length=1)]
    """Stands on every row; a changed policy needs another one."""
    title: str = ""
    """What the policy is, for people."""
    time_zone: str = "Asia/Shanghai"
    """Its yesterday is the day that a night describes unless told otherwise."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "CNY"
    """Currency of accounts whose feed does not say."""
    currencies: tuple[str, ...] = ("CNY", "INR", "USD", "EUR", "GBP", "HKD", "SGD")
    """Currencies that are accepted; all with two decimals."""
    paid_after_delivery_days: Annotated[int, Field(ge=0)] = 1
    """A paid_date may lie this many days after the business date of its file."""
    unknown_columns: Literal["refuse", "keep", "ignore"] = "refuse"
    """A column that the mapping does not know: its file is refused, or taken with a word in its reason, or taken."""
    require_control: bool = False
    """Refuse files that come without a control file."""
    refused_rows_limit: Annotated[int, Field(ge=0)] = 20
    """A file with more refused rows than the larger of this number ..."""
    refused_rows_share: Annotated[float, Field(ge=0, le=1)] = 0.05
    """... and this share of its rows is refused whole."""
    volume_factor: Annotated[float, Field(gt=1)] = 3.0
    """A file this many times larger or smaller than the median of earlier ones is reported."""
    bucket_upper_days: tuple[int, ...] = (0, 30, 60, 90, 120, 150, 180)
    """Last day of M0, M1 … M6; beyond is M7."""
    contagion: Literal["loan", "account", "person"] = "loan"
    """How far a default reaches: the loan alone, all loans of its account, or all loans of the person."""
    default: DefaultPolicy = DefaultPolicy()
    """When a loan is in default, and when it is cured."""
    five_tier: FiveTierPolicy = FiveTierPolicy()
    """Five-tier class."""
    loss: LossPolicy = LossPolicy()
    """Expected credit loss and early warning."""
    sharing: SharingPolicy = SharingPolicy()
    """What may be shown to others."""
    products: dict[str, ProductPolicy] = {}
    """Rules by product code; `default` is for all that are not named."""

    @field_validator("currencies", "bucket_upper_days", mode="before")
    @classmethod
    def _lists_are_tuples(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("bucket_upper_days")
    @classmethod
    def _seven_rising_edges(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(value) != 7 or list(value) != sorted(set(value)) or value[0] != 0:
            raise ValueError("must be seven rising numbers of days that begin with 0")
        return value

    @model_validator(mode="after")
    def _default_currency_is_accepted(self) -> Policy:
        if self.currency not in self.currencies:
            raise ValueError(f"currency {self.currency} is not among currencies {list(self.currencies)}")
        return self

    @property
    def hash(self) -> str:
        """SHA-256 of the rules, whatever the layout of the file."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def product(self, code: str) -> ProductPolicy:
        """Rules of one product."""
        return self.products.get(code) or self.products.get("default") or ProductPolicy()

    def product_frame(self, codes: Iterable[str]) -> pl.DataFrame:
        """One row per product code: the rules as columns.

        Columns: product_code, the rules as they are named, and for each part of an item `<part>_rank` 1..3, its place
        in the order of payment.
        """
        rows = []
        for code in sorted(set(codes)):
            rules = self.product(code)
            ranks = {f"{part}_rank": rules.payment_order.index(part) + 1 for part in PARTS}
            rows.append({"product_code": code, **rules.model_dump(exclude=_NOT_COLUMNS), **ranks})
        schema: dict[str, pl.DataType] = {
            "product_code": pl.String(),
            "allocation": pl.String(),
            "tolerance_cents": pl.Int64(),
            "grace_days": pl.Int32(),
            "refund_to_own_loan": pl.Boolean(),
            "loss_given_default": pl.Float64(),
            "pboc_type": pl.String(),
            "pboc_grain": pl.String(),
            **{f"{part}_rank": pl.Int8() for part in PARTS},
        }
        return pl.DataFrame(rows, schema=schema)


def parse_policy(document: dict[str, Any]) -> Policy:
    """The policy in a TOML document; products inherit what they leave out from `[products.default]`.

    Raises:
        PolicyError: one line per mistake, each with its place.
    """
    products = document.get("products", {})
    if isinstance(products, dict) and isinstance(products.get("default", {}), dict):
        default = products.get("default", {})
        merged = {code: {**default, **rules} if isinstance(rules, dict) else rules for code, rules in products.items()}
        document = {**document, "products": merged}
    try:
        return Policy.model_validate(document)
    except ValidationError as error:
        raise PolicyError("\n".join(mistakes(error))) from None


def mistakes(error: ValidationError, secrets: Collection[str] = ()) -> list[str]:
    """One line per mistake: its place in the document, what is wrong, and what stood there but for secrets."""
    lines = []
    for item in error.errors():
        place = ".".join(str(part) for part in item["loc"]) or "document"
        is_told = item["type"] not in ("missing", "extra_forbidden") and place not in secrets
        given = "" if not is_told else f" (given: {item['input']!r})"
        wrong = {"extra_forbidden": "no such setting", "missing": "is required"}.get(item["type"], item["msg"])
        lines.append(f"{place}: {wrong}{given}")
    return lines
