"""What the report calls its rows, branches and data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avsc_kedro import paper
from avsc_kedro.options import FeaturesOptions
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


def hop_ms(options: FeaturesOptions) -> float:
    """Return the hop of the spectrograms in milliseconds."""
    return 1000 * options.stft.hop_length / options.audio.sample_rate_hz
