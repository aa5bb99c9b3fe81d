"""Changes that leave a sample's scene what it is: masks, windows, mirror images.

What is drawn is kept apart from what is done with it.
"""

from __future__ import annotations

import math

import cv2
import numpy as np


def draw_stretches(
    rng: np.random.Generator, n: int, *, size: int, count: int, max_width: int
) -> np.ndarray:
    """Draw which places of an axis are masked, for each of n samples.

    Args:
        rng: Source of randomness.
        n: Number of samples.
        size: Places on the axis.
        count: Stretches a sample; they may overlap.
        max_width: A stretch's width is uniform on 0, ..., max_width, at most `size`; its
            place is uniform where it fits.

    Returns:
        True where masked, shape (n, size).

    Source:
        Park et al., "SpecAugment", Interspeech 2019.
    """
    widths = rng.integers(0, max_width, size=(n, count), endpoint=True)
    starts = rng.integers(0, size - widths, endpoint=True)[..., None]
    places = np.arange(size)
    return ((starts <= places) & (places < starts + widths[..., None])).any(axis=1)


def mask(spectrograms: np.ndarray, *, bands: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Set bands and frames of spectrograms to the mean level, the same ones in each channel.

    Args:
        spectrograms: Log power in dB, shape (n, bands, frames, channels).
        bands: True where masked, shape (n, bands).
        frames: True where masked, shape (n, frames).

    Returns:
        The masked spectrograms, of the shape and type given. The level is that of the
        sample and channel, before masking.

    Source:
        Park et al. 2019 fill in zero, which is the mean of their normalised spectrograms.
    """
    masked = bands[:, :, None, None] | frames[:, None, :, None]
    levels = spectrograms.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    return np.where(masked, levels.astype(spectrograms.dtype), spectrograms)


def draw_windows(
    rng: np.random.Generator, n: int, *, size_px: int, min_fraction: float
) -> np.ndarray:
    """Draw a square window within each of n square frames.

    Args:
        rng: Source of randomness.
        n: Number of frames.
        size_px: Side of a frame.
        min_fraction: A window's side is uniform on the whole pixels from this fraction of
            the frame's to all of it, in (0, 1]; its place is uniform where it fits.

    Returns:
        Top row, left column and side of each window, shape (n, 3), int64, in pixels.

    Source:
        Ours; Szegedy et al., "Going deeper with convolutions", 2015, draw the area and
        the aspect ratio too.
    """
    sides = rng.integers(math.ceil(min_fraction * size_px), size_px, size=n, endpoint=True)
    corners = rng.integers(0, (size_px - sides)[:, None], size=(n, 2), endpoint=True)
    return np.column_stack([corners, sides])


def crop(frames: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Cut a window out of each frame and scale it up to the frame's size, bilinearly.

    Args:
        frames: Shape (n, size, size, 3).
        windows: Top row, left column and side of each, shape (n, 3).

    Returns:
        The cropped frames, of the shape and type given.
    """
    size_px = frames.shape[1:3]
    cut = [
        frame[top : top + side, left : left + side]
        for frame, (top, left, side) in zip(frames, windows, strict=True)
    ]
    return np.stack([cv2.resize(part, size_px, interpolation=cv2.INTER_LINEAR) for part in cut])


def draw_flips(rng: np.random.Generator, n: int, *, probability: float) -> np.ndarray:
    """Draw which of n frames are mirrored: True with `probability`, shape (n,)."""
    return rng.random(n) < probability


def flip(frames: np.ndarray, flipped: np.ndarray) -> np.ndarray:
    """Mirror frames left to right.

    Args:
        frames: Shape (n, height, width, channels).
        flipped: True for those that are mirrored, shape (n,).

    Returns:
        The frames, of the shape and type given.
    """
    return np.where(flipped[:, None, None, None], frames[:, :, ::-1], frames)
