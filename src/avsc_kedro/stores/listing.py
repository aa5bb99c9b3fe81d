"""Every store below one folder, whatever state it is in."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from avsc_kedro.stores.feature_store import FeatureStore
from avsc_kedro.stores.index import INDEX, Index, index_signature, read_index
from avsc_kedro.stores.lock import LOCK, write_lock
from avsc_kedro.stores.recipe import RECIPE, read_recipe
from avsc_kedro.stores.store_error import EXTRACT, StoreError, writing_to
from avsc_kedro.stores.writing import SHARDS, is_whole


class StoreInfo(NamedTuple):
    """One store in a list of them.

    `bytes` counts every file in the folder. `sealed_at` is Unix time, None without an
    index. `health` is "sealed", "no index", "index damaged", "2 shards missing" or
    what a repair left to be done.
    """

    data_set: str
    kind: str
    recipe_id: str
    clips: int
    failures: int
    bytes: int
    sealed_at: float | None
    health: str
    folder: Path


def list_stores(root: Path) -> list[StoreInfo]:
    """List the stores in `<root>/<data set>/<kind>/<recipe>/`."""
    folders = sorted(path for path in Path(root).glob("*/*/*") if _is_store(path))
    return [_describe(folder) for folder in folders]


def store_at(folder: Path) -> FeatureStore:
    """Return the store in a folder, not opened, by the recipe that lies there.

    Raises:
        StoreError: If the recipe is not there or damaged.
    """
    found = read_recipe(folder)
    if found is None:
        raise StoreError(
            f"Expected the recipe of {folder.name} in {folder / RECIPE}. It is missing or "
            f"damaged. Run: {EXTRACT}; that writes it again."
        )
    return FeatureStore(folder.parent, found[0])


def delete_store(folder: Path) -> None:
    """Delete all of a store but the file of its lock, which another run may be waiting for.

    Raises:
        StoreBusyError: If another run is writing it.
    """
    with write_lock(folder, wait=False), writing_to(folder):
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()


def _is_store(path: Path) -> bool:
    return any((path / name).exists() for name in (INDEX, RECIPE, SHARDS))


def _describe(folder: Path) -> StoreInfo:
    index, health = _read(folder)
    signature = index_signature(folder)
    return StoreInfo(
        data_set=folder.parent.parent.name,
        kind=folder.parent.name,
        recipe_id=folder.name,
        clips=len(index.rows),
        failures=len(index.failures),
        bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        sealed_at=signature and signature[0] / 1e9,
        health=health,
        folder=folder,
    )


def _read(folder: Path) -> tuple[Index, str]:
    nothing = Index(folder.name)
    try:
        index = read_index(folder, recipe_id=folder.name)
    except FileNotFoundError:
        return nothing, "no index"
    except StoreError:
        return nothing, "index damaged"
    missing = sum(not is_whole(folder, index, name) for name in index.shards)
    if missing:
        return index, f"{missing} shard{'s' if missing > 1 else ''} missing"
    return index, index.incomplete or "sealed"
