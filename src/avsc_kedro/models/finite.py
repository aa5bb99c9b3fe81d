"""A training stops where its numbers are no longer finite, and says at which clips.

No result depends on it, a training that stops has none; `source_code.reach` leaves
this module out.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from avsc_kedro.errors import InputError
from avsc_kedro.models.feeds import Feed

REPLACE = "Look at these recordings: replace them, or leave them out."
LOWER = (
    "Lower training.learning_rate of this network (of its head alone: "
    "fine_tuning.head_learning_rate), or look at what is odd about these clips."
)


class FiniteWatch(keras.callbacks.Callback):
    """Stops a training at the first loss, or epoch's weights, of no finite number.

    First among the callbacks: an epoch that it ends is neither saved nor chosen.

    Args:
        title: What the training is called.
        stage: `train` or `refit`, with `_head` where the head alone is trained.
        feed: What is trained on.
        validation: What chooses the epoch, or None.
    """

    def __init__(self, title: str, stage: str, feed: Feed, validation: Feed | None):
        super().__init__()
        self._title = title
        self._stage = stage
        self._feed = feed
        self._validation = validation

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch + 1
        self._batches: list[np.ndarray] = []

    def on_train_batch_end(self, batch, logs=None):
        # A step may break the weights without a trace in its own loss: the next one shows it.
        self._batches = [self._feed.indices(batch), *self._batches[:1]]
        loss = float(logs["loss"])
        if not np.isfinite(loss):
            raise self._stopped(f"loss became {loss}", batch, self._feed, self._batches)

    def on_test_batch_end(self, batch, logs=None):
        loss, feed = float(logs["loss"]), self._validation
        if not np.isfinite(loss):
            raise self._stopped(
                f"validation loss became {loss}", batch, feed, [feed.indices(batch)]
            )

    def on_epoch_end(self, epoch, logs=None):
        if not all(np.isfinite(weights).all() for weights in self.model.get_weights()):
            what, batch = "weights became nan or infinite", len(self._feed) - 1
            raise self._stopped(what, batch, self._feed, self._batches[:1])

    def _stopped(self, what, batch, feed, batches) -> FloatingPointError:
        this, *before = [", ".join(dict.fromkeys(feed.clip_names(b))) for b in batches]
        then = f", that of the step before of {before[0]}" if before else ""
        return FloatingPointError(
            f"{self._title}: the {what}, in stage {self._stage}, epoch {self._epoch}, step "
            f"{batch + 1}. The batch was made of the clips {this}{then}. "
            f"{_advice(feed, np.concatenate(batches))} Nothing is kept of this epoch."
        )


class FiniteRows(Sequence):
    """Features of clips that refuse, where they are read, what is not a finite number.

    Args:
        rows: One array a clip.
        clip_ids: The clips' names.
    """

    def __init__(self, rows: Sequence[np.ndarray], clip_ids: Sequence[str] | None = None):
        self._rows = rows
        self._clip_ids = clip_ids

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> np.ndarray:
        row = self._rows[index]
        if row.dtype.kind == "f" and not np.isfinite(row).all():
            raise InputError(
                "Expected features of finite numbers. Received nan or infinite values from clip "
                f"{self._clip_ids[index] if self._clip_ids else index}. {REPLACE}"
            )
        return row


def _advice(feed: Feed, indices: np.ndarray) -> str:
    names = feed.clip_names(indices)
    features = feed.samples.take(indices, None)
    parts = features.items() if isinstance(features, dict) else [("", features)]
    odd = {
        f"{name} ({branch})" if branch else name: None
        for branch, values in parts
        for name, value in zip(names, values, strict=True)
        if not np.isfinite(value).all()
    }
    if odd:
        return f"Not all features are finite numbers of: {', '.join(odd)}. {REPLACE}"
    return f"Their features are finite numbers. {LOWER}"
