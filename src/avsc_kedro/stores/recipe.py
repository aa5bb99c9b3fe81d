"""Everything that decides the bytes of a store, and what it was made with."""

from __future__ import annotations

import hashlib
import json
import logging
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from avsc_kedro.publish import publish_bytes

RECIPE = "recipe.json"
LIBRARIES = (
    "av",
    "gammatone",
    "librosa",
    "numpy",
    "scipy",
    "soundfile",
    "soxr",
)

logger = logging.getLogger(__name__)


class Recipe(NamedTuple):
    """Everything that decides the bytes of a store."""

    kind: str
    options: dict[str, Any]
    extractor_version: int
    shape: tuple[int, ...]
    dtype: str

    @property
    def canonical(self) -> str:
        """The recipe as JSON, the same text for the same recipe."""
        return json.dumps(self._asdict(), sort_keys=True)

    @property
    def id(self) -> str:
        """Short digest of the canonical recipe; the store's folder name."""
        return hashlib.blake2b(self.canonical.encode(), digest_size=6).hexdigest()

    @property
    def row_bytes(self) -> int:
        """Bytes of one clip's features."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


def write_recipe(folder: Path, recipe: Recipe) -> None:
    """Write a recipe into its store's folder, with the versions of the libraries here."""
    content = {**json.loads(recipe.canonical), "made_with": library_versions()}
    publish_bytes(folder / RECIPE, json.dumps(content, indent=1, sort_keys=True).encode())


def renew_recipe(folder: Path, recipe: Recipe, *, anew: bool, extracting: bool) -> None:
    """Write a store's recipe if it is not there, and say if the libraries changed since.

    Args:
        folder: Folder of the store.
        recipe: Its recipe.
        anew: Every row is made with the libraries of today.
        extracting: Some rows are.
    """
    written = read_recipe(folder)
    if written is None or anew:
        write_recipe(folder, recipe)
    elif extracting and (changes := _changes(written[1], library_versions())):
        logger.warning(
            "%s: the rest of this store was made with other libraries: %s", recipe.kind, changes
        )


def read_recipe(folder: Path) -> tuple[Recipe, dict[str, str]] | None:
    """Return the recipe of a store's folder and the library versions it was made with.

    None if there is none, or it is not the one the folder is named after.
    """
    try:
        content = json.loads((folder / RECIPE).read_bytes())
        made_with = dict(content.pop("made_with"))
        recipe = Recipe(**{**content, "shape": tuple(content["shape"])})
        return (recipe, made_with) if recipe.id == folder.name else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that decode and compute features."""
    return {name: _version(name) for name in LIBRARIES}


def _changes(before: dict[str, str], now: dict[str, str]) -> str:
    changed = [name for name in now if before.get(name) != now[name]]
    return ", ".join(f"{name} {before.get(name)}, now {now[name]}" for name in changed)


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:  # under another of its names
        return "unknown"
