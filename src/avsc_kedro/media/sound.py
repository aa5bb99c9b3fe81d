"""A stretch of sound as a decoder hands it on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avsc_kedro.media.channels import MAX_CHANNELS
from avsc_kedro.media.decode_error import DecodeError

# No recorder is faster; a damaged header that claims more would ask for endless memory.
MAX_SAMPLE_RATE_HZ = 768_000


@dataclass(frozen=True)
class Sound:
    """Samples from the instant asked for, at the file's own rate.

    Attributes:
        samples: Shape (channels, samples), float32, full scale 1; zeros where the
            file has nothing.
        sample_rate_hz: Samples per second.
        decoded_s: How much of it was really in the file.
        declared_s: How much of it the file declares to hold; None if it does not say.
        names: Loudspeaker of each channel; None if the file does not say.
    """

    samples: np.ndarray
    sample_rate_hz: int
    decoded_s: float
    declared_s: float | None
    names: tuple[str, ...] | None = None


def declared_within(declared_s: float | None, *, start_s: float, duration_s: float) -> float | None:
    """Return how much of a stretch lies within a file's declared length; None if unknown."""
    return None if declared_s is None else float(np.clip(declared_s - start_s, 0, duration_s))


def require_plausible(path: str | Path, *, sample_rate_hz: int, channels: int) -> None:
    """Refuse what only a damaged header can declare, before memory is asked for.

    Raises:
        DecodeError: If the rate is absurd, or there are more channels than can be mixed.
    """
    if not 0 < sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise DecodeError.about(
            path,
            expected=f"a sample rate of at most {MAX_SAMPLE_RATE_HZ} Hz",
            received=f"{sample_rate_hz} Hz",
            remedy="The file is damaged: copy or download it again.",
        )
    if channels > MAX_CHANNELS:
        raise DecodeError.about(
            path,
            expected=f"at most {MAX_CHANNELS} channels",
            received=f"{channels}",
            remedy="Mix it down to two channels.",
        )
