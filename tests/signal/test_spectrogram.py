import librosa
import numpy as np
import pytest
from gammatone.filters import erb_space
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

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


def noise(seconds=2.0, seed=7):
    rng = np.random.default_rng(seed)
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
def test_the_quietest_clips_keep_their_shape_in_24_bit(kind):
    at_minus_61_dbfs = noise() * 10 ** (-61 / 20) / noise().std()
    stored_in_24_bit = (np.round(at_minus_61_dbfs * 2**23) / 2**23).astype(np.float32)
    loud, quiet = level(kind, noise()), level(kind, stored_in_24_bit)
    expected = loud - 61 - 20 * np.log10(noise().std())
    rounding = np.random.default_rng(8).uniform(-0.5, 0.5, (2, 2 * RATE)) / 2**23
    rounding_level = level(kind, rounding.astype(np.float32)).mean(axis=(1, 2), keepdims=True)
    assert np.all(expected > rounding_level + 30)
    assert quiet.min() > -140  # far from the floor
    np.testing.assert_allclose(quiet, expected, atol=0.3)
    assert np.corrcoef(quiet.ravel(), expected.ravel())[0, 1] > 0.999999


@pytest.mark.parametrize("kind", ["mel", "cqt"])  # GAM is BLAS's product: workers have one thread
def test_bytes_do_not_depend_on_threads(kind):
    made = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            made.append(level(kind, noise(10.0)).tobytes())
    assert made[0] == made[1]


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


CENTRES_HZ = {
    "mel": librosa.mel_frequencies(130, fmin=10.0, fmax=16_000.0)[1:-1],
    "gam": erb_space(10.0, 16_000.0, 128)[::-1],
    "cqt": librosa.cqt_frequencies(128, fmin=16.35, bins_per_octave=13),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_tone_is_loudest_in_the_band_around_it(kind):
    for band in (50, 80, 110):
        phase = 2 * np.pi * CENTRES_HZ[kind][band] * np.arange(2 * RATE) / RATE
        stored = level(kind, np.tile(0.1 * np.sin(phase), (2, 1)).astype(np.float32))
        assert np.all(stored[:, 4:-4].argmax(axis=0) == band)


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


FEW = settings(max_examples=5)
HOP = STFT["hop_length"]


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(hops=st.integers(1, 20), seed=st.integers(0, 99))
def test_a_shift_by_whole_hops_shifts_the_frames(kind, hops, seed):
    waveform = noise(1.5, seed)
    power, shifted = (
        10 ** (level(kind, stretch).astype(float) / 10)
        for stretch in (waveform[:, : RATE + 7], waveform[:, hops * HOP : hops * HOP + RATE + 7])
    )
    kept = power.shape[1] - hops
    one, other = power[:, hops:], shifted[:, :kept]
    if kind == "cqt":  # its low wavelets reach over the clip's ends
        one, other = one[70:], other[70:]
        np.testing.assert_allclose(one, other, atol=1e-3 * one.mean())
    else:
        np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(gain_db=st.floats(-60, 20), seed=st.integers(0, 99))
def test_gain_adds(kind, gain_db, seed):
    waveform = noise(0.5, seed)
    louder = (waveform * 10 ** (gain_db / 20)).astype(np.float32)
    np.testing.assert_allclose(level(kind, louder), level(kind, waveform) + gain_db, atol=0.02)


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(seed=st.integers(0, 99))
def test_swapped_channels_are_swapped(kind, seed):
    waveform = noise(0.5, seed)
    np.testing.assert_array_equal(level(kind, waveform[::-1])[..., ::-1], level(kind, waveform))
