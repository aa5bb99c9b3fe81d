"""From one still texture to the frames of a moving, grainy camera."""

from __future__ import annotations

import cv2
import numpy as np

from avsc_kedro.synthesis.places import Place

CANVAS_SPAN = 1.8
GRAIN = 6.0


def paint(share: np.ndarray, *, place: Place, rng: np.random.Generator) -> np.ndarray:
    """Colour a texture with the place's two hues under a sloping light.

    Args:
        share: Share of the first colour, shape (height, width), in [0, 1].
        place: Holds the two hues.
        rng: Draws brightness, saturation and the direction of the light.

    Returns:
        RGB picture, shape (height, width, 3), float32 in [0, 255].
    """
    dark = rng.uniform(40, 90)
    bright = dark + rng.uniform(100, 150)
    first, second = (
        _rgb(hue + rng.uniform(-75, 75), saturation=rng.uniform(0.05, 0.4), value=value)
        for hue, value in zip(place.hues_deg, (dark, bright), strict=True)
    )
    picture = share[..., None] * first + (1 - share[..., None]) * second
    slope_x, slope_y = rng.uniform(-0.25, 0.25, 2)
    height, width = share.shape
    light = 1 + slope_x * np.linspace(-1, 1, width) + slope_y * np.linspace(-1, 1, height)[:, None]
    return np.clip(picture * light[..., None], 0, 255).astype(np.float32)


def film(canvas: np.ndarray, *, frames: int, size_px: int, rng: np.random.Generator) -> np.ndarray:
    """Move a camera over a canvas: drift, zoom, roll, shake, white balance and grain.

    Args:
        canvas: RGB picture, shape (canvas_px, canvas_px, 3), CANVAS_SPAN frames wide.
        frames: How many frames.
        size_px: Height and width of a frame.
        rng: Draws the camera's path and the grain.

    Returns:
        Frames of shape (frames, size_px, size_px, 3), uint8 RGB.
    """
    canvas_px = canvas.shape[0]
    time = np.linspace(-1, 1, frames)
    drift = time[:, None] * rng.uniform(-0.1, 0.1, 2) + rng.normal(0, 0.004, (frames, 2))
    centres = canvas_px * (0.5 + drift / CANVAS_SPAN)
    zoom = rng.uniform(0.9, 1.1) * np.exp(time * rng.uniform(-0.2, 0.2))
    scales = zoom * canvas_px / CANVAS_SPAN / size_px
    rolls = np.radians(time * rng.uniform(-6, 6))
    balance = 1 + time[:, None] * rng.uniform(-0.15, 0.15, 3)
    grain = rng.normal(0, GRAIN, (2 * size_px, 2 * size_px, 1)).astype(np.float32)
    corners = rng.integers(0, size_px, (frames, 2))
    shots = np.empty((frames, size_px, size_px, 3), np.uint8)
    for index, (i, j) in enumerate(corners):
        shot = _look(canvas, centres[index], scales[index], rolls[index], size_px)
        shot = shot * balance[index].astype(np.float32)
        shots[index] = np.clip(shot + grain[i : i + size_px, j : j + size_px], 0, 255)
    return shots


def _look(canvas, centre, scale, roll, size_px):
    turn = scale * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    corner = centre - turn @ np.full(2, (size_px - 1) / 2)
    return cv2.warpAffine(
        canvas,
        np.column_stack([turn, corner]),
        (size_px, size_px),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )


def _rgb(hue_deg: float, *, saturation: float, value: float) -> np.ndarray:
    hsv = np.array([[[hue_deg % 360, saturation, value]]], np.float32)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0]
