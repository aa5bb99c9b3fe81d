"""Any file's sound as a stereo waveform of exact rate and length."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import soxr

from avsc_kedro.media.channels import to_stereo
from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.media.pcm import is_pcm_file, read_pcm
from avsc_kedro.media.sound import Sound
from avsc_kedro.media.track import read_track

# Encoders drop up to a few blocks at the end; a clip this much too short is filled with zeros.
AUDIO_PAD_TOLERANCE = 0.05
# A file that lacks more than this of what it declares itself has been cut off.
DECLARED_TOLERANCE_S = 0.2


def read_audio(
    path: str | Path,
    *,
    sample_rate_hz: int,
    duration_s: float,
    start_s: float = 0.0,
    channels: Literal["stereo", "mono"] = "stereo",
) -> np.ndarray:
    """Read a stretch of sound.

    Of the file's own samples, round(duration_s * rate) are taken from number
    round(start_s * rate) on, mixed to at most two channels and resampled. Where the file
    ends up to 5 % early, zeros fill the stretch before it is resampled; holes within it
    count as missing too. The result is cut, or filled with zeros, to exactly
    round(sample_rate_hz * duration_s) samples. Those beyond full scale stay as they are.

    Args:
        path: WAV, FLAC or any container FFmpeg reads.
        sample_rate_hz: Rate of the result; resampled if the file's differs.
        duration_s: Length of the stretch.
        start_s: Its start, counted from the start of the sound track.
        channels: `stereo` keeps left and right (`channels.to_stereo` for more or
            fewer); `mono` gives their mean twice.

    Returns:
        Waveform, shape (2, round(sample_rate_hz * duration_s)), float32, full scale 1.

    Raises:
        DecodeError: If there is no sound track, the file is damaged or cut off, it is
            shorter than the stretch by more than 5 %, or a sample is not finite.

    Source:
        Section 2.1 (two channels, resampled to 32 kHz).
    """
    read = read_pcm if is_pcm_file(path) else read_track
    sound = read(path, start_s=start_s, duration_s=duration_s)
    _require_complete(path, sound, duration_s=duration_s)
    _require_finite(path, sound.samples)
    heard = _mixed(sound, channels=channels)
    if sound.sample_rate_hz != sample_rate_hz:
        # Before one channel is doubled: half the work.
        heard = soxr.resample(heard.T, sound.sample_rate_hz, sample_rate_hz, quality="HQ").T
    return _fit(to_stereo(heard), samples=round(sample_rate_hz * duration_s))


def _mixed(sound: Sound, *, channels: Literal["stereo", "mono"]) -> np.ndarray:
    """Return one channel, or two that may differ."""
    mixed = sound.samples
    if len(mixed) > 2:
        mixed = to_stereo(mixed, names=sound.names)
    return mixed.mean(axis=0, keepdims=True) if channels == "mono" else mixed


def _require_complete(path: str | Path, sound: Sound, *, duration_s: float) -> None:
    declared_s = sound.declared_s or 0.0
    if declared_s - sound.decoded_s > DECLARED_TOLERANCE_S:
        raise DecodeError.about(
            path,
            expected=f"{declared_s:.1f} s of audio as declared",
            received=f"{sound.decoded_s:.1f} s",
            remedy="The file is cut off or damaged: copy or download it again.",
        )
    if sound.decoded_s < (1 - AUDIO_PAD_TOLERANCE) * duration_s:
        raise DecodeError.about(
            path,
            expected=f"{duration_s:.1f} s of sound",
            received=f"{sound.decoded_s:.1f} s",
            remedy="Give a longer recording, or set features.audio.duration_s for all.",
        )


def _require_finite(path: str | Path, samples: np.ndarray) -> None:
    broken = samples.size - np.count_nonzero(np.isfinite(samples))
    if broken:
        raise DecodeError.about(
            path,
            expected="finite samples",
            received=f"{broken} of {samples.size} that are not a number or infinite",
            remedy="Export the recording again.",
        )


def _fit(waveform: np.ndarray, *, samples: int) -> np.ndarray:
    fitted = np.zeros((2, samples), dtype=np.float32)
    kept = waveform[:, :samples]
    fitted[:, : kept.shape[1]] = kept
    return fitted
