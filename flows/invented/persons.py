"""Invented customers: names put together from lists, identity numbers of nobody."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from flows.invented.book import EMPLOYMENTS, SECOND_ACCOUNT, Book
from flows.invented.columns import dates_of, ids_of, only_where, pick
from flows.invented.draws import PERSONS, Dice, Ints
from flows.invented.loans import day_number

SURNAMES = tuple("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗")
GIVEN_NAMES = tuple("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红建文晨")


def customers_of(book: Book, dice: Dice, accounts: Ints) -> pl.DataFrame:
    """One row per customer; every twentieth is the same person in every source with the book's seed."""
    numbers = accounts[accounts % SECOND_ACCOUNT != 0]
    person = np.where(numbers % 20 == 0, Dice(str(book.seed)).bits("person", numbers), dice.bits("person", numbers))
    person = person.astype(np.int64)
    birth = dates_of(day_number(date(1956, 1, 1)) + PERSONS.below("birth", person, 17_500))
    has_id = ~dice.chance("no identity", numbers, 0.03)
    unit = dice.unit("income", numbers)
    return pl.DataFrame(
        {
            "customer_id": ids_of("C", numbers, 7),
            "id_type": only_where(pick(("resident_id",), np.zeros_like(numbers)), has_id),
            "id_number": only_where(_id_numbers(birth, person), has_id),
            "name": _names(person),
            "birth_date": birth,
            "income_monthly": (300_000 + (unit * unit * unit * 4_000_000).astype(np.int64)) // 1_000 * 1_000,
            "income_date": dates_of(day_number(book.as_of) - dice.below("income days", numbers, 300)),
            "employment_code": pick(EMPLOYMENTS, dice.skewed("employment", numbers, len(EMPLOYMENTS))),
        }
    )


_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = tuple("10X98765432")
_INVENTED_REGION = 990_000


def _id_numbers(birth: pl.Series, person: Ints) -> pl.Series:
    """Eighteen characters as in a resident identity number, of no region there is and with a wrong check character."""
    birth_number = (
        birth.dt.year().cast(pl.Int64) * 10_000 + birth.dt.month().cast(pl.Int64) * 100 + birth.dt.day()
    ).to_numpy()
    region = _INVENTED_REGION + PERSONS.below("region", person, 10_000)
    number = (region * 100_000_000 + birth_number) * 1_000 + PERSONS.below("serial", person, 1_000)
    total, rest = np.zeros_like(number), number
    for weight in reversed(_ID_WEIGHTS):
        total += rest % 10 * weight
        rest = rest // 10
    return pl.Series(number).cast(pl.String) + pick(_CHECK_CHARACTERS, (total + 1) % 11)


def _names(person: Ints) -> pl.Series:
    """A surname and one or two characters."""
    first, second = (pick(GIVEN_NAMES, PERSONS.below(name, person, len(GIVEN_NAMES))) for name in ("one", "two"))
    second = second.set(pl.Series(PERSONS.chance("short", person, 0.3)), "")
    return pick(SURNAMES, PERSONS.skewed("surname", person, len(SURNAMES))) + first + second
