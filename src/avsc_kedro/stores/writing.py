"""Changing a store: take up what is there, seal what was made, collect what is no longer needed.

Everything here belongs inside `write_lock`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from avsc_kedro.publish import remove_file
from avsc_kedro.stores.index import Index, OtherFormatError, read_index, write_index
from avsc_kedro.stores.recipe import Recipe
from avsc_kedro.stores.shard import Failure, Row, Shard, read_shard
from avsc_kedro.stores.source import confirm_source

SHARDS = "shards"
# Readers of an older index may still map a superseded shard this long.
KEEP_SUPERSEDED_S = 24 * 3600
ATTEMPT = ".attempt-"
TEMPORARY = (f"{SHARDS}/.*.h5", ".index-*.json", ".plan-*.json", ".recipe-*.json", f"{ATTEMPT}*")

logger = logging.getLogger(__name__)


def recover(folder: Path, recipe: Recipe) -> Index:
    """Return what a store holds on disk, sealed or not.

    That is its index, less the rows whose shard is gone, plus the shards that an
    interrupted run left behind. What that run had half written is removed.

    Raises:
        StoreError: If the index is damaged.
    """
    _remove_half_written(folder)
    try:
        index = read_index(folder, recipe_id=recipe.id)
    except FileNotFoundError as error:
        if isinstance(error, OtherFormatError):
            logger.info("%s: index of another format; this store is made anew", recipe.kind)
        index = Index(recipe.id)
    _drop_lost_rows(folder, index, recipe.kind)
    adopt(index, unsealed_shards(folder, index, recipe))
    return index


def unsealed_shards(folder: Path, index: Index, recipe: Recipe) -> list[Shard]:
    """Return the intact shards on disk that the index does not name."""
    paths = [path for path in shard_paths(folder) if path.name not in index.shards]
    return [shard for path in paths if (shard := read_shard(path, recipe=recipe))]


def adopt(index: Index, shards: list[Shard]) -> None:
    """Add to an index what these shards hold of clips that it does not know, or knows changed.

    A failure in a superseded shard is none: it may be that it was to be tried again.
    """
    for shard in shards:
        failures = [] if shard.name in index.superseded else shard.failures
        rows = [row for row in shard.rows if _is_better(row, index)]
        failures = [failure for failure in failures if _is_better(failure, index)]
        index.add(shard._replace(rows=rows, failures=failures))


def seal(folder: Path, index: Index, clip_ids: Sequence[str]) -> None:
    """Publish the index over these clips, unless it is the one there.

    Shards that no row needs now are superseded; those that have been for a day go, and
    so does what a worker that died had half written.

    Args:
        folder: Folder of the store.
        index: What the store holds.
        clip_ids: The clips of the table, in order; others leave the index.
    """
    sealed = index.select(clip_ids)
    before = _read_or_none(folder, index.recipe_id)
    since = before.superseded if before else {}
    idle = [path.name for path in shard_paths(folder) if path.name not in sealed.shards]
    sealed.superseded = {name: since.get(name, int(time.time())) for name in idle}
    if sealed != before or list(sealed.rows) != list(before.rows):
        write_index(folder, sealed)
    _remove_half_written(folder)
    collect(folder, index.recipe_id, older_than_s=KEEP_SUPERSEDED_S)


def collect(folder: Path, recipe_id: str, *, older_than_s: float) -> list[Path]:
    """Delete the shards that no row has needed for so long; return their paths.

    What an interrupted run left behind is not superseded: the next run takes it up.
    """
    index = _read_or_none(folder, recipe_id) or Index(recipe_id)
    latest = time.time() - older_than_s
    expired = [name for name, since in index.superseded.items() if since <= latest]
    if expired:
        for name in expired:
            del index.superseded[name]
        write_index(folder, index)
    paths = [folder / SHARDS / name for name in expired]
    for path in paths:
        remove_file(path)
    return paths


def shard_paths(folder: Path) -> list[Path]:
    """Return the finished shards on disk."""
    return sorted((folder / SHARDS).glob("[!.]*.h5"))


def is_whole(folder: Path, index: Index, shard: str) -> bool:
    """Whether a shard's file is there and of its size."""
    try:
        return (folder / SHARDS / shard).stat().st_size == index.shards[shard].bytes
    except OSError:
        return False


def _drop_lost_rows(folder: Path, index: Index, kind: str) -> None:
    lost = [name for name in index.shards if not is_whole(folder, index, name)]
    for name in lost:
        clips = [row.clip_id for row in index.rows.values() if row.shard == name]
        logger.warning(
            "%s: shard %s is missing or cut short; its %d clips are made anew",
            *(kind, folder / SHARDS / name, len(clips)),
        )
        for clip in clips:
            del index.rows[clip]
        del index.shards[name]


def _is_better(made: Row | Failure, index: Index) -> bool:
    known = index.known(made.clip_id)
    return known is None or (not _is_current(known) and _is_current(made))


def _is_current(made: Row | Failure) -> bool:
    return confirm_source(made.source, made.source.path) is not None


def _read_or_none(folder: Path, recipe_id: str) -> Index | None:
    try:
        return read_index(folder, recipe_id=recipe_id)
    except FileNotFoundError:
        return None


def _remove_half_written(folder: Path) -> None:
    for pattern in TEMPORARY:
        for path in folder.glob(pattern):
            remove_file(path)
