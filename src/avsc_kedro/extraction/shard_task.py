"""A few clips into one shard: what a worker process does."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from avsc_kedro.errors import InputError
from avsc_kedro.features import clip_features
from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.stores.index import Index
from avsc_kedro.stores.reading import ShardReader
from avsc_kedro.stores.recipe import Recipe
from avsc_kedro.stores.shard import Failure, Row, Shard, write_shard
from avsc_kedro.stores.source import Source, absent_source, identify_source
from avsc_kedro.stores.store_error import StoreError, writing_to


class PlannedClip(NamedTuple):
    """One clip and the file its features come from."""

    clip_id: str
    path: str


class ShardTask(NamedTuple):
    """The unit of work: a few clips into one shard.

    `known` holds what became of those among them that need not be decoded again.
    """

    folder: Path
    recipe: Recipe
    clips: list[PlannedClip]
    known: Index


def extract_shard(task: ShardTask) -> Shard:
    """Make one shard and publish it; a clip that fails becomes a row of failures.

    Raises:
        StoreError: If the disk refuses to be written.
    """
    features = np.empty((len(task.clips), *task.recipe.shape), task.recipe.dtype)
    clip_ids, sources, failures = [], [], []
    for clip in task.clips:
        made = task.known.failures.get(clip.clip_id)
        made = made or _make_row(clip, task, out=features[len(clip_ids)])
        if isinstance(made, Failure):
            failures.append(made)
        else:
            clip_ids.append(clip.clip_id)
            sources.append(made)
    if not clip_ids:
        return Shard(None, None, [], failures)
    with writing_to(task.folder):
        return write_shard(
            task.folder,
            recipe=task.recipe,
            clip_ids=clip_ids,
            features=features[: len(clip_ids)],
            sources=sources,
            failures=failures,
        )


def _make_row(clip: PlannedClip, task: ShardTask, *, out: np.ndarray) -> Source | Failure:
    row = task.known.rows.get(clip.clip_id)
    if row is not None and _copy_row(row, task, out=out):
        return row.source
    source = absent_source(clip.path)
    try:
        source = _identify(clip.path)
        out[...] = _compute_row(clip, task.recipe)
    except InputError as error:
        return Failure(clip.clip_id, source, str(error))
    return source


def _copy_row(row: Row, task: ShardTask, *, out: np.ndarray) -> bool:
    place = task.known.shards[row.shard]
    try:
        out[...] = ShardReader(task.folder / row.shard, place, task.recipe).row(row)
    except StoreError:  # damaged since it was written: extract it anew
        return False
    return True


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


def _compute_row(clip: PlannedClip, recipe: Recipe) -> np.ndarray:
    row = clip_features(recipe.kind, clip.path, recipe.options)
    if row.shape != recipe.shape:
        raise InputError(
            f"Expected features of shape {recipe.shape}. Made {row.shape} from {clip.path}."
        )
    return row
