"""The sources a clips table can come from, and which one a path is."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from avsc_kedro.clips.csv_file import read_csv_file
from avsc_kedro.clips.folder import LAYOUT, read_folder
from avsc_kedro.clips.table import absolute_path
from avsc_kedro.clips.tau import is_tau, read_tau
from avsc_kedro.errors import InputError
from avsc_kedro.options import ClipsOptions

READERS = {"csv": read_csv_file, "folder": read_folder}
EXPECTED = {
    "tau": "the folder of TAU Urban Audio-Visual Scenes 2021, with evaluation_setup",
    "csv": "a comma-separated file ending in .csv",
    "folder": f"a folder with {LAYOUT}",
}


def read_clips(options: ClipsOptions, embedded_root: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the clips table from the source that `options` names.

    Args:
        options: The source, and its path for all but the embedded set; `auto`
            means the embedded set without a path and else what the path looks like.
        embedded_root: Where the embedded set lies, in TAU's layout.

    Returns:
        The clips table: clip_id, audio_path, video_path, scene, split (empty where
        the source does not say) and group, all strings. No media file is opened.

    Raises:
        InputError: If a path is missing, superfluous or not what the source reads,
            or if the source itself is at fault.
    """
    if options.is_embedded:
        _check_no_path(options)
        return read_tau(_existing(embedded_root, "the embedded set"))
    if options.path is None:
        raise InputError(
            f"Expected clips.path to name {EXPECTED[options.source]}, because clips.source is "
            f"{options.source}. Received no path. Set clips.path or clips.source: embedded."
        )
    path = _existing(options.path, "clips.path")
    detected = detect_source(path)
    if options.source not in ("auto", detected):
        raise InputError(
            f"Expected {EXPECTED[options.source]}, because clips.source is {options.source}. "
            f"Received {path}, which looks like {EXPECTED[detected]}. "
            f"Set clips.source: {detected}, or correct clips.path."
        )
    if detected == "tau":
        return read_tau(path, allow_missing=options.allow_missing)
    return READERS[detected](path)


def comes_from_tau(options: ClipsOptions) -> bool:
    """Whether the clips are TAU 2021's, by the option or by what the path is."""
    if options.source != "auto":
        return options.source == "tau"
    return options.path is not None and detect_source(options.path) == "tau"


def detect_source(path: str | os.PathLike[str]) -> str:
    """Tell which source reads `path`: tau, csv or folder.

    Raises:
        InputError: If nothing is there, or a file that does not end in .csv.
    """
    path = _existing(path, "clips.path")
    if path.is_dir():
        return "tau" if is_tau(path) else "folder"
    if path.suffix.lower() == ".csv":
        return "csv"
    raise InputError(
        f"Expected clips.path to be a folder or a file ending in .csv. Received {path}. "
        "Name the folder that holds the clips, or a CSV that lists them."
    )


def _existing(path: str | os.PathLike[str], key: str) -> Path:
    found = absolute_path(path)
    if not found.exists():
        raise InputError(
            f"Expected {key} at {found}. Nothing is there. Correct the path, "
            "or download or write the data first."
        )
    return found


def _check_no_path(options: ClipsOptions) -> None:
    if options.path is not None:
        raise InputError(
            "Expected no clips.path, because clips.source is embedded. "
            f"Received {options.path}. Remove clips.path or set clips.source: auto."
        )
