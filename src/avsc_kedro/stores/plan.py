"""Which clips share a shard: decided once, saved before any work, stable ever after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from avsc_kedro.stores.checked_json import read_checked, write_checked
from avsc_kedro.stores.shard import Row

PLAN = "plan.json"


def read_plan(folder: Path) -> dict[str, int]:
    """Return the slot of each clip; empty if there is no plan or it is damaged."""
    try:
        return {clip: int(slot) for clip, slot in read_checked(folder / PLAN, "plan").items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def renew_plan(
    folder: Path, clip_ids: Sequence[str], rows: dict[str, Row], *, size: int, anew: bool
) -> dict[str, int]:
    """Extend the plan of a store by new clips, save it if it changed, and return it.

    Args:
        folder: Folder of the store.
        clip_ids: The clips of the table, in order.
        rows: Rows that are stored already.
        size: Clips of a new slot.
        anew: Forget the old plan.
    """
    old = read_plan(folder)
    plan = extend_plan({} if anew else old, clip_ids, rows={} if anew else rows, size=size)
    if list(plan.items()) != list(old.items()):
        write_checked(folder / PLAN, "plan", plan)
    return plan


def extend_plan(
    plan: dict[str, int], clip_ids: Sequence[str], *, rows: dict[str, Row], size: int
) -> dict[str, int]:
    """Return the slot of every clip, slots ascending.

    Known clips keep theirs, clips that left the table drop out, and new ones get slots
    of their own. Without a plan, clips that lie in one shard already stay together.

    Args:
        plan: Slots so far.
        clip_ids: The clips of the table, in order.
        rows: Rows that are stored already.
        size: Clips of a new slot.
    """
    extended = {clip: plan[clip] for clip in clip_ids if clip in plan}
    new_slot = max(plan.values(), default=-1) + 1
    slot_of_shard: dict[str, int] = {}
    unstored = []
    for clip in clip_ids:
        if clip in rows and clip not in plan:
            free = new_slot + len(slot_of_shard)
            extended[clip] = slot_of_shard.setdefault(rows[clip].shard, free)
        elif clip not in plan:
            unstored.append(clip)
    new_slot += len(slot_of_shard)
    for position, clip in enumerate(unstored):
        extended[clip] = new_slot + position // size
    return dict(sorted(extended.items(), key=lambda item: item[1]))


def clips_by_slot(plan: dict[str, int]) -> list[list[str]]:
    """Return the clips of each slot, slots ascending."""
    slots: dict[int, list[str]] = {}
    for clip, slot in plan.items():
        slots.setdefault(slot, []).append(clip)
    return [slots[slot] for slot in sorted(slots)]
