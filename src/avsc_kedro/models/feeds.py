"""Batches for training: samples of stored clips, varied, mixed in pairs with soft labels."""

from __future__ import annotations

import keras
import numpy as np

from avsc_kedro import mixup
from avsc_kedro.errors import InputError
from avsc_kedro.options import MixupOptions

NO_MIXUP = MixupOptions(distribution="none")


class Feed(keras.utils.PyDataset):
    """Batches of (samples, soft labels); the same for the same seed, epoch and index.

    Several threads may take batches at once.

    Args:
        samples: Where samples come from.
        labels: Class of each clip, (clips,) integer.
        classes: Number of classes.
        batch_size: Samples in a batch; the last one may be smaller.
        mixup_options: How samples of one batch are mixed.
        seed: None gives every sample once in order, as it is, for validation.
        shares: Into how many equal shares each batch must divide, one a device. The last
            samples of an epoch, fewer than that, are left out.
        clip_ids: Name of each clip, to be named where something is wrong.

    Attributes:
        error: What went wrong as a batch was made; the backend passes on its text alone.
    """

    def __init__(
        self,
        samples,
        labels,
        clip_ids=None,
        *,
        classes,
        batch_size,
        mixup_options=NO_MIXUP,
        seed=None,
        shares=1,
    ):
        super().__init__()
        self.clip_ids = clip_ids
        self.error: Exception | None = None
        self.samples = samples
        self.labels = np.asarray(labels)
        self.classes = classes
        self.batch_size = batch_size
        self.mixup_options = mixup_options
        self.seed = seed
        self.shares = shares
        self.epoch = 0
        self._order = self._shuffle()

    def __len__(self):
        return -(-len(self._order) // self.batch_size)

    def __getitem__(self, index):
        try:
            return self._batch(index)
        except Exception as error:
            self.error = error
            raise

    def indices(self, index: int) -> np.ndarray:
        """Return which samples a batch of this epoch holds (clip * per_clip + slot)."""
        return self._order[index * self.batch_size : (index + 1) * self.batch_size]

    def clip_names(self, indices: np.ndarray) -> list[str]:
        """Return the name of each sample's clip, its number in the set where it has none."""
        clips = indices // self.samples.per_clip
        return [str(self.clip_ids[clip] if self.clip_ids else clip) for clip in clips]

    def _batch(self, index):
        chosen = self.indices(index)
        labels = self.labels[chosen // self.samples.per_clip]
        one_hot = np.eye(self.classes, dtype=np.float32)[labels]
        if self.seed is None:
            return _each(_as_floats, self.samples.take(chosen, None)), one_hot
        rng = np.random.default_rng([self.seed, self.epoch, index + 1])
        samples = self.samples.take(chosen, rng)
        mix = self._draw_mixing(labels, rng)
        # Drawn last, so that a batch has the same samples and pairs with and without.
        samples = self.samples.augment(samples, rng)
        # One weight per pair of clips, the same for every branch.
        return _each(mix, samples), mix(one_hot)

    def on_epoch_end(self):
        self.start_at(self.epoch + 1)

    def start_at(self, epoch: int) -> None:
        """Stand where a feed stands that `epoch` epochs were taken from."""
        self.epoch = epoch
        self._order = self._shuffle()

    def _shuffle(self):
        count = self.samples.clips * self.samples.per_clip
        if count < self.shares:
            raise InputError(
                f"Expected at least as many samples as devices, {self.shares}. Received {count}. "
                "Lower compute.devices."
            )
        order = np.arange(count)
        if self.seed is not None:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(count)
        return order[: count - count % self.shares]

    def _draw_mixing(self, labels, rng):
        """Return the function that mixes each sample of an array with its partner."""
        options = self.mixup_options
        if options.distribution == "none":
            return _as_floats
        weights = mixup.draw_weights(
            rng, len(labels), distribution=options.distribution, alpha=options.alpha
        )
        partner = mixup.draw_partners(rng, labels, different_scenes=options.different_scenes)
        return lambda values: mixup.mix(values, values[partner], weights)


def _each(change, samples):
    """Change samples, each branch's where there are several."""
    if isinstance(samples, dict):
        return {name: change(values) for name, values in samples.items()}
    return change(samples)


def _as_floats(values):
    return values.astype(np.float32, copy=False)
