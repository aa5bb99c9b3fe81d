"""What stores lack of a clips table, extracted over a pool of processes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

from avsc_kedro import progress
from avsc_kedro.errors import InputError
from avsc_kedro.extraction.planning import Filling, make_tasks, prepare
from avsc_kedro.extraction.shard_task import PlannedClip, ShardTask, extract_shard
from avsc_kedro.options import ExtractionOptions
from avsc_kedro.stores.feature_store import FeatureStore
from avsc_kedro.stores.lock import write_lock
from avsc_kedro.stores.shard import Failure, Row
from avsc_kedro.stores.store_error import StoreError, writing_to
from avsc_kedro.stores.writing import seal
from avsc_kedro.workers import open_cluster, open_pool, run_all

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
    beside: Sequence[FeatureStore] = (),
) -> Extracted:
    """Extract the clips that the store lacks, then seal it over all of them.

    Shards are published as they are done, so an interrupted run loses at most one
    shard a worker. A shard of which only some clips changed is made from the rows of
    the old one and these clips. Another run on the same store is waited for, and the
    clips it added stay.

    Args:
        store: The store; it is open afterwards.
        clips: The clips of the table, in order.
        options: Where and how it is done, and how many clips may fail.
        anew: Extract every clip, also those up to date and those that failed before.
        beside: Stores of other kinds, of the same clips and recordings. What they lack
            is made as well, and a recording that several lack is decoded once. One that
            is damaged is left as it is.

    Returns:
        What was made for `store`.

    Raises:
        InputError: If more clips failed than `options.max_failed_fraction` allows. The
            store is sealed all the same.
        StoreError: If the index is damaged, or the disk refuses to be written.
    """
    stores = [store, *(each for each in beside if _is_readable(each))]
    before = {each.folder: set(each.indexed_clips()) for each in stores}
    with ExitStack() as locks:
        for each in sorted(stores, key=lambda each: each.folder):  # one order for every run
            locks.enter_context(write_lock(each.folder))
        fillings = [
            prepare(
                each,
                clips,
                options,
                anew=anew and each is store,
                before=before[each.folder],
                is_beside=each is not store,
            )
            for each in stores
        ]
        made = _run(make_tasks(fillings, options), fillings, options)
        for filling in fillings:
            with writing_to(filling.store.folder):
                wanted = [clip.clip_id for clip in filling.clips]
                seal(filling.store.folder, filling.index, wanted)
    store.open()
    _report(store.recipe.kind, store.failures, len(fillings[0].clips), options)
    return made[store.recipe.kind]


def _run(
    tasks: list[ShardTask], fillings: list[Filling], options: ExtractionOptions
) -> dict[str, Extracted]:
    """Do all tasks; the indexes learn what was made."""
    total = {filling.kind: Extracted([], []) for filling in fillings}
    if not tasks:
        return total
    indexes = {filling.kind: filling.index for filling in fillings}
    kinds = ", ".join(f.kind for f in fillings if any(f.kind in task.kinds for task in tasks))
    clips = sum(len(task.clips) for task in tasks)
    failed: set[str] = set()
    with _open(options) as pool, progress.track(clips, f"{kinds} features", unit="clips") as bar:
        done = run_all(
            pool,
            extract_shard,
            tasks,
            doing=f"extracting {kinds} features",
            remedy=REMEDY,
            try_again=lambda task: task.attempts.has_clip_at_work(),
        )
        for task, shards in done:
            for kind, shard in zip(task.kinds, shards, strict=True):
                indexes[kind].add(shard)
                total[kind].rows.extend(shard.rows)
                total[kind].failures.extend(shard.failures)
                failed.update(failure.clip_id for failure in shard.failures)
            bar.advance(len(task.clips), failures=len(failed))
    return total


def _is_readable(store: FeatureStore) -> bool:
    try:
        store.indexed_clips()
    except StoreError as error:
        logger.warning("%s is not filled along: %s", store.recipe.kind, error)
        return False
    return True


def _open(options: ExtractionOptions):
    if options.scheduler is None:
        return open_pool(options.workers)
    return open_cluster(options.scheduler, options.workers)


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
