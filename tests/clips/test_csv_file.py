"""The CSV source: files relative to it, split and group as wanted, errors with lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from avsc_kedro.clips import CLIP_COLUMNS, read_csv_file
from avsc_kedro.errors import InputError

REAL = Path(__file__).parents[2].parent / "shared" / "media" / "scenes" / "clips.csv"
HEADER = "clip_id,filename,scene_label,split,group"


def write(folder: Path, *lines: str) -> Path:
    for name in ("a.mp4", "b c.mp4", "a.wav"):
        (folder / name).touch()
    path = folder / "clips.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_rows_become_clips(tmp_path):
    path = write(tmp_path, HEADER, "1,a.mp4,küche,Test,home", f"2,{tmp_path}/b c.mp4,bad,,")
    table = read_csv_file(path)
    first, second = (str(tmp_path / name) for name in ("a.mp4", "b c.mp4"))
    assert tuple(table.columns) == CLIP_COLUMNS
    assert table.to_numpy().tolist() == [
        ["1", first, first, "küche", "eval", "home"],
        ["2", second, second, "bad", "", "2"],
    ]


@pytest.mark.parametrize(
    "files", ["audio_filename,video_filename", "filename_audio,filename_video"]
)
def test_sound_and_picture_may_be_two_files(tmp_path, files):
    table = read_csv_file(write(tmp_path, f"clip_id,{files},scene_label", "1,a.wav,a.mp4,park"))
    assert table["audio_path"].item() == str(tmp_path / "a.wav")
    assert table["video_path"].item() == str(tmp_path / "a.mp4")
    assert table["split"].item() == ""
    assert table["group"].item() == "1"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((HEADER,), "Received no rows"),
        (("clip_id,filename", "1,a.mp4"), "the column scene_label in .*clips.csv"),
        (("clip_id,scene_label", "1,park"), "the column filename, or audio_filename and video_fi"),
        (("clip_id,audio_filename,scene_label", "1,a.wav,park"), "the column filename, or audio_"),
        ((HEADER, "1,,park,,"), "a value for filename in .*line 2"),
        ((HEADER, "1,a.mp4,park,,", "2,a.mp4,park,,", "1,b c.mp4,bus,,"), "1 in lines 2, 4"),
        ((HEADER, "1,a.mp4,park,holdout,"), "among train, val.* in .*line 2. Received holdout"),
        ((HEADER, "1,a.mp4,park,,", "2,x.mp4,park,,"), "x.mp4, listed in .*line 3.*1 listed files"),
        ((HEADER, "1,../gone/x.mp4,park,,"), "gone/x.mp4"),
        ((HEADER.replace(",", ";"), "1;a.mp4;park;;"), "Received the columns clip_id;filename"),
    ],
)
def test_faults_are_named(tmp_path, lines, message):
    with pytest.raises(InputError, match=message):
        read_csv_file(write(tmp_path, *lines))


@pytest.mark.skipif(not REAL.is_file(), reason="the real recordings are not on this machine")
def test_real_recordings_are_listed():
    table = read_csv_file(REAL)
    assert table["split"].value_counts().to_dict() == {"train": 160, "eval": 80}
    assert table["scene"].nunique() == 10
    assert set(table["group"]) == {"fold1", "fold2", "fold3"}
    assert (table["audio_path"] == table["video_path"]).all()
