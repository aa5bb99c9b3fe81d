"""A trained network as a versioned catalog dataset."""

from __future__ import annotations

from avsc_kedro import runtime
from avsc_kedro.datasets.versioned_file import VersionedFileDataset


class KerasModelDataset(VersionedFileDataset):
    """Loads and saves a `.keras` archive.

    kedro-datasets' own imports TensorFlow when the catalog is made; this one when a
    model is loaded or saved.
    """

    def load(self):
        runtime.start_backend()
        from avsc_kedro.models.files import load_model

        return load_model(self.load_path)

    def save(self, data) -> None:
        from avsc_kedro.models.files import save_model

        save_model(data, self.save_path)
