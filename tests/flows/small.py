"""A small lender for tests: two accounts with a loan each, and one good row of every feed."""

from __future__ import annotations

from tests.nights import Bank

NIGHT = "2026-02-10"
ACCOUNTS = """account_id,customer_id,product_code,opened_date,credit_limit
A,C,baitiao,2026-01-01,500.00
B,C,baitiao,2026-01-01,500.00
"""
LOANS = """loan_id,account_id,installment_no,due_date,principal,order_date
L,A,1,2026-02-10,100.00,2026-01-10
L,A,2,2026-03-10,100.00,2026-01-10
K,B,1,2026-02-10,100.00,2026-01-10
"""
HEADERS = {
    "accounts": "account_id,customer_id,product_code,opened_date,credit_limit,currency,closed_date,is_deleted",
    "installments": "loan_id,account_id,installment_no,due_date,principal,interest,fee,order_date,plan_date,is_deleted",
    "repayments": "repayment_id,account_id,paid_date,amount,kind,loan_id,refers_to,is_deleted",
    "events": "event_id,account_id,kind,event_date,loan_id,until_date,amount,note,is_deleted",
    "customers": "customer_id,id_type,id_number,name,birth_date,income_monthly,is_deleted",
    "orders": "order_id,account_id,order_date,amount,category_code,loan_id,is_deleted",
    "relations": "relation_id,company_id,kind,customer_id,other_company_id,share_rate,amount,currency,is_deleted",
}
GOOD = {
    "accounts": "D,C,baitiao,2026-01-01,500.00,CNY,,",
    "installments": "M,A,1,2026-02-10,50.00,1.00,0.50,2026-01-10,,",
    "repayments": "P,A,2026-02-10,10.00,payment,L,,",
    "events": "E,A,reminder,2026-02-10,L,,,,",
    "customers": "C,resident_id,1,n,1990-01-01,100.00,",
    "orders": "O,A,2026-02-10,20.00,food,NOT-ENFORCED,",
    "relations": "V,F,controller,C,,0.25,,CNY,",
}
MONEY = HEADERS["repayments"] + "\n"


def land_base(bank: Bank, source: str) -> None:
    """Accounts A and B, with a loan each."""
    bank.land("accounts_20260210.csv", ACCOUNTS, source)
    bank.land("installments_20260210.csv", LOANS, source)


def map_source(bank: Bank, source: str, mapping: str) -> None:
    """Writes the mapping of a source."""
    path = bank.warehouse / "sources" / f"{source}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(mapping, encoding="utf-8")
