"""Layers that Keras does not have: delta stacking and residual normalisation."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="avsc_kedro")
class StackDeltas(keras.layers.Layer):
    """Stack a spectrogram with its first and second time differences.

    (batch, bands, frames, channels) to (batch, bands, frames - 4, 3 * channels).
    The same numbers as `signal.deltas.stack_deltas`, inside the network, so that
    stores keep a third of the bytes and mixup acts on what the store holds.

    Source: section 2.1 (128x309x2 to 128x305x6).
    """

    def call(self, spectrogram):
        delta = (spectrogram[:, :, 2:] - spectrogram[:, :, :-2]) / 2
        delta_delta = (delta[:, :, 2:] - delta[:, :, :-2]) / 2
        return ops.concatenate([spectrogram[:, :, 2:-2], delta[:, :, 1:-1], delta_delta], axis=-1)

    def compute_output_shape(self, input_shape):
        batch, bands, frames, channels = input_shape
        return (batch, bands, frames - 4, 3 * channels)


@keras.saving.register_keras_serializable(package="avsc_kedro")
class ResidualNormalisation(keras.layers.Layer):
    """0.4 x + (x - mean) / sqrt(var + eps), moments over (frequency, time) of each channel.

    Source: the authors' public code; an option here.
    """

    def __init__(self, weight: float = 0.4, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight
        self.epsilon = epsilon

    def call(self, x):
        mean, variance = ops.moments(x, axes=(1, 2), keepdims=True)
        return self.weight * x + (x - mean) * ops.rsqrt(variance + self.epsilon)

    def get_config(self):
        return {**super().get_config(), "weight": self.weight, "epsilon": self.epsilon}
