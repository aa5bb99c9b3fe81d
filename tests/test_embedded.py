"""The embedded set on disk: TAU's layout, reproducible, safe beside real data."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile

from avsc_kedro import paper
from avsc_kedro.embedded import (
    MARKER,
    claim_folder,
    list_embedded,
    missing_clips,
    write_clip,
    write_tables,
)
from avsc_kedro.errors import InputError
from avsc_kedro.options import EmbeddedOptions

SMALL = EmbeddedOptions(
    train_clips_per_scene=2, eval_clips_per_scene=1, frame_size_px=32, frame_rate_fps=4
)
LARGER = SMALL.model_copy(update={"train_clips_per_scene": 8, "eval_clips_per_scene": 5})


@pytest.fixture
def one_clip(tmp_path):
    claim_folder(tmp_path, SMALL)
    row = list_embedded(SMALL).iloc[0].to_dict()
    write_clip(tmp_path, row, SMALL)
    return tmp_path, row


def test_plan_counts_clips_and_names_them_as_tau_does():
    plan = list_embedded(LARGER)
    assert plan["stem"].is_unique
    assert list(plan["split"].unique()) == ["train", "eval"]
    counts = plan.groupby("split")["scene"].value_counts().unstack(0)
    assert set(counts.index) == set(paper.SCENES)
    assert (counts["train"] == 8).all()
    assert (counts["eval"] == 5).all()
    parts = plan["stem"].str.extract(r"^([a-z_]+)-([a-z]+)-(\d+)-(\d+)$")
    assert not parts.isna().any(axis=None)
    assert (parts[0] == plan["scene"]).all()
    assert (parts[1] == plan["city"]).all()
    assert (parts[2].astype(int) == plan["location"]).all()


def test_a_location_has_one_scene_one_city_and_one_split():
    plan = list_embedded(LARGER)
    assert (plan.groupby("location")[["scene", "city", "split", "place_seed"]].nunique() == 1).all(
        axis=None
    )
    assert plan["clip_seed"].is_unique
    assert plan["place_seed"].nunique() == plan["location"].nunique()


@pytest.mark.parametrize("clips", [6, 7, 12])
def test_train_has_three_locations_a_scene_from_six_clips_on(clips):
    plan = list_embedded(SMALL.model_copy(update={"train_clips_per_scene": clips}))
    train = plan[plan["split"] == "train"]
    assert train.groupby("scene")["location"].nunique().min() >= 3


def test_a_larger_set_holds_the_smaller_one():
    merged = list_embedded(SMALL).merge(list_embedded(LARGER))
    assert len(merged) == len(list_embedded(SMALL))


def test_another_seed_draws_other_clips():
    other = list_embedded(SMALL.model_copy(update={"seed": 1}))
    assert not set(other["clip_seed"]) & set(list_embedded(SMALL)["clip_seed"])


def test_clip_files_are_as_in_tau_and_leave_nothing_else(one_clip):
    root, row = one_clip
    info = soundfile.info(root / "audio" / f"{row['stem']}.wav")
    assert (info.samplerate, info.channels, info.frames) == (48_000, 2, 480_000)
    assert info.subtype == "PCM_24"
    names = sorted(path.name for path in root.rglob("*") if path.is_file())
    assert names == [MARKER, f"{row['stem']}.mp4", f"{row['stem']}.wav"]


def test_writing_a_clip_again_gives_the_same_bytes(one_clip, tmp_path_factory):
    root, row = one_clip
    again = tmp_path_factory.mktemp("again")
    write_clip(again, row, SMALL)
    for name in (f"audio/{row['stem']}.wav", f"video/{row['stem']}.mp4"):
        assert (root / name).read_bytes() == (again / name).read_bytes()


def test_missing_clips_asks_for_both_files(one_clip):
    root, row = one_clip
    plan = list_embedded(SMALL)
    assert list(missing_clips(root, SMALL)["stem"]) == list(plan["stem"][1:])
    (root / "video" / f"{row['stem']}.mp4").unlink()
    assert list(missing_clips(root, SMALL)["stem"]) == list(plan["stem"])


def test_other_options_make_every_clip_missing_and_remove_the_old_ones(one_clip):
    root, row = one_clip
    other = SMALL.model_copy(update={"seed": 1})
    assert len(missing_clips(root, other)) == len(list_embedded(other))
    claim_folder(root, other)
    assert not (root / "audio" / f"{row['stem']}.wav").exists()
    assert "seed 1" in (root / MARKER).read_text()


def test_claiming_again_with_more_clips_keeps_the_files(one_clip):
    root, row = one_clip
    claim_folder(root, LARGER)
    assert row["stem"] not in set(missing_clips(root, LARGER)["stem"])


def test_a_folder_that_may_hold_real_data_is_refused(tmp_path):
    (tmp_path / "audio").mkdir()
    with pytest.raises(InputError, match="may be real"):
        claim_folder(tmp_path, SMALL)


def test_tables_are_those_of_tau(tmp_path):
    write_tables(tmp_path, SMALL)
    read = {
        name: pd.read_csv(tmp_path / name, sep="\t")
        for name in (
            "meta.csv",
            *(f"evaluation_setup/fold1_{part}.csv" for part in ("train", "evaluate", "test")),
        )
    }
    meta, train, evaluate, test = read.values()
    assert list(meta) == ["filename_audio", "filename_video", "scene_label", "identifier"]
    assert list(train) == list(evaluate) == list(meta)[:3]
    assert list(test) == list(meta)[:2]
    assert (len(meta), len(train), len(evaluate), len(test)) == (30, 20, 10, 10)
    assert set(meta["filename_video"]) == {*train["filename_video"], *evaluate["filename_video"]}
    assert meta.iloc[0].to_list() == [
        "audio/airport-barcelona-1000-1000.wav",
        "video/airport-barcelona-1000-1000.mp4",
        "airport",
        "barcelona-1000",
    ]
    located = meta.set_index("filename_audio")["identifier"]
    assert not np.isin(located[train["filename_audio"]], located[evaluate["filename_audio"]]).any()


def test_a_worker_does_not_load_tensorflow_keras_or_kedro():
    script = "import sys, avsc_kedro.embedded; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "avsc_kedro.embedded" in loaded.stdout.split()
    assert not {"tensorflow", "keras", "kedro"} & set(loaded.stdout.split())
