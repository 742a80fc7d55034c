"""The demo: what a small invented lender sends in three nights, with rows and files that are meant to be noticed.

`DEMO_FLAWS` lists each of them with its file, its line and what becomes of it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from flows.invented import Book, write_book, write_night

DEMO_NIGHTS = (date(2026, 9, 28), date(2026, 9, 29), date(2026, 9, 30))
DEMO_SENT_ON = date(2026, 10, 5)
"""Day on which the month of the last night is sent to a bureau."""
DEMO_BOOK = Book(
    accounts=200,
    seed=7,
    first_date=date(2024, 12, 1),
    last_date=DEMO_NIGHTS[0],
    as_of=DEMO_NIGHTS[0],
    loans=3,
    instalments=(3, 6, 12),
)
"""A small lender; the seed is one with which every bucket occurs."""
_DEMO_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing in the demo that is meant to be noticed."""

    path: str
    """File below the landing folder."""
    line_number: int
    """Physical line, the header being line 1; 0: the file as a whole."""
    row_id: str
    """First cell of the row; empty for a whole file."""
    outcome: str
    """Code of the refusal, or one of OUTCOMES."""
    meaning: str


OUTCOMES = {
    "duplicate": "Equal to the version held; counted, not taken again.",
    "twin": "The same bytes under another name on the same date; taken once.",
    "released": "Waits as an orphan until its account arrives the next night, then counts by itself.",
    "correction": "Replaces the earlier row of its key and restates the past.",
    "deletion": "Removes the fact of its key from the beginning.",
    "superseded": "Older than the version held; kept, and never wins.",
    "late": "Business date before the last published night; taken in the night in which it arrives.",
    "mended": "A file refused before, sent again whole; accepted.",
    "reversal": "Voids the repayment that it names from the beginning.",
    "deferral": "No days past due accrue until its last day.",
    "restructure": "A second plan; the dates before it keep the old one.",
}
"""What may become of a flaw that is not refused."""


