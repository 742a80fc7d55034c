"""What the data contracts say in words: what each is, what for and not for, terms of use, roles, service levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transforms.policy import SharingPolicy

SCHEDULE, TIME_ZONE = "30 1 * * *", "Asia/Shanghai"
"""When a night runs: the same as in `flows.serving`, which needs Prefect."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What one contract is, and who reads by it."""

    purpose: str
    usage: str
    limitations: str
    reader: str
    """Role of whoever reads, and who that is."""
    who: str


TERMS: dict[str, Terms] = {
    "share": Terms(
        purpose="What may be shown to others: pooled aggregates that name no person, screenings of those who agreed."
        " 可对外提供：不含个人的汇总，以及已授权关联人的筛查结果。",
        usage="Comparing lenders with the pool, judging a counterparty by those who stand behind it.",
        limitations="Cells of fewer than {least_people} people are hidden (suppression says why). A screening tells of"
        " persons who consented alone; is_complete = false says that somebody was left out.",
        reader="outside_reader",
        who="Financiers, lenders and industry bodies with a contract of their own.",
    ),
    "sending": Terms(
        purpose="What was sent to whom, subject by subject, and what was held back and why."
        " 报送登记：已报送与未报送及原因。",
        usage="Answering persons and supervisors; making corrections and deletions later.",
        limitations="Pseudonymous, and for the sender alone: the register of what left the house, not what leaves it.",
        reader="data_protection_office",
        who="Staff who answer for what was sent.",
    ),
    "status": Terms(
        purpose="Where each loan, account and person stands, by every standard, and where it stood at each month-end."
        " 借据、账户与个人的当前状态及历史月末状态。",
        usage="Servicing, provisioning and reporting by the institution that may see its own customers.",
        limitations="Pseudonymous: person_id is a keyed hash, customer_id the lender's own number. To be handed on by"
        " the lawful gate alone (tally share check), loan by loan, recipient by recipient.",
        reader="risk_data",
        who="Staff who may see single customers.",
    ),
    "risk": Terms(
        purpose="Portfolio figures: at risk, buckets, vintages, roll rates, expected loss, concentration, warning,"
        " collection. 组合风险指标。",
        usage="Steering a portfolio inside the institution.",
        limitations="Cells of few people are not hidden here: hand on share.portfolio instead.",
        reader="risk_management",
        who="Staff who may see portfolios.",
    ),
    "files": Terms(
        purpose="Files handed on: records for bureaus, and another institution's codes in every standard."
        " 对外报送文件：征信记录与他机构代码换算。",
        usage="Reporting to a bureau that the person agreed to; reading what another institution reports.",
        limitations="Names and numbers of persons: only for the recipient that the consent names, and for its purpose.",
        reader="bureau",
        who="The recipient that consents name.",
    ),
}
"""By contract."""
_RETENTION = {
    "end": "the end of the bad behaviour (征信业管理条例 16)",
    "delinquency": "180 days after the delinquency began (FCRA 605)",
}


def terms_of_use(rules: SharingPolicy) -> dict[str, str]:
    """Consent, purpose, notice, retention and correction, in the policy's figures."""
    return {
        "consent": (
            "The customer agreed to recipient and purpose, and has not withdrawn"
            " (个人信息保护法 23, 29; 征信业管理条例 13)."
        ),
        "purposeLimitation": "For the purpose that the consent names and for nothing else; not to be handed on.",
        "notice": f"Negative information only {rules.notice_days} days after the person was told.",
        "retention": f"Negative information for {rules.retention_years} years from {_RETENTION[rules.retention_from]}.",
        "correction": "A figure that was said otherwise before is told in ops.restatements.",
    }


def roles(name: str) -> list[dict[str, Any]]:
    """Who may read, and who judges that."""
    terms = TERMS[name]
    return [
        {"role": terms.reader, "access": "read", "description": terms.who},
        {"role": "data_protection", "access": "read", "description": "Judges every new recipient and purpose."},
    ]


def service_levels(rules: SharingPolicy) -> list[dict[str, Any]]:
    """A night a day, what it describes, and how long it is kept."""
    return [
        {
            "property": "frequency",
            "value": 1,
            "unit": "d",
            "driver": "operational",
            "scheduler": "cron",
            "schedule": SCHEDULE,
            "description": f"Every night at 01:30 {TIME_ZONE}.",
        },
        {
            "property": "timeOfAvailability",
            "value": f"01:30 {TIME_ZONE}",
            "description": "When the night begins; what it publishes is there when it ends, whole or not at all.",
        },
        {"property": "latency", "value": 1, "unit": "d", "description": "A night describes the end of the day before."},
        {"property": "retention", "value": rules.retention_years, "unit": "y", "driver": "regulatory"},
    ]
