"""Phase I: one backbone trained on the clips of one store."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np

from avsc_kedro.models.backbone import build_audio_backbone, build_visual_backbone
from avsc_kedro.models.course import LabelledSamples
from avsc_kedro.models.finite import FiniteRows
from avsc_kedro.models.samples import FrameSamples, SpectrogramSamples
from avsc_kedro.models.training import Trained, train
from avsc_kedro.options import AudioBackboneOptions, VisualBackboneOptions
from avsc_kedro.paper import Branch
from avsc_kedro.signal.deltas import channel_statistics, stack_deltas


class Recordings(NamedTuple):
    """Features and classes of the clips that training may see.

    Each is (rows, labels) or (rows, labels, clip_ids): rows a sequence of arrays, labels
    (clips,) integer, clip_ids to name a clip by where something is wrong with it.
    `validation` is None if no clip was set aside.
    """

    train: tuple
    validation: tuple | None
    both: tuple


def train_audio(
    branch: Branch,
    recordings: Recordings,
    options: AudioBackboneOptions,
    *,
    classes: int,
    refit: bool,
    **course,
) -> Trained:
    """Train a residual-inception network on spectrograms; `course` as `training.train` takes it."""
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
        refit=refit,
        **course,
    )


def train_visual(
    branch: Branch,
    recordings: Recordings,
    options: VisualBackboneOptions,
    *,
    classes: int,
    refit: bool,
    **course,
) -> Trained:
    """Train InceptionV3 or ConvNeXtTiny on frames; `course` as `training.train` takes it."""
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
        refit=refit,
        fine_tuning=options.fine_tuning,
        **course,
    )


def _train(branch, recordings, samples: Callable, build, options, *, refit, **course) -> Trained:
    def labelled(part):
        if part is None:
            return None
        rows, labels, *clip_ids = part
        rows = FiniteRows(rows, *clip_ids)
        return LabelledSamples(samples(rows), np.asarray(labels), *clip_ids)

    return train(
        build,
        labelled(recordings.train),
        labelled(recordings.validation),
        labelled(recordings.both) if refit else None,
        options=options.training,
        title=branch.title,
        **course,
    )