_SCRIPT = """
= 2026-09-28 | accounts_20260928_2.csv
account_id,customer_id,product_code,opened_date,credit_limit,currency,region_code,closed_date
A-HAND,C-HAND,baitiao,2026-06-01,5000.00,CNY,CN-BJ,
A-MOVED,C-MOVED,cash_loan,2026-03-01,8000.00,CNY,CN-XJ,
A-YEN,C-HAND,baitiao,2026-06-01,50000,JPY,CN-BJ, | unknown_currency | Yen are not on the policy's list.
A-MINUS,C-HAND,baitiao,2026-06-01,-100.00,CNY,CN-BJ, | negative_amount | A limit below zero.
A-BACK,C-HAND,baitiao,2026-06-01,100.00,CNY,CN-BJ,2026-05-01 | date_order | Closed before it was opened.

= 2026-09-28 | customers_20260928_2.csv
customer_id,id_type,id_number,name,birth_date,income_monthly,income_date,employment_code
C-HAND,resident_id,990101199005170012,韩梅梅,1990-05-17,8200.00,2026-05-30,employed
C-MOVED,resident_id,990102198811020033,马远,1988-11-02,6100.00,2026-02-20,self_employed
C-BIRTH,resident_id,990103199002300055,高明,1990-02-30,7000.00,2026-02-20,employed | bad_date | The line is withheld.

= 2026-09-28 | installments_20260928_2.csv
loan_id,account_id,installment_no,due_date,principal,interest,fee,order_date
L-HAND,A-HAND,1,2026-07-15,400.00,0.00,2.00,2026-06-15
L-HAND,A-HAND,2,2026-08-15,400.00,0.00,2.00,2026-06-15
L-HAND,A-HAND,3,2026-09-15,400.00,0.00,2.00,2026-06-15
L-HAND,A-HAND,four,2026-10-15,400.00,0.00,2.00,2026-06-15 | bad_integer | A number in words.
L-MOVED,A-MOVED,1,2026-04-10,1000.00,12.00,0.00,2026-03-10
L-MOVED,A-MOVED,2,2026-05-10,1000.00,12.00,0.00,2026-03-10
L-MOVED,A-MOVED,3,2026-06-10,1000.00,12.00,0.00,2026-03-10

= 2026-09-28 | repayments_20260928_2.csv
repayment_id,account_id,paid_date,amount,kind,loan_id,refers_to,channel_code
P-HAND-1,A-HAND,2026-07-15,402.00,payment,L-HAND,,wallet
P-HAND-2,A-HAND,2026-08-14,402.00,payment,L-HAND,,wallet
P-HAND-3,A-HAND,2026-08-14,402.00,payment,L-HAND,,wallet
P-MOVED-1,A-MOVED,2026-04-10,1012.00,payment,L-MOVED,,bank
P-MOVED-2,A-MOVED,2026-05-11,50.00,payment,L-MOVED,,bank
P-HAND-1,A-HAND,2026-07-15,402.00,payment,L-HAND,,wallet | duplicate | The same line twice in one file.
P-DATE,A0000003,2026-02-30,120.00,payment,L000000300,,bank | bad_date | 30 February is no day.
P-PLACES,A0000003,2026-09-20,10.055,payment,L000000300,,bank | bad_amount | Money has two places at most.
P-GIFT,A0000003,2026-09-20,30.00,gift,L000000300,,bank | unknown_code | No such kind of repayment.
P-ZERO,A0000003,2026-09-20,0.00,payment,L000000300,,bank | not_positive | Nothing was paid.
P-MINUS,A0000003,2026-09-20,-5.00,payment,L000000300,,bank | not_positive | Less than nothing was paid.
P-EMPTY,A0000003,2026-09-20,,payment,L000000300,,bank | missing | The amount is required.
P-FEW,A0000003,2026-09-20 | too_few_fields | The line breaks off.
P-MANY,A0000003,2026-09-20,30.00,payment,L000000300,,bank,, | too_many_fields | Two fields too many.
P-BYTES,A0000003,2026-09-20,30.00,payment,L000000300,,\udcce\udca2\udcd0\udcc5 | bad_encoding | GB18030 amid UTF-8.
P-AHEAD,A0000003,2026-12-31,30.00,payment,L000000300,,bank | paid_in_future | Paid three months ahead.
P-TWO,A0000003,2026-09-20,30.00,payment,L000000300,,bank | conflict | One key, two amounts.
P-TWO,A0000003,2026-09-20,31.00,payment,L000000300,,bank | conflict | One key, two amounts.
P-BEFORE,A-LATER,2026-09-28,100.00,payment,L-LATER,,wallet | released | Its account comes on the 29th.
P-STRAY,A-NEVER,2026-09-20,30.00,payment,L-NEVER,,bank | orphan | No such account ever comes.
P-VAGUE,A0000004,2026-09-20,30.00,payment,,,bank | no_loan | The product needs a loan to be named.

= 2026-09-28 | events_20260928_2.csv
event_id,account_id,kind,event_date,loan_id,until_date,note
E-DEFER,A-HAND,deferral,2026-09-10,L-HAND,2026-10-10,客户住院 | deferral | The September instalment may wait.
E-OPEN,A0000005,deferral,2026-09-10,L000000500,,客户申请延期 | missing | A deferral needs its last day.
E-BACK,A0000005,deferral,2026-09-10,L000000500,2026-09-01,客户申请延期 | date_order | It ends before it begins.
E-CALL,A0000005,phone_call,2026-09-10,,,电话联系 | unknown_code | No such kind of event.

= 2026-09-28 | companies_20260928_2.csv
company_id,kind,registration_number,industry_code,region_code
F-KILN,company,91990000MA0KILN001,C30,CN-BJ
F-DAM,project,91990000MA0DAM0002,D44,CN-SC

= 2026-09-28 | relations_20260928_2.csv
relation_id,company_id,kind,customer_id,other_company_id,share_rate,amount,from_date
V-HAND,F-KILN,legal_representative,C-HAND,,0.6,,2025-01-01
V-MOVED,F-KILN,guarantor,C-MOVED,,,20000.00,2026-02-01
V-KILN,F-DAM,sponsor,,F-KILN,0.4,,2026-01-01
V-HALF,F-DAM,sponsor,C-MOVED,,40%,,2026-01-01 | bad_rate | A share is a decimal, not a percentage.
V-BOTH,F-DAM,guarantor,C-MOVED,F-KILN,,,2026-01-01 | ambiguous | It names a person and a company.

= 2026-09-28 | consents_20260928_2.csv
consent_id,customer_id,recipient,purpose,granted_date,withdrawn_date
K-HAND-1,C-HAND,bureau,credit_report,2026-06-01,
K-HAND-2,C-HAND,river_leasing,loan_application,2026-09-01,
K-MOVED,C-MOVED,bureau,credit_report,2026-03-01,2026-09-15
K-01,C0000001,bureau,credit_report,2026-01-01,
K-02,C0000002,bureau,credit_report,2026-01-01,
K-03,C0000003,bureau,credit_report,2026-01-01,
K-04,C0000004,bureau,credit_report,2026-01-01,
K-05,C0000005,bureau,credit_report,2026-01-01,
K-06,C0000006,bureau,credit_report,2026-01-01,
K-07,C0000007,bureau,credit_report,2026-01-01,
K-08,C0000008,bureau,credit_report,2026-01-01,
K-09,C0000009,bureau,credit_report,2026-01-01,
K-10,C0000010,bureau,credit_report,2026-01-01,
K-11,C0000011,bureau,credit_report,2026-01-01,
K-12,C0000012,bureau,credit_report,2026-01-01,

= 2026-09-28 | notices_20260928_2.csv
notice_id,customer_id,loan_id,sent_date,channel_code
N-HAND,C-HAND,L-HAND,2026-09-16,sms
N-01,C0000001,,2026-09-15,letter
N-02,C0000002,,2026-09-15,letter
N-03,C0000003,,2026-09-15,letter
N-04,C0000004,,2026-09-15,letter
N-05,C0000005,,2026-09-15,letter
N-06,C0000006,,2026-09-15,letter
N-07,C0000007,,2026-09-15,letter
N-08,C0000008,,2026-09-15,letter

= 2026-09-28 | screenings_20260928_2.csv
screening_id,company_id,recipient,purpose,asked_date
S-KILN,F-KILN,river_leasing,loan_application,2026-09-25
S-DAM,F-DAM,river_leasing,loan_application,2026-09-26

= 2026-09-29 | accounts_20260929_2.csv
account_id,customer_id,product_code,opened_date,credit_limit
A-LATER,C-LATER,baitiao,2026-09-20,3000.00

= 2026-09-29 | installments_20260929_2.csv
loan_id,account_id,installment_no,due_date,principal,interest,fee,order_date,plan_date
L-LATER,A-LATER,1,2026-10-20,300.00,0.00,1.50,2026-09-20,
L-LATER,A-LATER,2,2026-11-20,300.00,0.00,1.50,2026-09-20,
L-HAND,A-HAND,3,2026-09-15,350.00,0.00,2.00,2026-06-15, | correction | 350.00 and not 400.00 fall due.
L-MOVED,A-MOVED,1,2026-04-10,1000.00,12.00,0.00,2026-03-10,2026-09-29 | restructure | A new plan repeats what was paid.
L-MOVED,A-MOVED,2,2026-10-29,700.00,10.00,0.00,2026-03-10,2026-09-29
L-MOVED,A-MOVED,3,2026-11-29,700.00,10.00,0.00,2026-03-10,2026-09-29
L-MOVED,A-MOVED,4,2026-12-29,600.00,10.00,0.00,2026-03-10,2026-09-29

= 2026-09-29 | repayments_20260929_2.csv
repayment_id,account_id,paid_date,amount,kind,loan_id,refers_to,channel_code
V-HAND-3,A-HAND,2026-09-29,402.00,reversal,L-HAND,P-HAND-3,wallet | reversal | P-HAND-3 was booked by mistake.
V-MOVED-1,A-MOVED,2026-09-29,999.00,reversal,L-MOVED,P-MOVED-1,bank | bad_reference | P-MOVED-1 is over 1012.00.

= 2026-09-29 | repayments_20260929_3.csv | control_rows | The transfer broke off, as the control file tells.
repayment_id,account_id,paid_date,amount,kind,loan_id,refers_to,channel_code
P-BATCH-1,A0000011,2026-09-29,20.00,payment,L000001100,,bank
P-BATCH-2,A0000012,2026-09-29,20.50,payment,L000001200,,bank
P-BATCH-3,A0000013,2026-09-29,21.00,payment,L000001300,,bank | lost
P-BATCH-4,A0000014,2026-09-29,21.50,payment,L000001400,,bank | lost

= 2026-09-29 | events_20260929_2.csv.gz
event_id,account_id,kind,event_date,loan_id,note
E-PLAN,A-MOVED,restructure,2026-09-29,L-MOVED,重新约定还款计划
E-NOTE,A0000006,reminder,2026-09-29,,"客户来电, 约定周五还款"

= 2026-09-30 | repayments_20260926.csv | late | Dated the 26th, it comes in the night of the 30th.
repayment_id,account_id,paid_date,amount,kind,loan_id,refers_to,channel_code
P-LATE,A0000007,2026-09-25,15.00,payment,L000000700,,bank
P-HAND-2,A-HAND,2026-08-14,400.00,payment,L-HAND,,wallet | superseded | 402.00 of the 28th is held.

= 2026-09-30 | repayments_20260930_2.csv
repayment_id,account_id,paid_date,amount,kind,loan_id,refers_to,channel_code,is_deleted
P-HAND-1,A-HAND,2026-07-15,401.00,payment,L-HAND,,wallet, | correction | 401.00 and not 402.00 came in.
P-MOVED-2,,,,,,,,true | deletion | The payment was another customer's.
P-MAYBE,A0000008,2026-09-30,12.00,payment,L000000800,,bank,maybe | bad_flag | Neither true nor false.

= 2026-09-30 | repayments_20260930_3.csv | mended | All four rows of the file that broke off on the 29th.
repayment_id,account_id,paid_date,amount,kind,loan_id,refers_to,channel_code
P-BATCH-1,A0000011,2026-09-29,20.00,payment,L000001100,,bank
P-BATCH-2,A0000012,2026-09-29,20.50,payment,L000001200,,bank
P-BATCH-3,A0000013,2026-09-29,21.00,payment,L000001300,,bank
P-BATCH-4,A0000014,2026-09-29,21.50,payment,L000001400,,bank

= 2026-09-30 | orders_20260930_2.csv | unknown_column | The mapping knows no coupon_code.
order_id,account_id,order_date,amount,coupon_code
O-COUPON,A0000009,2026-09-30,99.00,AUTUMN

= 2026-09-29 | orders_20260929_2.csv | too_many_refused | Every date is in a layout that was not agreed.
order_id,account_id,order_date,amount,category_code
""" + "".join(f"O-DAY-{number},A{number:07},29/09/2026,{number}.00,travel\n" for number in range(1, 26))
"""What a person wrote into the demo: `= night | file`, then its lines. What is meant to be noticed has an outcome and a
meaning behind bars; a row that is `lost` is in the control file alone. Bytes that are not UTF-8 stand as surrogates.
"""


