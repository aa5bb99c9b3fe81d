"""The frequencies that the bands of a spectrogram stand for, lowest band first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def mel_centres(*, bands: int, fmin_hz: float, fmax_hz: float) -> np.ndarray:
    """Return where each triangular mel filter peaks (Slaney's scale)."""
    import librosa

    return librosa.mel_frequencies(n_mels=bands + 2, fmin=fmin_hz, fmax=fmax_hz)[1:-1]


def gammatone_centres(*, bands: int, fmin_hz: float, fmax_hz: float) -> np.ndarray:
    """Return the centres of gammatone filters, evenly spaced on the ERB scale."""
    # Imported late: it loads scipy.signal, which costs a second.
    from gammatone.filters import erb_space

    return erb_space(fmin_hz, fmax_hz, bands)[::-1]


def constant_q_centres(*, bands: int, fmin_hz: float, bins_per_octave: int) -> np.ndarray:
    """Return the centres of constant-Q bins, evenly spaced in octaves."""
    return fmin_hz * 2.0 ** (np.arange(bands) / bins_per_octave)


CENTRES: dict[str, Callable[..., np.ndarray]] = {
    "mel": mel_centres,
    "gam": gammatone_centres,
    "cqt": constant_q_centres,
}


def band_centres_hz(kind: str, **band_numbers: float) -> np.ndarray:
    """Return each band's centre in Hz, rising, shape (bands,).

    Args:
        kind: mel, gam or cqt.
        **band_numbers: The options of that kind: bands, fmin_hz, and fmax_hz or
            bins_per_octave.

    Raises:
        KeyError: If `kind` is not in `CENTRES`.
    """
    return CENTRES[kind](**band_numbers)
