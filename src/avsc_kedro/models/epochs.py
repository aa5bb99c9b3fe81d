"""What is done at each epoch of a training: note how it went, keep the best."""

from __future__ import annotations

import time

import keras
import numpy as np
from keras import ops

from avsc_kedro.models.checkpoints import State
from avsc_kedro.models.losses import RegularisedNetwork


class Logbook(keras.callbacks.Callback):
    """History of a training, and the epoch with the lowest validation loss.

    Without validation every epoch is better than the one before.

    Args:
        trainer: What is trained.
        stage: Stands in every row of the history.
        patience_epochs: Stop when so many epochs in a row have not lowered the
            validation loss; 0 never stops.
    """

    def __init__(self, trainer: RegularisedNetwork, stage: str, *, patience_epochs: int = 0):
        super().__init__()
        self.rows: list[dict[str, float | str]] = []
        self.best_epoch = 0
        self._best_loss = np.inf
        self._best_weights: list[np.ndarray] = []
        self._trainer = trainer
        self._stage = stage
        self._patience_epochs = patience_epochs

    @property
    def is_enough(self) -> bool:
        """Whether the validation loss has not become lower for as long as one is patient."""
        waited = len(self.rows) - self.best_epoch
        return 0 < self._patience_epochs <= waited

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        loss = float(logs.get("val_loss", np.nan))
        self.rows.append(
            {
                "epoch": epoch + 1,
                "loss": float(logs["loss"]),
                "accuracy": float(logs["accuracy"]),
                "val_loss": loss,
                "val_accuracy": float(logs.get("val_accuracy", np.nan)),
                "seconds": time.perf_counter() - self._started,
                "stage": self._stage,
            }
        )
        if "val_loss" not in logs:
            self.best_epoch = epoch + 1
        elif loss < self._best_loss:
            self.best_epoch = epoch + 1
            self._best_loss = loss
            self._best_weights = self._trainer.network.get_weights()
        self._trainer.stop_training = self.is_enough

    def restore_best(self) -> None:
        """Give the network the weights of the best epoch."""
        if self._best_weights:
            self._trainer.network.set_weights(self._best_weights)

    def state(self) -> State:
        """Return where the training stands; called between two epochs."""
        return State(
            epoch=len(self.rows),
            history=list(self.rows),
            best_epoch=self.best_epoch,
            best_loss=float(self._best_loss),
            network=[ops.convert_to_numpy(v) for v in self._trainer.network.variables],
            optimizer=[ops.convert_to_numpy(v) for v in self._trainer.optimizer.variables],
            best_weights=self._best_weights,
        )

    def go_on_from(self, state: State) -> None:
        """Put the training where it stood."""
        self.rows = list(state.history)
        self.best_epoch = state.best_epoch
        self._best_loss = state.best_loss
        self._best_weights = state.best_weights
        _assign(self._trainer.network.variables, state.network)
        _assign(self._trainer.optimizer.variables, state.optimizer)


def _assign(variables, arrays: list[np.ndarray]) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
