"""Policies for people: the shipped ones, every setting of one, and how two differ."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from flows.report import show, table
from flows.settings import DEFAULT_POLICY, Settings, load_policy, shipped_policies
from transforms.policy import Policy
from transforms.policy_changes import consequence, differences, meaning, settings


def show_shipped() -> None:
    """Prints the policies that come with the program."""
    rows = []
    for name, path in shipped_policies().items():
        policy = load_policy(path)
        rows.append((name, policy.version, policy.title, "default" if name == DEFAULT_POLICY else ""))
    show(table("Shipped policies", ("name", "version", "title", ""), rows))


def show_policy(policy: Policy) -> None:
    """Prints every setting of a policy and what it means."""
    rows = [(place, _text(value), meaning(place)) for place, value in settings(policy).items()]
    _console().print(f"\n[bold]Policy {policy.version}[/] (SHA-256 {policy.hash[:12]})", highlight=False)
    show(table("Settings", ("place", "value", "meaning"), rows))


def show_differences(given: Settings, old: Path | None, new: Path | None) -> None:
    """Prints which settings differ between two policies, and what that changes.

    Args:
        given: gives the warehouse and the policy of the runs.
        old: shipped name or file; default: the policy of the last published night.
        new: shipped name or file; default: the policy that the next night takes.
    """
    before, after = _of_last_night(given) if old is None else load_policy(old), load_policy(new or given.policy)
    found = differences(before, after)
    if found:
        rows = [(each.place, _text(each.old), _text(each.new), each.decides) for each in found]
        show(table(f"From {before.version} to {after.version}", ("place", "old", "new", "what it decides"), rows))
    _console().print(consequence(before, after), highlight=False, markup=False)


def _of_last_night(given: Settings) -> Policy:
    from flows.inspecting import policy_in_force

    return policy_in_force(given)


def _text(value: object) -> str:
    """A value as TOML would write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_text(each) for each in value)}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _console() -> Console:
    return Console(width=None if Console().is_terminal else 160)
