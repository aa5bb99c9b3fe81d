"""Phase I: one backbone trained on the clips of one store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from avsc_kedro.models.backbone import build_audio_backbone, build_visual_backbone
from avsc_kedro.models.checkpoints import Checkpoints
from avsc_kedro.models.feeds import FrameSamples, SpectrogramSamples
from avsc_kedro.models.finite import FiniteRows
from avsc_kedro.models.training import LabelledSamples, Trained, train_and_refit
from avsc_kedro.options import AudioBackboneOptions, VisualBackboneOptions
from avsc_kedro.paper import Branch
from avsc_kedro.signal.deltas import channel_statistics, stack_deltas


class Recordings(NamedTuple):
    """Features and classes of the clips that training may see.

    Each is (rows, labels) or (rows, labels, clip_ids): rows a sequence of arrays, labels
    (clips,) integer, clip_ids to name a clip by where something is wrong with it.
    `validation` is None if no clip was set aside. `made_from` says what they and the code
    that trains on them are, as JSON takes it; see `training.train`.
    """

    train: tuple
    validation: tuple | None
    both: tuple
    made_from: Any = None


def train_audio(
    branch: Branch,
    recordings: Recordings,
    options: AudioBackboneOptions,
    *,
    classes: int,
    seed: int,
    refit: bool,
    checkpoints: Checkpoints | None = None,
) -> Trained:
    """Train a residual-inception network on spectrograms."""
    rows, _, *clip_ids = recordings.train
    mean, variance = channel_statistics(map(stack_deltas, FiniteRows(rows, *clip_ids)))

    def build() -> keras.Model:
        return build_audio_backbone(
            branch,
            options,
            input_shape=rows[0].shape,
            classes=classes,
            mean=mean,
            variance=variance,
        )

    def samples(rows) -> SpectrogramSamples:
        return SpectrogramSamples(rows, options.augmentation)

    return _train(
        branch,
        recordings,
        samples,
        build,
        options,
        classes=classes,
        seed=seed,
        refit=refit,
        checkpoints=checkpoints,
    )


def train_visual(
    branch: Branch,
    recordings: Recordings,
    options: VisualBackboneOptions,
    *,
    classes: int,
    seed: int,
    refit: bool,
    checkpoints: Checkpoints | None = None,
) -> Trained:
    """Train InceptionV3 or ConvNeXtTiny on frames."""
    frame_shape = recordings.train[0][0].shape[1:]

    def build() -> keras.Model:
        return build_visual_backbone(branch, options, input_shape=frame_shape, classes=classes)

    def samples(rows) -> FrameSamples:
        return FrameSamples(rows, options.frames_per_clip, options.augmentation)

    return _train(
        branch,
        recordings,
        samples,
        build,
        options,
        classes=classes,
        seed=seed,
        refit=refit,
        checkpoints=checkpoints,
    )


def _train(branch, recordings, samples: Callable, build, options, *, refit, **settings) -> Trained:
    def labelled(part):
        if part is None:
            return None
        rows, labels, *clip_ids = part
        rows = FiniteRows(rows, *clip_ids)
        return LabelledSamples(samples(rows), np.asarray(labels), *clip_ids)

    return train_and_refit(
        build,
        labelled(recordings.train),
        labelled(recordings.validation),
        labelled(recordings.both) if refit else None,
        options=options.training,
        title=branch.title,
        made_from=recordings.made_from,
        **settings,
    )
