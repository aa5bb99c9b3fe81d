"""Power as level in decibels."""

from __future__ import annotations

import numpy as np


def log_power(power: np.ndarray, *, floor_power: float = 1e-16) -> np.ndarray:
    """Return 10 log10 of power against the fixed reference 1.0.

    A clip's own maximum is never the reference: silence stays at the floor and
    loudness survives.

    Args:
        power: Non-negative power of any shape.
        floor_power: Smallest power told apart; 1e-16 lies below 24-bit quantisation.

    Returns:
        Level in dB, the shape of `power`, float32.
    """
    return 10 * np.log10(np.maximum(power, floor_power, dtype=np.float32))
