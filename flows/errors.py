"""Errors a user meets: one plain sentence of what happened, where, and what to do next; and the exit code."""

from __future__ import annotations

EXIT_OK = 0
EXIT_CHECK_FAILED = 1
EXIT_WRONG_USE = 2
EXIT_TRY_AGAIN = 3


class TallyError(Exception):
    """Something a user can act on; its text is shown without a traceback."""

    exit_code = EXIT_TRY_AGAIN


class WrongUse(TallyError):
    """The command, a setting, a mapping or a policy is not right."""

    exit_code = EXIT_WRONG_USE


class CheckFailed(TallyError):
    """A critical check stopped publishing."""

    exit_code = EXIT_CHECK_FAILED


class Locked(TallyError):
    """Another run holds the warehouse."""


class TryAgain(TallyError):
    """Something outside did not answer; the run may be tried again."""


class Damaged(TallyError):
    """The warehouse or the lake is not as it was left."""
