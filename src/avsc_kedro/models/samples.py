"""What a training takes its batches from: stored spectrograms, frames, embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np

from avsc_kedro.augmentation import (
    crop,
    draw_flips,
    draw_stretches,
    draw_windows,
    flip,
    mask,
)
from avsc_kedro.options import (
    AugmentationOptions,
    FrameAugmentationOptions,
    SpectrogramAugmentationOptions,
)

FLIP_PROBABILITY = 0.5


class Samples(Protocol):
    """Where samples come from: `per_clip` samples for each of `clips` clips.

    They keep the type they are stored in until a batch is made of them: bytes are a
    quarter of what there is to copy.
    """

    clips: int
    per_clip: int
    augmentation: AugmentationOptions | None

    def take(self, indices: np.ndarray, rng: np.random.Generator | None):
        """Return the samples of the given indices (clip * per_clip + slot); `rng` chooses them."""

    def augment(self, samples, rng: np.random.Generator):
        """Return samples that were taken, changed as `augmentation` says."""


class SpectrogramSamples(NamedTuple):
    """One sample a clip: its whole spectrogram, (bands, frames, channels) float32."""

    rows: Sequence[np.ndarray]
    augmentation: SpectrogramAugmentationOptions = SpectrogramAugmentationOptions()

    per_clip = 1

    @property
    def clips(self) -> int:
        return len(self.rows)

    def take(self, indices, rng):
        return np.stack([self.rows[index] for index in indices])

    def augment(self, samples, rng):
        options = self.augmentation
        if options.is_off:
            return samples
        n, bands, frames, _ = samples.shape
        draw = partial(draw_stretches, rng, n)
        return mask(
            samples,
            bands=draw(size=bands, count=options.band_masks, max_width=options.band_mask_bands),
            frames=draw(size=frames, count=options.time_masks, max_width=options.time_mask_frames),
        )


class FrameSamples(NamedTuple):
    """`per_clip` frames of each clip, (height, width, 3) uint8.

    A clip's frames are cut into `per_clip` equal parts, one for each sample. With a
    generator a sample is any frame of its part, so that all are seen in an epoch if
    there are as many samples as frames; without, it is the one in the middle.
    """

    rows: Sequence[np.ndarray]
    per_clip: int
    augmentation: FrameAugmentationOptions = FrameAugmentationOptions()

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
        return np.stack([self.rows[clip][frame] for clip, frame in zip(clips, chosen, strict=True)])

    def augment(self, samples, rng):
        options = self.augmentation
        if options.is_off:
            return samples
        if options.crop_min_fraction < 1:  # bytes would be rounded as they are scaled
            samples = samples.astype(np.float32)
        n, size_px = samples.shape[:2]
        windows = draw_windows(rng, n, size_px=size_px, min_fraction=options.crop_min_fraction)
        flipped = draw_flips(rng, n, probability=FLIP_PROBABILITY if options.flip else 0)
        return flip(crop(samples, windows), flipped)


class EmbeddingSamples(NamedTuple):
    """One sample a clip: the embeddings of all branches, {branch: (size,) float32}."""

    branches: dict[str, np.ndarray]

    per_clip = 1
    augmentation = None

    @property
    def clips(self) -> int:
        return len(next(iter(self.branches.values())))

    def take(self, indices, rng):
        return {name: rows[indices] for name, rows in self.branches.items()}

    def augment(self, samples, rng):
        return samples
