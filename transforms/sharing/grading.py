"""The grade of a counterparty, A to E: each finding asks for a grade, the worst of them holds, and all are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from transforms.policy import ScreeningPolicy

GRADES = "ABCDE"
KEY_KINDS = ("legal_representative", "controller")
"""Relations in which a person leads the company: their default is the company's."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason for a grade, in words; it names counts and rates, never a person."""

    grade: str
    en: str
    zh: str


def grade(figures: dict[str, Any], rules: ScreeningPolicy) -> tuple[str | None, list[Finding]]:
    """The grade and every finding worse than A, worst first; None where nobody could be looked at.

    Args:
        figures: kind (None: nobody knows the counterparty), person_count, dpd, five_tier, key_default_count,
            defaulted_rate (largest share of outstanding principal in default of any currency), guarantee_default_rate,
            contagion_company_count, trend_steps (buckets by which the worst month-end got worse), person_hhi (largest
            of any currency).
        rules: the policy's thresholds.
    """
    if figures["kind"] is None:
        return None, [
            Finding(
                "",
                "No company or project of this number is known; nothing could be looked at.",
                "未收到该编号的企业或项目，无法查看。",
            )
        ]
    if not figures["person_count"]:
        return None, [Finding("", "No related person could be looked at.", "没有可查看的关联人。")]
    found = sorted(_findings(figures, rules), key=lambda finding: finding.grade, reverse=True)
    if not found:
        return "A", [Finding("A", "Nothing negative is known of any related person.", "关联人均无负面信息。")]
    return found[0].grade, found


def _step(value: float, edges: tuple[float, ...], grades: str) -> str | None:
    """The grade of the highest edge that the value lies above; None where it is above none."""
    passed = sum(value > edge for edge in edges)
    return grades[passed - 1] if passed else None


def _findings(figures: dict[str, Any], rules: ScreeningPolicy) -> Iterator[Finding]:
    days, tier = figures["dpd"], figures["five_tier"]
    if letter := _step(days, rules.dpd_days, "BCDE"):
        yield Finding(letter, f"A related person is {days} days past due.", f"有关联人逾期 {days} 天。")
    if tier > 1:
        yield Finding(
            GRADES[tier - 1],
            f"The worst five-tier class of a related person is {tier}.",
            f"关联人最差五级分类为 {tier}。",
        )
    if leaders := figures["key_default_count"]:
        yield Finding(
            "E",
            f"{leaders} legal representative(s) or controller(s) are in default.",
            f"{leaders} 名法定代表人或实际控制人处于违约。",
        )
    yield from _rates(figures, rules)
    if others := figures["contagion_company_count"]:
        yield Finding(
            "C",
            f"Persons in default stand behind {others} other company(ies), too.",
            f"违约关联人同时关联 {others} 家其他企业。",
        )
    if figures["trend_steps"] >= rules.trend_buckets:
        steps = figures["trend_steps"]
        yield Finding(
            "B",
            f"The worst bucket rose by {steps} within {rules.trend_months} months.",
            f"{rules.trend_months} 个月内最差逾期档上升 {steps} 档。",
        )


def _rates(figures: dict[str, Any], rules: ScreeningPolicy) -> Iterator[Finding]:
    owed, guaranteed = figures["defaulted_rate"], figures["guarantee_default_rate"]
    if letter := _step(owed, (0.0, rules.defaulted_rate), "DE"):
        yield Finding(
            letter,
            f"{owed:.1%} of what related persons owe is in default.",
            f"关联人本金余额中违约占 {owed:.1%}。",
        )
    if letter := _step(guaranteed, (0.0, rules.guarantee_rate), "CD"):
        yield Finding(
            letter,
            f"{guaranteed:.1%} of the guarantees stand against a default.",
            f"担保金额中涉及违约占 {guaranteed:.1%}。",
        )
    if figures["person_count"] > 1 and figures["person_hhi"] > rules.person_hhi:
        yield Finding(
            "B",
            f"What is owed is concentrated in few related persons (HHI {figures['person_hhi']:.2f}).",
            f"欠款集中于少数关联人（HHI {figures['person_hhi']:.2f}）。",
        )
