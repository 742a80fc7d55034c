"""The ledger of what was sent to whom: files, totals, subjects, and those held back; together all subjects."""

from __future__ import annotations

from transforms.table import Table

_SUBJECT = ("source", "account_id", "loan_id", "customer_id")

SENDING_TABLES: list[Table] = [
    Table(
        "share.files",
        "night",
        "One row per file that was sent: to whom, what for, its hash, and the account of its subjects.",
        "每个报送文件一行：接收方、目的、摘要值与主体数平衡。",
        ("sending_id", "sent_path"),
        (
            "run_id",
            "sending_id",
            "sent_path",
            "sha256",
            "byte_count",
            "layout",
            "kind",
            "recipient",
            "purpose",
            "month_end",
            "made_on",
            "subject_count",
            "sent_count",
            "held_back_count",
            "policy_version",
        ),
    ),
    Table(
        "share.sent_totals",
        "night",
        "One row per sending, currency and action: subjects and the amounts that the files tell.",
        "每次报送每币种每动作一行：主体数与报送金额。",
        ("sending_id", "currency", "action"),
        ("run_id", "sending_id", "currency", "action", "sent_count", "told_balance_amount", "told_past_due_amount"),
    ),
    Table(
        "share.sent",
        "night",
        "One row per sending and subject that was sent; an empty loan is an account.",
        "每次报送每个已报送主体一行；借据为空者为账户。",
        ("sending_id", "source", "account_id", "loan_id"),
        (
            "run_id",
            "sending_id",
            *_SUBJECT,
            "currency",
            "action",
            "reason",
            "told_balance_amount",
            "told_past_due_amount",
        ),
    ),
    Table(
        "share.held_back",
        "night",
        "One row per sending and subject that was held back, with its reasons; an empty loan is an account.",
        "每次报送每个未报送主体一行及原因；借据为空者为账户。",
        ("sending_id", "source", "account_id", "loan_id"),
        ("run_id", "sending_id", *_SUBJECT, "held_back_reason", "held_back_reasons"),
    ),
]
