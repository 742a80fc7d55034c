"""The register tables: who may receive what about whom, and who stands behind whom."""

from __future__ import annotations

from transforms.table import Table

REGISTER_TABLES: list[Table] = [
    Table(
        "core.consents",
        "state",
        "One row per consent of a customer to hand data to a recipient for a purpose.",
        "客户授权一行：向某接收方、为某目的提供信息。",
        ("source", "consent_id"),
        ("source", "consent_id", "customer_id", "recipient", "purpose", "granted_date", "withdrawn_date"),
    ),
    Table(
        "core.notices",
        "state",
        "One row per notice to a customer that negative information will be handed on.",
        "不良信息报送前的告知一行。",
        ("source", "notice_id"),
        ("source", "notice_id", "customer_id", "loan_id", "sent_date", "channel_code"),
    ),
    Table(
        "core.companies",
        "state",
        "One row per company or project that somebody may ask about.",
        "可被筛查的企业或项目一行。",
        ("source", "company_id"),
        ("source", "company_id", "kind", "registration_number", "industry_code", "region_code"),
    ),
    Table(
        "core.relations",
        "state",
        "One row per relation of a person, or of another company, to a company or project.",
        "自然人或其他企业与企业（项目）的关系一行。",
        ("source", "relation_id"),
        (
            "source",
            "relation_id",
            "company_id",
            "kind",
            "customer_id",
            "other_company_id",
            "share_rate",
            "amount",
            "currency",
            "from_date",
            "until_date",
            "loan_id",
        ),
    ),
    Table(
        "core.screenings",
        "state",
        "One row per question: which company or project, asked by whom and what for.",
        "筛查请求一行：对象、请求方与目的。",
        ("source", "screening_id"),
        ("source", "screening_id", "company_id", "recipient", "purpose", "asked_date"),
    ),
]
