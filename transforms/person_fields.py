"""Fields of a person that bureaus ask for; none of them is ever stored in clear, and only the vault keeps them."""

from __future__ import annotations

from transforms.declare import Field, Kind, fields_of

PERSON_FIELDS: list[Field] = [
    *fields_of(
        Kind.TEXT,
        ("name", "Name of the customer; kept in the vault alone", "客户姓名（仅存于保险库）"),
        ("id_number", "Number of the identity document; kept in the vault alone", "证件号码（仅存于保险库）"),
        ("phone", "Telephone number; kept in the vault alone", "电话号码（仅存于保险库）"),
        ("address", "Street and house; kept in the vault alone", "住址（仅存于保险库）"),
        ("city", "City of the address; kept in the vault alone", "城市（仅存于保险库）"),
        ("postal_code", "Postal code of the address; kept in the vault alone", "邮政编码（仅存于保险库）"),
        ("state_code", "State or province of the address; kept in the vault alone", "省州代码（仅存于保险库）"),
    ),
]
