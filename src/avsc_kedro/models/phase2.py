"""Phase II: the fusion layer and the dense layer trained on frozen embeddings."""

from __future__ import annotations

import keras

from avsc_kedro.models.course import LabelledSamples
from avsc_kedro.models.fusion import build_fusion
from avsc_kedro.models.samples import EmbeddingSamples
from avsc_kedro.models.training import Trained, train
from avsc_kedro.options import FusionOptions
from avsc_kedro.paper import Fusion


def train_fusion(
    fusion: Fusion,
    train_set: tuple,
    validation_set: tuple | None,
    options: FusionOptions,
    *,
    classes: int,
    seed: int,
) -> Trained:
    """Train one row of `paper.FUSIONS`.

    Args:
        fusion: The row.
        train_set: ({branch: (clips, size)}, labels (clips,), clip_ids); the last may be left out.
        validation_set: The same for clips that choose the epoch, or None.
        options: Training, dropout, how the weights start.
        classes: Number of scenes.
        seed: Of the weights, the order, the mixing and the dropout.
    """
    size = next(iter(train_set[0].values())).shape[1]

    def build() -> keras.Model:
        return build_fusion(
            fusion,
            embedding_size=size,
            classes=classes,
            dropout=options.dropout,
            weights_start=options.weights_start,
            dense_start=options.dense_start,
        )

    def labelled(part):
        return LabelledSamples(EmbeddingSamples(part[0]), *part[1:]) if part else None

    return train(
        build,
        labelled(train_set),
        labelled(validation_set),
        options=options.training,
        classes=classes,
        seed=seed,
        title=f"fusion {fusion.title}",
    )