@dataclass(frozen=True, slots=True)
class _Page:
    """One file of the script."""

    night: date
    name: str
    lines: tuple[str, ...]
    """As written, the header first."""
    lost: tuple[str, ...]
    """Lines at its end that only the control file knows."""
    has_control: bool
    flaws: tuple[Flaw, ...]


def _page(text: str) -> _Page:
    """One page from its part of the script, without the leading mark."""
    heading, *rows = (line.split(" | ") for line in text.strip().splitlines())
    path = f"{DEMO_BOOK.source}/{heading[1]}"
    whole_file = [Flaw(path, 0, "", *heading[2:])] if heading[2:] else []
    flawed = [(number, row) for number, row in enumerate(rows, start=1) if len(row) == 3]
    return _Page(
        night=date.fromisoformat(heading[0]),
        name=heading[1],
        lines=tuple(row[0] for row in rows if row[1:] != ["lost"]),
        lost=tuple(row[0] for row in rows if row[1:] == ["lost"]),
        has_control=heading[2:3] in (["control_rows"], ["mended"]),
        flaws=(*whole_file, *(Flaw(path, number, row[0].split(",")[0], row[1], row[2]) for number, row in flawed)),
    )


_PAGES = tuple(_page(text) for text in _SCRIPT.split("\n= ")[1:])
_TWIN = "orders_resent_20260928.csv"
_EXTRACTS = ("accounts", "customers")
DEMO_FLAWS: tuple[Flaw, ...] = (
    *(flaw for page in _PAGES for flaw in page.flaws),
    Flaw(f"{DEMO_BOOK.source}/{_TWIN}", 0, "", "twin", "The orders of the 28th, sent again under another name."),
    *(
        Flaw(f"{DEMO_BOOK.source}/{feed}_20260929.csv", 0, "", "duplicate", "The full extract of the 28th, repeated.")
        for feed in _EXTRACTS
    ),
)
"""Where each thing stands that the demo is meant to show; everything else in it is clean."""


