"""Rebuild: the warehouse made again from the lake, every recorded night replayed with its own policy."""

# no postponed annotations here: Prefect reads the parameters' types where the module's names are not at hand
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.aggregating import aggregate
from flows.bookkeeping import books
from flows.errors import Damaged, TallyError, WrongUse
from flows.intake import Intake, account_feeds, new_facts
from flows.progress import track
from flows.publishing import apply, record
from flows.run import MEMORY_FOR_ALL, Run
from flows.settings import Settings
from flows.sharing import share
from flows.stores import storage
from flows.stores.lake import DATASETS, Lake, LakeWriter, manifest_name
from flows.stores.tables import Writer
from flows.stores.warehouse import Published, Warehouse
from flows.upkeep import KINDS as UPKEEP
from transforms.feeds import FEEDS
from transforms.policy import Policy


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild made."""

    run_id: str
    """The last night replayed."""
    nights: int


@flow(name="rebuild", flow_run_name="rebuild")
def rebuild(
    warehouse: Path | None = None, lake: str | None = None, runner: str | None = None
) -> Rebuilt | State[Rebuilt]:
    """Makes the warehouse again from the accepted facts in the lake; equal to the one that was, but for times.

    Args:
        warehouse: folder of the warehouse.
        lake: folder of the lake, or s3://bucket/prefix.
        runner: where accounts are worked on: here, processes or dask://host:port.
    """
    try:
        return replay(Settings.given(warehouse=warehouse, lake=lake, runner=runner))
    except TallyError as error:
        return Failed(message=str(error), data=error)


def replay(settings: Settings) -> Rebuilt:
    """Replays all recorded nights into a new file and publishes it.

    Raises:
        WrongUse: there is nothing to rebuild from.
        Damaged: the lake is not as it was written.
    """
    warehouse = Warehouse(settings.warehouse)
    with warehouse.locked():
        lake = _newest(Lake(settings.lake_place()), warehouse)
        damaged = lake.damaged()
        if lost := [file.path for file in damaged if not file.dataset.startswith("state/")]:
            raise Damaged(f"{', '.join(lost)} in {lake.root} is not as it was written; put it back from a copy.")
        warehouse.sweep()
        scratch = settings.warehouse / "work"
        shutil.rmtree(scratch, ignore_errors=True)
        runs = lake.scan("runs").sort("run_no").collect().rows(named=True)
        last = runs[-1]["run_id"]
        warehouse.begin(last, fresh=True)
        storage.clear(lake.work)
        replayed = Lake(lake.work / "rebuild")
        published: Published | None = None
        for row in track(runs, "replay nights"):
            run = _run(settings, row, replayed, published, warehouse.next_file(last))
            replayed = _night(run, lake, last)
            published = Published(
                run_id=run.run_id,
                run_no=run.run_no,
                as_of=run.as_of,
                manifest=manifest_name(run.run_id),
                policy_hash=run.policy.hash,
                policy_version=run.policy.version,
            )
        with warehouse.next(last, settings.memory or MEMORY_FOR_ALL) as connection:
            counts = Writer(connection).finish()
        if damaged:
            _mend_state(lake, replayed, scratch)
        warehouse.publish(last, counts)
        storage.clear(lake.work)
        shutil.rmtree(scratch, ignore_errors=True)
        return Rebuilt(last, len(runs))


def _newest(lake: Lake, warehouse: Warehouse) -> Lake:
    """The lake as the published warehouse names it; as the newest manifest says when the warehouse is lost."""
    try:
        published = warehouse.published()
    except Damaged:
        published = None
    if published is not None:
        return lake.at(published.manifest)
    manifests = [lake.at(path.name) for path in lake.manifests.glob("*.json")] if lake.manifests.exists() else []
    found = max(manifests, key=lambda each: each.manifest.run_no if each.manifest else 0, default=None)
    if found is None:
        raise WrongUse(f"There is no lake at {lake.root} to rebuild from: run `tally nightly` first.")
    return found


def _run(settings: Settings, row: dict[str, object], lake: Lake, published: Published | None, file: Path) -> Run:
    """A recorded night, to be worked through again."""
    as_of = row["as_of"]
    assert isinstance(as_of, date)  # noqa: S101 - the dataset declares it
    return Run(
        run_id=str(row["run_id"]),
        run_no=int(str(row["run_no"])),
        attempt=int(str(row["attempt"])),
        kind=str(row["kind"]),
        as_of=as_of,
        started_at=datetime.now(UTC),
        settings=settings,
        policy=Policy.model_validate_json(str(row["policy"])),
        lake=lake,
        published=published,
        previous=file if published else None,
    )


def _night(run: Run, lake: Lake, building: str) -> Lake:
    """Works through one recorded night in the lake at hand, and brings it into the next file; the lake after it."""
    writer = LakeWriter(run.lake, run.run_id, run.run_no, run.workplace("lake"))
    for dataset, schema in DATASETS.items():
        if "run_no" in schema:
            writer.add(dataset, lake.scan(dataset).filter(pl.col("run_no") == run.run_no))
    if run.kind not in UPKEEP:
        _work_through(run, writer, lake, building)
    with run.warehouse.next(building, run.memory) as connection:
        record(run, Writer(connection), lake)
    run.clear_work()
    return writer.commit(run.as_of, run.policy.hash)


def _work_through(run: Run, writer: LakeWriter, lake: Lake, building: str) -> None:
    """The books of a recorded night, and what is told from them."""
    writer.replace("links", lake.scan("links"))
    now = writer.now()
    facts = [new_facts(run, now, feed.name).select("account_no") for feed in account_feeds()]
    intake = Intake(
        writer=writer,
        touched=pl.concat(facts).unique().drop_nulls().collect(),
        customers=new_facts(run, now, FEEDS["customers"].name).select("source", "customer_id").unique().collect(),
        duplicates=pl.DataFrame(),
        deliveries=pl.DataFrame(),
    )
    changes = books(run, intake)
    made = replace(run, run_id=building)
    apply(made, changes)
    people = aggregate(made, changes, writer, anew=True)
    share(made, people)


def _mend_state(lake: Lake, replayed: Lake, scratch: Path) -> None:
    """Puts the state that the replay worked out in the place of a damaged one."""
    manifest, made = lake.manifest, replayed.manifest
    if manifest is None or made is None:
        raise Damaged("The lake lost its manifest while it was rebuilt; run `tally rebuild` again.")
    files = [file for file in manifest.files if not file.dataset.startswith("state/")]
    for file in made.files:
        if file.dataset.startswith("state/"):
            written = storage.fetch(replayed.root / file.path, scratch / "mended" / file.dataset)
            storage.settle(written, lake.root / file.path)
            files.append(file)
    mended = manifest.model_copy(update={"files": tuple(files)})
    storage.write(lake.manifests / manifest_name(manifest.run_id), mended.model_dump_json(indent=1).encode())
