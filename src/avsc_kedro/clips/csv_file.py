"""Clips listed in a comma-separated file."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from avsc_kedro.clips.listing import check_columns, read_listing
from avsc_kedro.clips.table import SPLIT_NAMES, absolute_path, build_table
from avsc_kedro.errors import InputError

# Columns of a clip's sound and picture; the last pair is how TAU's own files name them.
FILE_COLUMNS = (
    ("filename", "filename"),
    ("audio_filename", "video_filename"),
    ("filename_audio", "filename_video"),
)


def read_csv_file(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read clips from a comma-separated file with a header line.

    Columns: clip_id; filename, or audio_filename and video_filename, relative to
    the CSV's folder or absolute; scene_label; and, if wanted, split (train,
    validation or eval; left empty, it is chosen later) and group (left empty, a
    clip is its own group). Other columns are ignored.

    Returns:
        The clips table, in the file's order.

    Raises:
        InputError: If the file cannot be read or is empty, a column or a cell is
            missing, a clip_id comes twice, a split is unknown, or a listed media
            file is not there.
    """
    path = absolute_path(path)
    listing = read_listing(path, separator=",")
    audio, video = _file_columns(listing, path)
    check_columns(listing, path, required=("clip_id", "scene_label", audio, video))
    _check_unique(listing, path)
    table = build_table(
        {
            "clip_id": row["clip_id"],
            "audio_path": os.path.abspath(path.parent / row[audio]),
            "video_path": os.path.abspath(path.parent / row[video]),
            "scene": row["scene_label"],
            "split": _split(row, f"{path}, line {line}"),
            "group": row.get("group") or row["clip_id"],
        }
        for line, row in zip(listing.index, listing.to_dict("records"), strict=True)
    )
    _check_files(table, path=path, lines=list(listing.index))
    return table


def _file_columns(listing: pd.DataFrame, path: Path) -> tuple[str, str]:
    for pair in FILE_COLUMNS:
        if set(pair) <= set(listing.columns):
            return pair
    raise InputError(
        f"Expected the column filename, or audio_filename and video_filename, in {path}. "
        f"Received the columns {', '.join(listing.columns)}. Add the clips' file names."
    )


def _check_unique(listing: pd.DataFrame, path: Path) -> None:
    twice = listing[listing["clip_id"].duplicated(keep=False)]
    if len(twice):
        clip_id = twice["clip_id"].iloc[0]
        lines = twice.index[twice["clip_id"] == clip_id]
        raise InputError(
            f"Expected every clip_id once in {path}. Received {clip_id} in lines "
            f"{', '.join(map(str, lines))}. Give each clip an id of its own."
        )


def _split(row: dict[str, str], place: str) -> str:
    name = row.get("split", "")
    if name.lower() not in SPLIT_NAMES:
        allowed = ", ".join(known for known in SPLIT_NAMES if known)
        raise InputError(
            f"Expected a split among {allowed} or an empty cell in {place}. "
            f"Received {name}. Correct the cell."
        )
    return SPLIT_NAMES[name.lower()]


def _check_files(table: pd.DataFrame, *, path: Path, lines: list[int]) -> None:
    missing = [
        (line, file)
        for line, *files in zip(lines, table["audio_path"], table["video_path"], strict=True)
        for file in dict.fromkeys(files)
        if not os.path.isfile(file)
    ]
    if missing:
        line, file = missing[0]
        raise InputError(
            f"Expected the file {file}, listed in {path}, line {line}. It is not there "
            f"({len(missing)} listed files missing in all). Correct the file name, "
            "relative to the CSV's folder, or remove the row."
        )
