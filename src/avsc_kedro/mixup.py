"""Mixup: pairs of samples, one weight a pair."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

BLOCK = 1 << 16  # numbers, or one sample, that are mixed at a time: they stay in a core's cache


def draw_weights(
    rng: np.random.Generator,
    n: int,
    *,
    distribution: Literal["uniform", "beta", "none"],
    alpha: float,
) -> np.ndarray:
    """Draw the weight of the first sample of each of n pairs.

    Args:
        rng: Source of randomness.
        n: Number of pairs.
        distribution: U(0, 1), Beta(alpha, alpha), or none: 1, no mixing.
        alpha: Shape of the Beta distribution, > 0; read by `beta` only.

    Returns:
        Weights in [0, 1], shape (n,), float32.

    Raises:
        ValueError: If `distribution` is none of the three.

    Source:
        Section 2.1; its reference [18], between-class learning, draws from U(0, 1).
    """
    if distribution == "none":
        return np.ones(n, dtype=np.float32)
    if distribution == "uniform":
        return rng.random(n, dtype=np.float32)
    if distribution == "beta":
        return rng.beta(alpha, alpha, size=n).astype(np.float32)
    raise ValueError(f"Expected distribution uniform, beta or none. Received {distribution!r}.")


def draw_partners(
    rng: np.random.Generator, labels: np.ndarray, *, different_scenes: bool
) -> np.ndarray:
    """Draw the second sample of each pair.

    Args:
        rng: Source of randomness.
        labels: Class of each sample, shape (n,), integer.
        different_scenes: False shuffles, so that every sample is a partner once and
            may meet its own class or itself. True draws evenly among the samples of
            other classes; a sample that finds none is paired with itself.

    Returns:
        Index of each sample's partner, shape (n,), int64.

    Source:
        Section 2.1; its reference [18] mixes two different classes.
    """
    if not different_scenes:
        return rng.permutation(len(labels))
    chances = rng.random((len(labels), len(labels)))
    chances[labels[:, None] == labels[None, :]] = -1
    itself = np.arange(len(labels))
    chances[itself, itself] = -0.5
    return chances.argmax(axis=1)


def mix(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return weights * a + (1 - weights) * b, one weight for each sample.

    Args:
        a: First samples or one-hot labels, shape (n, ...), of any type.
        b: Their partners, the shape of `a`.
        weights: Shape (n,), in [0, 1].

    Returns:
        The mixed samples, the shape of `a`, float32.

    Source:
        Section 2.1; reference [18].
    """
    shape = np.shape(a)
    each = np.reshape(weights, (-1,) + (1,) * (len(shape) - 1)).astype(np.float32)
    mixed = np.empty(shape, np.float32)
    step = max(1, BLOCK // max(1, math.prod(shape[1:])))
    room = np.empty((step, *shape[1:]), np.float32)
    for start in range(0, len(mixed), step):
        block = slice(start, start + step)
        ours, weight = mixed[block], each[block]
        theirs = room[: len(ours)]
        ours[...] = a[block]
        ours *= weight
        theirs[...] = b[block]
        theirs *= 1 - weight
        ours += theirs
    return mixed
