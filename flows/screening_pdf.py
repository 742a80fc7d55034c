"""The page on a counterparty as PDF; Chinese in a font that readers of PDF bring, so that none is shipped."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.graphics.shapes import Drawing, Line, Rect, String
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Table, TableStyle

from flows.screening_page import Block, Page, Trend

FONT = "STSong-Light"
_GRADES = {"A": "#23734a", "B": "#5f7f23", "C": "#a06e00", "D": "#b54a1c", "E": "#9b1c2e"}
_GREY, _RULE = colors.HexColor("#57636f"), colors.HexColor("#c9d1d9")
_WIDTH = A4[0] - 24 * mm


def pdf(told: Page, path: Path) -> None:
    """Writes the page; the same page gives the same bytes."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    document = SimpleDocTemplate(
        str(path),
        pagesize=A4,
        title=f"{told.company} {told.as_of}",
        author="Tallystick",
        invariant=1,
        leftMargin=12 * mm,
        rightMargin=12 * mm,
        topMargin=12 * mm,
        bottomMargin=12 * mm,
    )
    story: list[Flowable] = [_head(told)]
    if told.withheld:
        story.append(
            _words(
                f"Incomplete: {told.withheld} related person(s) without consent are left out of every figure. "
                f"不完整：{told.withheld} 名关联人未授权，未计入任何数字。",
                8.5,
                colors.HexColor("#a06e00"),
            )
        )
    story.append(_title("Why this grade 评级理由"))
    story += [_words(f"- {en} {zh}", 8.5) for en, zh in told.reasons]
    for block in told.blocks:
        story += [_title(block.title), _table(block)]
    story.append(_title("Twelve month-ends 最近 12 个月末"))
    story += [_chart(trend) for trend in told.trends] or [_words("No loans. 无借据。", 8, _GREY)]
    story.append(
        _words(
            f"Rule 规则 {told.rule} | policy 口径 {told.policy} | people are numbered for this page alone "
            "人员序号仅限本页 | only persons who agreed to this recipient and purpose are counted "
            "仅统计已向该接收方、为该目的授权者",
            7,
            _GREY,
        )
    )
    document.build(story)


def _words(text: str, size: float, colour: colors.Color = colors.black) -> Paragraph:
    style = ParagraphStyle("words", fontName=FONT, fontSize=size, leading=size * 1.3, textColor=colour, wordWrap="CJK")
    return Paragraph(escape(text), style)


def _title(text: str) -> Paragraph:
    style = ParagraphStyle("title", fontName=FONT, fontSize=10.5, leading=13, spaceBefore=7, spaceAfter=2)
    return Paragraph(escape(text), style)


def _head(told: Page) -> Table:
    who = [
        _words(told.company, 17),
        _words(f"{told.kind_en} {told.kind_zh} | as of 截至 {told.as_of}", 9),
        _words(
            f"For 接收方 {told.recipient} | purpose 目的 {told.purpose} | screening 筛查 {told.screening}", 8, _GREY
        ),
    ]
    letter = ParagraphStyle("grade", fontName=FONT, fontSize=30, leading=38, alignment=1, textColor=colors.white)
    head = Table([[who, Paragraph(told.grade or "–", letter)]], colWidths=[_WIDTH - 18 * mm, 18 * mm])
    fill = colors.HexColor(_GRADES.get(told.grade or "", "#6b7680"))
    head.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (1, 0), (1, 0), fill),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("LINEBELOW", (0, 0), (-1, 0), 1.2, colors.black),
            ]
        )
    )
    return head


def _table(block: Block) -> Table:
    headings = [_words(f"{en} {zh}", 7, _GREY) for en, zh in block.headings]
    rows = [[_words(cell, 7.5) for cell in row] for row in block.rows] or [
        [_words("None. 无。", 7.5, _GREY), *("" for _ in headings[1:])]
    ]
    made = Table([headings, *rows], colWidths=[_WIDTH / len(headings)] * len(headings), repeatRows=1)
    made.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, _RULE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 2),
                ("RIGHTPADDING", (0, 0), (-1, -1), 2),
                ("TOPPADDING", (0, 0), (-1, -1), 1),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
            ]
        )
    )
    return made


def _chart(trend: Trend) -> Drawing:
    drawing = Drawing(344, 92)
    drawing.add(String(0, 82, trend.title, fontName=FONT, fontSize=8, fillColor=_GREY))
    drawing.add(Line(0, 24, 340, 24, strokeColor=_RULE))
    for bar in trend.bars:
        fill = colors.HexColor(bar["colour"])
        drawing.add(Rect(bar["x"], 24, 20, bar["height"], fillColor=fill, strokeColor=None))
        for y, text in ((14, bar["bucket"]), (4, bar["month"])):
            drawing.add(String(bar["x"] + 10, y, text, fontName=FONT, fontSize=7, textAnchor="middle"))
    return drawing
