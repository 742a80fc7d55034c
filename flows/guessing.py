"""A first source mapping, guessed from a sample file: column names, dates and units; to be checked by a person."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from pathlib import Path

from flows.errors import WrongUse
from flows.stores import records
from flows.stores.landing import FileName, NotADelivery
from transforms.feeds import EVENT_KINDS, FEEDS, REPAYMENT_KINDS, FeedColumn
from transforms.fields import Kind
from transforms.mapping import FileFormat, parse_mapping

SAMPLE_BYTES = 1 << 20
SAMPLE_ROWS = 1000
ENCODINGS = ("utf-8-sig", "gb18030")
DELIMITERS = (",", "\t", ";", "|", "^")
LAYOUTS = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y年%m月%d日")

SYNONYMS: dict[str, tuple[str, ...]] = {
    "account_id": ("account", "accountno", "acctid", "acctno", "账户", "账号", "账户编号"),
    "customer_id": ("customer", "client", "custid", "userid", "客户", "客户编号", "客户号", "用户编号"),
    "product_code": ("product", "productid", "产品", "产品代码"),
    "opened_date": ("opendate", "openeddate", "opened", "开户日期", "开户日"),
    "closed_date": ("closedate", "closed", "销户日期"),
    "credit_limit": ("limit", "creditline", "额度", "授信额度", "信用额度"),
    "currency": ("ccy", "币种"),
    "region_code": ("region", "province", "地区", "省份"),
    "channel_code": ("channel", "渠道"),
    "lender_id": ("lender", "institution", "机构", "放款机构"),
    "loan_id": ("loan", "loanno", "借据", "借据号", "借据编号", "合同号"),
    "installment_no": ("installment", "instalment", "period", "term", "期数", "期次", "期号"),
    "due_date": ("duedate", "due", "repaymentdue", "应还日", "应还日期", "到期日"),
    "principal": ("capital", "本金", "应还本金"),
    "interest": ("利息", "应还利息"),
    "fee": ("fees", "charge", "费用", "手续费"),
    "order_date": ("orderdate", "purchasedate", "下单日期", "订单日期", "放款日"),
    "plan_date": ("plandate", "计划日期"),
    "repayment_id": ("paymentid", "transactionid", "txnid", "流水号", "还款流水号", "还款编号"),
    "paid_date": ("paymentdate", "paydate", "repaymentdate", "repaymentday", "还款日期", "还款日", "入账日期"),
    "amount": ("amt", "sum", "金额", "还款金额", "订单金额"),
    "kind": ("type", "txntype", "类型", "交易类型", "还款类型"),
    "refers_to": ("originalid", "reference", "原流水号"),
    "event_id": ("event", "事件编号"),
    "event_date": ("eventdate", "事件日期"),
    "until_date": ("until", "enddate", "截止日期"),
    "note": ("remark", "comment", "备注"),
    "id_type": ("idtype", "documenttype", "证件类型"),
    "id_number": ("idno", "idnumber", "documentno", "证件号码", "身份证号"),
    "name": ("customername", "fullname", "姓名", "客户姓名"),
    "phone": ("mobile", "telephone", "phoneno", "电话", "手机号", "手机号码"),
    "address": ("addr", "street", "地址", "住址"),
    "city": ("town", "城市"),
    "state_code": ("state", "province", "省份"),
    "postal_code": ("zip", "zipcode", "postcode", "邮编"),
    "birth_date": ("birthday", "dob", "出生日期"),
    "income_monthly": ("income", "salary", "月收入"),
    "income_date": ("incomedate", "收入日期"),
    "employment_code": ("employment", "job", "就业状况"),
    "valid_from": ("validfrom", "effectivedate", "生效日期"),
    "order_id": ("order", "orderno", "订单号", "订单编号"),
    "category_code": ("category", "类目", "商品类目"),
    "is_deleted": ("deleted", "删除标志"),
}
KINDS: dict[str, str] = {
    "还款": "payment",
    "退款": "refund",
    "减免": "waiver",
    "追偿": "recovery",
    "冲正": "reversal",
    "退票": "chargeback",
    "延期": "deferral",
    "重组": "restructure",
    "核销": "charge_off",
    "repayment": "payment",
    "pay": "payment",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """The first records of a file."""

    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def values(self, column: str) -> list[str]:
        """The cells of a column that are not empty."""
        place = self.columns.index(column)
        return [row[place].strip() for row in self.rows if len(row) > place and row[place].strip()]


def write_guess(sample: Path, source: str, target: Path) -> Iterator[str]:
    """Writes the guessed mapping; says what it found and what is to be checked.

    Raises:
        WrongUse: the sample cannot be read, or the target is there already.
    """
    if target.exists():
        raise WrongUse(f"{target} is there already; name another file with --output, or remove it first.")
    found = read_sample(sample)
    feed = guess_feed(sample, found.columns)
    text = mapping_text(source, sample, found, feed)
    parse_mapping(tomllib.loads(text), source)  # what is written can be read
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    yield f"{target} is written: {sample.name} looks like {feed}, in {found.encoding}, parted by {found.delimiter!r}."
    yield "It is a guess: check every line, the ones marked CHECK first; then `tally nightly` uses it."


def read_sample(path: Path) -> Sample:
    """The first records, with encoding and delimiter found out.

    Raises:
        WrongUse: the file is not text with a header.
    """
    try:
        with path.open("rb") as file:
            start = file.read(SAMPLE_BYTES)
    except OSError as error:
        raise WrongUse(f"{path} cannot be read ({error.strerror}).") from None
    if path.suffix in (".parquet", ".jsonl", ".gz", ".zst"):
        return _sample_of_records(path)
    whole = start[: start.rfind(b"\n") + 1] or start
    for encoding in ENCODINGS:
        try:
            text = whole.decode(encoding)
        except UnicodeDecodeError:
            continue
        break
    else:
        raise WrongUse(f"{path} is text neither in UTF-8 nor in GB18030.")
    first_line = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=first_line.count)
    table = [tuple(row) for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    if not table:
        raise WrongUse(f"{path} is empty.")
    return Sample(encoding, delimiter, tuple(name.strip() for name in table[0]), tuple(table[1:SAMPLE_ROWS]))


def _sample_of_records(path: Path) -> Sample:
    """The first records of a file that is no plain text table."""
    import tempfile

    file_format = FileFormat()
    try:
        with tempfile.TemporaryDirectory() as work:
            known = records.profile(path, file_format)
            found = records.read(path, file_format, Path(work), known)
            rows = found.rows.select(found.columns).head(SAMPLE_ROWS).collect().rows()
    except records.Unreadable as error:
        raise WrongUse(f"{path} cannot be read: {error}") from None
    return Sample("utf-8", ",", found.columns, tuple(tuple(cell or "" for cell in row) for row in rows))


def guess_feed(path: Path, columns: Sequence[str]) -> str:
    """The feed that the file's name begins with, else the one with most required columns found."""
    by_name = [feed for feed in FEEDS if path.name.startswith(feed)]
    if by_name:
        return by_name[0]

    def found(feed: str) -> float:
        required = [column for column in FEEDS[feed].columns if column.required]
        return sum(likeness(column.name, best_column(column.name, columns) or "") for column in required) / len(
            required
        )

    return max(FEEDS, key=found)


