"""The clips table: its columns, and the names a source may use for a split."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

CLIP_COLUMNS = ("clip_id", "audio_path", "video_path", "scene", "split", "group")

# What a source may write, in any case, and the split it means; "" leaves the choice open.
SPLIT_NAMES = {
    "": "",
    "train": "train",
    "val": "validation",
    "validation": "validation",
    "eval": "eval",
    "evaluate": "eval",
    "evaluation": "eval",
    "test": "eval",
}


def build_table(rows: Iterable[Mapping[str, str]]) -> pd.DataFrame:
    """Return the clips table of `rows`: all strings, in the columns of CLIP_COLUMNS."""
    return pd.DataFrame(list(rows), columns=list(CLIP_COLUMNS), dtype=str)


def absolute_path(path: str | os.PathLike[str]) -> Path:
    """Return `path` from the root of the file system, `~` expanded and links kept."""
    return Path(os.path.abspath(Path(path).expanduser()))
