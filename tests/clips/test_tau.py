"""TAU as downloaded: both layouts, its groups, and what is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from avsc_kedro import paper
from avsc_kedro.clips import CLIP_COLUMNS, list_tau, read_tau, tau_report
from avsc_kedro.clips.tau import DATASET, is_tau
from avsc_kedro.errors import InputError

TRAIN = ("tram-paris-3-1", "tram-paris-3-2", "bus-lyon-4-1")
EVAL = ("tram-milan-5-1", "bus-lyon-6-1")


def write_listings(folder: Path, *, train=TRAIN, evaluate=EVAL, meta=True) -> None:
    (folder / "evaluation_setup").mkdir(parents=True)
    columns = "filename_audio\tfilename_video\tscene_label"
    for name, stems in (("train", train), ("evaluate", evaluate)):
        lines = [f"audio/{s}.wav\tvideo/{s}.mp4\t{s.split('-')[0]}" for s in stems]
        fold = folder / "evaluation_setup" / f"fold1_{name}.csv"
        fold.write_text("\n".join([columns, *lines]) + "\n")
    if meta:
        lines = [f"audio/{s}.wav\tvideo/{s}.mp4\tx\tplace-{s.split('-')[2]}" for s in train]
        (folder / "meta.csv").write_text("\n".join([f"{columns}\tidentifier", *lines]) + "\n")


def write_media(folder: Path, kind: str, *stems: str) -> None:
    (folder / kind).mkdir(parents=True)
    for stem in stems:
        (folder / kind / f"{stem}.{'wav' if kind == 'audio' else 'mp4'}").touch()


def one_folder(root: Path) -> Path:
    write_listings(root / DATASET)
    write_media(root / DATASET, "audio", *TRAIN, *EVAL)
    write_media(root / DATASET, "video", *TRAIN, *EVAL)
    return root


def folder_per_archive(root: Path, inner: str = "") -> Path:
    write_listings(root / f"{DATASET}.meta" / inner)
    write_media(root / f"{DATASET}.audio.1" / inner, "audio", *TRAIN)
    write_media(root / f"{DATASET}.audio.8" / inner, "audio", *EVAL)
    write_media(root / f"{DATASET}.video.3" / inner, "video", *TRAIN, *EVAL)
    return root


LAYOUTS = {
    "holding folder": one_folder,
    "dataset folder": lambda root: one_folder(root) / DATASET,
    "folder per archive": folder_per_archive,
    "folder per archive with the dataset folder": lambda root: folder_per_archive(root, DATASET),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_clips(tmp_path, layout):
    root = LAYOUTS[layout](tmp_path)
    table = read_tau(root)
    assert is_tau(root)
    assert tuple(table.columns) == CLIP_COLUMNS
    assert table["clip_id"].tolist() == [*TRAIN, *EVAL]
    assert table["scene"].tolist() == ["tram", "tram", "bus", "tram", "bus"]
    assert table["split"].tolist() == ["train"] * 3 + ["eval"] * 2
    assert table["group"].tolist() == ["place-3", "place-3", "place-4", "milan-5", "lyon-6"]
    for clip in table.itertuples():
        assert Path(clip.audio_path).is_absolute()
        assert Path(clip.audio_path).is_file()
        assert Path(clip.audio_path).name == f"{clip.clip_id}.wav"
        assert Path(clip.video_path).is_file()
        assert Path(clip.video_path).name == f"{clip.clip_id}.mp4"


def test_without_meta_the_group_is_city_and_location(tmp_path):
    write_listings(tmp_path, train=(*TRAIN, "lecture"), meta=False)
    groups = ["paris-3", "paris-3", "lyon-4", "lecture", "milan-5", "lyon-6"]
    assert list_tau(tmp_path)["group"].tolist() == groups


@pytest.fixture
def partly_downloaded(tmp_path) -> Path:
    write_listings(tmp_path)
    write_media(tmp_path, "audio", *TRAIN, *EVAL)
    write_media(tmp_path, "video", TRAIN[0], EVAL[0])
    return tmp_path


def test_missing_files_are_counted_and_the_first_is_named(partly_downloaded):
    with pytest.raises(InputError) as error:
        read_tau(partly_downloaded)
    assert "Missing 3 of 5 clips (train 2, eval 1; audio files 0, video files 3)" in str(
        error.value
    )
    assert "first video/tram-paris-3-2.mp4" in str(error.value)
    assert "audio.1-8 and video.1-16" in str(error.value)


def test_missing_sound_alone_is_named(partly_downloaded):
    write_media(partly_downloaded / f"{DATASET}.video.1", "video", *TRAIN, *EVAL)
    (partly_downloaded / "audio" / "bus-lyon-6-1.wav").unlink()
    with pytest.raises(InputError, match=r"Missing 1 of 5 .*first audio/bus-lyon-6-1.wav"):
        read_tau(partly_downloaded)


def test_missing_clips_can_be_left_out(partly_downloaded):
    assert read_tau(partly_downloaded, allow_missing=True)["clip_id"].tolist() == [
        TRAIN[0],
        EVAL[0],
    ]


def test_listings_without_media_are_refused_always(tmp_path):
    write_listings(tmp_path)
    with pytest.raises(InputError, match="Missing 5 of 5 clips"):
        read_tau(tmp_path, allow_missing=True)


def test_the_report_compares_with_the_published_counts(tmp_path):
    write_listings(tmp_path, train=(*TRAIN, "office-rome-1-1"))
    listed = list_tau(tmp_path)
    report = tau_report(listed, listed[listed["group"] == "place-3"])
    assert report["expected"].sum() == sum(paper.TAU_TRAIN_CLIPS) + sum(paper.TAU_EVAL_CLIPS)
    by_scene = report.set_index(["split", "scene"])
    assert by_scene.loc[("train", "tram")].tolist() == [763, 2, 2, 0]
    assert by_scene.loc[("train", "bus")].tolist() == [806, 1, 0, 1]
    assert by_scene.loc[("train", "office")].tolist() == [0, 1, 0, 1]
    assert by_scene.loc[("eval", "park")].tolist() == [386, 0, 0, 0]


def test_a_missing_listing_is_named(tmp_path):
    write_media(tmp_path / f"{DATASET}.video.1", "video", *TRAIN)
    assert is_tau(tmp_path)
    with pytest.raises(InputError, match=r"evaluation_setup/fold1_train.csv .*meta.zip"):
        read_tau(tmp_path)


def test_a_listing_with_other_columns_is_refused(tmp_path):
    write_listings(tmp_path)
    (tmp_path / "evaluation_setup" / "fold1_evaluate.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"the column filename_audio in .*fold1_evaluate.csv"):
        read_tau(tmp_path)
