"""Clips in folders named after their scenes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from avsc_kedro.clips.table import SPLIT_NAMES, absolute_path, build_table
from avsc_kedro.errors import InputError

MEDIA_SUFFIXES = (".mp4", ".mkv", ".webm", ".avi", ".mov")
LAYOUT = f"<scene>/<clip> or <split>/<scene>/<clip>, ending in {', '.join(MEDIA_SUFFIXES)}"


def read_folder(root: str | os.PathLike[str]) -> pd.DataFrame:
    """Read clips from `<scene>/<clip>` or `<split>/<scene>/<clip>`.

    Split folders are train, eval (also evaluate, evaluation, test) and validation
    (also val); without them the split is left empty, to be chosen later. A folder
    below the scene names the group, the same group wherever the name comes again;
    without it every clip is its own group. Hidden files and folders are ignored.

    Returns:
        The clips table, in the order of clip_id: the path below `root` without its
        suffix.

    Raises:
        InputError: If the folder holds no clips, a clip lies in no scene folder,
            split and other folders are mixed, two files differ in their suffix
            only, or a name is not valid Unicode.
    """
    root = absolute_path(root)
    clips = sorted(_walk(root))
    if not clips:
        raise InputError(
            f"Expected clips as {LAYOUT} in {root}. Received none. Correct clips.path or "
            "put the videos into folders named after their scenes."
        )
    with_splits = _has_splits(clips, root)
    rows = [_row(clip, root=root, with_splits=with_splits) for clip in clips]
    _check_unique(rows)
    return build_table(sorted(rows, key=lambda row: row["clip_id"]))


def _walk(root: Path) -> Iterator[Path]:
    """Yield the paths below `root` of all clips, through links but never in circles."""
    for folder, names, files in os.walk(root, followlinks=True, onerror=_refuse):
        here = Path(folder)
        names[:] = [
            name
            for name in names
            if not name.startswith(".")
            and not here.resolve().is_relative_to((here / name).resolve())
        ]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in MEDIA_SUFFIXES:
                yield (here / name).relative_to(root)


def _refuse(error: OSError) -> None:
    raise InputError(
        f"Expected a folder that can be listed. Received: {error}. Correct its permissions."
    ) from error


def _has_splits(clips: list[Path], root: Path) -> bool:
    tops = sorted({clip.parts[0] for clip in clips})
    splits = [top for top in tops if top.lower() in SPLIT_NAMES]
    others = [top for top in tops if top not in splits]
    if splits and others:
        raise InputError(
            f"Expected either split folders or scene folders in {root}. Received both: "
            f"{splits[0]} and {others[0]}. Move {others[0]} below a split folder."
        )
    return bool(splits)


def _row(clip: Path, *, root: Path, with_splits: bool) -> dict[str, str]:
    _check_name(clip, root)
    split, inside = (clip.parts[0], clip.parts[1:]) if with_splits else ("", clip.parts)
    if len(inside) < 2:
        raise InputError(
            f"Expected clips as {LAYOUT} in {root}. Received {clip.as_posix()}, which lies "
            "in no scene folder. Move it into a folder named after its scene."
        )
    clip_id = clip.with_suffix("").as_posix()
    return {
        "clip_id": clip_id,
        "audio_path": str(root / clip),
        "video_path": str(root / clip),
        "scene": inside[0],
        "split": SPLIT_NAMES[split.lower()],
        "group": inside[1] if len(inside) > 2 else clip_id,
    }


def _check_name(clip: Path, root: Path) -> None:
    try:
        str(clip).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"Expected file names in UTF-8 in {root}. Received {str(clip)!r}. Rename the file."
        ) from error


def _check_unique(rows: list[dict[str, str]]) -> None:
    seen: dict[str, str] = {}
    for row in rows:
        first = seen.setdefault(row["clip_id"], row["video_path"])
        if first != row["video_path"]:
            raise InputError(
                f"Expected one file for the clip {row['clip_id']}. Received {first} and "
                f"{row['video_path']}. Rename or remove one of them."
            )
