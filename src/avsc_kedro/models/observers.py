"""What looks on while a network trains: steps are shown, epochs are saved.

No result depends on it; `source_code.reach` leaves this module out.
"""

from __future__ import annotations

import logging
import math
import shutil
import time
from pathlib import Path

import keras

from avsc_kedro import progress
from avsc_kedro.models.checkpoints import TrainingCheckpoints
from avsc_kedro.models.epochs import Logbook

logger = logging.getLogger(__name__)
SHORTEST_EPOCH_SHOWN_S = 1.0


class StepWatch(keras.callbacks.Callback):
    """Shows progress: a bar for the training, and below it one for the epoch that it is at.

    Where epochs pass too fast to be read, the training's bar is enough.
    """

    def __init__(self, line: progress.Bar):
        super().__init__()
        self._line = line
        self._epoch_line: progress.Bar | None = None
        self._epoch_s = math.inf

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch + 1
        self._began_s = time.monotonic()
        if self._epoch_s >= SHORTEST_EPOCH_SHOWN_S:
            title = f"epoch {self._epoch} of {self.params['epochs']}"
            self._epoch_line = self._line.part(self.params["steps"], title, unit="steps")

    def on_train_batch_end(self, batch, logs=None):
        self._line.advance(1, epoch=self._epoch, loss=float(logs["loss"]))
        if self._epoch_line:
            self._epoch_line.advance(1, **_chosen(logs, "accuracy", "loss"))

    def on_epoch_end(self, epoch, logs=None):
        self._line.advance(0, **_chosen(logs, "accuracy", "val_loss", "val_accuracy"))
        if self._epoch_line:
            self._epoch_line.advance(0, **_chosen(logs, "val_accuracy", "val_loss"))
            self._epoch_line.close()
            self._epoch_line = None
        self._epoch_s = time.monotonic() - self._began_s


def _chosen(logs, *names) -> dict[str, float]:
    return {name: float(logs[name]) for name in names if name in logs}


class EpochSaver(keras.callbacks.Callback):
    """Writes a checkpoint every few epochs and after the last one, after the logbook's rows.

    A disk that takes no checkpoint does not end the training: one warning, and no
    more attempts.
    """

    def __init__(self, logbook: Logbook, checkpoints: TrainingCheckpoints, stage: str, every: int):
        super().__init__()
        self._logbook = logbook
        self._checkpoints: TrainingCheckpoints | None = checkpoints
        self._stage = stage
        self._every = every

    def on_epoch_end(self, epoch, logs=None):
        is_last = self._logbook.is_enough or epoch + 1 == self.params["epochs"]
        if self._checkpoints is None or not (is_last or (epoch + 1) % self._every == 0):
            return
        try:
            self._checkpoints.save(self._stage, self._logbook.state())
        except OSError as error:
            logger.warning(
                "No checkpoint could be written to %s (%s). The training goes on without; if it "
                "is interrupted, it starts from the last checkpoint that is there.",
                error.filename or self._checkpoints.folder,
                error.strerror or error,
            )
            self._checkpoints = None


def event_logs(folder: Path, *, goes_on: bool) -> keras.callbacks.Callback:
    """Return what notes loss and accuracy of each epoch for TensorBoard.

    Args:
        folder: Where; what an earlier training noted there is removed.
        goes_on: Whether this training goes on, so that what is there belongs to it.
    """
    if not goes_on:
        shutil.rmtree(folder, ignore_errors=True)
    return keras.callbacks.TensorBoard(folder, write_graph=False, update_freq="epoch")
