"""Fields of the screening tables."""

from __future__ import annotations

from transforms.declare import Field, Kind, fields_of

SCREENING_FIELDS: list[Field] = [
    *fields_of(
        Kind.CODE,
        (
            "grade",
            "Grade of the counterparty, A (best) to E; empty: nobody could be looked at",
            "评级 A（最好）至 E；为空表示无可查看对象",
        ),
        ("grade_version", "Version of the grading rule", "评级规则版本"),
    ),
    *fields_of(
        Kind.TEXTS,
        ("relation_kinds", "Relations in which the person stands to the company", "关联关系种类"),
        ("grade_reasons_en", "Every reason for the grade, worst first, in English", "评级理由（英文），最重在前"),
        ("grade_reasons_zh", "Every reason for the grade, worst first, in Chinese", "评级理由（中文），最重在前"),
    ),
    *fields_of(
        Kind.INTEGER,
        (
            "person_no",
            "Number of the person within the screening; says nothing outside it",
            "关联人在本次筛查内的序号，无他用",
        ),
        ("chain_depth", "Companies between, 1 when the person is named directly", "关联层级，1 为直接"),
    ),
    *fields_of(
        Kind.COUNT,
        ("withheld_count", "Related persons left out for want of consent", "因未获授权而未计入的关联人数"),
        ("default_person_count", "Related persons in default", "违约关联人数"),
        ("key_default_count", "Legal representatives and controllers in default", "违约的法定代表人与实际控制人数"),
        (
            "company_count",
            "Companies and projects that the person stands behind, this one included",
            "该人关联的企业与项目数（含本企业）",
        ),
        (
            "contagion_company_count",
            "Other companies behind which a related person in default stands",
            "违约关联人涉及的其他企业数",
        ),
    ),
    *fields_of(
        Kind.AMOUNT,
        ("defaulted_principal_amount", "Outstanding principal of accounts in default", "违约账户本金余额"),
        (
            "guarantee_amount",
            "Guarantees of persons and companies for the counterparty in force",
            "有效担保金额（个人与企业）",
        ),
        (
            "guarantee_default_amount",
            "Those whose guarantor or guaranteed loan is in default",
            "担保人或被担保借据违约的担保金额",
        ),
    ),
    *fields_of(
        Kind.RATE,
        ("share_weighted_five_tier", "Five-tier class weighted by share held", "按持股比例加权的五级分类"),
        ("weighted_five_tier", "Five-tier class weighted by outstanding principal", "按本金余额加权的五级分类"),
        ("defaulted_rate", "Outstanding principal in default over all outstanding principal", "违约本金余额占比"),
        (
            "person_hhi",
            "Sum of the squared shares of persons in outstanding principal",
            "本金余额按关联人的赫芬达尔指数",
        ),
        ("lender_hhi", "Sum of the squared shares of lenders in outstanding principal", "本金余额按机构的赫芬达尔指数"),
    ),
    *fields_of(
        Kind.FLAG,
        (
            "is_complete",
            "Nobody was left out for want of consent, and the counterparty is known",
            "无人因未授权而被排除，且该企业或项目已知",
        ),
    ),
]
