"""From one dry sound to a quiet stereo recording of it in a place."""

from __future__ import annotations

import numpy as np

from avsc_kedro.synthesis.places import COLOURING_BANDS, Place

LOWEST_HZ = 50.0
LEVEL_DBFS = (-61.0, -33.0)
SIGNAL_TO_NOISE_DB = (3.0, 15.0)
DIFFUSE_TO_DIRECT = 0.5


def record(
    dry: np.ndarray, *, place: Place, rng: np.random.Generator, sample_rate_hz: int
) -> np.ndarray:
    """Place a sound in a room, add background noise and set the level.

    Echoes wrap around the end of the clip: the room is a circular convolution.

    Args:
        dry: The sound alone, shape (samples,), any level.
        place: Acoustics of the location.
        rng: Draws the stereo position, the noise and the levels of this clip.
        sample_rate_hz: Samples per second.

    Returns:
        Waveform of shape (2, samples), float32 in [-1, 1], root mean square between
        -61 and -33 dBFS, as in clips of the real data set.

    Source:
        Levels as measured on the real data set; the rest is ours.
    """
    samples = len(dry)
    frequency_hz = np.fft.rfftfreq(samples, 1 / sample_rate_hz).astype(np.float32)
    octaves = np.log2(np.maximum(frequency_hz, LOWEST_HZ) / LOWEST_HZ)
    room = np.fft.rfft(_impulse_response(place, rng, sample_rate_hz), samples)
    sound = np.fft.rfft(dry.astype(np.float32)) * room
    noise = _gain(place.tilt_db_per_octave * octaves) * _white(room.shape, rng)
    ratio_db = rng.uniform(*SIGNAL_TO_NOISE_DB)
    mixture = sound / _size(sound) + noise / _size(noise) * 10 ** (-ratio_db / 20)
    colouring_db = place.colouring_db + rng.normal(0, 3, COLOURING_BANDS)
    knots = np.linspace(0, octaves[-1], COLOURING_BANDS)
    waveform = np.fft.irfft(mixture * _gain(np.interp(octaves, knots, colouring_db)), samples)
    return _set_level(waveform, level_dbfs=rng.uniform(*LEVEL_DBFS))


def _impulse_response(place: Place, rng: np.random.Generator, sample_rate_hz: int) -> np.ndarray:
    seconds = np.arange(round(place.reverberation_s * sample_rate_hz)) / sample_rate_hz
    tail = rng.standard_normal((2, len(seconds)), dtype=np.float32)
    response = tail * 10 ** (-3 * seconds / place.reverberation_s).astype(np.float32)
    response *= DIFFUSE_TO_DIRECT / np.sqrt(np.sum(response**2, axis=1, keepdims=True))
    angle = rng.uniform(0.3, np.pi / 2 - 0.3)
    response[:, 0] += np.array([np.cos(angle), np.sin(angle)], np.float32)
    return response


def _white(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    parts = rng.standard_normal((*shape, 2), dtype=np.float32)
    return parts.view(np.complex64)[..., 0]


def _gain(decibel: np.ndarray) -> np.ndarray:
    return (10 ** (decibel / 20)).astype(np.float32)


def _size(spectrum: np.ndarray) -> float:
    # No BLAS: its sums depend on the number of threads, and so would the file's bytes.
    return float(np.sqrt(np.sum(spectrum.real**2 + spectrum.imag**2, dtype=np.float64)))


def _set_level(waveform: np.ndarray, *, level_dbfs: float) -> np.ndarray:
    root_mean_square = np.sqrt(np.mean(waveform.astype(np.float64) ** 2))
    return (waveform * (10 ** (level_dbfs / 20) / root_mean_square)).astype(np.float32)
