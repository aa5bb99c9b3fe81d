"""Which instants of a clip become pictures."""

from __future__ import annotations

import numpy as np

EXTRACTOR_VERSION = 2


def frame_times(*, frames_per_second: float, duration_s: float) -> np.ndarray:
    """Return the instants k / frames_per_second, k = 0, 1, ..., within a clip.

    Returns:
        Seconds from the clip's start, shape (round(frames_per_second * duration_s),),
        float64.

    Source:
        Section 2.1 (two frames a second); the instants are not given there.
    """
    return np.arange(round(frames_per_second * duration_s)) / frames_per_second
