"""Clips into a feature store, shard by shard, over a pool of processes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np

from avsc_kedro import progress
from avsc_kedro.errors import InputError
from avsc_kedro.features import clip_features
from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.options import ExtractionOptions
from avsc_kedro.stores.feature_store import Failure, FeatureStore, Recipe
from avsc_kedro.stores.shard import Row, Source, identify_source, read_rows, write_shard
from avsc_kedro.workers import open_pool, run_all

REMEDY = (
    "Finished shards are kept: run the same command again, with fewer extraction.workers "
    "or smaller extraction.clips_per_shard."
)

logger = logging.getLogger(__name__)


class PlannedClip(NamedTuple):
    """One clip and the file its features come from."""

    clip_id: str
    path: str


class ShardTask(NamedTuple):
    """The unit of work: a few clips into one shard."""

    folder: Path
    recipe: Recipe
    clips: list[PlannedClip]


class ShardResult(NamedTuple):
    """What became of one task."""

    rows: list[Row]
    failures: list[Failure]


def extract_missing(
    store: FeatureStore, clips: list[PlannedClip], options: ExtractionOptions
) -> ShardResult:
    """Extract the clips that the store lacks, then seal it over all of them.

    Shards are published as they are done, so an interrupted run loses at most one
    shard a worker.

    Raises:
        InputError: If more clips failed than `options.max_failed_fraction` allows. The
            store is sealed all the same.
    """
    kind = store.recipe.kind
    store.recover()
    missing = [clip for clip in clips if not store.is_done(clip.clip_id, clip.path)]
    if not missing:
        logger.info("%s: all %d clips are up to date, nothing decoded", kind, len(clips))
    else:
        logger.info("%s: %d of %d clips to extract", kind, len(missing), len(clips))
    done = _run(_tasks(store, missing, options), options, f"{kind} features")
    store.seal([clip.clip_id for clip in clips], done.rows, done.failures)
    _report(kind, store.failures, len(clips), options)
    return done


def extract_shard(task: ShardTask) -> ShardResult:
    """Extract one shard's clips and publish it; a clip that fails becomes a row of failures."""
    features = np.empty((len(task.clips), *task.recipe.shape), task.recipe.dtype)
    clip_ids, sources, failures = [], [], []
    for clip in task.clips:
        source = _absent_source(clip.path)
        try:
            source = _identify(clip.path)
            features[len(clip_ids)] = _make_row(clip, task.recipe)
        except InputError as error:
            failures.append(Failure(clip.clip_id, source, str(error)))
            continue
        clip_ids.append(clip.clip_id)
        sources.append(source)
    if not clip_ids:
        return ShardResult([], failures)
    return ShardResult(_publish(task, clip_ids, features[: len(clip_ids)], sources), failures)


def _absent_source(path: str) -> Source:
    # No file is of this size, so that the clip is tried again by the next run.
    return Source(path, size=-1, mtime_ns=0, digest="")


def _identify(path: str) -> Source:
    try:
        return identify_source(path)
    except OSError as error:
        raise DecodeError.about(
            path,
            expected="a readable media file",
            received=f"{error.strerror!r}",
            remedy="Put it back or allow reading it, then run the same command again.",
        ) from error


def _make_row(clip: PlannedClip, recipe: Recipe) -> np.ndarray:
    row = clip_features(recipe.kind, clip.path, recipe.options)
    if row.shape != recipe.shape:
        raise InputError(
            f"Expected features of shape {recipe.shape}. Made {row.shape} from {clip.path}."
        )
    return row


def _publish(task, clip_ids: list[str], features: np.ndarray, sources: list[Source]) -> list[Row]:
    name = write_shard(
        task.folder,
        recipe_id=task.recipe.id,
        clip_ids=clip_ids,
        features=features,
        sources=sources,
    )
    return read_rows(task.folder / name, recipe_id=task.recipe.id)


def _tasks(store, missing, options) -> list[ShardTask]:
    size = options.clips_per_shard
    return [
        ShardTask(store.shards, store.recipe, missing[start : start + size])
        for start in range(0, len(missing), size)
    ]


def _run(tasks: list[ShardTask], options: ExtractionOptions, title: str) -> ShardResult:
    total = ShardResult([], [])
    if not tasks:
        return total
    clips = sum(len(task.clips) for task in tasks)
    with open_pool(options.workers) as pool, progress.track(clips, title, unit="clips") as bar:
        done = run_all(pool, extract_shard, tasks, doing=f"extracting {title}", remedy=REMEDY)
        for task, result in done:
            total.rows.extend(result.rows)
            total.failures.extend(result.failures)
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
