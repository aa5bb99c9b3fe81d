"""The folder of a network's TensorBoard logs as a catalog dataset: a place, not a content."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError


class EventLogsDataset(AbstractDataset):
    """Loads the folder that a training writes its logs to, if it is asked to.

    Always exists, and says nothing of what a training gives: outputs do not depend on it.

    Args:
        filepath: The folder.
        metadata: Anything other tools want to know.
    """

    is_content = False

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None):
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> Path:
        return self._filepath

    def save(self, data: object) -> NoReturn:
        raise DatasetError(
            f"Logs in {self._filepath} are written by the training that loads their place. Let "
            "no node return them."
        )

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
