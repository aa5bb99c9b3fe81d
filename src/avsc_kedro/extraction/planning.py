"""What stores lack, as tasks of a shard each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from avsc_kedro.extraction.attempts import Attempts
from avsc_kedro.extraction.same_maker import maker
from avsc_kedro.extraction.shard_task import Part, PlannedClip, ShardTask
from avsc_kedro.options import ExtractionOptions
from avsc_kedro.stores.feature_store import FeatureStore
from avsc_kedro.stores.index import Index
from avsc_kedro.stores.plan import clips_by_slot, renew_plan
from avsc_kedro.stores.recipe import renew_recipe
from avsc_kedro.stores.source import confirm_source
from avsc_kedro.stores.store_error import writing_to
from avsc_kedro.stores.writing import recover

logger = logging.getLogger(__name__)


class Filling(NamedTuple):
    """A store that is being filled.

    Attributes:
        store: The store, locked.
        index: What it holds so far.
        clips: What it is to hold.
        slots: The clips of each shard that lacks some, and among them those that it has.
    """

    store: FeatureStore
    index: Index
    clips: list[PlannedClip]
    slots: list[tuple[list[PlannedClip], Index]]

    @property
    def kind(self) -> str:
        """mel, gam, cqt or rgb."""
        return self.store.recipe.kind


def prepare(
    store: FeatureStore,
    clips: Sequence[PlannedClip],
    options: ExtractionOptions,
    *,
    anew: bool,
    before: set[str],
    is_beside: bool,
) -> Filling:
    """Take up what a store holds, plan what it lacks, and save the plan.

    Args:
        store: A store that this process has locked.
        clips: The clips of the table, in order.
        options: Clips a shard.
        anew: Everything is lacking.
        before: Clips that the store named before this process waited for its lock.
        is_beside: The store is filled along with the one that was asked for.
    """
    folder, recipe = store.folder, store.recipe
    with writing_to(folder):
        index = recover(folder, recipe)
        wanted = [*clips, *_added_meanwhile(store, index, before, clips)]
        by_id = {clip.clip_id: clip for clip in wanted}
        missing = set(by_id) if anew else _find_missing(index, wanted)
        _announce(recipe.kind, len(missing), len(wanted), only_if_missing=is_beside)
        renew_recipe(folder, recipe, anew=anew, extracting=bool(missing))
        size = options.clips_per_shard
        plan = renew_plan(folder, list(by_id), index.rows, size=size, anew=anew)
    slots = []
    for slot in clips_by_slot(plan):
        if missing.intersection(slot):
            known = index.select(clip for clip in slot if clip not in missing)
            slots.append(([by_id[clip] for clip in slot], known))
    return Filling(store, index, wanted, slots)


def make_tasks(fillings: list[Filling], options: ExtractionOptions) -> list[ShardTask]:
    """Return one task for each shard to make; shards of the same clips share one."""
    parts: dict[tuple[PlannedClip, ...], list[Part]] = {}
    for filling in fillings:
        for clips, known in filling.slots:
            part = Part(filling.store.shards, filling.store.recipe, known)
            parts.setdefault(tuple(clips), []).append(part)
    notes = fillings[0].store.folder
    tasks = []
    for clips, wanted in parts.items():
        clip_ids = [clip.clip_id for clip in clips]
        attempts = Attempts.of(notes, clip_ids, limit_s=options.time_limit_s)
        tasks.append(ShardTask(list(clips), wanted, attempts, maker()))
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


def _announce(kind: str, missing: int, clips: int, *, only_if_missing: bool) -> None:
    if missing:
        logger.info("%s: %d of %d clips to extract", kind, missing, clips)
    elif not only_if_missing:
        logger.info("%s: all %d clips are up to date, nothing decoded", kind, clips)
