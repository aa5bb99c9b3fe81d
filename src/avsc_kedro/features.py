"""One recording into the features of one kind, in training as in prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from avsc_kedro import signal, vision
from avsc_kedro.media.audio import AUDIO_PAD_TOLERANCE, read_audio
from avsc_kedro.media.decode_error import decoding
from avsc_kedro.media.video import read_frames
from avsc_kedro.options import FeaturesOptions
from avsc_kedro.stores.feature_store import Recipe

MAX_SEGMENTS = 12
EXTRACTOR_VERSIONS = {**signal.EXTRACTOR_VERSIONS, "rgb": vision.EXTRACTOR_VERSION}


def make_recipe(kind: str, options: FeaturesOptions) -> Recipe:
    """Return everything that decides the features of one kind."""
    return Recipe(
        kind=kind,
        options=options.recipe(kind),
        extractor_version=EXTRACTOR_VERSIONS[kind],
        shape=options.shape(kind),
        dtype=options.dtype(kind),
    )


def clip_features(
    kind: str, path: str, recipe: dict[str, Any], *, start_s: float = 0
) -> np.ndarray:
    """Turn one recording into the features of one kind, in training as in prediction.

    Args:
        kind: mel, gam, cqt or rgb.
        path: A sound file, a video, or a video with sound.
        recipe: `FeaturesOptions.recipe(kind)`.
        start_s: Where the clip begins in the recording.

    Returns:
        (bands, frames, 2) float32 in dB, or (frames, size, size, 3) uint8.

    Raises:
        DecodeError: If the recording cannot be decoded in full.
    """
    if kind == "rgb":
        times_s = vision.frame_times(
            frames_per_second=recipe["rgb"]["frames_per_second"], duration_s=recipe["duration_s"]
        )
        with decoding(path):
            frames = read_frames(path, times_s=times_s, start_s=start_s)
        return np.stack([vision.squash(f, size_px=recipe["rgb"]["size_px"]) for f in frames])
    with decoding(path):
        waveform = read_audio(path, start_s=start_s, **recipe["audio"])
    return signal.spectrogram(kind, waveform, recipe)


def count_segments(duration_s: float, *, clip_s: float) -> int:
    """Return how many clips a recording is cut into, at least 1 and at most 12.

    Half of what `read_audio` fills up may be missing from the last, as tracks seldom
    end on a full second.

    Args:
        duration_s: How long sound and pictures both last.
        clip_s: Length of a clip.
    """
    return max(1, min(MAX_SEGMENTS, int(duration_s / clip_s + AUDIO_PAD_TOLERANCE / 2)))
