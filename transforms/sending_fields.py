"""Fields of the ledger of what was sent."""

from __future__ import annotations

from transforms.declare import Field, Kind, fields_of

SENDING_FIELDS: list[Field] = [
    *fields_of(
        Kind.ID,
        (
            "sending_id",
            "Sending: layout, month, recipient and number of the sending",
            "报送编号：版式、月份、接收方、序号",
        ),
    ),
    *fields_of(
        Kind.CODE,
        ("layout", "Layout of the files: metro2 or pboc", "报送版式：metro2 或 pboc"),
        (
            "action",
            "What is done at the recipient: report, correction, deletion, fraud (deleted as opened by fraud)",
            "报送动作：report 报告、correction 更正、deletion 删除、fraud 因冒名开立删除",
        ),
        ("held_back_reason", "First reason to hold the subject back; by it all add up", "未报送首要原因（据此平衡）"),
    ),
    *fields_of(Kind.TEXTS, ("held_back_reasons", "Every reason to hold the subject back", "未报送的全部原因")),
    *fields_of(Kind.TEXT, ("sent_path", "File below the outbox of the warehouse", "报送文件（相对发件目录）")),
    *fields_of(
        Kind.DATE, ("made_on", "Day on which the file was made and consent was asked for", "文件生成日及授权判断日")
    ),
    *fields_of(
        Kind.COUNT,
        ("byte_count", "Length of the file in bytes", "文件字节数"),
        ("subject_count", "Subjects that the sending had to account for", "应说明的主体数"),
        ("sent_count", "Subjects that were sent", "已报送主体数"),
        ("held_back_count", "Subjects that were held back", "未报送主体数"),
    ),
    *fields_of(
        Kind.AMOUNT,
        ("told_balance_amount", "Balance as the layout tells it", "按版式报送的余额"),
        ("told_past_due_amount", "Past due amount as the layout tells it", "按版式报送的逾期金额"),
    ),
]
