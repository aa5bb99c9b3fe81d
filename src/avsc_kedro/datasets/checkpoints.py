"""The checkpoints of a network's trainings as a catalog dataset: a place, not a content."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

if TYPE_CHECKING:
    from avsc_kedro.models.checkpoints import Checkpoints


class CheckpointsDataset(AbstractDataset):
    """Loads `models.checkpoints.Checkpoints`, through which a training saves and resumes.

    Always exists, and says nothing of what a training gives: outputs do not depend on it.

    Args:
        filepath: Folder of the checkpoints.
        metadata: Anything other tools want to know.
    """

    is_content = False

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None):
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> Checkpoints:
        from avsc_kedro.models.checkpoints import Checkpoints

        return Checkpoints(self._filepath)

    def save(self, data: object) -> NoReturn:
        raise DatasetError(
            f"Checkpoints in {self._filepath} are written by the training that loads them. Let "
            "no node return them."
        )

    def discard_finished(self) -> None:
        """Remove the checkpoints of the training that ended: what it led to is saved."""
        self.load().discard_finished()

    def discard(self) -> None:
        """Remove the checkpoints of all trainings: they are not wanted."""
        self.load().discard()

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
