"""Which deliveries a night takes: what lies in the landing folder, less what was taken, refused or held before."""

from __future__ import annotations

from dataclasses import dataclass

from flows.errors import WrongUse
from flows.run import Run
from flows.staging import fingerprint
from flows.stores.landing import Delivery, Discovery, HashCache, discover


@dataclass(frozen=True, slots=True)
class Looked:
    """What lies in the landing folder for a night."""

    deliveries: tuple[Delivery, ...]
    """To be taken, in order."""
    held: tuple[Delivery, ...]
    """Left out by hand."""
    notes: tuple[str, ...]
    """Files that are no delivery, or that are taken under another name; one sentence each."""


def look(run: Run) -> Looked:
    """Finds the deliveries with a business date up to the as-of date that were not taken before.

    Raises:
        WrongUse: there is no landing folder, a mapping has mistakes, or a held SHA-256 is not there.
    """
    landing = run.settings.landing
    if not landing.is_dir():
        raise WrongUse(f"There is no landing folder {landing}; make it, or name another with --landing.")
    hashes = HashCache.load(run.settings.warehouse / "cache" / "hashes.json")
    found = discover(landing, run.settings.mapping, run.as_of, hashes)
    hashes.save()
    taken = set(run.lake.scan("deliveries").select("source", "kind", "business_date", "seq", "sha256").collect().rows())
    refused = _refused_before(run)
    fresh = [
        delivery
        for delivery in found.deliveries
        if (delivery.source, delivery.kind, delivery.business_date, delivery.seq, delivery.sha256) not in taken
        and (delivery.relative, fingerprint(run, delivery)) not in refused
    ]
    held = tuple(delivery for delivery in fresh if _is_held(run, delivery))
    unknown = [sha256 for sha256 in run.held if not any(d.sha256.startswith(sha256) for d in fresh)]
    if unknown:
        raise WrongUse(f"No new delivery has the SHA-256 {', '.join(unknown)}; `tally runs` names those of each night.")
    return Looked(
        deliveries=tuple(delivery for delivery in fresh if delivery not in held), held=held, notes=_notes(found)
    )


def _notes(found: Discovery) -> tuple[str, ...]:
    """One sentence on every file that is there and is not taken as a delivery of its own."""
    return (
        *(f"{path}: {why}" for path, why in found.strangers),
        *(f"{path}: {why}" for path, why in found.twins),
        *(still_changing(path) for path in found.unsettled),
    )


def still_changing(path: str) -> str:
    """What is said of a file that changed while it was hashed or read."""
    return f"{path} is still changing and is left for the next run."


def _is_held(run: Run, delivery: Delivery) -> bool:
    return any(delivery.sha256.startswith(sha256) for sha256 in run.held)


def _refused_before(run: Run) -> set[tuple[str, str]]:
    """Path and fingerprint of every file refused before: the same again would be refused again."""
    if run.published is None:
        return set()
    with run.reader() as connection:
        rows = connection.execute("SELECT path, fingerprint FROM ops.files WHERE outcome = 'refused'").fetchall()
    return set(rows)


def is_news(run: Run, looked: Looked) -> bool:
    """Whether the night has anything to say that the last published one did not."""
    last = run.goes_on_from
    return bool(looked.deliveries) or last is None or last.as_of < run.as_of
