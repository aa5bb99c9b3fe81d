"""The constant-Q transform, on the same instants as the STFT."""

from __future__ import annotations

import warnings

import librosa
import numpy as np

from avsc_kedro.signal.wavelets import Octave, octaves


def constant_q_power(
    waveform: np.ndarray,
    *,
    sample_rate_hz: int,
    n_fft: int,
    hop_length: int,
    bands: int,
    fmin_hz: float,
    bins_per_octave: int,
) -> np.ndarray:
    """Return constant-Q power at the centres of the frames of `power_spectrogram`.

    The numbers are those of `librosa.cqt` with `sparsity=0`, as long as its highest octave
    needs the full rate. librosa builds the wavelets anew for each clip, which takes over
    half of its time; here they are kept.

    librosa centres frame j on sample j * hop_length. Un-centred STFT frame i is
    centred on n_fft // 2 + i * hop_length. Zeros in front make the two grids meet,
    and the first frames are dropped: 2 of them for n_fft 4096 and hop 1024.

    Args:
        waveform: Samples in [-1, 1], shape (channels, samples), float32.
        sample_rate_hz: Samples per second.
        n_fft: Transform length of the STFT to align with, in samples.
        hop_length: Samples from one frame to the next.
        bands: Number of bins upward from `fmin_hz`.
        fmin_hz: Centre of the lowest bin.
        bins_per_octave: Bins per doubling of frequency.

    Returns:
        Power, shape (channels, bands, frames), float32, with
        frames = 1 + (samples - n_fft) // hop_length.

    Raises:
        ValueError: If the waveform is shorter than `n_fft`, or the highest bin reaches
            beyond half the sample rate.

    Source:
        Section 2.1 (CQT, 128 bins); lowest bin and bins per octave are not given there.
        Schörkhuber and Klapuri, "Constant-Q transform toolbox for music processing",
        2010, for going down by octaves.
    """
    samples = waveform.shape[-1]
    if samples < n_fft:
        raise ValueError(
            f"Expected at least n_fft = {n_fft} samples. Received shape {waveform.shape}."
        )
    padding = -(n_fft // 2) % hop_length
    first = (n_fft // 2 + padding) // hop_length
    kept = slice(first, first + 1 + (samples - n_fft) // hop_length)
    numbers = {"bands": bands, "fmin_hz": fmin_hz, "bins_per_octave": bins_per_octave}
    remaining, hop = np.pad(waveform, ((0, 0), (padding, 0))), hop_length
    from_the_top = []
    for octave in octaves(sample_rate_hz=sample_rate_hz, hop_length=hop_length, **numbers):
        if octave.hop_length < hop:
            remaining = librosa.resample(remaining, orig_sr=2, target_sr=1, scale=True)
            hop = octave.hop_length
        from_the_top.append(_octave_power(remaining, octave, kept))
    return np.concatenate(from_the_top[::-1], axis=1)


def _octave_power(waveform: np.ndarray, octave: Octave, kept: slice) -> np.ndarray:
    with warnings.catch_warnings():
        # A clip shorter than the lowest wavelets is meant to see zeros around itself.
        warnings.filterwarnings("ignore", message="n_fft=.* is too large for input signal")
        spectra = librosa.stft(
            waveform, n_fft=octave.n_fft, hop_length=octave.hop_length, window="ones"
        )[..., kept]
    coefficients = np.stack([octave.wavelets @ spectrum for spectrum in spectra])
    return coefficients.real**2 + coefficients.imag**2
