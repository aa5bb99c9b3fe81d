import librosa
import numpy as np
import pytest

from avsc_kedro.signal.cqt import constant_q_power

PAPER = {"n_fft": 4096, "hop_length": 1024, "bands": 128, "fmin_hz": 16.35, "bins_per_octave": 13}


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(5).standard_normal((1, samples)).astype(np.float32)


def direct_power(waveform, *, rate_hz, numbers, band, centres):
    """Inner products with one wavelet, at the file's own rate and without any FFT."""
    freqs = librosa.cqt_frequencies(
        n_bins=numbers["bands"], fmin=numbers["fmin_hz"], bins_per_octave=numbers["bins_per_octave"]
    )
    ratio = 2 ** (2 / numbers["bins_per_octave"])
    wavelets, lengths = librosa.filters.wavelet(
        freqs=freqs[band : band + 1], sr=rate_hz, alpha=np.array([(ratio - 1) / (ratio + 1)])
    )
    wavelet = wavelets[0].astype(complex)
    half = len(wavelet) // 2
    padded = np.pad(waveform.astype(float), half)
    products = [np.vdot(wavelet, padded[c : c + len(wavelet)]) for c in centres]
    return lengths[0] * np.abs(products) ** 2


def test_is_frames_2_to_311_of_librosa_at_the_papers_sizes():
    waveform = noise(320_000)
    power = constant_q_power(waveform, sample_rate_hz=32_000, **PAPER)
    expected = librosa.cqt(
        waveform[0],
        sr=32_000,
        hop_length=1024,
        fmin=16.35,
        n_bins=128,
        bins_per_octave=13,
        sparsity=0,
    )
    assert expected.shape == (128, 313)
    assert power.shape == (1, 128, 309)
    np.testing.assert_allclose(power[0], np.abs(expected[:, 2:311]) ** 2, rtol=1e-4)


@pytest.mark.parametrize(("n_fft", "hop_length"), [(4096, 1024), (4096, 768), (1000, 512)])
def test_agrees_with_inner_products_at_the_stft_centres(n_fft, hop_length):
    numbers = PAPER | {"n_fft": n_fft, "hop_length": hop_length, "bands": 100}
    waveform = noise(64_000)
    power = constant_q_power(waveform, sample_rate_hz=32_000, **numbers)[0]
    frames = 1 + (64_000 - n_fft) // hop_length
    assert power.shape == (100, frames)
    centres = n_fft // 2 + hop_length * np.arange(frames)
    for band in (30, 55, 80, 95):
        expected = direct_power(
            waveform[0], rate_hz=32_000, numbers=numbers, band=band, centres=centres
        )
        difference_db = 10 * np.log10(power[band] / expected)
        assert np.median(np.abs(difference_db)) < 0.5, band


@pytest.mark.filterwarnings("ignore:n_fft=.* is too large")
def test_an_odd_hop_keeps_the_rate():
    numbers = PAPER | {"hop_length": 257, "bands": 60}
    waveform = noise(32_000)
    power = constant_q_power(waveform, sample_rate_hz=32_000, **numbers)[0]
    padded = np.pad(waveform[0], (-2048 % 257, 0))
    expected = librosa.cqt(
        padded, sr=32_000, hop_length=257, fmin=16.35, n_bins=60, bins_per_octave=13, sparsity=0
    )[:, 8:117]
    assert power.shape == expected.shape
    np.testing.assert_allclose(power, np.abs(expected) ** 2, rtol=1e-3, atol=1e-6)


def test_short_waveform_is_refused():
    with pytest.raises(ValueError, match=r"n_fft = 4096.*\(1, 4000\)"):
        constant_q_power(noise(4000), sample_rate_hz=32_000, **PAPER)
