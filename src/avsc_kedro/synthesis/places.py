"""The character of one location, which every clip recorded there shares."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Place(NamedTuple):
    """What the clips of a location have in common."""

    pitch_hz: float
    period_s: float
    tilt_db_per_octave: float
    colouring_db: np.ndarray
    reverberation_s: float
    hues_deg: tuple[float, float]
    texture: float
    lean_deg: float


COLOURING_BANDS = 12


def draw_place(rng: np.random.Generator) -> Place:
    """Draw a location's pitch, tempo, acoustics, palette and texture.

    Args:
        rng: Source of randomness; the same state gives the same place.

    Returns:
        Pitch in Hz, period of the sound in s, tilt of the background noise in dB
        per octave, colouring in dB at COLOURING_BANDS frequencies spaced evenly in
        octaves, reverberation time in s, two hues in degrees, period of the picture
        as a fraction of its width, lean of the picture in degrees.
    """
    hue = rng.uniform(0, 360)
    return Place(
        pitch_hz=450 * 4 ** rng.random(),
        period_s=rng.uniform(0.8, 1.3),
        tilt_db_per_octave=rng.uniform(-4, 1),
        colouring_db=rng.normal(0, 5, COLOURING_BANDS),
        reverberation_s=rng.uniform(0.15, 0.5),
        hues_deg=(hue, (hue + rng.uniform(60, 300)) % 360),
        texture=rng.uniform(0.125, 0.165),
        lean_deg=rng.uniform(-8, 8),
    )
