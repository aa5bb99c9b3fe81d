"""The frequencies on the axes against the filters and transforms that made the bands."""

from __future__ import annotations

import numpy as np
import pytest

from avsc_kedro.figures import band_centres_hz
from avsc_kedro.signal import spectrogram

SAMPLE_RATE_HZ = 32000
RECIPE = {
    "audio": {"sample_rate_hz": SAMPLE_RATE_HZ},
    "mel": {"bands": 40, "fmin_hz": 20.0, "fmax_hz": 16000.0},
    "gam": {"bands": 40, "fmin_hz": 20.0, "fmax_hz": 16000.0},
    "cqt": {"bands": 100, "fmin_hz": 27.5, "bins_per_octave": 12},
}
STFT = {"n_fft": 4096, "hop_length": 2048, "floor_power": 1e-16}


@pytest.mark.parametrize("kind", ["mel", "gam", "cqt"])
@pytest.mark.parametrize("tone_hz", [220.0, 1000.0, 3520.0])
def test_a_tone_is_loudest_in_the_band_whose_centre_is_nearest(kind, tone_hz):
    samples = np.arange(SAMPLE_RATE_HZ)
    tone = np.sin(2 * np.pi * tone_hz / SAMPLE_RATE_HZ * samples, dtype=np.float32)[None]
    stft = STFT if kind == "cqt" else {**STFT, "window_length": 4096}
    level = spectrogram(kind, tone, {**RECIPE, "stft": stft})[:, 7, 0]
    centres_hz = band_centres_hz(kind, **RECIPE[kind])
    assert len(centres_hz) == len(level)
    assert level.argmax() == np.abs(np.log(centres_hz / tone_hz)).argmin()


@pytest.mark.parametrize("kind", ["mel", "gam", "cqt"])
def test_centres_rise_from_within_the_range(kind):
    centres_hz = band_centres_hz(kind, **RECIPE[kind])
    assert (np.diff(centres_hz) > 0).all()
    assert centres_hz[0] >= RECIPE[kind]["fmin_hz"] * (1 - 1e-9)
    assert centres_hz[-1] < RECIPE[kind].get("fmax_hz", 16000)
