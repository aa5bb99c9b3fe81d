"""Reading a whole store bit for bit, and setting aside what is damaged."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from avsc_kedro.publish import move_file
from avsc_kedro.stores.index import INDEX, Index, read_index, write_index
from avsc_kedro.stores.plan import read_plan
from avsc_kedro.stores.reading import ShardReader
from avsc_kedro.stores.recipe import RECIPE, Recipe, read_recipe, write_recipe
from avsc_kedro.stores.shard import Row, digest_row, read_shard
from avsc_kedro.stores.store_error import StoreError
from avsc_kedro.stores.writing import SHARDS, adopt, shard_paths, unsealed_shards

QUARANTINE = "quarantine"


class Damage(NamedTuple):
    """A damaged file of a store, and the clips that must be made anew for it."""

    path: Path
    clip_ids: list[str]
    reason: str


def verify(folder: Path, recipe: Recipe) -> list[Damage]:
    """Read every row of a store, and whatever describes them, and list what is damaged."""
    try:
        index = read_index(folder, recipe_id=recipe.id)
    except FileNotFoundError:
        index = Index(recipe.id)
    except StoreError as error:
        return [Damage(folder / INDEX, [], str(error)), *_unreadable_shards(folder, recipe)]
    rows_of: dict[str, list[Row]] = {name: [] for name in index.shards}
    for row in index.rows.values():
        rows_of[row.shard].append(row)
    found = [_damage_of(folder, index, recipe, name, rows) for name, rows in rows_of.items()]
    damages = [damage for damage in found if damage is not None]
    if (index.rows or index.failures) and read_recipe(folder) is None:
        damages.append(Damage(folder / RECIPE, [], "it is not the recipe of this folder"))
    return damages


def repair(folder: Path, recipe: Recipe) -> list[Damage]:
    """Move what is damaged to `quarantine/` and take its clips out of the index.

    The next extraction makes exactly those anew. A damaged index is built anew from
    the shards. Belongs inside `write_lock`.

    Returns:
        What was found and set aside.
    """
    damages = verify(folder, recipe)
    for damage in damages:
        if damage.path.exists():
            move_file(damage.path, _free_path(folder / QUARANTINE / damage.path.name))
    names = {damage.path.name for damage in damages}
    if RECIPE in names:
        write_recipe(folder, recipe)
    if INDEX in names:
        _rebuild_index(folder, recipe)
    else:
        _take_out(folder, recipe, [clip for damage in damages for clip in damage.clip_ids])
    return damages


def forget_failures(folder: Path, recipe: Recipe) -> int:
    """Take the clips that failed out of the index, so that the next extraction tries them again.

    Belongs inside `write_lock`.

    Returns:
        How many there were.

    Raises:
        StoreError: If the index is damaged.
    """
    try:
        index = read_index(folder, recipe_id=recipe.id)
    except FileNotFoundError:
        return 0
    failed = len(index.failures)
    if failed:
        index.failures = {}
        index.incomplete = f"clips that failed are to be tried again ({failed})"
        write_index(folder, index)
    return failed


def _damage_of(
    folder: Path, index: Index, recipe: Recipe, name: str, rows: list[Row]
) -> Damage | None:
    path = folder / SHARDS / name
    clips = [row.clip_id for row in rows]
    reader = ShardReader(path, index.shards[name], recipe)
    try:
        broken = [row.clip_id for row in rows if digest_row(reader.row(row)) != row.digest]
    except StoreError as error:
        return Damage(path, clips, str(error))
    if broken:
        return Damage(path, clips, f"the features of {', '.join(broken)} are not as written")
    shard = read_shard(path, recipe=recipe)
    if shard is None:
        return Damage(path, clips, "it cannot be read as HDF5, or its description is damaged")
    described = {(row.clip_id, row.index, row.digest) for row in shard.rows}
    if not {(row.clip_id, row.index, row.digest) for row in rows} <= described:
        return Damage(path, clips, "its description and the index do not agree")
    return None


def _unreadable_shards(folder: Path, recipe: Recipe) -> list[Damage]:
    broken = [path for path in shard_paths(folder) if read_shard(path, recipe=recipe) is None]
    return [Damage(path, [], "it is not as it was written") for path in broken]


def _take_out(folder: Path, recipe: Recipe, clips: list[str]) -> None:
    if not clips:
        return
    index = read_index(folder, recipe_id=recipe.id)
    gone = set(clips)
    kept = index.select(clip for clip in index.clip_ids if clip not in gone)
    kept.superseded = index.superseded
    kept.incomplete = f"a repair took {len(gone)} clips out, the first is {clips[0]}"
    write_index(folder, kept)


def _rebuild_index(folder: Path, recipe: Recipe) -> None:
    index = Index(recipe.id)
    adopt(index, unsealed_shards(folder, index, recipe))
    plan = [clip for clip in read_plan(folder) if index.known(clip)]
    rebuilt = index.select(plan or index.clip_ids)
    rebuilt.incomplete = "a repair rebuilt its index from its shards"
    write_index(folder, rebuilt)


def _free_path(path: Path) -> Path:
    return path if not path.exists() else path.with_name(f"{time.time_ns()}-{path.name}")