def best_column(wanted: str, columns: Sequence[str]) -> str | None:
    """The delivered column that is most like the feed's, if any is like it at all."""
    best = max(columns, key=lambda name: likeness(wanted, name), default=None)
    return best if best is not None and likeness(wanted, best) >= 0.8 else None


def likeness(wanted: str, name: str) -> float:
    """How alike two column names are, from 0 to 1; synonyms count."""
    bare = _bare(name)
    return max(
        (SequenceMatcher(None, bare, _bare(word)).ratio() for word in (wanted, *SYNONYMS.get(wanted, ()))), default=0
    )


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def mapping_text(source: str, path: Path, sample: Sample, feed: str) -> str:
    """The mapping as TOML, with a remark wherever a person must look."""
    try:
        kind = FileName.parse(path.name).stem
    except NotADelivery:
        kind = feed
    chosen = _assign(feed, sample.columns)
    dates = [column for column in FEEDS[feed].columns if column.kind is Kind.DATE and column.name in chosen]
    amounts = [column for column in FEEDS[feed].columns if column.kind is Kind.AMOUNT and column.name in chosen]
    layout = guess_layout([value for column in dates for value in sample.values(chosen[column.name])])
    values = [value for column in amounts for value in sample.values(chosen[column.name])]
    unused = [name for name in sample.columns if name not in chosen.values()]
    lines = [
        f"# Guessed from {path.name}; check every line.",
        f"source = {json.dumps(source)}",
        "",
        "[reading]",
        f'date_format = "{layout}"' + ("" if dates else "   # CHECK: no date was seen"),
        f'amount_unit = "{guess_unit(values)}"   # CHECK: major (10.50) or minor (1050)',
        "",
        f"[files.{json.dumps(kind, ensure_ascii=False)}]",
        f"ignore_columns = {json.dumps(unused, ensure_ascii=False)}   # CHECK: columns that nothing is taken from",
        "",
        f"[files.{json.dumps(kind, ensure_ascii=False)}.format]",
        f'encoding = "{sample.encoding}"',
        f"delimiter = {json.dumps(sample.delimiter)}",
        "",
        f"[files.{json.dumps(kind, ensure_ascii=False)}.feeds.{feed}.columns]",
        *(_column_line(column, chosen) for column in FEEDS[feed].columns),
    ]
    if "kind" in chosen:
        lines += ["", f"[files.{json.dumps(kind, ensure_ascii=False)}.feeds.{feed}.codes.kind]"]
        lines += _code_lines(feed, sorted(set(sample.values(chosen["kind"]))))
    return "\n".join(lines) + "\n"


