"""Whether a sealed store still is what its recordings would give."""

from __future__ import annotations

import contextlib
from pathlib import Path

from avsc_kedro.stores.index import Index, read_index, write_index
from avsc_kedro.stores.lock import write_lock
from avsc_kedro.stores.recipe import RECIPE, Recipe, read_recipe
from avsc_kedro.stores.source import Source, confirm_source
from avsc_kedro.stores.store_error import StoreError
from avsc_kedro.stores.writing import is_whole


def why_outdated(folder: Path, recipe: Recipe, index: Index) -> str | None:
    """Return in one short sentence why a store must be made anew in part, None if it need not.

    Recordings are known by path, size, time and inode; only where these differ is
    their content read. If it is the same, the index learns the new ones.
    """
    lost = [name for name in index.shards if not is_whole(folder, index, name)]
    if lost:
        more = f", and {len(lost) - 1} more" if len(lost) > 1 else ""
        return f"shard {lost[0]} is missing or cut short{more}"
    if read_recipe(folder) is None:
        return f"its {RECIPE} is damaged"
    if index.incomplete:
        return index.incomplete
    known = {made.clip_id: made.source for made in (*index.rows.values(), *index.failures.values())}
    today = {clip: confirm_source(source, source.path) for clip, source in known.items()}
    changed = [known[clip].path for clip, source in today.items() if source is None]
    if changed:
        recordings = "1 recording" if len(changed) == 1 else f"{len(changed)} recordings"
        return f"{recordings} changed, the first is {changed[0]}"
    _refresh(folder, recipe, {c: s for c, s in today.items() if s is not known[c]})
    return None


def _refresh(folder: Path, recipe: Recipe, sources: dict[str, Source]) -> None:
    if not sources:
        return
    # It only spares reading them again, so it may fail while another run writes, or for good.
    with contextlib.suppress(StoreError, OSError), write_lock(folder, wait=False):
        index = read_index(folder, recipe_id=recipe.id)
        for clip_id, source in sources.items():
            known = index.known(clip_id)
            if known is not None and known.source.digest == source.digest:
                index.set_source(clip_id, source)
        write_index(folder, index)
