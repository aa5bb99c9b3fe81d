"""The embeddings of a branch or fusion as a versioned catalog dataset."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractVersionedDataset, Version
from kedro.io.core import VersionNotFoundError

from avsc_kedro.stores.embeddings import Embeddings, read_embeddings, write_embeddings


class EmbeddingsDataset(AbstractVersionedDataset):
    """Loads and saves `stores.embeddings.Embeddings` as one HDF5 file.

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

    def load(self) -> Embeddings:
        return read_embeddings(Path(self._get_load_path()))

    def save(self, data: Embeddings) -> None:
        write_embeddings(Path(self._get_save_path()), data)

    def _exists(self) -> bool:
        try:
            return Path(self._get_load_path()).is_file()
        except VersionNotFoundError:
            return False

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "version": self._version}
