"""A drawn figure as a catalog dataset that loads back, so that the report can hold it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from kedro.io import DatasetError

from avsc_kedro.datasets.versioned_file import VersionedFileDataset
from avsc_kedro.publish import publish_bytes

if TYPE_CHECKING:
    from kedro_datasets._typing import ImagePreview

SIGNATURE = b"\x89PNG\r\n\x1a\n"


class PngDataset(VersionedFileDataset):
    """Loads and saves the bytes of a PNG picture.

    kedro-datasets' own for figures saves but does not load.
    """

    def load(self) -> bytes:
        return self.load_path.read_bytes()

    def save(self, data: bytes) -> None:
        if not data.startswith(SIGNATURE):
            raise DatasetError(
                f"Expected the bytes of a PNG for {self._filepath}. Received {data[:8]!r}. "
                "Save what figures.figure_png returns."
            )
        publish_bytes(self.save_path, data)

    def preview(self) -> ImagePreview:
        """Return the picture as Kedro-Viz shows it, base64."""
        return base64.b64encode(self.load()).decode("ascii")
