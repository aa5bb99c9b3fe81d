"""The filter banks that turn STFT power into MEL and GAM bands, lowest band first."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import librosa
import numpy as np
from scipy.sparse import csr_array

FilterBank = Callable[[np.ndarray], np.ndarray]


@lru_cache
def mel_filter_bank(**band_numbers: float) -> FilterBank:
    """Return what turns power of shape (frames, bins) into MEL bands, shape (frames, bands).

    Args:
        band_numbers: What `mel_weights` takes.
    """
    weights = csr_array(mel_weights(**band_numbers).T)  # a band covers few bins
    return lambda power: power @ weights


@lru_cache
def gammatone_filter_bank(**band_numbers: float) -> FilterBank:
    """Return what turns power of shape (frames, bins) into GAM bands, shape (frames, bands).

    Args:
        band_numbers: What `gammatone_weights` takes.
    """
    weights = np.ascontiguousarray(gammatone_weights(**band_numbers).T)
    return lambda power: power @ weights


@lru_cache
def mel_weights(
    *, sample_rate_hz: int, n_fft: int, bands: int, fmin_hz: float, fmax_hz: float
) -> np.ndarray:
    """Return triangular mel filters of equal area (Slaney's scale).

    Returns:
        Read-only weights on power, shape (bands, n_fft // 2 + 1), float32.

    Source:
        Section 2.1 (MEL, 128 bands); the range is not given there.
    """
    weights = librosa.filters.mel(
        sr=sample_rate_hz, n_fft=n_fft, n_mels=bands, fmin=fmin_hz, fmax=fmax_hz
    )
    weights.flags.writeable = False
    return weights


@lru_cache
def gammatone_weights(
    *, sample_rate_hz: int, n_fft: int, bands: int, fmin_hz: float, fmax_hz: float
) -> np.ndarray:
    """Return the power response of gammatone filters, one ERB wide, spaced on the ERB scale.

    The toolkit gives magnitude responses. Squared and applied to power they give
    the power each filter passes, as filtering in the time domain would.

    Returns:
        Read-only weights on power, shape (bands, n_fft // 2 + 1), float32.

    Source:
        Section 2.1 (GAM, 128 bands); the range is not given there.
    """
    # Imported late: it loads scipy.signal, which costs a second.
    from gammatone.fftweight import fft_weights

    response, _ = fft_weights(n_fft, sample_rate_hz, bands, 1, fmin_hz, fmax_hz, n_fft // 2 + 1)
    weights = np.square(response).astype(np.float32)
    weights.flags.writeable = False
    return weights
