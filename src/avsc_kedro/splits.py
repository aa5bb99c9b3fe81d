"""Train, validation and evaluation: whole groups of clips, never a group in two splits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

from avsc_kedro.errors import InputError
from avsc_kedro.options import ClipsOptions

SPLITS = ("train", "validation", "eval")
ROUNDING = 1e-9  # clips; a tie in exact numbers is a tie here


def split_clips(table: pd.DataFrame, options: ClipsOptions) -> pd.DataFrame:
    """Complete the splits of a clips table.

    Evaluation clips are chosen where the source does not say, then validation
    clips are cut from train. The same clips give the same splits in any order.

    Returns:
        The clips table sorted by clip_id; split is train, validation or eval.

    Raises:
        InputError: If the splits cannot be used; see `check_splits`.
    """
    assigned = assign_eval(table, fraction=options.eval_fraction, seed=options.seed)
    check_splits(assigned)
    cut = cut_validation(assigned, fraction=options.validation_fraction, seed=options.seed)
    check_splits(cut)
    return cut.sort_values("clip_id", ignore_index=True)


def assign_eval(table: pd.DataFrame, *, fraction: float, seed: int) -> pd.DataFrame:
    """Choose train or eval for the clips whose split is empty, by whole groups.

    A group that already has a split keeps it. About `fraction` of each scene goes
    to eval, and at least one group where the scene has another to leave in train.

    Returns:
        The table with no split left empty.
    """
    is_open = table["split"] == ""
    known = dict(zip(table["group"][~is_open], table["split"][~is_open], strict=True))
    split = table["split"].mask(is_open, table["group"].map(lambda group: known.get(group, "")))
    undecided = table[split == ""]
    wanting = set(undecided["scene"]) - set(table["scene"][split == "eval"])
    chosen = _choose_groups(undecided, fraction=fraction, seed=seed, wanting=wanting)
    choice = table["group"].isin(chosen).map({True: "eval", False: "train"})
    return table.assign(split=split.mask(split == "", choice))


def cut_validation(table: pd.DataFrame, *, fraction: float, seed: int) -> pd.DataFrame:
    """Move whole groups from train to validation, as near to `fraction` of each scene as they go.

    No scene loses its last train clip. Groups so large that moving none is nearer
    stay in train. Where the source names validation clips, nothing is cut.

    Returns:
        The table with the moved clips' split changed.
    """
    if (table["split"] == "validation").any():
        return table.copy()
    train = table["split"] == "train"
    chosen = _choose_groups(table[train], fraction=fraction, seed=seed)
    moved = train & table["group"].isin(chosen)
    return table.assign(split=table["split"].mask(moved, "validation"))


def check_splits(table: pd.DataFrame) -> None:
    """Refuse splits that cannot train or cannot be trusted.

    Raises:
        InputError: If a clip_id comes twice, there are fewer than two scenes, train
            or eval is empty, a group is in two splits, or a scene of another split
            is not in train.
    """
    for check in (_check_ids, _check_scenes, _check_filled, _check_leaks, _check_seen):
        check(table)


def count_clips(table: pd.DataFrame) -> pd.DataFrame:
    """Return the clips per scene: scene, train, validation, eval."""
    counts = pd.crosstab(table["scene"], table["split"]).reindex(columns=list(SPLITS), fill_value=0)
    return counts.rename_axis(columns=None).reset_index()


def _choose_groups(
    clips: pd.DataFrame, *, fraction: float, seed: int, wanting: Iterable[str] = ()
) -> list[str]:
    """Return groups that together hold about `fraction` of each scene, and never all of it.

    Scenes in `wanting` give one group even where giving none would be nearer.
    """
    sizes = pd.crosstab(clips["group"], clips["scene"])
    sizes = sizes.loc[sorted(sizes.index, key=lambda group: _rank(group, seed))]
    target = fraction * sizes.sum()
    chosen = _approach(sizes, target)
    for scene in sorted(wanting):
        if not sizes.loc[chosen, scene].any():
            chosen += _nearest_with(scene, sizes, chosen, target)
    return chosen


def _approach(sizes: pd.DataFrame, target: pd.Series) -> list[str]:
    """Return the groups that, taken in turn, come nearer to the target and empty no scene."""
    total, goal = sizes.sum().to_numpy(), target.to_numpy()
    taken, chosen = np.zeros_like(total), []
    for group, size in zip(sizes.index, sizes.to_numpy(), strict=True):
        nearer = np.abs(taken + size - goal).sum() <= np.abs(taken - goal).sum() + ROUNDING
        if nearer and np.all(taken + size < total):
            taken = taken + size
            chosen.append(group)
    return chosen


def _nearest_with(
    scene: str, sizes: pd.DataFrame, chosen: list[str], target: pd.Series
) -> list[str]:
    """Return the one group with clips of `scene` that suits best, or none if all empty a scene."""
    after = sizes[sizes[scene] > 0] + sizes.loc[chosen].sum()
    after = after[(after < sizes.sum()).all(axis=1)]
    return [] if after.empty else [(after - target).abs().sum(axis=1).idxmin()]


def _rank(group: str, seed: int) -> bytes:
    # A group's place does not depend on other groups, so that new clips hardly move old ones.
    return hashlib.blake2b(f"{seed}/{group}".encode()).digest()


def _check_ids(table: pd.DataFrame) -> None:
    twice = table["clip_id"][table["clip_id"].duplicated()]
    if len(twice):
        raise InputError(
            f"Expected every clip_id once. Received {twice.iloc[0]} more than once "
            f"({twice.nunique()} such ids in all). Give each clip an id of its own in the source."
        )


def _check_scenes(table: pd.DataFrame) -> None:
    scenes = sorted(set(table["scene"]))
    if len(scenes) < 2:
        raise InputError(
            f"Expected clips of at least two scenes. Received {', '.join(scenes) or 'no clips'}. "
            "Check clips.path, or add clips of another scene."
        )


def _check_filled(table: pd.DataFrame) -> None:
    for split in ("train", "eval"):
        if not (table["split"] == split).any():
            there = table["split"].value_counts().sort_index()
            received = ", ".join(f"{name} {count}" for name, count in there.items())
            raise InputError(
                f"Expected clips in the split {split}. Received {received}. Name {split} clips "
                "in the source, or name no splits and give at least two groups of a scene, "
                "so that they can be chosen."
            )


def _check_leaks(table: pd.DataFrame) -> None:
    pairs = table[["group", "split"]].drop_duplicates()
    leaks = pairs[pairs["group"].duplicated(keep=False)]
    if len(leaks):
        group = leaks["group"].iloc[0]
        splits = sorted(leaks["split"][leaks["group"] == group])
        raise InputError(
            f"Expected every group in one split. Received the group {group} in "
            f"{' and '.join(splits)} ({leaks['group'].nunique()} such groups in all). Move its "
            "clips into one split, or give recordings of different places different groups."
        )


def _check_seen(table: pd.DataFrame) -> None:
    seen = set(table["scene"][table["split"] == "train"])
    for split in ("validation", "eval"):
        unseen = sorted(set(table["scene"][table["split"] == split]) - seen)
        if unseen:
            raise InputError(
                f"Expected every scene of {split} in train. Received {', '.join(unseen)} in "
                f"{split} only. Add train clips of it, or remove it from {split}."
            )
