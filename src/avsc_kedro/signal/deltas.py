"""Time differences of a spectrogram, and the constants that normalise them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def stack_deltas(spectrogram: np.ndarray) -> np.ndarray:
    """Stack a log spectrogram with its first and second time differences.

    The difference at t is (x[t+1] - x[t-1]) / 2; the second applies it twice.
    Differences use existing frames only, so each order costs one frame per edge,
    and all three keep the frames they share. The operation is linear.

    Args:
        spectrogram: Log power in dB, shape (bands, frames, channels), frames >= 5.

    Returns:
        Value, delta and delta-delta on the last axis, shape
        (bands, frames - 4, 3 * channels), float32, in dB, dB per frame and dB
        per frame squared.

    Raises:
        ValueError: If `spectrogram` has fewer than 5 frames.

    Source:
        Section 2.1 (128x309x2 to 128x305x6). The window is not given;
        three-frame differences reproduce these shapes.
    """
    if spectrogram.ndim != 3 or spectrogram.shape[1] < 5:
        raise ValueError(
            "Expected a spectrogram of shape (bands, frames >= 5, channels). "
            f"Received shape {spectrogram.shape}."
        )
    delta = _difference(spectrogram)
    parts = (spectrogram[:, 2:-2], delta[:, 1:-1], _difference(delta))
    return np.concatenate(parts, axis=-1, dtype=np.float32)


def channel_statistics(batches: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and population variance of each channel over all batches, in one pass.

    Args:
        batches: Arrays of any shape (..., channels), the same channels in each.

    Returns:
        Mean and variance, each of shape (channels,), float32, accumulated in float64.

    Raises:
        ValueError: If there are no values.

    Source:
        Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for
        computing sample variances", 1979.
    """
    count, mean, squares = 0, 0.0, 0.0
    for batch in batches:
        rows = np.reshape(batch, (-1, batch.shape[-1])).astype(np.float64)
        if not len(rows):
            continue
        batch_mean = rows.mean(axis=0)
        shift = batch_mean - mean
        share = len(rows) / (count + len(rows))
        squares += np.square(rows - batch_mean).sum(axis=0) + np.square(shift) * count * share
        mean += shift * share
        count += len(rows)
    if not count:
        raise ValueError("Expected at least one value per channel. Received none.")
    return mean.astype(np.float32), (squares / count).astype(np.float32)


def _difference(frames: np.ndarray) -> np.ndarray:
    return (frames[:, 2:] - frames[:, :-2]) / 2
