"""Kinds of sound that differ by their course in time, not by their mean spectrum."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

PARTIALS = ((1, 1.0), (2, 0.7), (4, 0.5))
DECAY_S = 0.03
NOTE_S = 0.18


def rise(seconds: np.ndarray, *, pitch_hz: float, period_s: float, rng) -> np.ndarray:
    """Sweep up two octaves, again and again."""
    turn = (seconds / period_s + rng.random()) % 1
    return _sing(pitch_hz * 4 ** (turn - 0.5), seconds) * np.sin(np.pi * turn) ** 0.5


def fall(seconds: np.ndarray, *, pitch_hz: float, period_s: float, rng) -> np.ndarray:
    """Sweep down two octaves: `rise` played backwards, with the same mean spectrum."""
    return rise(seconds, pitch_hz=pitch_hz, period_s=period_s, rng=rng)[::-1]


def weave(seconds: np.ndarray, *, pitch_hz: float, period_s: float, rng) -> np.ndarray:
    """Hold a tone that winds up and down over two octaves without a gap."""
    turn = seconds / period_s + rng.random()
    return _sing(pitch_hz * 2 ** np.sin(2 * np.pi * turn), seconds)


def chime(seconds: np.ndarray, *, pitch_hz: float, period_s: float, rng) -> np.ndarray:
    """Alternate two steady tones."""
    turn = (seconds / period_s + rng.random()) % 1
    interval = rng.uniform(0.8, 1.4)
    return _sing(pitch_hz * 2 ** (interval * np.where(turn < 0.5, 0.5, -0.5)), seconds)


def birds(seconds: np.ndarray, *, pitch_hz: float, period_s: float, rng) -> np.ndarray:
    """Scatter short notes over two octaves at irregular times."""
    slots = np.cumsum(rng.uniform(0.6, 1.4, int(2 * seconds[-1] / NOTE_S) + 2)) * NOTE_S
    note = np.searchsorted(slots, seconds)
    pitches = pitch_hz * 4 ** rng.uniform(-0.5, 0.5, len(slots) + 1)
    heard = rng.random(len(slots) + 1) < 0.7
    return _sing(pitches[note], seconds) * heard[note]


def rails(seconds: np.ndarray, *, pitch_hz: float, period_s: float, rng) -> np.ndarray:
    """Knock regularly, three times a period, with noise that dies away at once."""
    since = (seconds + rng.random()) % (period_s / 3)
    return _noise(len(seconds), rng) * np.exp(-since / DECAY_S)


def swell(seconds: np.ndarray, *, pitch_hz: float, period_s: float, rng) -> np.ndarray:
    """Let noise come and go slowly, once in two periods."""
    turn = seconds / (2 * period_s) + rng.random()
    return _noise(len(seconds), rng) * 10 ** (0.7 * np.sin(2 * np.pi * turn))


SOUNDS: dict[str, Callable[..., np.ndarray]] = {
    sound.__name__: sound for sound in (rise, fall, weave, chime, birds, rails, swell)
}


def _sing(frequency_hz: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    cycles = np.cumsum(frequency_hz) * (seconds[1] - seconds[0])
    return sum(
        weight * np.sin(2 * np.pi * ((order * cycles) % 1).astype(np.float32))
        for order, weight in PARTIALS
    )


def _noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(samples, dtype=np.float32)
