"""Splits: whole groups, every scene kept in train, the same choice in any order."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avsc_kedro.errors import InputError
from avsc_kedro.options import ClipsOptions
from avsc_kedro.splits import assign_eval, check_splits, count_clips, cut_validation, split_clips


def clips(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Return a clips table of (scene, split, group) rows."""
    table = pd.DataFrame(rows, columns=["scene", "split", "group"], dtype=str)
    names = [f"clip-{number:03d}" for number in range(len(table))]
    return table.assign(clip_id=names, audio_path=names, video_path=names)


def scene_of_groups(scene: str, *, groups: int, size: int, split: str = "") -> list[tuple]:
    return [(scene, split, f"{scene}-{group}") for group in range(groups) for _ in range(size)]


GOOD = (("park", "train", "a"), ("bus", "train", "b"), ("park", "eval", "c"))


def test_source_splits_are_kept_and_validation_is_cut_from_train():
    rows = scene_of_groups("park", groups=10, size=2, split="train")
    rows += scene_of_groups("kitchen", groups=20, size=1, split="train")
    rows += [("park", "eval", "far"), ("kitchen", "eval", "further")]
    table = split_clips(clips(*rows), ClipsOptions(validation_fraction=0.2))
    assert count_clips(table).to_dict("records") == [
        {"scene": "kitchen", "train": 16, "validation": 4, "eval": 1},
        {"scene": "park", "train": 16, "validation": 4, "eval": 1},
    ]
    assert list(table["clip_id"]) == sorted(table["clip_id"])


def test_empty_splits_are_chosen():
    rows = scene_of_groups("park", groups=10, size=3) + scene_of_groups("bus", groups=10, size=1)
    table = split_clips(clips(*rows), ClipsOptions(eval_fraction=0.3, validation_fraction=0))
    assert count_clips(table)["eval"].tolist() == [3, 9]
    assert count_clips(table)["validation"].tolist() == [0, 0]


def test_every_scene_with_two_groups_is_evaluated_however_large_they_are():
    rows = scene_of_groups("park", groups=2, size=8) + scene_of_groups("bus", groups=1, size=8)
    table = assign_eval(clips(*rows), fraction=0.1, seed=0)
    assert count_clips(table)["eval"].tolist() == [0, 8]


def test_a_group_that_has_a_split_keeps_it():
    rows = [*GOOD, ("park", "", "c"), ("bus", "", "a")]
    assert assign_eval(clips(*rows), fraction=0.5, seed=0)["split"].tolist()[-2:] == [
        "eval",
        "train",
    ]


def test_a_scene_of_one_group_gives_no_validation():
    rows = scene_of_groups("park", groups=1, size=9, split="train")
    rows += scene_of_groups("bus", groups=9, size=1, split="train")
    table = cut_validation(clips(*rows), fraction=0.34, seed=0)
    assert count_clips(table)["validation"].tolist() == [3, 0]


def test_groups_across_scenes_move_whole():
    rows = [(scene, "train", group) for group in "abcde" for scene in ("park", "bus")]
    table = cut_validation(clips(*rows), fraction=0.2, seed=1)
    moved = table[table["split"] == "validation"]
    assert moved["group"].nunique() == 1
    assert sorted(moved["scene"]) == ["bus", "park"]


@pytest.mark.parametrize(("fraction", "moved"), [(0.2, 0), (0.25, 8), (0.4, 8)])
def test_validation_takes_the_nearest_it_can(fraction, moved):
    rows = scene_of_groups("park", groups=2, size=8, split="train")
    table = cut_validation(clips(*rows), fraction=fraction, seed=0)
    assert (table["split"] == "validation").sum() == moved


def test_validation_named_by_the_source_is_kept():
    rows = [*GOOD, *scene_of_groups("bus", groups=9, size=1, split="train")]
    rows.append(("bus", "validation", "v"))
    table = split_clips(clips(*rows), ClipsOptions(validation_fraction=0.5))
    assert table["group"][table["split"] == "validation"].tolist() == ["v"]


def test_seed_and_nothing_else_changes_the_choice():
    rows = scene_of_groups("park", groups=30, size=1) + scene_of_groups("bus", groups=30, size=1)
    table = clips(*rows)
    first = split_clips(table, ClipsOptions(seed=1))
    shuffled = split_clips(table.sample(frac=1, random_state=0), ClipsOptions(seed=1))
    pd.testing.assert_frame_equal(first, shuffled)
    assert not first.equals(split_clips(table, ClipsOptions(seed=2)))


def test_the_table_given_is_left_alone():
    table = clips(*scene_of_groups("park", groups=9, size=1), *GOOD)
    before = table.copy()
    split_clips(table, ClipsOptions())
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "at least two scenes. Received no clips"),
        ((GOOD[0], ("park", "eval", "c")), "at least two scenes. Received park"),
        ((GOOD[0], GOOD[1]), "clips in the split eval. Received train 2"),
        ((("park", "eval", "c"), ("bus", "eval", "d")), "clips in the split train. Received eval"),
        ((*GOOD, ("bus", "eval", "a")), "the group a in eval and train"),
        ((*GOOD, ("bus", "validation", "b")), "the group b in train and validation"),
        ((*GOOD, ("tram", "eval", "d")), "every scene of eval in train. Received tram"),
        ((*GOOD, ("tram", "validation", "d")), "every scene of validation in train"),
    ],
)
def test_splits_that_cannot_be_used_are_refused(rows, message):
    with pytest.raises(InputError, match=message):
        check_splits(clips(*rows))


def test_a_clip_id_comes_once():
    table = clips(*GOOD).assign(clip_id=["x", "y", "x"])
    with pytest.raises(InputError, match=r"every clip_id once. Received x"):
        check_splits(table)


def test_a_leak_of_the_source_is_named_as_the_source_has_it():
    rows = [*GOOD, *scene_of_groups("bus", groups=9, size=1, split="train")]
    cut = cut_validation(clips(*rows), fraction=0.5, seed=0)
    group = cut["group"][cut["split"] == "validation"].iloc[0]
    with pytest.raises(InputError, match=f"the group {group} in eval and train"):
        split_clips(clips(*rows, ("bus", "eval", group)), ClipsOptions(validation_fraction=0.5))


scene_and_group = st.tuples(st.sampled_from(["park", "bus", "küche"]), st.sampled_from("abcdefgh"))
fractions = st.floats(0.01, 0.99)


@settings(max_examples=60)
@given(pairs=st.lists(scene_and_group, min_size=1), evaluated=fractions, validated=fractions)
def test_no_group_is_divided_and_no_scene_leaves_train(pairs, evaluated, validated):
    table = clips(*[(scene, "", group) for scene, group in pairs])
    assigned = assign_eval(table, fraction=evaluated, seed=0)
    cut = cut_validation(assigned, fraction=validated, seed=0)
    assert cut.groupby("group")["split"].nunique().max() == 1
    assert set(cut["split"]) <= {"train", "validation", "eval"}
    assert (count_clips(cut)["train"] > 0).all()
    pd.testing.assert_series_equal(cut["clip_id"], table["clip_id"])


@settings(max_examples=60)
@given(sizes=st.lists(st.integers(1, 9), min_size=2), fraction=st.floats(0, 0.5))
def test_what_moves_is_within_half_a_group_of_the_fraction(sizes, fraction):
    rows = [("park", "train", f"g{group}") for group, size in enumerate(sizes) for _ in range(size)]
    moved = (cut_validation(clips(*rows), fraction=fraction, seed=0)["split"] != "train").sum()
    assert abs(moved - fraction * sum(sizes)) <= max(sizes) / 2 + 1e-6
