"""Another institution's own codes: what each of them means, read from one TOML file an institution.

A new institution is a new TOML file and no code. The schema names a mistake by its place.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from transforms.bureau.metro2_facts import STAGES
from transforms.mapping import FileFormat, Reading
from transforms.policy import mistakes
from transforms.reason_codes import ReasonCode


class InstitutionError(ValueError):
    """Codes that do not fit the schema; the message lists each mistake with its place."""


class State(ReasonCode):
    """What a code says beside days past due; the value is the word in the TOML."""

    # it is over: nothing is owed to this institution any more
    SETTLED = "settled", "Everything is paid."
    WAIVED = "waived", "It was settled for less than what was owed."
    CLOSED = "closed", "It is closed and nothing is owed."
    TRANSFERRED = "transferred", "It was transferred or sold to somebody else."
    # it is in default
    CHARGED_OFF = "charged_off", "It was charged off."
    IN_DEFAULT = "in_default", "The institution counts it as in default."
    GUARANTOR_PAID = "guarantor_paid", "A guarantor paid."
    SETTLED_IN_KIND = "settled_in_kind", "It was settled in kind."
    # it stands under other terms, or is doubted
    RESTRUCTURED = "restructured", "It was restructured and is observed."
    DEFERRED = "deferred", "A deferral runs."
    DISPUTED = "disputed", "The debtor disputes it."
    # what a month brought
    NOT_STARTED = "not_started", "It had not started."
    DUE_PAID = "due_paid", "Something fell due and was paid in time."
    PAID_LATE = "paid_late", "What fell due was paid late, and nothing was past due at the month's end."
    NOTHING_DUE = "nothing_due", "Nothing fell due, and nothing is past due."
    UNKNOWN = "unknown", "Nobody knows how late it is."
    # a stage of collection
    COLLECTION = "collection", "It is in collection."
    VOLUNTARY_SURRENDER = "voluntary_surrender", "What it paid for was handed back."
    REPOSSESSION = "repossession", "What it paid for was taken back."
    FORECLOSURE = "foreclosure", "A foreclosure was begun."
    DEED_IN_LIEU = "deed_in_lieu", "A deed was received in lieu of foreclosure."
    CLAIM_FILED = "claim_filed", "A claim was filed with government."


_STATES = {state.value: state for state in State}
OVER = (State.SETTLED, State.WAIVED, State.CLOSED, State.TRANSFERRED)
DEFAULTS = (State.CHARGED_OFF, State.IN_DEFAULT, State.GUARANTOR_PAID, State.SETTLED_IN_KIND)
COLLECTED = tuple(state for state in State if state.value in STAGES)
_NOT_PAST_DUE = (*OVER, State.DUE_PAID, State.PAID_LATE, State.NOTHING_DUE)
_ONE_OF = (OVER, COLLECTED, (State.DUE_PAID, State.PAID_LATE, State.NOTHING_DUE, State.UNKNOWN))
"""Groups of states of which a code may say one."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Columns(_Frozen):
    """Which delivered column holds what."""

    key: str
    """What tells one row from another: a contract, an account."""
    code: str | None = None
    days: str | None = None
    """Days past due; where the row has a code as well, they must lie within its range."""
    currency: str | None = None
    amount: str | None = None

    @model_validator(mode="after")
    def _something_to_translate(self) -> Columns:
        if self.code is None and self.days is None:
            raise ValueError("name the column of the code, or that of the days past due")
        return self

    def named(self) -> dict[str, str]:
        """Roles and the delivered columns that have them."""
        return {role: name for role, name in self.model_dump().items() if name is not None}


class Meaning(_Frozen):
    """What one code says: a range of days past due, states, or both.

    Without a range, what is over or paid up has 0 days, and anything else any number of them.
    """

    first: Annotated[int | None, Field(alias="from", ge=0)] = None
    last: Annotated[int | None, Field(alias="to", ge=0)] = None
    """Both are included; without `to` the range has no end."""
    states: tuple[State, ...] = ()

    @field_validator("states", mode="before")
    @classmethod
    def _known_states(cls, value: object) -> object:
        words = tuple(value) if isinstance(value, list | tuple) else (value,)
        unknown = [word for word in words if word not in _STATES]
        if unknown:
            raise ValueError(f"there is no state {unknown[0]!r} (it knows {', '.join(State)})")
        if len(set(words)) < len(words):
            raise ValueError("names a state twice")
        return tuple(_STATES[word] for word in words)

    @model_validator(mode="after")
    def _fits_together(self) -> Meaning:
        if self.first is None and (self.last is not None or not self.states):
            raise ValueError("give from = the fewest days past due, or states, or both")
        if self.first is not None and self.last is not None and self.last < self.first:
            raise ValueError(f"to = {self.last} is less than from = {self.first}")
        if State.NOT_STARTED in self.states and (len(self.states) > 1 or self.first is not None):
            raise ValueError("what is not_started has no days and no other state")
        for group in _ONE_OF:
            named = [state for state in self.states if state in group]
            if len(named) > 1:
                raise ValueError(f"says both {named[0]} and {named[1]}")
        is_paid_up = any(state in _NOT_PAST_DUE for state in self.states)
        if is_paid_up and self.first is not None and (self.first, self.last) != (0, 0):
            raise ValueError(f"what is {' and '.join(self.states)} has 0 days past due: leave from and to out")
        return self

    @property
    def days(self) -> tuple[int | None, int | None]:
        """Fewest and most days past due; no most: no end; neither: it has none, for it has not started."""
        if State.NOT_STARTED in self.states:
            return None, None
        if any(state in _NOT_PAST_DUE for state in self.states):
            return 0, 0
        return self.first or 0, self.last


class Institution(_Frozen):
    """Everything that turns one institution's codes into every standard's."""

    institution: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    title: str = ""
    format: FileFormat = FileFormat()
    reading: Reading = Reading()
    columns: Columns
    codes: dict[str, Meaning] = {}

    @field_validator("codes")
    @classmethod
    def _codes_are_written_as_they_are_read(cls, value: dict[str, Meaning]) -> dict[str, Meaning]:
        odd = [code for code in value if code != code.strip() or not code]
        if odd:
            raise ValueError(f"a code is neither empty nor has space around it (given: {odd[0]!r})")
        return value

    @model_validator(mode="after")
    def _codes_where_there_is_a_column(self) -> Institution:
        if self.columns.code is not None and not self.codes:
            raise ValueError("columns.code is named, so [codes] must say what each code means")
        if self.columns.code is None and self.codes:
            raise ValueError("[codes] are given, so columns.code must name their column")
        return self


def parse_institution(document: dict[str, Any], name: str) -> Institution:
    """The codes in a TOML document.

    Raises:
        InstitutionError: one line per mistake, each with its place.
    """
    try:
        found = Institution.model_validate({"institution": name, **document})
    except ValidationError as error:
        raise InstitutionError("\n".join(mistakes(error))) from None
    if found.institution != name:
        raise InstitutionError(f"institution: says {found.institution!r}, but the file is named {name}.toml")
    return found
