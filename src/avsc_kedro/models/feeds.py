"""Batches for training: samples of stored clips, mixed in pairs with soft labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import keras
import numpy as np

from avsc_kedro import mixup
from avsc_kedro.options import MixupOptions

NO_MIXUP = MixupOptions(distribution="none")


class Samples(Protocol):
    """Where samples come from: `per_clip` samples for each of `clips` clips."""

    clips: int
    per_clip: int

    def take(self, indices: np.ndarray, rng: np.random.Generator | None):
        """Return the samples of the given indices (clip * per_clip + slot); `rng` varies them."""


class SpectrogramSamples(NamedTuple):
    """One sample a clip: its whole spectrogram, (bands, frames, channels) float32."""

    rows: Sequence[np.ndarray]

    per_clip = 1

    @property
    def clips(self) -> int:
        return len(self.rows)

    def take(self, indices, rng):
        return np.stack([self.rows[index] for index in indices])


class FrameSamples(NamedTuple):
    """`per_clip` frames of each clip, (height, width, 3) float32 from 0 to 255.

    A clip's frames are cut into `per_clip` equal parts, one for each sample. With a
    generator a sample is any frame of its part, so that all are seen in an epoch if
    there are as many samples as frames; without, it is the one in the middle.
    """

    rows: Sequence[np.ndarray]
    per_clip: int

    @property
    def clips(self) -> int:
        return len(self.rows)

    def take(self, indices, rng):
        frames = len(self.rows[0])
        clips, slots = np.divmod(indices, self.per_clip)
        if rng is None:
            chosen = (2 * slots + 1) * frames // (2 * self.per_clip)
        else:
            first, end = slots * frames // self.per_clip, (slots + 1) * frames // self.per_clip
            chosen = rng.integers(first, np.maximum(end, first + 1))
        return np.stack(
            [self.rows[clip][frame] for clip, frame in zip(clips, chosen, strict=True)]
        ).astype(np.float32)


class EmbeddingSamples(NamedTuple):
    """One sample a clip: the embeddings of all branches, {branch: (size,) float32}."""

    branches: dict[str, np.ndarray]

    per_clip = 1

    @property
    def clips(self) -> int:
        return len(next(iter(self.branches.values())))

    def take(self, indices, rng):
        return {name: rows[indices] for name, rows in self.branches.items()}


class Feed(keras.utils.PyDataset):
    """Batches of (samples, soft labels); the same for the same seed, epoch and index.

    Args:
        samples: Where samples come from.
        labels: Class of each clip, (clips,) integer.
        classes: Number of classes.
        batch_size: Samples in a batch; the last one may be smaller.
        mixup_options: How samples of one batch are mixed.
        seed: None gives every sample once in order, unmixed, for validation.
    """

    def __init__(self, samples, labels, *, classes, batch_size, mixup_options=NO_MIXUP, seed=None):
        super().__init__()
        self.samples = samples
        self.labels = np.asarray(labels)
        self.classes = classes
        self.batch_size = batch_size
        self.mixup_options = mixup_options
        self.seed = seed
        self.epoch = 0
        self._order = self._shuffle()

    def __len__(self):
        return -(-len(self._order) // self.batch_size)

    def __getitem__(self, index):
        chosen = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        labels = self.labels[chosen // self.samples.per_clip]
        one_hot = np.eye(self.classes, dtype=np.float32)[labels]
        if self.seed is None:
            return self.samples.take(chosen, None), one_hot
        rng = np.random.default_rng([self.seed, self.epoch, index + 1])
        return self._mix(self.samples.take(chosen, rng), labels, one_hot, rng)

    def on_epoch_end(self):
        self.start_at(self.epoch + 1)

    def start_at(self, epoch: int) -> None:
        """Stand where a feed stands that `epoch` epochs were taken from."""
        self.epoch = epoch
        self._order = self._shuffle()

    def _shuffle(self):
        count = self.samples.clips * self.samples.per_clip
        if self.seed is None:
            return np.arange(count)
        return np.random.default_rng([self.seed, self.epoch]).permutation(count)

    def _mix(self, samples, labels, one_hot, rng):
        options = self.mixup_options
        if options.distribution == "none":
            return samples, one_hot
        weights = mixup.draw_weights(
            rng, len(labels), distribution=options.distribution, alpha=options.alpha
        )
        partner = mixup.draw_partners(rng, labels, different_scenes=options.different_scenes)

        def mixed(values):
            return mixup.mix(values, values[partner], weights)

        if isinstance(samples, dict):  # one weight per pair of clips, the same for every branch
            return {name: mixed(values) for name, values in samples.items()}, mixed(one_hot)
        return mixed(samples), mixed(one_hot)
