"""The page on a counterparty: what it says, and the same as HTML and as PDF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

Row = dict[str, Any]
_CODES = {
    "charged_off": "charged off 已核销",
    "in_default": "in default 违约",
    "probation": "probation 观察",
    "forborne": "forborne 宽限",
    "past_due": "past due 逾期",
    "over_limit": "over limit 超限",
    "in_credit": "in credit 溢缴",
    "current": "current 正常",
    "settled": "settled 结清",
    "closed": "closed 销户",
    "not_started": "no loans 无借据",
    "legal_representative": "legal representative 法定代表人",
    "guarantor": "guarantor 担保人",
    "controller": "controller 实际控制人",
    "sponsor": "sponsor 发起人",
    "subsidiary": "subsidiary 子公司",
}
_COLOURS = ("#8fa3b3", "#5f7f23", "#a06e00", "#b54a1c", "#9b1c2e")
_HEIGHT = 48
_STANDING = (
    ("Days past due", "逾期天数", "dpd"),
    ("Bucket", "逾期档", "bucket"),
    ("Status", "信用状态", "credit_status"),
    ("Five-tier", "五级分类", "five_tier"),
    ("IFRS 9", "阶段", "ifrs9_stage"),
    ("Default since", "违约起始", "default_since"),
    ("Delinquent since", "持续逾期起始", "delinquent_since"),
)
_PERSONS = (
    ("No.", "序号", "person_no"),
    ("Relation", "关系", "relation_kinds"),
    ("Level", "层级", "chain_depth"),
    ("Share", "持股", "share_rate"),
    ("Companies", "企业数", "company_count"),
    ("Lenders", "机构数", "lender_count"),
    *_STANDING,
)
_WORST = (
    ("Persons", "人数", "person_count"),
    ("Left out", "未计入", "withheld_count"),
    ("In default", "违约", "default_person_count"),
    ("Leading ones", "其中主要人员", "key_default_count"),
    ("Other companies touched", "波及企业", "contagion_company_count"),
    ("Lenders", "机构数", "lender_count"),
)
_AMOUNTS = (
    ("Currency", "币种", "currency"),
    ("Outstanding", "本金余额", "outstanding_principal_amount"),
    ("Past due", "逾期", "past_due_amount"),
    ("In default", "违约本金", "defaulted_principal_amount"),
    ("Rate", "占比", "defaulted_rate"),
    ("Class, weighted", "加权分类", "weighted_five_tier"),
    ("Guarantees", "担保", "guarantee_amount"),
    ("Against default", "涉违约担保", "guarantee_default_amount"),
    ("HHI persons", "人员集中度", "person_hhi"),
    ("HHI lenders", "机构集中度", "lender_hhi"),
)
_KINDS = {"company": ("Company", "企业"), "project": ("Project", "项目"), None: ("Unknown", "未知")}


@dataclass(frozen=True, slots=True)
class Block:
    """A table of the page; headings in two languages, cells as text."""

    title: str
    headings: list[tuple[str, str]]
    rows: list[list[str]]
    numbers: set[int]
    """Places of columns that stand right."""


@dataclass(frozen=True, slots=True)
class Trend:
    """The bars of one currency: x, height, colour, bucket, month, told."""

    title: str
    bars: list[Row]


@dataclass(frozen=True, slots=True)
class Page:
    """What is said of one screening."""

    company: str
    kind_en: str
    kind_zh: str
    as_of: date
    recipient: str
    purpose: str
    screening: str
    grade: str | None
    withheld: int
    reasons: list[tuple[str, str]]
    blocks: list[Block]
    trends: list[Trend]
    rule: str
    policy: str


def page(screening: Row, amounts: Sequence[Row], persons: Sequence[Row], months: Sequence[Row]) -> Page:
    """The page on one row of share.screening, with its rows of the other screening tables."""
    weighted = ("Class by share", "按股加权分类", "share_weighted_five_tier")
    return Page(
        company=screening["company_id"],
        kind_en=_KINDS[screening["kind"]][0],
        kind_zh=_KINDS[screening["kind"]][1],
        as_of=screening["as_of"],
        recipient=screening["recipient"],
        purpose=screening["purpose"],
        screening=screening["screening_id"],
        grade=screening["grade"],
        withheld=screening["withheld_count"],
        reasons=list(zip(screening["grade_reasons_en"], screening["grade_reasons_zh"], strict=True)),
        blocks=[
            _block("Who was looked at 查看范围", _WORST, [screening]),
            _block("Worst standing 最差状态", (*_STANDING, weighted), [screening]),
            _block("Exposure and guarantees 敞口与担保", _AMOUNTS, amounts),
            _block("Related persons 关联人", _PERSONS, persons),
        ],
        trends=_trends(months),
        rule=screening["grade_version"],
        policy=screening["policy_version"],
    )


def _block(title: str, columns: Sequence[tuple[str, str, str]], rows: Sequence[Row]) -> Block:
    numbers = {
        place
        for place, (*_, name) in enumerate(columns)
        if any(isinstance(row[name], int | float | Decimal) for row in rows)
    }
    cells = [[_text(row[name], name) for *_, name in columns] for row in rows]
    return Block(title, [(en, zh) for en, zh, _ in columns], cells, numbers)


def _text(value: object, name: str) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.1%}" if name in ("share_rate", "defaulted_rate") else f"{value:.2f}"
    if isinstance(value, list):
        return ", ".join(_CODES.get(str(each), str(each)) for each in value)
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    return _CODES.get(str(value), str(value)) if name == "credit_status" else str(value)


def _trends(months: Sequence[Row]) -> list[Trend]:
    """One for each currency, bars from the oldest month-end to the newest."""
    made = []
    for currency in sorted({row["currency"] for row in months}):
        rows = sorted((row for row in months if row["currency"] == currency), key=lambda row: row["month_end"])
        largest = max(row["past_due_amount"] for row in rows)
        bars = [
            {
                "x": 4 + 28 * place,
                "height": round(float(_HEIGHT * row["past_due_amount"] / largest), 1) if largest else 0,
                "colour": _COLOURS[min(int(row["bucket"][1:]), len(_COLOURS) - 1)],
                "bucket": row["bucket"],
                "month": f"{row['month_end']:%y-%m}",
                "told": f"{row['month_end']}: {row['past_due_amount']:,} {row['bucket']}",
            }
            for place, row in enumerate(rows)
        ]
        title = f"{currency}: past due 逾期金额 (highest 最高 {largest:,}), worst bucket 最差逾期档"
        made.append(Trend(title, bars))
    return made


def html(told: Page) -> str:
    """The page as one HTML file without anything from elsewhere; prints on A4."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = Path(__file__).parent / "templates"
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("screening.html").render(page=told)
