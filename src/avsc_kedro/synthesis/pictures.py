"""Kinds of picture that differ by their texture, not by their colours."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

EDGE = 4.0


def poles(x: np.ndarray, y: np.ndarray, *, period: float, rng) -> np.ndarray:
    """Upright bars."""
    return np.sin(_turns(x, period, rng))


def seats(x: np.ndarray, y: np.ndarray, *, period: float, rng) -> np.ndarray:
    """Level bars."""
    return np.sin(_turns(y, period, rng))


def arches(x: np.ndarray, y: np.ndarray, *, period: float, rng) -> np.ndarray:
    """Rings around a point near the middle."""
    centre_x, centre_y = rng.uniform(-0.25, 0.25, 2)
    return np.sin(_turns(np.hypot(x - centre_x, y - centre_y), period, rng))


def lanes(x: np.ndarray, y: np.ndarray, *, period: float, rng) -> np.ndarray:
    """Rays from a vanishing point near the middle."""
    centre_x, centre_y = rng.uniform(-0.2, 0.2, 2)
    rays = round(1.6 / period)
    return np.sin(rays * np.arctan2(y - centre_y, x - centre_x) + rng.uniform(0, 2 * np.pi))


def paving(x: np.ndarray, y: np.ndarray, *, period: float, rng) -> np.ndarray:
    """Squares of a chessboard."""
    wide = 1.4 * period
    return np.sin(_turns(x, wide, rng)) * np.sin(_turns(y, wide, rng)) * 2


def lamps(x: np.ndarray, y: np.ndarray, *, period: float, rng) -> np.ndarray:
    """Round dots on a triangular lattice: three waves at 120 degrees."""
    wide = 1.2 * period
    waves = (_turns(x, wide, rng), _turns(y * 0.866 - x / 2, wide, rng))
    return np.cos(waves[0]) + np.cos(waves[1]) + np.cos(waves[0] + waves[1]) - 0.3


def foliage(x: np.ndarray, y: np.ndarray, *, period: float, rng) -> np.ndarray:
    """Irregular blobs: blurred noise."""
    noise = rng.standard_normal(x.shape, dtype=np.float32)
    spread = 0.22 * period / float(np.hypot(x[0, 1] - x[0, 0], y[0, 1] - y[0, 0]))
    blurred = cv2.GaussianBlur(noise, (0, 0), spread)
    return (blurred - blurred.mean()) / blurred.std()


PICTURES: dict[str, Callable[..., np.ndarray]] = {
    picture.__name__: picture for picture in (poles, seats, arches, lanes, paving, lamps, foliage)
}


def draw_picture(kind: str, *, size_px: int, span: float, period: float, lean_deg: float, rng):
    """Draw one texture as a map of where its first colour lies.

    Args:
        kind: A key of PICTURES.
        size_px: Height and width.
        span: Width in units of a frame's width.
        period: Length of one repetition, in units of a frame's width.
        lean_deg: Rotation in degrees.
        rng: Draws where the texture starts and which of its parts is which colour.

    Returns:
        Share of the first colour, shape (size_px, size_px), float32 in [0, 1].

    Raises:
        KeyError: If `kind` is unknown.
    """
    axis = np.linspace(-span / 2, span / 2, size_px, dtype=np.float32)
    across, down = np.meshgrid(axis, axis)
    cosine, sine = np.cos(np.radians(lean_deg)), np.sin(np.radians(lean_deg))
    texture = PICTURES[kind](
        np.float32(cosine) * across - np.float32(sine) * down,
        np.float32(sine) * across + np.float32(cosine) * down,
        period=period,
        rng=rng,
    )
    share = 0.5 + 0.5 * np.tanh(EDGE * texture.astype(np.float32))
    return share if rng.random() < 0.5 else 1 - share


def _turns(position: np.ndarray, period: float, rng: np.random.Generator) -> np.ndarray:
    return 2 * np.pi * (position / np.float32(period) + np.float32(rng.random()))
