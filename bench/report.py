"""What was measured, for people: a text after each size, docs/benchmarks.md and its plot from all results kept."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from bench import startup
from bench.staged_night import MARK

Found = dict[str, Any]
_LIBRARIES = ("polars", "duckdb", "great_expectations", "prefect", "pandas")
_PEERS = {"duckdb": "DuckDB SQL", "pandas": "pandas", "spark": "PySpark local[2]"}
_TITLE = {
    "first": "first night",
    "next": "one more night, 1 % new",
    "turn": "one in which the month turns, 1 % new",
    "nothing": "nothing new",
}


def machine() -> str:
    """Machine and versions."""
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return f"{platform.system()} on {os.cpu_count()} cores, Python {platform.python_version()}, {libraries}"


def _median(runs: Iterable[Found], name: str) -> float:
    return float(median(run[name] for run in runs))


def steps(runs: list[Found], *, is_part: bool = False) -> dict[str, tuple[float, float, float]]:
    """Per step of a night, or per part of its steps: medians of wall seconds, CPU seconds and peak bytes."""
    names = dict.fromkeys(step["step"] for step in runs[0]["steps"] if step["step"].startswith(MARK) == is_part)
    found = {}
    for name in names:
        mine = [[step for step in run["steps"] if step["step"] == name] for run in runs]
        found[name] = (
            float(median(sum(step["wall_seconds"] for step in each) for each in mine)),
            float(median(sum(step["cpu_seconds"] for step in each) for each in mine)),
            float(median(max((step["peak_bytes"] for step in each), default=0) for each in mine)),
        )
    return found


def text(found: Found) -> str:
    """The figures of one size."""
    floor = median(found["floor"])
    size = f"{found['accounts']:,} accounts, {found['csv_bytes'] / 1e9:.2f} GB of CSV"
    floors = f"F = {floor:.2f} s"
    if "floor_parquet" in found:
        floors += f", from Parquet {median(found['floor_parquet']):.2f} s"
    kept = f"the warehouse holds {found['warehouse_bytes'] / 1e9:.2f} GB, the lake {found['lake_bytes'] / 1e9:.2f} GB"
    peers = (f"{len(peer['runs'])} of {_PEERS[name]}" for name, peer in found.get("peers", {}).items())
    runs = ", ".join([f"{len(found['first'])} run(s) of ours", *peers])
    written = f"{size} written in {found['generated_seconds']:.1f} s; {floors}; {kept}; {runs}."
    if remark := found.get("remark"):
        written += f" {remark}."
    lines = [written, *_night_rows(found, floor), *_peer_rows(found)]
    return "\n".join(lines)


def _night_rows(found: Found, floor: float) -> list[str]:
    lines = ["", "| night | wall s | CPU s | peak GB | wall / F |", "| --- | --- | --- | --- | --- |"]
    for kind, title in ((kind, title) for kind, title in _TITLE.items() if kind in found):
        wall, cpu, peak = (_median(found[kind], name) for name in ("wall_seconds", "cpu_seconds", "peak_bytes"))
        lines.append(f"| {title} | {wall:.1f} | {cpu:.1f} | {peak / 1e9:.2f} | {wall / floor:.1f} |")
    nights = [steps(found[kind]) for kind in ("first", "next") if kind in found]
    heads = ("first night: wall s | CPU s | peak GB", "one more: wall s | CPU s | peak GB")[: len(nights)]
    lines += ["", f"| step | {' | '.join(heads)} |", f"| --- {'| --- | --- | --- ' * len(nights)}|"]
    for name in nights[0]:
        cells = []
        for night in nights:
            wall, cpu, peak = night.get(name, (0.0, 0.0, 0.0))
            cells += [f"{wall:.2f}", f"{cpu:.2f}", f"{peak / 1e9:.2f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, *_part_rows(found, floor)]


def _part_rows(found: Found, floor: float) -> list[str]:
    """The parts of the steps, from one first night in a single process."""
    if "alone" not in found:
        return []
    lines = ["", "| part of a step, in one process | wall s | CPU s | peak GB | wall / F |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for name, (wall, cpu, peak) in steps(found["alone"], is_part=True).items():
        told = f"{wall:.2f} | {cpu:.2f} | {peak / 1e9:.2f} | {wall / floor:.2f}"
        lines.append(f"| {name.removeprefix(MARK)} | {told} |")
    return lines


def _peer_rows(found: Found) -> list[str]:
    peers = found.get("peers")
    if not peers:
        return []
    night = found["first"]
    lines = ["", "| the same book | from CSV: wall s | CPU s | peak GB | from Parquet: wall s | equal rows |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    lines.append(_peer_row("our whole night: validation, ledger, every table", night, "", ""))
    lines.append(f"| its books and risk alone (these two steps) | | | | {_core(night):.1f} | |")
    lines.append(f"| the same with writing the warehouse | | | | {_landed(night):.1f} | |")
    lines += [
        _peer_row(
            _PEERS[peer],
            peers[peer]["runs"],
            f"{_median(peers[peer]['from_parquet'], 'wall_seconds'):.1f}",
            f"{peers[peer]['equal_rows']:,}",
        )
        for peer in _PEERS
        if peer in peers
    ]
    if checked := found.get("validation"):
        judge = steps(found["first"])["judge rows and files"][0]
        alone = f"{checked['checks']} stock expectations on the raw columns: {checked['checkpoint']:.1f} s"
        ours = f"every row marked with every reason, judged, and the quarantine written: {judge:.1f} s"
        lines += ["", f"Great Expectations alone, {alone} after loading for {checked['load']:.1f} s. Our step, {ours}."]
    if matrix := found.get("matrix"):
        moves = f"the same {matrix['moves']:,} moves between states"
        seconds = f"{matrix['theirs']:.2f} s, our transitions in {matrix['ours']:.3f} s"
        lines += ["", f"transitionMatrix counts {moves} in {seconds}."]
    return lines


def _core(night: list[Found]) -> float:
    """Seconds of settling, standing, history, classes, strings and aggregates."""
    return sum(steps(night)[name][0] for name in ("keep the books", "tell the risk"))


def _landed(night: list[Found]) -> float:
    """The same, and of bringing their tables into the warehouse, as peers land theirs."""
    return _core(night) + steps(night)["write the next warehouse"][0]


def _peer_row(title: str, runs: list[Found], from_parquet: str, rows: str) -> str:
    wall, cpu, peak = (_median(runs, name) for name in ("wall_seconds", "cpu_seconds", "peak_bytes"))
    return f"| {title} | {wall:.1f} | {cpu:.1f} | {peak / 1e9:.2f} | {from_parquet} | {rows} |"


MANY = 10_000_000
"""Accounts that one machine is to bear."""
GROWTH_FROM = 250_000
"""Accounts of the smallest book whose growth tells anything: below, fixed cost is most of a night."""


def targets(results: list[Found]) -> list[str]:
    """The targets, each with what was measured at the largest size with later nights."""
    largest = results[-1]
    results = [each for each in results if "next" in each]
    last = results[-1]
    floor = median(last["floor"])
    first, following = (_median(last[kind], "wall_seconds") for kind in ("first", "next"))
    nothing = _median(last["nothing"], "wall_seconds")
    peaks = [_median(last[kind], "peak_bytes") / 1e9 for kind in ("first", "next")]
    rows = [
        ("first night from CSV", "<= 6 F", f"{first / floor:.1f} F", first <= 6 * floor),
        (
            "one more night beyond start-up",
            "<= 1 F",
            f"{(following - nothing) / floor:.1f} F",
            following - nothing <= floor,
        ),
        ("memory of the first night", "<= 4 GB", f"{peaks[0]:.1f} GB", peaks[0] <= 4),
        ("memory of one more night", "<= 1.5 GB", f"{peaks[1]:.1f} GB", peaks[1] <= 1.5),
    ]
    for result in results:
        rows += _peer_targets(result)
    grown = [each for each in results if each["accounts"] >= GROWTH_FROM]
    if len(grown) > 1:
        least = grown[0]
        per_account = [_beyond_start(each) / each["accounts"] for each in (least, last)]
        growth = per_account[1] / per_account[0]
        rows.append(
            (
                f"growth from {least['accounts']:,} to {last['accounts']:,} accounts",
                "linear within 15 %",
                f"{growth:.2f} times the seconds an account",
                growth <= 1.15,
            )
        )
    if largest["accounts"] >= MANY:
        peak = _median(largest["first"], "peak_bytes") / 1e9
        what = f"memory of a first night of {largest['accounts']:,} accounts"
        rows.append((what, "runs, <= 16 GB", f"{peak:.1f} GB", peak <= 16))
    lines = ["| target | wanted | measured | |", "| --- | --- | --- | --- |"]
    return [
        *lines,
        *(f"| {what} | {wanted} | {told} | {'met' if met else 'not met'} |" for what, wanted, told, met in rows),
    ]


def _beyond_start(found: Found) -> float:
    """Seconds of a first night beyond what a night with nothing new takes."""
    return _median(found["first"], "wall_seconds") - _median(found["nothing"], "wall_seconds")


def _peer_targets(result: Found) -> list[tuple[str, str, str, bool]]:
    peers = result.get("peers", {})
    if "duckdb" not in peers:
        return []
    night, other = (_median(runs, "wall_seconds") for runs in (result["first"], peers["duckdb"]["runs"]))
    core, landed, at = _core(result["first"]), _landed(result["first"]), f"at {result['accounts']:,}"
    rows = [(f"whole first night against DuckDB SQL, {at}", "<= 1.5 x", f"{night / other:.2f} x", night <= 1.5 * other)]
    for peer, wanted in (("duckdb", 2), ("pandas", 25)):
        if peer in peers:
            alone = _median(peers[peer]["from_parquet"], "wall_seconds")
            what = f"books and risk alone against {_PEERS[peer]} from Parquet, {at}"
            measured = f"{alone / core:.2f} x; {alone / landed:.2f} x with writing, as theirs"
            rows.append((what, f"{wanted} x faster", measured, alone >= wanted * landed))
    return rows


def write_docs(results: Path, docs: Path) -> None:
    """Writes docs/benchmarks.md and docs/benchmarks.svg from every size kept, and from starts if they were measured."""
    found = sorted(
        (json.loads(path.read_bytes()) for path in results.glob("[0-9]*.json")), key=lambda each: each["accounts"]
    )
    parts = [_HEAD.format(machine=found[-1]["machine"]), *targets(found), _PLOT]
    if (path := results / startup.RESULT.name).exists():
        parts += ["", "## Start-up", "", _STARTS, "", *startup.table(json.loads(path.read_bytes()))]
    for each in found:
        parts += ["", f"## {each['accounts']:,} accounts", "", text(each)]
    (docs / "benchmarks.md").write_text("\n".join(parts) + "\n", encoding="utf-8")
    _plot([each for each in found if "next" in each], docs / "benchmarks.svg")


_HEAD = """# Benchmarks

