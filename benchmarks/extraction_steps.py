"""What a clip's features take, step by step."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from avsc_kedro import signal
from avsc_kedro.features import decode_frames, decode_sound, make_recipe
from avsc_kedro.options import FeaturesOptions
from avsc_kedro.stores.shard import write_shard
from avsc_kedro.stores.source import absent_source
from benchmarks.tau_like import Clip

KINDS = ("mel", "gam", "cqt", "rgb")


def time_steps(clips: list[Clip], options: FeaturesOptions, folder: Path) -> list[dict[str, Any]]:
    """Time what a clip's feature takes, step by step, each decoded by itself; means over clips."""
    rows = []
    for kind in KINDS:
        timed = [time_kind(kind, clip, options) for clip in clips]
        decode_ms, transform_ms = (1e3 * mean(step) for step in list(zip(*timed, strict=True))[:2])
        write_ms = 1e3 * time_writing(kind, [features for *_, features in timed], options, folder)
        total = decode_ms + transform_ms + write_ms
        steps = {"decode": decode_ms, "transform": transform_ms, "write": write_ms}
        rows.append(
            {
                "kind": kind,
                **{f"{step}_ms": taken for step, taken in steps.items()},
                **{f"{step}_share": taken / total for step, taken in steps.items()},
            }
        )
    return rows


def time_kind(kind: str, clip: Clip, options: FeaturesOptions) -> tuple[float, float, np.ndarray]:
    """Return seconds of decoding and of the transform, and the features.

    Pictures are scaled while they are decoded.
    """
    recipe = options.recipe(kind)
    began = time.perf_counter()
    if kind == "rgb":
        features = decode_frames(str(clip.video), recipe)
        decoded = time.perf_counter()
        return decoded - began, 0.0, features
    waveform = decode_sound(str(clip.sound), recipe)
    decoded = time.perf_counter()
    features = signal.spectrogram(kind, waveform, recipe)
    return decoded - began, time.perf_counter() - decoded, features


def time_writing(
    kind: str, features: list[np.ndarray], options: FeaturesOptions, folder: Path
) -> float:
    """Return seconds a clip of writing one shard of these features."""
    names = [str(number) for number in range(len(features))]
    rows = np.stack(features)
    with tempfile.TemporaryDirectory(dir=folder) as shards:
        began = time.perf_counter()
        write_shard(
            Path(shards),
            recipe=make_recipe(kind, options),
            clip_ids=names,
            features=rows,
            sources=[absent_source(name) for name in names],
        )
        return (time.perf_counter() - began) / len(features)


def saving(shares: list[dict[str, Any]]) -> dict[str, float]:
    """Say what decoding sound once for each kind would cost, of all extraction."""
    steps = ("decode_ms", "transform_ms", "write_ms")
    total_ms = sum(row[step] for row in shares for step in steps)
    sound_ms = [row["decode_ms"] for row in shares if row["kind"] != "rgb"]
    more_ms = sum(sound_ms) - mean(sound_ms)
    of_sound_ms = sum(row[step] for row in shares if row["kind"] != "rgb" for step in steps)
    return {
        "three_decodings_ms": sum(sound_ms),
        "one_decoding_ms": mean(sound_ms),
        "saved_of_sound": more_ms / of_sound_ms,
        "saved_of_all": more_ms / total_ms,
    }
