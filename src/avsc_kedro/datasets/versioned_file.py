"""What all datasets of one versioned local file share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractVersionedDataset, DatasetError, Version
from kedro.io.core import VersionNotFoundError

from avsc_kedro.datasets.damage import explain_damage
from avsc_kedro.errors import InputError


class VersionedFileDataset(AbstractVersionedDataset):
    """One file per version, or one file without versions.

    Args:
        filepath: Where the file lies, or the folder of its versions.
        version: Which version to load and save.
        metadata: Anything other tools want to know.
    """

    def __init__(
        self,
        *,
        filepath: str,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ):
        super().__init__(filepath=PurePosixPath(filepath), version=version)
        self.metadata = metadata

    @property
    def load_path(self) -> Path:
        """The file to load."""
        return Path(self._get_load_path())

    @property
    def save_path(self) -> Path:
        """The file to save."""
        return Path(self._get_save_path())

    def _exists(self) -> bool:
        try:
            return self.load_path.is_file()
        except VersionNotFoundError:
            return False

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "version": self._version}


@contextlib.contextmanager
def damage_explained(path: Path) -> Iterator[None]:
    """Turn what reading a damaged file raises into an `InputError` that names it."""
    try:
        yield
    except (InputError, DatasetError, FileNotFoundError, PermissionError, ImportError, MemoryError):
        raise
    except Exception as error:
        raise InputError(explain_damage(path, error)) from error
