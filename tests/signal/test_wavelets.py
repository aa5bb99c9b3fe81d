import librosa
import numpy as np
import pytest

from avsc_kedro.signal.wavelets import octaves

PAPER = {
    "sample_rate_hz": 32_000,
    "hop_length": 1024,
    "bands": 128,
    "fmin_hz": 16.35,
    "bins_per_octave": 13,
}


def test_from_the_top_each_at_half_the_rate():
    made = octaves(**PAPER)
    assert [octave.hop_length for octave in made] == [1024 // 2**k for k in range(10)]
    assert [octave.wavelets.shape[0] for octave in made] == [13] * 9 + [11]
    assert all(octave.wavelets.shape[1] == octave.n_fft // 2 + 1 for octave in made)


def test_a_bin_is_loudest_at_its_own_frequency():
    freqs_hz = librosa.cqt_frequencies(128, fmin=16.35, bins_per_octave=13)
    top, second = octaves(**PAPER)[:2]
    for octave, rate_hz, own in (
        (top, 32_000, freqs_hz[-13:]),
        (second, 16_000, freqs_hz[-26:-13]),
    ):
        loudest = np.abs(octave.wavelets.toarray()).argmax(axis=1) * rate_hz / octave.n_fft
        np.testing.assert_allclose(loudest, own, atol=0.51 * rate_hz / octave.n_fft)


def test_an_odd_hop_is_not_halved():
    made = octaves(**PAPER | {"hop_length": 6})
    assert [octave.hop_length for octave in made] == [6] + [3] * 9
    assert made[1].n_fft < made[2].n_fft < made[3].n_fft


def test_made_once():
    assert octaves(**PAPER) is octaves(**PAPER)


def test_bins_beyond_half_the_rate_are_refused():
    with pytest.raises(ValueError, match=r"below 8000 Hz.*128 bins that end at 14838 Hz"):
        octaves(**PAPER | {"sample_rate_hz": 16_000})
