"""Which instants of a clip become pictures, and how a picture gets its size."""

from __future__ import annotations

import cv2
import numpy as np

EXTRACTOR_VERSION = 1


def frame_times(*, frames_per_second: float, duration_s: float) -> np.ndarray:
    """Return the instants k / frames_per_second, k = 0, 1, ..., within a clip.

    Returns:
        Seconds from the clip's start, shape (round(frames_per_second * duration_s),),
        float64.

    Source:
        Section 2.1 (two frames a second); the instants are not given there.
    """
    return np.arange(round(frames_per_second * duration_s)) / frames_per_second


def squash(frame: np.ndarray, *, size_px: int) -> np.ndarray:
    """Scale a picture to a square, whatever its aspect ratio.

    An axis that shrinks is averaged over areas, one that grows is interpolated.

    Args:
        frame: RGB, shape (height, width, 3), uint8.
        size_px: Side of the square.

    Returns:
        RGB, shape (size_px, size_px, 3), uint8.

    Source:
        Section 2.1 (scaled to 224x224x3); cropping or squashing is not stated there.
    """
    height, width = frame.shape[:2]
    smaller = (min(width, size_px), min(height, size_px))
    shrunk = cv2.resize(frame, smaller, interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
