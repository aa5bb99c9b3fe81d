"""Waveforms into spectrograms: arrays and numbers in, arrays out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from avsc_kedro.signal.bands import FilterBank, gammatone_filter_bank, mel_filter_bank
from avsc_kedro.signal.cqt import constant_q_power
from avsc_kedro.signal.level import log_power
from avsc_kedro.signal.stft import power_spectrogram

EXTRACTOR_VERSIONS = {"mel": 2, "gam": 2, "cqt": 2}
# What is made of so many frames stays in a processor's cache, which halves the time.
FRAMES_AT_ONCE = 64


def band_power(
    waveform: np.ndarray,
    *,
    filter_bank: Callable[..., FilterBank],
    sample_rate_hz: int,
    n_fft: int,
    window_length: int,
    hop_length: int,
    **band_numbers: Any,
) -> np.ndarray:
    """Return a filter bank's power, shape (channels, bands, frames), float32.

    `filter_bank` is `mel_filter_bank` or `gammatone_filter_bank` and takes `band_numbers`.
    """
    bank = filter_bank(sample_rate_hz=sample_rate_hz, n_fft=n_fft, **band_numbers)
    step = FRAMES_AT_ONCE * hop_length
    parts = []
    for start in range(0, max(1, waveform.shape[-1] - n_fft + 1), step):
        power = power_spectrogram(
            waveform[:, start : start + step - hop_length + n_fft],
            n_fft=n_fft,
            window_length=window_length,
            hop_length=hop_length,
        )
        parts.append([bank(frames) for frames in power])
    return np.swapaxes(np.concatenate(parts, axis=1), 1, 2)


TRANSFORMS: dict[str, Callable[..., np.ndarray]] = {
    "mel": partial(band_power, filter_bank=mel_filter_bank),
    "gam": partial(band_power, filter_bank=gammatone_filter_bank),
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
