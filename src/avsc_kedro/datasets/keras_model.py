"""A trained network as a versioned catalog dataset."""

from __future__ import annotations

from avsc_kedro import runtime
from avsc_kedro.datasets.versioned_file import VersionedFileDataset, damage_explained


class KerasModelDataset(VersionedFileDataset):
    """Loads and saves a `.keras` archive.

    kedro-datasets' own imports TensorFlow when the catalog is made; this one when a
    model is loaded or saved.
    """

    def load(self):
        runtime.start_backend()
        from avsc_kedro.models.files import load_model

        path = self.load_path
        with damage_explained(path):
            return load_model(path)

    def save(self, data) -> None:
        from avsc_kedro.models.files import save_model

        save_model(data, self.save_path)
