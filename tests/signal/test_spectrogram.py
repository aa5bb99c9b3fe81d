import numpy as np
import pytest

from avsc_kedro.signal import EXTRACTOR_VERSIONS, TRANSFORMS, spectrogram

RATE = 32_000
KINDS = ("mel", "gam", "cqt")
STFT = {"n_fft": 4096, "window_length": 2560, "hop_length": 1024, "floor_power": 1e-16}
BANDS = {"bands": 128, "fmin_hz": 10.0, "fmax_hz": 16_000.0}
CQT = {"bands": 128, "fmin_hz": 16.35, "bins_per_octave": 13}


def level(kind, waveform):
    own_length = {name: STFT[name] for name in STFT if name != "window_length"}
    recipe = {
        "audio": {"sample_rate_hz": RATE, "duration_s": 2.0, "channels": "stereo"},
        "stft": own_length if kind == "cqt" else STFT,
        kind: CQT if kind == "cqt" else BANDS,
    }
    return spectrogram(kind, waveform, recipe)


def noise(seconds=2.0):
    rng = np.random.default_rng(7)
    return (0.1 * rng.standard_normal((2, round(RATE * seconds)))).astype(np.float32)


def test_tables_name_the_same_kinds():
    assert set(TRANSFORMS) == set(EXTRACTOR_VERSIONS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_ten_seconds_have_the_papers_shape(kind):
    stored = level(kind, noise(10.0))
    assert stored.shape == (128, 309, 2)
    assert stored.dtype == np.float32
    assert stored.flags.c_contiguous


@pytest.mark.parametrize("kind", KINDS)
def test_a_hundredth_is_forty_decibels_less(kind):
    loud = level(kind, noise())
    quiet = level(kind, noise() / 100)
    above_floor = quiet > -150
    assert above_floor.mean() > 0.9
    np.testing.assert_allclose((loud - quiet)[above_floor], 40, atol=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_silence_is_the_floor(kind):
    np.testing.assert_allclose(level(kind, np.zeros((2, 64_000), np.float32)), -160, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_channels_stay_apart(kind):
    waveform = noise()
    waveform[1] = 0
    stored = level(kind, waveform)
    assert stored[..., 0].mean() > -60
    np.testing.assert_allclose(stored[..., 1], -160, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_higher_tone_lies_in_a_higher_band(kind):
    seconds = np.arange(2 * RATE) / RATE
    loudest = []
    for tone_hz in (200, 1000, 5000):
        waveform = np.tile(0.1 * np.sin(2 * np.pi * tone_hz * seconds), (2, 1)).astype(np.float32)
        loudest.append(int(level(kind, waveform)[:, 20, 0].argmax()))
    assert loudest == sorted(set(loudest))
    if kind == "cqt":
        expected = np.round(13 * np.log2(np.array([200, 1000, 5000]) / 16.35))
        assert loudest == expected.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_a_click_lies_in_the_frame_centred_on_it(kind):
    frame = 25
    waveform = np.zeros((2, 2 * RATE), np.float32)
    waveform[:, 2048 + 1024 * frame] = 0.5
    stored = level(kind, waveform)[..., 0]
    upper = stored[60:].mean(axis=0)
    assert upper.argmax() == frame
    assert upper[frame] > upper[frame - 2] + 20
    assert upper[frame] > upper[frame + 2] + 20


def test_a_flat_waveform_is_refused():
    with pytest.raises(ValueError, match=r"\(channels, samples\).*\(5000,\)"):
        level("mel", np.zeros(5000, np.float32))
