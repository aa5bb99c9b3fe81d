"""The wavelets of a constant-Q transform, octave by octave from the top."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import librosa
import numpy as np
import scipy.fft
from scipy.sparse import csr_array


class Octave(NamedTuple):
    """What turns a spectrum into the coefficients of one octave.

    `wavelets` has shape (bins, n_fft // 2 + 1), lowest bin first, complex64; a product with
    a sparse matrix is the same for any number of threads. `n_fft` and `hop_length` count
    samples of a waveform whose rate is halved with each halved hop.
    """

    n_fft: int
    hop_length: int
    wavelets: csr_array


@lru_cache
def octaves(
    *, sample_rate_hz: int, hop_length: int, bands: int, fmin_hz: float, bins_per_octave: int
) -> tuple[Octave, ...]:
    """Return the octaves of a transform, highest first, the lowest perhaps incomplete.

    An octave lower means half the rate, as long as the hop can be halved.

    Raises:
        ValueError: If the highest bin reaches beyond half the sample rate.
    """
    freqs_hz = librosa.cqt_frequencies(bands, fmin=fmin_hz, bins_per_octave=bins_per_octave)
    step = 4 ** (1 / bins_per_octave)
    relative_bandwidth = np.full(bands, (step - 1) / (step + 1))
    _, top_hz = librosa.filters.wavelet_lengths(
        freqs=freqs_hz, sr=sample_rate_hz, alpha=relative_bandwidth
    )
    if top_hz > sample_rate_hz / 2:
        raise ValueError(
            f"Expected bins below {sample_rate_hz / 2:g} Hz, half the sample rate. Received "
            f"{bands} bins that end at {top_hz:.0f} Hz. Lower bands or fmin_hz."
        )
    found = []
    rate_hz, hop = sample_rate_hz, hop_length
    for end in range(bands, 0, -bins_per_octave):
        own = slice(max(0, end - bins_per_octave), end)
        wavelets, lengths = librosa.filters.wavelet(
            freqs=freqs_hz[own], sr=rate_hz, alpha=relative_bandwidth[own]
        )
        found.append(Octave(wavelets.shape[1], hop, _spectra(wavelets, lengths)))
        if hop % 2 == 0:
            rate_hz, hop = rate_hz / 2, hop // 2
    return tuple(found)


def _spectra(wavelets: np.ndarray, lengths: np.ndarray) -> csr_array:
    """Wavelets of one energy, so that white noise is level, for products of spectra."""
    bins, n_fft = wavelets.shape
    scaled = wavelets * (np.sqrt(lengths) / n_fft).reshape(bins, 1)
    return csr_array(scipy.fft.fft(scaled, axis=1)[:, : n_fft // 2 + 1], dtype=np.complex64)
