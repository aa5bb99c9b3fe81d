import librosa
import numpy as np
import pytest

from avsc_kedro.signal.stft import hann_window, power_spectrogram


def test_agrees_with_librosa():
    waveform = np.random.default_rng(0).standard_normal((2, 20_000)).astype(np.float32)
    expected = librosa.stft(waveform, n_fft=512, win_length=320, hop_length=128, center=False)
    power = power_spectrogram(waveform, n_fft=512, window_length=320, hop_length=128)
    expected = np.swapaxes(np.abs(expected) ** 2, 1, 2)
    np.testing.assert_allclose(power, expected, rtol=1e-3, atol=1e-3)
    assert power.dtype == np.float32


def test_ten_seconds_give_the_papers_frames():
    waveform = np.zeros((2, 320_000), np.float32)
    power = power_spectrogram(waveform, n_fft=4096, window_length=2560, hop_length=1024)
    assert power.shape == (2, 309, 2049)


def test_sine_peaks_at_a_quarter_of_the_window_squared():
    sine = np.sin(2 * np.pi * 8 / 64 * np.arange(256), dtype=np.float32)[None]
    power = power_spectrogram(sine, n_fft=64, window_length=64, hop_length=64)
    assert power[0, 0].argmax() == 8
    assert power[0, 0, 8] == pytest.approx(16**2, rel=1e-4)


def test_short_waveform_is_refused():
    with pytest.raises(ValueError, match=r"n_fft = 64.*\(2, 63\)"):
        power_spectrogram(np.zeros((2, 63), np.float32), n_fft=64, window_length=64, hop_length=8)


def test_window_longer_than_the_transform_is_refused():
    with pytest.raises(ValueError, match="window_length <= n_fft = 64"):
        hann_window(n_fft=64, window_length=65)