def write_demo(landing: Path, nights: Sequence[date] = DEMO_NIGHTS) -> list[date]:
    """Write what a small lender sends in these of its three nights, flaws included; returns the nights.

    Written night by night, the late file is late; written at once, it is taken in the first night. Either way the
    facts are the same.
    """
    folder = landing / DEMO_BOOK.source
    for night in nights:
        if night == DEMO_NIGHTS[0]:
            write_book(landing, DEMO_BOOK)
            shutil.copyfile(folder / f"orders_{night:%Y%m%d}.csv", folder / _TWIN)
        else:
            write_night(landing, DEMO_BOOK, night, _DEMO_SHARE, seq=1)
        if night == DEMO_NIGHTS[1]:
            write_book(landing, DEMO_BOOK, _EXTRACTS, night)
        for page in _PAGES:
            if page.night == night:
                _write_page(folder, page)
    return list(nights)


def _write_page(folder: Path, page: _Page) -> None:
    """Write one file of the script and, where it has one, its control file."""
    path = folder / page.name
    data = _bytes(page.lines)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    if page.has_control:
        sent = (*page.lines, *page.lost)
        place = sent[0].split(",").index("amount")
        control = {
            "rows": len(sent) - 1,
            "sha256": hashlib.sha256(_bytes(sent)).hexdigest(),
            "amount_total": str(sum(Decimal(line.split(",")[place]) for line in sent[1:])),
        }
        path.with_suffix(".ctl").write_text(json.dumps(control) + "\n", encoding="utf-8")


def _bytes(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
