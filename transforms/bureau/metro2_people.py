"""Consumers in Metro 2: clear identities as the fields of a base, J1 or J2 segment, in ASCII capitals."""

from __future__ import annotations

import polars as pl

from transforms.policy import Metro2Policy

IDENTITY: dict[str, pl.DataType] = {
    "name": pl.String(),
    "id_type": pl.String(),
    "id_number": pl.String(),
    "birth_date": pl.Date(),
    "phone": pl.String(),
    "address": pl.String(),
    "city": pl.String(),
    "state_code": pl.String(),
    "postal_code": pl.String(),
}
"""Columns in clear that say who a person is; any may be null."""
_GENERATIONS = {
    "JR": "J",
    "SR": "S",
    **dict(zip(("II", "III", "IV", "V", "VI", "VII", "VIII", "IX"), "23456789", strict=True)),
}
_SUFFIX = r"[ ,]+(JR|SR|II|III|IV|V|VI|VII|VIII|IX)\.?$"
_LINE = 32


def ascii_capitals(column: str) -> pl.Expr:
    """The text in ASCII capitals, accents and doubled blanks gone; null where nothing is left."""
    plain = (
        pl.col(column)
        .str.normalize("NFKD")
        .str.replace_all(r"[^\x20-\x7e]", "")
        .str.replace_all(" +", " ")
        .str.strip_chars()
        .str.to_uppercase()
    )
    return pl.when(plain != "").then(plain)


def consumers(people: pl.DataFrame, rules: Metro2Policy) -> pl.DataFrame:
    """The rows (IDENTITY and others) with the consumer fields of Metro 2 in their place.

    Columns added: surname, first_name, middle_name, generation_code, social_security_number, date_of_birth,
    telephone_number, country_code (null without an address), address_line_1, address_line_2, city, state, postal_code.
    A name in other letters than Latin ones leaves no surname, which the rules tell of.

    Args:
        people: one row per consumer.
        rules: order of names, country.
    """
    digits = pl.col("id_number").str.replace_all("[ -]", "")
    is_ssn = (pl.col("id_type").str.to_lowercase() == "ssn") & digits.str.contains("^[0-9]{9}$")
    address = ascii_capitals("address")
    first_line = pl.coalesce(address.str.extract(rf"^(.{{1,{_LINE}}})(?: |$)"), address.str.slice(0, _LINE))
    rest = address.str.slice(first_line.str.len_chars()).str.strip_chars().str.slice(0, _LINE)
    said = people.with_columns(
        *_names(rules),
        social_security_number=pl.when(is_ssn).then(digits),
        date_of_birth=pl.col("birth_date"),
        telephone_number=_telephone(rules),
        address_line_1=first_line,
        address_line_2=pl.when(rest != "").then(rest),
        city=ascii_capitals("city").str.slice(0, 20),
        state=ascii_capitals("state_code").str.extract("^([A-Z]{2})$"),
        postal_code=ascii_capitals("postal_code").str.replace_all("[^0-9A-Z]", "").str.slice(0, 9),
    )
    left = [name for name in IDENTITY if name not in ("city", "postal_code")]
    return said.with_columns(
        country_code=pl.when(pl.col("address_line_1").is_not_null()).then(pl.lit(rules.country_code))
    ).drop(left)


def _names(rules: Metro2Policy) -> list[pl.Expr]:
    """Surname, first, middle name and generation of `name`."""
    whole = ascii_capitals("name").str.replace_all("[^A-Z' ,.-]", "").str.strip_chars()
    bare = whole.str.replace(_SUFFIX, "")
    has_comma = bare.str.contains(",")
    if rules.name_order == "given_first":
        surname, given = bare.str.extract("([^ ]+)$"), bare.str.extract("^(.*) [^ ]+$")
    else:
        surname, given = bare.str.extract("^([^ ]+)"), bare.str.extract("^[^ ]+ (.*)$")
    surname = pl.when(has_comma).then(bare.str.extract("^([^,]+),")).otherwise(surname)
    given = pl.when(has_comma).then(bare.str.extract("^[^,]+, *(.*)$")).otherwise(given).str.strip_chars()
    return [
        surname.str.slice(0, 25).alias("surname"),
        given.str.extract("^([^ ]+)").str.slice(0, 20).alias("first_name"),
        given.str.extract("^[^ ]+ (.*)$").str.slice(0, 20).alias("middle_name"),
        whole.str.extract(_SUFFIX).replace_strict(_GENERATIONS, default=None).alias("generation_code"),
    ]


def _telephone(rules: Metro2Policy) -> pl.Expr:
    """Ten digits; in the United States after a leading 1. Other numbers do not fit the field and are left out."""
    digits = pl.col("phone").str.replace_all("[^0-9]", "")
    return digits.str.extract("^1?([0-9]{10})$" if rules.country_code == "US" else "^([0-9]{10})$")
