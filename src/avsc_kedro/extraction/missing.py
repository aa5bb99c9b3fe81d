"""What a store lacks of a clips table, extracted over a pool of processes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from avsc_kedro import progress
from avsc_kedro.errors import InputError
from avsc_kedro.extraction.shard_task import PlannedClip, ShardTask, extract_shard
from avsc_kedro.options import ExtractionOptions
from avsc_kedro.stores.feature_store import FeatureStore
from avsc_kedro.stores.index import Index
from avsc_kedro.stores.lock import write_lock
from avsc_kedro.stores.plan import clips_by_slot, renew_plan
from avsc_kedro.stores.recipe import renew_recipe
from avsc_kedro.stores.shard import Failure, Row
from avsc_kedro.stores.source import confirm_source
from avsc_kedro.stores.store_error import writing_to
from avsc_kedro.stores.writing import recover, seal
from avsc_kedro.workers import open_pool, run_all

REMEDY = (
    "Finished shards are kept: run the same command again, with fewer extraction.workers "
    "or smaller extraction.clips_per_shard."
)

logger = logging.getLogger(__name__)


class Extracted(NamedTuple):
    """What the shards made by one run hold."""

    rows: list[Row]
    failures: list[Failure]


def extract_missing(
    store: FeatureStore,
    clips: Sequence[PlannedClip],
    options: ExtractionOptions,
    *,
    anew: bool = False,
) -> Extracted:
    """Extract the clips that the store lacks, then seal it over all of them.

    Shards are published as they are done, so an interrupted run loses at most one
    shard a worker. A shard of which only some clips changed is made from the rows of
    the old one and these clips. Another run on the same store is waited for, and the
    clips it added stay.

    Args:
        store: The store; it is open afterwards.
        clips: The clips of the table, in order.
        options: Workers, clips a shard, and how many clips may fail.
        anew: Extract every clip, also those up to date and those that failed before.

    Raises:
        InputError: If more clips failed than `options.max_failed_fraction` allows. The
            store is sealed all the same.
        StoreError: If the index is damaged, or the disk refuses to be written.
    """
    kind, folder = store.recipe.kind, store.folder
    before = set(store.indexed_clips())
    with write_lock(folder):
        with writing_to(folder):
            index = recover(folder, store.recipe)
            wanted = [*clips, *_added_meanwhile(store, index, before, clips)]
            tasks = _prepare(store, index, wanted, options, anew=anew)
        done = _run(tasks, index, options, f"{kind} features")
        with writing_to(folder):
            seal(folder, index, [clip.clip_id for clip in wanted])
    store.open()
    _report(kind, store.failures, len(wanted), options)
    return done


def _prepare(
    store: FeatureStore,
    index: Index,
    wanted: list[PlannedClip],
    options: ExtractionOptions,
    *,
    anew: bool,
) -> list[ShardTask]:
    """One task for each slot of the plan in which a clip is missing; the plan is saved."""
    clips = {clip.clip_id: clip for clip in wanted}
    missing = set(clips) if anew else _find_missing(index, wanted)
    _announce(store.recipe.kind, len(missing), len(wanted))
    renew_recipe(store.folder, store.recipe, anew=anew, extracting=bool(missing))
    size = options.clips_per_shard
    plan = renew_plan(store.folder, list(clips), index.rows, size=size, anew=anew)
    tasks = []
    for slot in clips_by_slot(plan):
        if missing.intersection(slot):
            known = index.select(clip for clip in slot if clip not in missing)
            planned = [clips[clip] for clip in slot]
            tasks.append(ShardTask(store.shards, store.recipe, planned, known))
    return tasks


def _added_meanwhile(store, index: Index, before: set[str], clips) -> list[PlannedClip]:
    """What another run sealed since this one began, for a table of its own."""
    ours = {clip.clip_id for clip in clips}
    added = [clip for clip in store.indexed_clips() if clip not in before | ours]
    known = [index.known(clip) for clip in added]
    return [PlannedClip(made.clip_id, made.source.path) for made in known if made is not None]


def _find_missing(index: Index, clips: list[PlannedClip]) -> set[str]:
    """Clips never made, or from another content; the index learns new paths and times."""
    missing = set()
    for clip in clips:
        known = index.known(clip.clip_id)
        source = known and confirm_source(known.source, clip.path)
        if source is None:
            missing.add(clip.clip_id)
        elif source is not known.source:
            index.set_source(clip.clip_id, source)
    return missing


def _announce(kind: str, missing: int, clips: int) -> None:
    if missing:
        logger.info("%s: %d of %d clips to extract", kind, missing, clips)
    else:
        logger.info("%s: all %d clips are up to date, nothing decoded", kind, clips)


def _run(tasks: list[ShardTask], index: Index, options: ExtractionOptions, title: str) -> Extracted:
    total = Extracted([], [])
    if not tasks:
        return total
    clips = sum(len(task.clips) for task in tasks)
    with open_pool(options.workers) as pool, progress.track(clips, title, unit="clips") as bar:
        done = run_all(pool, extract_shard, tasks, doing=f"extracting {title}", remedy=REMEDY)
        for task, shard in done:
            index.add(shard)
            total.rows.extend(shard.rows)
            total.failures.extend(shard.failures)
            bar.advance(len(task.clips), failures=len(total.failures))
    return total


def _report(kind, failures: list[Failure], clips: int, options: ExtractionOptions) -> None:
    if not failures:
        return
    lines = "\n".join(f"  {failure.clip_id}: {failure.reason}" for failure in failures[:5])
    message = f"{kind}: {len(failures)} of {clips} clips could not be decoded:\n{lines}"
    if len(failures) > 5:
        message += f"\n  and {len(failures) - 5} more"
    if len(failures) > options.max_failed_fraction * clips:
        raise InputError(
            f"{message}\nThat is more than extraction.max_failed_fraction "
            f"({options.max_failed_fraction:g}) allows. Repair or remove these files, or raise it."
        )
    logger.warning("%s\nThey are left out; the rest goes on.", message)