def _assign(feed: str, columns: Sequence[str]) -> dict[str, str]:
    """Feed column -> delivered column; the most alike first, each delivered column once."""
    pairs = sorted(
        ((likeness(column.name, name), column.name, name) for column in FEEDS[feed].columns for name in columns),
        key=lambda pair: -pair[0],
    )
    chosen: dict[str, str] = {}
    for alike, wanted, name in pairs:
        if alike >= 0.8 and wanted not in chosen and name not in chosen.values():
            chosen[wanted] = name
    return chosen


def _column_line(column: FeedColumn, chosen: dict[str, str]) -> str:
    if column.name in chosen:
        return f"{column.name} = {json.dumps(chosen[column.name], ensure_ascii=False)}"
    if column.required:
        return f'# {column.name} = "…"   # CHECK: required; name a column, or {{ constant = "…" }}'
    return f'# {column.name} = "…"'


def _code_lines(feed: str, seen: Sequence[str]) -> list[str]:
    known = REPAYMENT_KINDS if feed == "repayments" else EVENT_KINDS
    lines = []
    for code in seen:
        ours = code if code in known else KINDS.get(code.lower(), "")
        remark = "" if ours in known else f"   # CHECK: one of {', '.join(known)}"
        lines.append(f"{json.dumps(code, ensure_ascii=False)} = {json.dumps(ours or code, ensure_ascii=False)}{remark}")
    return lines


def guess_layout(values: Sequence[str]) -> str:
    """The strptime layout that reads most of the dates."""

    def reads(layout: str) -> int:
        count = 0
        for value in values:
            text = value[:10] if layout == "%Y-%m-%d" else value
            try:
                datetime.strptime(text, layout)  # noqa: DTZ007 - a calendar date has no zone
                count += 1
            except ValueError:
                pass
        return count

    return max(LAYOUTS, key=reads) if values else LAYOUTS[0]


def guess_unit(values: Sequence[str]) -> str:
    """Minor when every amount is a whole number, else major."""
    has_places = any("." in value for value in values)
    return "major" if has_places or not values else "minor"
