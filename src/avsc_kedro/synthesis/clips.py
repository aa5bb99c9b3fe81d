"""One clip of a scene at a place, as arrays."""

from __future__ import annotations

import numpy as np

from avsc_kedro.synthesis.acoustics import record
from avsc_kedro.synthesis.camera import CANVAS_SPAN, film, paint
from avsc_kedro.synthesis.pictures import draw_picture
from avsc_kedro.synthesis.places import Place
from avsc_kedro.synthesis.scenes import SCENES
from avsc_kedro.synthesis.sounds import SOUNDS


def synthesise_sound(
    scene: str,
    *,
    place: Place,
    rng: np.random.Generator,
    duration_s: float = 10.0,
    sample_rate_hz: int = 48_000,
) -> np.ndarray:
    """Return what a scene sounds like at a place.

    Args:
        scene: A key of SCENES.
        place: The location's character.
        rng: Everything that differs between two clips of one place.
        duration_s: Length in seconds.
        sample_rate_hz: Samples per second.

    Returns:
        Waveform of shape (2, samples), float32 in [-1, 1].

    Raises:
        KeyError: If `scene` is unknown.
    """
    seconds = np.arange(round(duration_s * sample_rate_hz)) / sample_rate_hz
    dry = SOUNDS[SCENES[scene].sound](
        seconds,
        pitch_hz=place.pitch_hz * 2 ** rng.uniform(-0.3, 0.3),
        period_s=place.period_s * rng.uniform(0.85, 1.15),
        rng=rng,
    )
    return record(dry, place=place, rng=rng, sample_rate_hz=sample_rate_hz)


def synthesise_frames(
    scene: str, *, place: Place, rng: np.random.Generator, frames: int, size_px: int
) -> np.ndarray:
    """Return what a scene looks like at a place.

    Args:
        scene: A key of SCENES.
        place: The location's character.
        rng: Everything that differs between two clips of one place.
        frames: How many frames.
        size_px: Height and width of a frame.

    Returns:
        Frames of shape (frames, size_px, size_px, 3), uint8 RGB.

    Raises:
        KeyError: If `scene` is unknown.
    """
    share = draw_picture(
        SCENES[scene].picture,
        size_px=round(CANVAS_SPAN * size_px),
        span=CANVAS_SPAN,
        period=place.texture * rng.uniform(0.8, 1.25),
        lean_deg=place.lean_deg + rng.uniform(-4, 4),
        rng=rng,
    )
    canvas = paint(share, place=place, rng=rng)
    return film(canvas, frames=frames, size_px=size_px, rng=rng)
