"""The embeddings of a branch or fusion as a versioned catalog dataset."""

from __future__ import annotations

from avsc_kedro.datasets.versioned_file import VersionedFileDataset, damage_explained
from avsc_kedro.stores.embeddings import Embeddings, read_embeddings, write_embeddings


class EmbeddingsDataset(VersionedFileDataset):
    """Loads and saves `stores.embeddings.Embeddings` as one HDF5 file."""

    def load(self) -> Embeddings:
        path = self.load_path
        with damage_explained(path):
            return read_embeddings(path)

    def save(self, data: Embeddings) -> None:
        write_embeddings(self.save_path, data)
