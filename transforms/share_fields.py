"""Fields of what is shared, and of the registers that say with whom and about whom."""

from __future__ import annotations

from transforms.declare import Field, Kind, fields_of

_RATES = ("par1", "par30", "par60", "par90", "npl")

SHARE_FIELDS: list[Field] = [
    *fields_of(
        Kind.ID,
        ("consent_id", "Consent, by the lender's own number", "授权编号"),
        ("notice_id", "Notice to the person, by the lender's own number", "告知编号"),
        ("company_id", "Company or project, by the lender's own number", "企业或项目编号"),
        ("other_company_id", "Company that stands in the relation in a person's place", "关系另一方企业编号"),
        ("relation_id", "Relation of a person or company to a company, by the lender's own number", "关系编号"),
        ("screening_id", "Question about a counterparty, by the lender's own number", "筛查请求编号"),
    ),
    *fields_of(
        Kind.CODE,
        ("recipient", "Who receives the data", "接收方"),
        ("purpose", "What the recipient may use the data for", "使用目的"),
        ("industry_code", "Industry of the company", "行业代码"),
    ),
    *fields_of(Kind.TEXT, ("registration_number", "Number in the public register of companies", "统一社会信用代码")),
    *fields_of(
        Kind.DATE,
        ("granted_date", "First day on which the consent holds", "授权日"),
        ("withdrawn_date", "First day on which the consent holds no more", "撤回日"),
        ("sent_date", "Day on which the person was told", "告知日"),
        ("from_date", "First day of the relation; empty: from the beginning", "关系开始日"),
        ("asked_date", "Day of the question", "请求日"),
    ),
    *fields_of(Kind.RATE, ("share_rate", "Share held in the company, 0 to 1", "持股比例（0 至 1）")),
    *fields_of(
        Kind.CODE,
        (
            "suppression",
            "Why the figures are not shown: small (too few people), complementary (a total would give another away)",
            "未展示原因：small 人数过少，complementary 防止由合计推算",
        ),
        ("lenders", "Lenders at which the person has loans, or ALL", "有借据的机构数（含 ALL）"),
        ("late_lenders", "Lenders at which the person is late, or ALL", "有逾期的机构数（含 ALL）"),
    ),
    *fields_of(Kind.COUNT, ("person_count", "People", "人数")),
    *fields_of(
        Kind.RATE,
        *((f"pool_{rate}_rate", f"{rate}_rate of all lenders together", f"全部机构合计 {rate}") for rate in _RATES),
    ),
]
