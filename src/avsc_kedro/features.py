"""One recording into the features of its kinds, in training as in prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from avsc_kedro import signal, vision
from avsc_kedro.media.audio import AUDIO_PAD_TOLERANCE, read_audio
from avsc_kedro.media.decode_error import decoding
from avsc_kedro.media.video import read_frames
from avsc_kedro.options import FeaturesOptions
from avsc_kedro.paper import SOUND_KINDS
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


def kinds_beside(kind: str) -> tuple[str, ...]:
    """Return the other kinds that are computed of the same recording, decoded once."""
    return tuple(other for other in SOUND_KINDS if other != kind) if kind in SOUND_KINDS else ()


def clip_features(
    recipes: Mapping[str, dict[str, Any]], path: str, *, start_s: float = 0
) -> dict[str, np.ndarray]:
    """Turn one recording into features, in training as in prediction.

    Kinds that ask for the same sound share one decoding of it.

    Args:
        recipes: `FeaturesOptions.recipe(kind)` of each kind: mel, gam, cqt or rgb.
        path: A sound file, a video, or a video with sound.
        start_s: Where the clip begins in the recording.

    Returns:
        Of each kind (bands, frames, 2) float32 in dB, or (frames, size, size, 3) uint8.

    Raises:
        DecodeError: If the recording cannot be decoded in full.
    """
    sounds: dict[str, np.ndarray] = {}
    features = {}
    for kind, recipe in recipes.items():
        if kind == "rgb":
            features[kind] = decode_frames(path, recipe, start_s=start_s)
            continue
        asked = repr(recipe["audio"])
        if asked not in sounds:
            sounds[asked] = decode_sound(path, recipe, start_s=start_s)
        features[kind] = signal.spectrogram(kind, sounds[asked], recipe)
    return features


def decode_sound(path: str, recipe: dict[str, Any], *, start_s: float = 0) -> np.ndarray:
    """Return the waveform that spectrograms are computed of, (2, samples) float32."""
    with decoding(path):
        return read_audio(path, start_s=start_s, **recipe["audio"])


def decode_frames(path: str, recipe: dict[str, Any], *, start_s: float = 0) -> np.ndarray:
    """Return a clip's frames at their size, (frames, size, size, 3) uint8."""
    times_s = vision.frame_times(
        frames_per_second=recipe["rgb"]["frames_per_second"], duration_s=recipe["duration_s"]
    )
    with decoding(path):
        return read_frames(path, times_s=times_s, size_px=recipe["rgb"]["size_px"], start_s=start_s)


def count_segments(duration_s: float, *, clip_s: float) -> int:
    """Return how many clips a recording is cut into, at least 1 and at most 12.

    Half of what `read_audio` fills up may be missing from the last, as tracks seldom
    end on a full second.

    Args:
        duration_s: How long sound and pictures both last.
        clip_s: Length of a clip.
    """
    return max(1, min(MAX_SEGMENTS, int(duration_s / clip_s + AUDIO_PAD_TOLERANCE / 2)))
