"""The audio backbone: residual-inception blocks on a delta-stacked spectrogram.

Source: section 2.1 and reference [12]; block structure and kernels as read in
the authors' public code. Kernels are (frequency, time).
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from avsc_kedro.models.layers import ResidualNormalisation, StackDeltas

RESIDUAL_KERNELS = (((3, 1), (5, 1)), ((1, 3), (1, 5)), ((3, 3), (5, 5)))
RESIDUAL_POOLS = ((3, 1), (1, 3), (3, 3))
DOUBLE_DROPOUT = 0.25
RESIDUAL_DROPOUT = 0.1


def build_residual_inception(
    input_shape: tuple[int, int, int],
    *,
    widths: tuple[int, int, int, int],
    mean: np.ndarray,
    variance: np.ndarray,
    residual_normalisation: bool = False,
) -> keras.Model:
    """Build the network from the stored spectrogram to the pooled features.

    Args:
        input_shape: (bands, frames, channels) of the stored spectrogram.
        widths: Output channels of the double inception block and the three
            residual inception blocks.
        mean: Per-channel mean of the delta-stacked train spectrograms, (3 * channels,).
        variance: Per-channel variance of the same.
        residual_normalisation: Add residual normalisation after each pool.

    Returns:
        A model from (batch, *input_shape) to (batch, widths[-1]).
    """
    # dB in float32 whatever the precision of the rest: half a number keeps -100 dB to 0.25 dB.
    inputs = keras.Input(input_shape, name="spectrogram", dtype="float32")
    x = StackDeltas(name="deltas", dtype="float32")(inputs)
    x = layers.Normalization(
        axis=-1, mean=mean, variance=variance, name="input_constants", dtype="float32"
    )(x)
    x = _double_inception(x, widths[0], "double", normalise=residual_normalisation)
    for index, width in enumerate(widths[1:], start=1):
        last = index == len(widths) - 1
        name = f"residual{index}"
        x = _residual_inception(x, width, name, pool=not last, normalise=residual_normalisation)
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(inputs, x, name="residual_inception")


def _convolve(x, filters, kernel, name):
    return layers.Conv2D(filters, kernel, padding="same", name=name)(x)


def _inception(x, width, kernel_a, kernel_b, name):
    pooled = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_pool")(x)
    branches = [
        _convolve(x, width // 8, 1, f"{name}_point"),
        _convolve(x, width // 2, kernel_a, f"{name}_a"),
        _convolve(x, width // 4, kernel_b, f"{name}_b"),
        _convolve(pooled, width // 8, 1, f"{name}_pool_point"),
    ]
    return layers.Concatenate(name=name)(branches)


def _close(x, name, *, pool, normalise, dropout):
    if pool:
        x = layers.MaxPooling2D(2, name=f"{name}_pool")(x)
        if normalise:
            x = ResidualNormalisation(name=f"{name}_residual_norm")(x)
    return layers.Dropout(dropout, name=f"{name}_dropout")(x) if dropout else x


def _double_inception(x, width, name, *, normalise):
    for step in ("1", "2"):
        x = _inception(x, width, (3, 3), (4, 1), f"{name}_inc{step}")
        x = layers.BatchNormalization(name=f"{name}_bn{step}")(x)
        x = layers.ReLU(name=f"{name}_relu{step}")(x)
    return _close(x, name, pool=True, normalise=normalise, dropout=DOUBLE_DROPOUT)


def _residual_inception(x, width, name, *, pool, normalise):
    shortcut = _convolve(x, width, 1, f"{name}_shortcut")
    shortcut = layers.BatchNormalization(name=f"{name}_shortcut_bn")(shortcut)
    shortcut = layers.ReLU(name=f"{name}_shortcut_relu")(shortcut)
    shortcut = _average(shortcut, (3, 3), f"{name}_shortcut_avg")
    stem = _convolve(x, width // 2, 1, f"{name}_stem")
    stem = layers.BatchNormalization(name=f"{name}_stem_bn")(stem)
    stem = layers.ReLU(name=f"{name}_stem_relu")(stem)
    summands = [shortcut]
    for index, (kernels, pool_shape) in enumerate(
        zip(RESIDUAL_KERNELS, RESIDUAL_POOLS, strict=True), start=1
    ):
        summands.append(_residual_branch(stem, width, kernels, pool_shape, f"{name}_b{index}"))
    x = layers.Add(name=f"{name}_add")(summands)
    x = layers.ReLU(name=f"{name}_relu")(x)
    return _close(x, name, pool=pool, normalise=normalise, dropout=RESIDUAL_DROPOUT if pool else 0)


def _residual_branch(x, width, kernels, pool_shape, name):
    for step in ("1", "2"):
        x = _inception(x, width, *kernels, f"{name}_inc{step}")
        x = layers.BatchNormalization(name=f"{name}_bn{step}")(x)
    x = layers.ReLU(name=f"{name}_relu")(x)
    return _average(x, pool_shape, f"{name}_avg")


def _average(x, shape, name):
    return layers.AveragePooling2D(shape, strides=1, padding="same", name=name)(x)
