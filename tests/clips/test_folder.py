"""The folder source: scenes, splits and groups from the places files lie in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from avsc_kedro.clips import read_folder
from avsc_kedro.errors import InputError


def write(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def rows(root: Path) -> list[tuple[str, str, str, str]]:
    table = read_folder(root)
    assert (table["audio_path"] == table["video_path"]).all()
    assert all(Path(path).is_absolute() and Path(path).is_file() for path in table["video_path"])
    columns = ["clip_id", "scene", "split", "group"]
    return list(table[columns].itertuples(index=False, name=None))


def test_scenes_without_splits(tmp_path):
    write(tmp_path, "küche/b 2.MOV", "küche/a.mp4", "bad/day 1/x/a.webm", "bad/notes.txt")
    assert rows(tmp_path) == [
        ("bad/day 1/x/a", "bad", "", "day 1"),
        ("küche/a", "küche", "", "küche/a"),
        ("küche/b 2", "küche", "", "küche/b 2"),
    ]


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("train", "train"),
        ("Eval", "eval"),
        ("evaluate", "eval"),
        ("evaluation", "eval"),
        ("test", "eval"),
        ("val", "validation"),
        ("validation", "validation"),
    ],
)
def test_split_folders(tmp_path, folder, split):
    write(tmp_path, f"{folder}/park/a.avi", f"{folder}/park/home/b.mkv")
    assert rows(tmp_path) == [
        (f"{folder}/park/a", "park", split, f"{folder}/park/a"),
        (f"{folder}/park/home/b", "park", split, "home"),
    ]


def test_hidden_files_and_folders_are_ignored(tmp_path):
    write(tmp_path, "park/._a.mp4", "park/a.mp4", ".cache/park/b.mp4", "park/.trash/c.mp4")
    assert [row[0] for row in rows(tmp_path)] == ["park/a"]


def test_links_are_followed_but_never_in_circles(tmp_path):
    write(tmp_path / "store", "park/a.mp4")
    root = tmp_path / "root"
    root.mkdir()
    (root / "garden").symlink_to(tmp_path / "store" / "park")
    (tmp_path / "store" / "park" / "again").symlink_to(tmp_path / "store" / "park")
    assert [row[0] for row in rows(root)] == ["garden/a"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "Received none"),
        (("park/a.wav",), r"<split>/<scene>/<clip>, ending in .mp4, .mkv, .webm, .avi, .mov"),
        (("a.mp4", "park/b.mp4"), "Received a.mp4, which lies in no scene folder"),
        (("train/a.mp4", "eval/park/b.mp4"), "Received train/a.mp4, which lies in no scene folder"),
        (("train/park/a.mp4", "bus/b.mp4"), "Received both: train and bus"),
        (
            ("park/a.mp4", "park/a.avi"),
            "one file for the clip park/a. Received .*a.avi and .*a.mp4",
        ),
    ],
)
def test_faults_are_named(tmp_path, names, message):
    with pytest.raises(InputError, match=message):
        read_folder(write(tmp_path, *names))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps such names")
def test_names_that_are_not_unicode_are_refused(tmp_path):
    write(tmp_path, "park/b.mp4")
    with open(os.fsencode(tmp_path) + b"/park/\xff.mp4", "wb"):
        pass
    with pytest.raises(InputError, match="names in UTF-8"):
        read_folder(tmp_path)
