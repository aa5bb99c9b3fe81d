"""Waveforms into spectrograms: arrays and numbers in, arrays out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from avsc_kedro.signal.bands import gammatone_weights, mel_weights
from avsc_kedro.signal.cqt import constant_q_power
from avsc_kedro.signal.level import log_power
from avsc_kedro.signal.stft import power_spectrogram

EXTRACTOR_VERSIONS = {"mel": 1, "gam": 1, "cqt": 1}


def band_power(
    waveform: np.ndarray,
    *,
    weights: Callable[..., np.ndarray],
    sample_rate_hz: int,
    n_fft: int,
    window_length: int,
    hop_length: int,
    **band_numbers: Any,
) -> np.ndarray:
    """Return a filter bank's power, shape (channels, bands, frames), float32.

    `weights` is `mel_weights` or `gammatone_weights` and takes `band_numbers`.
    """
    power = power_spectrogram(
        waveform, n_fft=n_fft, window_length=window_length, hop_length=hop_length
    )
    return weights(sample_rate_hz=sample_rate_hz, n_fft=n_fft, **band_numbers) @ power


TRANSFORMS: dict[str, Callable[..., np.ndarray]] = {
    "mel": partial(band_power, weights=mel_weights),
    "gam": partial(band_power, weights=gammatone_weights),
    "cqt": constant_q_power,
}


def spectrogram(
    kind: str, waveform: np.ndarray, recipe: Mapping[str, Mapping[str, Any]]
) -> np.ndarray:
    """Return the log spectrogram of one kind.

    Args:
        kind: mel, gam or cqt, a key of `TRANSFORMS`.
        waveform: Samples in [-1, 1], shape (channels, samples), float32.
        recipe: The numbers of that kind: groups `audio`, `stft` and the kind's own,
            as `FeaturesOptions.recipe(kind)` gives them.

    Returns:
        Level in dB, shape (bands, frames, channels), float32, with
        frames = 1 + (samples - n_fft) // hop_length whatever the kind.

    Raises:
        KeyError: If `kind` is not in `TRANSFORMS`.
        ValueError: If `waveform` is not (channels, samples >= n_fft).

    Source:
        Section 2.1.
    """
    if waveform.ndim != 2:
        raise ValueError(
            f"Expected a waveform of shape (channels, samples). Received shape {waveform.shape}."
        )
    stft = dict(recipe["stft"])
    floor_power = stft.pop("floor_power")
    power = TRANSFORMS[kind](
        waveform, sample_rate_hz=recipe["audio"]["sample_rate_hz"], **stft, **recipe[kind]
    )
    level = log_power(power, floor_power=floor_power)
    return np.ascontiguousarray(np.moveaxis(level, 0, -1))
