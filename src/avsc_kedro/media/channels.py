"""Any number of loudspeaker channels as two."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SIDE_GAIN = 0.707

# The order in which WAV and FLAC store channels, by their number.
STORED_ORDER = {
    1: ("FC",),
    2: ("FL", "FR"),
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
MAX_CHANNELS = max(STORED_ORDER)
GAINS = {
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FC": (SIDE_GAIN, SIDE_GAIN),
    "BL": (SIDE_GAIN, 0.0),
    "BR": (0.0, SIDE_GAIN),
    "SL": (SIDE_GAIN, 0.0),
    "SR": (0.0, SIDE_GAIN),
    "BC": (SIDE_GAIN, SIDE_GAIN),
}


def to_stereo(samples: np.ndarray, *, names: Sequence[str] | None = None) -> np.ndarray:
    """Return left and right.

    One channel becomes two equal ones, two stay as they are. Of more, left is the
    front left plus 0.707 of centre and left surrounds, right likewise; low-frequency
    effects and unknown channels are left out, and the sum is not normalised.

    Args:
        samples: Shape (channels, samples), float32.
        names: Loudspeaker of each channel (`FL`, `FC`, ...); by default the order in
            which WAV and FLAC store that many channels.

    Returns:
        Shape (2, samples), float32.

    Raises:
        ValueError: If there are more than 8 channels, or none is known by name.
    """
    count = len(samples)
    if count == 1:
        return np.repeat(samples, 2, axis=0)
    if count == 2:
        return samples
    named = names if names and set(names) & set(GAINS) else STORED_ORDER.get(count)
    if named is None:
        raise ValueError(f"Expected at most {MAX_CHANNELS} channels. Received {count}.")
    gains = np.array([GAINS.get(name, (0.0, 0.0)) for name in named], dtype=np.float32)
    return gains.T @ samples