`make bench` writes an invented book (12 instalments an account, in CSV and Parquet), runs a first night, one more with
1 % new in which the month turns, one more within the month, and one with nothing new, each as a process of its own, and
prints wall and CPU seconds and peak memory, whole and by step. F is the floor: rewriting the same CSV as Parquet with
polars. Peers read the same files and land the same tables as far as they know them: accounts, loans, instalments with
what covers each and since when it is settled, chargebacks, repayments, events and orders; loan and account status (days
past due, bucket, amounts, first days over 30, 60 and 90), month-ends, portfolio at risk, buckets, vintages and roll
rates by every slice. They know second plans, chargebacks, reversals, deferrals and charge-offs, but judge no row and
keep no ledger, default, class, string or person. A run counts only when every row of them equals ours. Memory is that
of the process and everything it started, Prefect's embedded server included.
Written by `python -m bench --write-docs`; the machine is shared, so ratios say more than seconds.

{machine}; medians of as many runs as stand at each size.

## Targets

At the largest size measured, ratios against F of the same run:
"""
_STARTS = """\
`python -m bench.startup`, medians of several runs on a book of 1,000 accounts. An empty flow is what Prefect takes
by itself: loading it and, without a kept server (`PREFECT_API_URL`), starting its embedded one. What a night with
nothing new takes beyond an empty flow is ours."""
_PLOT = "\n![Seconds of a night by step, and of peers on the same work](benchmarks.svg)"


def _plot(found: list[Found], path: Path) -> None:
    """Stacked bars of the steps of nights, and bars of peers, at each size."""
    import matplotlib as mpl  # noqa: PLC0415 - an optional extra

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "benchmarks"
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(1, 2, figsize=(14, 5.5))
    axes[0].set_prop_cycle(color=plt.get_cmap("tab20").colors)  # there are more steps than usual colours
    names = list(steps(found[-1]["first"]))
    places = [(kind, each) for each in found for kind in ("first", "next")]
    labels = [_label(_TITLE[kind].split(",")[0], each) for kind, each in places]
    bottom = [0.0] * len(places)
    for name in names:
        heights = [steps(each[kind]).get(name, (0.0,))[0] for kind, each in places]
        axes[0].bar(labels, heights, bottom=bottom, label=name)
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    axes[0].set_ylabel("seconds")
    axes[0].set_title("Nights by step")
    axes[0].legend(fontsize=8, reverse=True, loc="center left", bbox_to_anchor=(1.01, 0.5))
    bars = [
        (_label(peer, each), _median(runs, "wall_seconds"))
        for each in found
        for peer, runs in (
            ("our night", each["first"] if each.get("peers") else None),
            *((_PEERS[peer], each.get("peers", {}).get(peer, {}).get("runs")) for peer in _PEERS),
        )
        if runs
    ]
    axes[1].bar([label for label, _ in bars], [seconds for _, seconds in bars])
    axes[1].set_title("Same book: our whole night, and peers' core work from CSV")
    for axis in axes:
        axis.tick_params(axis="x", labelsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def _label(what: str, found: Found) -> str:
    """Words below each other: bars are narrow."""
    return "\n".join([*what.split(), f"{found['accounts'] / 1e6:g} M"])


if __name__ == "__main__":
    write_docs(Path(sys.argv[1]), Path(sys.argv[2]))
