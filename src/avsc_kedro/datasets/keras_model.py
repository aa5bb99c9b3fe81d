"""A trained network as a versioned catalog dataset."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractVersionedDataset, Version
from kedro.io.core import VersionNotFoundError

from avsc_kedro import runtime


class KerasModelDataset(AbstractVersionedDataset):
    """Loads and saves a `.keras` archive.

    kedro-datasets' own imports TensorFlow when the catalog is made; this one when a
    model is loaded or saved.

    Args:
        filepath: Where the archive lies, or the folder of its versions.
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

    def load(self):
        runtime.start_backend()
        from avsc_kedro.models.files import load_model

        return load_model(Path(self._get_load_path()))

    def save(self, data) -> None:
        from avsc_kedro.models.files import save_model

        save_model(data, Path(self._get_save_path()))

    def _exists(self) -> bool:
        try:
            return Path(self._get_load_path()).is_file()
        except VersionNotFoundError:
            return False

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "version": self._version}
