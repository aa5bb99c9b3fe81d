"""How a network is trained; an interrupted training goes on only if that is the same."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from avsc_kedro.models.checkpoints import Checkpoints, TrainingCheckpoints, digest
from avsc_kedro.models.samples import Samples
from avsc_kedro.options import WITHOUT_RESULT, ComputeOptions, FineTuningOptions, TrainingOptions

logger = logging.getLogger(__name__)


class LabelledSamples(NamedTuple):
    """Samples of some clips, the class of each clip, and its name for messages."""

    samples: Samples
    labels: np.ndarray
    clip_ids: Sequence[str] | None = None


class Course(NamedTuple):
    """How a network is trained.

    Attributes:
        options: Epochs, batch size, Adam, L2 and mixup.
        classes: Number of classes.
        seed: Of the weights, the order, the mixing and the dropout.
        title: What the progress line is called.
        compute: Numbers, compiler and devices.
        placement: Makes the context in which networks are built and trained, such as that of
            `runtime.spread_over`.
        fine_tuning: Whether the head is trained first, and batch norms are left as they are.
        checkpoints: Where to save each epoch and to look for an interrupted training.
        made_from: What the samples and the code are, as JSON takes it: an interrupted
            training goes on only if this is the same.
        logs: Folder for TensorBoard, written to if `options.tensorboard` is set.
    """

    options: TrainingOptions
    classes: int
    seed: int
    title: str
    compute: ComputeOptions = ComputeOptions()
    placement: Callable[[], AbstractContextManager] = nullcontext
    fine_tuning: FineTuningOptions = FineTuningOptions()
    checkpoints: Checkpoints | None = None
    made_from: Any = None
    logs: Path | None = None

    def of_head(self) -> Course:
        """Return how the head alone is trained."""
        changes = {
            "epochs": self.fine_tuning.head_epochs,
            "learning_rate": self.fine_tuning.head_learning_rate,
            "schedule": "constant",
            "warmup_epochs": 0,
        }
        return self._replace(
            options=self.options.model_copy(update=changes), title=f"{self.title} (head)"
        )

    def of_refit(self, *, head_epochs: int, epochs: int) -> Course:
        """Return how a network is trained anew for the epochs that won."""
        return self._replace(
            options=self.options.model_copy(update={"epochs": epochs}),
            fine_tuning=self.fine_tuning.model_copy(update={"head_epochs": head_epochs}),
            title=f"{self.title} (refit)",
        )

    def open_checkpoints(
        self, sets: Sequence[LabelledSamples | None], network: keras.Model
    ) -> TrainingCheckpoints | None:
        """Return the checkpoints of the training that starts with this network, on these sets."""
        if self.checkpoints is None or not self.options.checkpoint_epochs:
            return None
        start = [ops.convert_to_numpy(variable) for variable in network.variables]
        facts = {**self._facts(sets), "network": network.to_json()}
        return self.checkpoints.of(digest(facts, start))

    def _facts(self, sets) -> dict[str, Any]:
        return {
            "made_from": self.made_from,
            "sets": [_describe(labelled) for labelled in sets],
            "options": self.options.model_dump(mode="json", exclude=set(WITHOUT_RESULT)),
            "compute": self.compute.model_dump(mode="json"),
            "fine_tuning": self.fine_tuning.model_dump(mode="json"),
            "classes": self.classes,
            "seed": self.seed,
            "versions": [
                keras.__version__,
                np.__version__,
                keras.backend.backend(),
                sys.modules[keras.backend.backend()].__version__,
            ],
        }


def _describe(labelled):
    if labelled is None:
        return None
    samples, labels, _ = labelled
    augmentation = samples.augmentation and samples.augmentation.model_dump(mode="json")
    return [type(samples).__name__, samples.per_clip, augmentation, np.asarray(labels).tolist()]
