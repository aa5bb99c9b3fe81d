"""Which reader a path and an option lead to."""

from __future__ import annotations

from pathlib import Path

import pytest

from avsc_kedro.clips import detect_source, read_clips
from avsc_kedro.errors import InputError
from avsc_kedro.options import ClipsOptions

COLUMNS = "filename_audio\tfilename_video\tscene_label\n"


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def tau(tmp_path) -> Path:
    root = tmp_path / "tau"
    for name, stem in (("train", "bus-rome-1-1"), ("evaluate", "bus-rome-2-1")):
        row = f"audio/{stem}.wav\tvideo/{stem}.mp4\tbus\n"
        write(root / "evaluation_setup" / f"fold1_{name}.csv", COLUMNS + row)
        write(root / "audio" / f"{stem}.wav")
        write(root / "video" / f"{stem}.mp4")
    return root


@pytest.fixture
def folder(tmp_path) -> Path:
    return write(tmp_path / "folder" / "park" / "a.mp4").parents[1]


@pytest.fixture
def listing(folder) -> Path:
    return write(folder / "clips.CSV", "clip_id,filename,scene_label\n1,park/a.mp4,garden\n")


def test_sources_are_detected(tau, folder, listing):
    assert detect_source(tau) == "tau"
    assert detect_source(folder) == "folder"
    assert detect_source(listing) == "csv"


@pytest.mark.parametrize("source", ["auto", "embedded"])
def test_the_embedded_set_needs_no_path(tau, source):
    table = read_clips(ClipsOptions(source=source), tau)
    assert table["clip_id"].tolist() == ["bus-rome-1-1", "bus-rome-2-1"]


@pytest.mark.parametrize("source", ["auto", "named"])
@pytest.mark.parametrize(("kind", "scene"), [("tau", "bus"), ("folder", "park"), ("csv", "garden")])
def test_every_source_is_read(tau, folder, listing, source, kind, scene):
    path = {"tau": tau, "folder": folder, "csv": listing}[kind]
    name = "auto" if source == "auto" else kind
    table = read_clips(ClipsOptions(source=name, path=str(path)), "unused")
    assert set(table["scene"]) == {scene}


def test_a_relative_path_gives_absolute_paths(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    table = read_clips(ClipsOptions(path="folder"), "unused")
    assert table["video_path"].item() == str(folder / "park" / "a.mp4")


@pytest.mark.parametrize("source", ["tau", "folder", "csv"])
def test_a_source_without_its_path_is_refused(source):
    with pytest.raises(InputError, match=f"clips.source is {source}. Received no path"):
        read_clips(ClipsOptions(source=source), "unused")


def test_a_path_beside_the_embedded_set_is_refused(folder, tau):
    with pytest.raises(InputError, match=r"Expected no clips\.path"):
        read_clips(ClipsOptions(source="embedded", path=str(folder)), tau)


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("tau", "folder", "with evaluation_setup, because clips.source is tau. Received"),
        ("csv", "folder", "ending in .csv, because clips.source is csv"),
        ("folder", "csv", "looks like a comma-separated file"),
        ("folder", "tau", "looks like the folder of TAU .* Set clips.source: tau"),
    ],
)
def test_a_path_of_another_source_is_refused(tau, folder, listing, source, kind, message):
    path = {"tau": tau, "folder": folder, "csv": listing}[kind]
    with pytest.raises(InputError, match=message):
        read_clips(ClipsOptions(source=source, path=str(path)), "unused")


def test_paths_to_nothing_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"clips.path at .*absent. Nothing is there"):
        read_clips(ClipsOptions(path=str(tmp_path / "absent")), "unused")
    with pytest.raises(InputError, match=r"the embedded set at .*absent"):
        read_clips(ClipsOptions(), tmp_path / "absent")


def test_other_files_are_refused(folder):
    with pytest.raises(InputError, match=r"folder or a file ending in .csv. Received .*a.mp4"):
        detect_source(folder / "park" / "a.mp4")


def test_an_empty_folder_says_what_it_should_hold(tmp_path):
    with pytest.raises(InputError, match=r"<scene>/<clip> .*\.mp4"):
        read_clips(ClipsOptions(path=str(tmp_path)), "unused")
