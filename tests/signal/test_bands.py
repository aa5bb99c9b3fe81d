import librosa
import numpy as np
from gammatone.fftweight import fft_weights
from gammatone.filters import erb_filterbank, erb_space, make_erb_filters
from gammatone.gtgram import gtgram

from avsc_kedro.signal.bands import (
    gammatone_filter_bank,
    gammatone_weights,
    mel_filter_bank,
    mel_weights,
)
from avsc_kedro.signal.stft import power_spectrogram

RATE, N_FFT, WINDOW, HOP = 16_000, 2048, 1280, 512
RANGE = {"bands": 32, "fmin_hz": 20.0, "fmax_hz": 8000.0}


def noise(seconds: float) -> np.ndarray:
    """Pink-like noise whose level swings, shape (1, samples)."""
    rng = np.random.default_rng(3)
    white = rng.standard_normal(round(RATE * seconds))
    brown = np.cumsum(white) - np.convolve(np.cumsum(white), np.ones(400) / 400, mode="same")
    swing = 1 + 0.8 * np.sin(2 * np.pi * 1.5 * np.arange(len(white)) / RATE)
    return ((brown + white) * swing * 0.01).astype(np.float32)[None]


def test_mel_agrees_with_librosa():
    waveform = noise(1.0)
    expected = librosa.feature.melspectrogram(
        y=waveform,
        sr=RATE,
        n_fft=N_FFT,
        win_length=WINDOW,
        hop_length=HOP,
        center=False,
        n_mels=32,
        fmin=20.0,
        fmax=8000.0,
    )
    power = power_spectrogram(waveform, n_fft=N_FFT, window_length=WINDOW, hop_length=HOP)[0]
    bands = mel_filter_bank(sample_rate_hz=RATE, n_fft=N_FFT, **RANGE)(power)
    np.testing.assert_allclose(bands.T, expected[0], rtol=1e-4)


def test_gammatone_power_is_that_of_the_packages_weights():
    power = power_spectrogram(noise(0.5), n_fft=N_FFT, window_length=WINDOW, hop_length=HOP)[0]
    response, _ = fft_weights(N_FFT, RATE, 32, 1, 20.0, 8000.0, N_FFT // 2 + 1)
    bands = gammatone_filter_bank(sample_rate_hz=RATE, n_fft=N_FFT, **RANGE)(power)
    np.testing.assert_allclose(bands, power.astype(float) @ np.square(response).T, rtol=1e-5)


def test_gammatone_agrees_with_filtering_in_the_time_domain():
    waveform = noise(2.0)
    power = power_spectrogram(waveform, n_fft=N_FFT, window_length=WINDOW, hop_length=HOP)[0]
    bands = gammatone_filter_bank(sample_rate_hz=RATE, n_fft=N_FFT, **RANGE)(power)
    level = 10 * np.log10(bands.T)
    filtered = gtgram(waveform[0].astype(float), RATE, WINDOW / RATE, HOP / RATE, 32, 20.0)
    expected = 20 * np.log10(filtered)
    offset = level.mean(axis=1) - expected.mean(axis=1)
    assert np.std(offset) < 0.5  # one constant, the window's power, apart

    # gtgram's frame i starts at i * hop, the un-centred window (2048 - 1280) / 2 later.
    centred = [x - x.mean(axis=1, keepdims=True) for x in (level[:, :50], expected[:, 1:51])]
    assert np.corrcoef(centred[0].ravel(), centred[1].ravel())[0, 1] > 0.95


def test_gammatone_passes_the_power_of_a_filtered_sine():
    sine = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    centres_hz = erb_space(20.0, 8000.0, 32)[::-1]
    filtered = erb_filterbank(sine, make_erb_filters(RATE, centres_hz))
    passed = np.square(filtered[:, RATE // 2 :]).mean(axis=1) / 0.5
    weights = gammatone_weights(sample_rate_hz=RATE, n_fft=N_FFT, **RANGE)
    near = passed > 1e-6
    np.testing.assert_allclose(weights[near, 1000 * N_FFT // RATE], passed[near], rtol=0.02)
    assert passed[near].min() < 1e-4


def test_bands_go_from_low_to_high_with_no_gap():
    for weights in (mel_weights, gammatone_weights):
        bank = weights(sample_rate_hz=32_000, n_fft=4096, bands=128, fmin_hz=10.0, fmax_hz=16_000.0)
        assert bank.shape == (128, 2049)
        assert bank.dtype == np.float32
        assert np.all(np.diff(bank.argmax(axis=1)) >= 0)
        assert np.all(bank.sum(axis=1) > 0)


def test_gammatone_peaks_at_one_on_the_erb_scale():
    bank = gammatone_weights(
        sample_rate_hz=32_000, n_fft=4096, bands=64, fmin_hz=50.0, fmax_hz=16_000.0
    )
    peaks_hz = bank.argmax(axis=1) * 32_000 / 4096
    np.testing.assert_allclose(peaks_hz, erb_space(50.0, 16_000.0, 64)[::-1], rtol=0.06, atol=8)
    np.testing.assert_allclose(bank[8:].max(axis=1), 1, atol=0.08)


def test_weights_are_made_once_and_cannot_be_changed():
    numbers = {"sample_rate_hz": RATE, "n_fft": N_FFT, **RANGE}
    assert mel_weights(**numbers) is mel_weights(**numbers)
    assert mel_filter_bank(**numbers) is mel_filter_bank(**numbers)
    assert not gammatone_weights(**numbers).flags.writeable
