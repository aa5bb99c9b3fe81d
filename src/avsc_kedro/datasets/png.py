"""A drawn figure as a catalog dataset that loads back, so that the report can hold it."""

from __future__ import annotations

import base64
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractVersionedDataset, DatasetError, Version

from avsc_kedro.publish import publish_bytes

if TYPE_CHECKING:
    from kedro_datasets._typing import ImagePreview

SIGNATURE = b"\x89PNG\r\n\x1a\n"


class PngDataset(AbstractVersionedDataset):
    """Loads and saves the bytes of a PNG picture.

    kedro-datasets' own for figures saves but does not load.

    Args:
        filepath: Where the picture lies, or the folder of its versions.
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

    def load(self) -> bytes:
        return Path(self._get_load_path()).read_bytes()

    def save(self, data: bytes) -> None:
        if not data.startswith(SIGNATURE):
            raise DatasetError(
                f"Expected the bytes of a PNG for {self._filepath}. Received {data[:8]!r}. "
                "Save what figures.figure_png returns."
            )
        publish_bytes(Path(self._get_save_path()), data)

    def preview(self) -> ImagePreview:
        """Return the picture as Kedro-Viz shows it, base64."""
        return base64.b64encode(self.load()).decode("ascii")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "version": self._version}
