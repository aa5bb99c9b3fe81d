"""TAU Urban Audio-Visual Scenes 2021, development, as it is downloaded."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from avsc_kedro import paper
from avsc_kedro.clips.listing import check_columns, read_listing
from avsc_kedro.clips.table import absolute_path, build_table
from avsc_kedro.errors import InputError

DATASET = "TAU-urban-audio-visual-scenes-2021-development"
FOLDS = {"train": "fold1_train.csv", "eval": "fold1_evaluate.csv"}
PUBLISHED = {"train": paper.TAU_TRAIN_CLIPS, "eval": paper.TAU_EVAL_CLIPS}
LISTED_COLUMNS = ("filename_audio", "filename_video", "scene_label")


def read_tau(root: str | os.PathLike[str], *, allow_missing: bool = False) -> pd.DataFrame:
    """Read the clips of TAU's fold 1 below `root`.

    Args:
        root: The data set's folder or the one that holds it; one folder per
            archive, as some unzip tools leave, is the same data set.
        allow_missing: Leave out clips whose files are not there.

    Returns:
        The clips table, train before eval. A group is a location: the identifier
        of meta.csv, else city and location from the file name.

    Raises:
        InputError: If a listing is missing or not as published, if no clip is
            there, or if any is missing and `allow_missing` is false.
    """
    listed = list_tau(root)
    found = listed[(listed["audio_path"] != "") & (listed["video_path"] != "")]
    if found.empty or (len(found) < len(listed) and not allow_missing):
        raise InputError(_describe_missing(listed, root=absolute_path(root)))
    return found.reset_index(drop=True)


def list_tau(root: str | os.PathLike[str]) -> pd.DataFrame:
    """Return every clip of fold 1 as `read_tau` does, with an empty path where a file is not.

    Raises:
        InputError: If a listing is missing or not as published.
    """
    folders = tau_folders(absolute_path(root))
    files, locations = _media_files(folders), _locations(folders)
    rows = []
    for split, name in FOLDS.items():
        fold = _find_listing(folders, f"evaluation_setup/{name}")
        for row in _read(fold, required=LISTED_COLUMNS).to_dict("records"):
            clip_id = Path(row["filename_video"]).stem
            rows.append(
                {
                    "clip_id": clip_id,
                    "audio_path": files.get(row["filename_audio"], ""),
                    "video_path": files.get(row["filename_video"], ""),
                    "scene": row["scene_label"],
                    "split": split,
                    "group": locations.get(row["filename_audio"]) or _location(clip_id),
                }
            )
    return build_table(rows)


def tau_report(listed: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Compare what is there with what is listed and what was published.

    Args:
        listed: Every clip, from `list_tau`.
        found: The clips whose files are there, from `read_tau`.

    Returns:
        One row per split and scene: split, scene, expected (the published number,
        0 for a scene TAU does not have), listed, found, missing.
    """
    rows = []
    for split in FOLDS:
        expected = dict(zip(paper.SCENES, PUBLISHED[split], strict=True))
        scenes = listed.loc[listed["split"] == split, "scene"].value_counts()
        there = found.loc[found["split"] == split, "scene"].value_counts()
        for scene in sorted({*expected, *scenes.index}):
            counts = (expected.get(scene, 0), int(scenes.get(scene, 0)), int(there.get(scene, 0)))
            rows.append((split, scene, *counts, counts[1] - counts[2]))
    return pd.DataFrame(rows, columns=["split", "scene", "expected", "listed", "found", "missing"])


def is_tau(root: Path) -> bool:
    """Tell whether `root` holds the data set in one of its layouts, complete or not."""
    folders = tau_folders(root)
    return len(folders) > 1 or any(
        (folder / "evaluation_setup").is_dir()
        or ((folder / "meta.csv").is_file() and (folder / "video").is_dir())
        for folder in folders
    )


def tau_folders(root: Path) -> list[Path]:
    """Return `root` and the folders below it that archives of the data set unpack to."""
    archives = sorted(path for path in root.glob(f"{DATASET}*") if path.is_dir())
    inner = [path / DATASET for path in archives if (path / DATASET).is_dir()]
    return [root, *archives, *inner]


def _read(path: Path, *, required: tuple[str, ...]) -> pd.DataFrame:
    listing = read_listing(path, separator="\t")
    check_columns(listing, path, required=required)
    return listing


def _media_files(folders: list[Path]) -> dict[str, str]:
    """Return the path of each file under its listed name, such as `video/<stem>.mp4`."""
    return {
        f"{kind}/{path.name}": str(path)
        for folder in folders
        for kind in ("audio", "video")
        if (folder / kind).is_dir()
        for path in (folder / kind).iterdir()
    }


def _locations(folders: list[Path]) -> dict[str, str]:
    for meta in (folder / "meta.csv" for folder in folders):
        if meta.is_file():
            listing = _read(meta, required=("filename_audio", "identifier"))
            return dict(zip(listing["filename_audio"], listing["identifier"], strict=True))
    return {}


def _location(stem: str) -> str:
    """Return city and location of `{scene}-{city}-{location}-{segment}`."""
    parts = stem.split("-")
    return "-".join(parts[-3:-1]) if len(parts) >= 4 else stem


def _find_listing(folders: list[Path], name: str) -> Path:
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise InputError(
        f"Expected {name} of TAU Urban Audio-Visual Scenes 2021 in {folders[0]}. It is not there. "
        f"Unzip {DATASET}.meta.zip into that folder, or correct clips.path."
    )


def _describe_missing(listed: pd.DataFrame, *, root: Path) -> str:
    lacking = {kind: listed[listed[f"{kind}_path"] == ""] for kind in ("audio", "video")}
    clips = listed[(listed["audio_path"] == "") | (listed["video_path"] == "")]
    kind, suffix = ("video", "mp4") if len(lacking["video"]) else ("audio", "wav")
    first = f"{kind}/{lacking[kind]['clip_id'].iloc[0]}.{suffix}"
    splits = ", ".join(f"{split} {sum(clips['split'] == split)}" for split in FOLDS)
    return (
        f"Expected the files of {len(listed)} listed clips in {root}. Missing {len(clips)} of "
        f"{len(listed)} clips ({splits}; audio files {len(lacking['audio'])}, video files "
        f"{len(lacking['video'])}): first {first}. Unzip every audio.1-8 and video.1-16 archive "
        "into that folder, or set clips.allow_missing: true to go on without them."
    )
