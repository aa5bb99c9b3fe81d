"""The un-centred short-time Fourier transform that MEL and GAM share."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view


def power_spectrogram(
    waveform: np.ndarray, *, n_fft: int, window_length: int, hop_length: int
) -> np.ndarray:
    """Return the power of Hann-windowed frames that lie wholly inside the waveform.

    Frame i covers samples i * hop_length to i * hop_length + n_fft; its window
    is centred there. A sine of amplitude 1 peaks at (window_length / 4) squared.

    Args:
        waveform: Samples in [-1, 1], shape (channels, samples), float32.
        n_fft: Transform length in samples.
        window_length: Length of the periodic Hann window in samples, <= n_fft.
        hop_length: Samples from one frame to the next.

    Returns:
        Power, shape (channels, frames, n_fft // 2 + 1), float32, with
        frames = 1 + (samples - n_fft) // hop_length.

    Raises:
        ValueError: If the waveform is shorter than one frame, or the window
            longer.

    Source:
        Section 2.1. Its 309 frames follow from 10 s at 32 kHz, n_fft 4096 and
        hop 1024, not from the 14 ms it states.
    """
    if waveform.shape[-1] < n_fft:
        raise ValueError(
            f"Expected at least n_fft = {n_fft} samples. Received shape {waveform.shape}."
        )
    frames = sliding_window_view(waveform, n_fft, axis=-1)[:, ::hop_length]
    windowed = frames * hann_window(n_fft=n_fft, window_length=window_length)
    spectrum = scipy.fft.rfft(windowed, axis=-1, overwrite_x=True)
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    return power


@lru_cache
def hann_window(*, n_fft: int, window_length: int) -> np.ndarray:
    """Return a periodic Hann window centred in n_fft samples, shape (n_fft,), float32.

    Raises:
        ValueError: If `window_length` exceeds `n_fft`.
    """
    if window_length > n_fft:
        raise ValueError(f"Expected window_length <= n_fft = {n_fft}. Received {window_length}.")
    phase = 2 * np.pi * np.arange(window_length) / window_length
    window = np.zeros(n_fft, dtype=np.float32)
    start = (n_fft - window_length) // 2
    window[start : start + window_length] = 0.5 - 0.5 * np.cos(phase)
    window.flags.writeable = False
    return window
