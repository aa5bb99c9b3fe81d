"""What the report calls its rows, branches and data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from avsc_kedro import paper
from avsc_kedro.options import (
    STOCK_LAYER_SCALE,
    BackboneOptions,
    FeaturesOptions,
    FusionOptions,
)
from avsc_kedro.pipelines.binding import CHOSEN

FEWEST_CLIPS_ON_A_MAP = 3
WEIGHTS = {"imagenet": "ImageNet", "none": "random"}


def by_row(named: Mapping[str, Any], chosen: str) -> dict[str, Any]:
    """Give the chosen fusion its own name, f1 to f6."""
    return {chosen if name == CHOSEN else name: value for name, value in named.items()}


def shown_rows(chosen: str) -> tuple[str, str, str]:
    """Name the rows of the headline: sound, pictures, both."""
    return (*paper.SINGLE_MODALITY_ROWS, chosen)


def data_title(scores: Mapping[str, Any]) -> str:
    """Name the data, synthetic ones as such."""
    return "synthetic clips" if scores["synthetic"] else f"data set {scores['data_set']}"


def weights_title(weights: str) -> str:
    """Say where a network's first weights came from."""
    return WEIGHTS.get(weights, "a file's")


def start_title(options: BackboneOptions | FusionOptions) -> str:
    """Say where a training's first weights came from, and what of random ones was chosen."""
    start = weights_title(getattr(options, "weights", "none"))
    if start != WEIGHTS["none"]:
        return start
    if getattr(options, "layer_scale", STOCK_LAYER_SCALE) != STOCK_LAYER_SCALE:
        return f"{start}, LayerScale {options.layer_scale:g}"
    return ", ".join([start, *_fusion_starts(options)])


def _fusion_starts(options: BackboneOptions | FusionOptions) -> Iterator[str]:
    if getattr(options, "weights_start", "ones") != "ones":
        yield f"fusion layer of f4 to f6 {options.weights_start.replace('_', ' ')}"
    if getattr(options, "dense_start", "random") != "random":
        yield f"dense layer of f4 to f6 {options.dense_start}"


def hop_ms(options: FeaturesOptions) -> float:
    """Return the hop of the spectrograms in milliseconds."""
    return 1000 * options.stft.hop_length / options.audio.sample_rate_hz
