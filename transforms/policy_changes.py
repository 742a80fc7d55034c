"""A policy as a list of settings by place, and how two policies differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from pydantic import BaseModel

from transforms.policy import (
    DefaultPolicy,
    FiveTierPolicy,
    LossPolicy,
    Metro2Policy,
    Policy,
    ProductPolicy,
    ScreeningPolicy,
    SharingPolicy,
)

_PARTS: dict[str, type[BaseModel]] = {
    "default": DefaultPolicy,
    "five_tier": FiveTierPolicy,
    "loss": LossPolicy,
    "sharing": SharingPolicy,
    "sharing.screening": ScreeningPolicy,
    "sharing.metro2": Metro2Policy,
}
_MODELS: dict[str, type[BaseModel]] = {"products": ProductPolicy, **_PARTS}
_TAKEN = "which rows and files are taken from the next night on; what was taken is not judged again"
_COVERED = "what credits cover, and with it days past due, amounts and every status"
_EFFECTS = {
    "bucket_upper_days": "buckets, and the strings and tables made of them",
    "contagion": "which loans are in default by another one of their obligor",
    "default": "defaults and probation, and with them IFRS 9 stages, five-tier classes and credit status",
    "five_tier": "five-tier classes and non-performing loans",
    "loss.significant_days": "IFRS 9 stages",
    "loss.warning_sigmas": "early warnings",
    "sharing.least_people": "which cells of shared aggregates are shown",
    "sharing.screening": "grades of counterparties, and how far relations are followed",
    "sharing.metro2": "what Metro 2 files say",
    "sharing": "which loans may be told to others, and when",
    "loss": "expected credit loss",
    "loss_given_default": "expected credit loss",
    "pboc_type": "the account type in the second-generation credit report",
    "pboc_grain": "whether loans or accounts have a performance string of the second-generation credit report",
    "metro2_grain": "what Metro 2 files say",
    "metro2_portfolio_type": "what Metro 2 files say",
    "metro2_account_type": "what Metro 2 files say",
    "allocation": _COVERED,
    "tolerance_cents": _COVERED,
    "payment_order": "how much of what was paid is principal",
    "refund_to_own_loan": _COVERED,
    "grace_days": "days past due, and every status that follows them",
    "time_zone": "which day a night describes unless told otherwise",
    "currency": "the currency of accounts whose feed does not say, from the next night on",
    "volume_factor": "which files are reported for their size",
    "version": "the version that every row carries",
    "title": "nothing but the name",
}
"""What a setting decides: by its place, the table it is in, or, of a product, its name; others decide what is taken."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that differs: its place, both values, and what it decides."""

    place: str
    old: object
    new: object
    decides: str


def settings(policy: Policy, codes: Iterable[str] = ()) -> dict[str, object]:
    """Every setting by its place, `products.<code>.<setting>` as it holds for the product.

    Args:
        policy: the policy.
        codes: product codes to tell besides those that the policy names.
    """
    own = {name: value for name, value in policy if name not in (*_PARTS, "products")}
    for part in _PARTS:
        own |= {f"{part}.{name}": value for name, value in attrgetter(part)(policy) if f"{part}.{name}" not in _PARTS}
    for code in sorted({"default", *policy.products, *codes}):
        own |= {f"products.{code}.{name}": value for name, value in policy.product(code)}
    return own


def meaning(place: str) -> str:
    """What the setting at a place means, as its schema says."""
    table, _, last = place.rpartition(".")
    model: type[BaseModel] = (_MODELS.get(table) or _MODELS["products"]) if table else Policy
    return model.model_fields[last].description or ""


def differences(old: Policy, new: Policy) -> list[Difference]:
    """The settings that differ, by place; of a product that one of them does not name, what holds for it there."""
    before, after = settings(old, new.products), settings(new, old.products)
    return [
        Difference(place, value, after[place], _decides(place))
        for place, value in before.items()
        if value != after[place]
    ]


def _decides(place: str) -> str:
    first = place.partition(".")[0]
    table, _, last = place.rpartition(".")
    names = (place, table, last if first == "products" else first)
    name = next((each for each in names if each in _EFFECTS), None)
    return _EFFECTS[name] if name else _TAKEN


def consequence(old: Policy, new: Policy) -> str:
    """What a night under the new policy does to what was published under the old one."""
    if not differences(old, new):
        return "No setting differs: nothing would be restated."
    if old.version == new.version:
        return (
            f"Both call themselves {old.version}: give the changed policy a version of its own, so that rows and "
            "restatements can tell them apart. The next night works on every account again."
        )
    return (
        f"The next night under {new.version} works on every account again, and month-ends that come out otherwise are "
        f"restated with the cause `policy {old.version} -> {new.version}`; what was said before stays in "
        "status.loan_history_past."
    )
