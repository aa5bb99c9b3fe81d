"""Obtain recordings, split them, count them."""

from __future__ import annotations

import pandas as pd

from avsc_kedro import splits
from avsc_kedro.clips import count_expected
from avsc_kedro.datasets.clip_source import ClipRequest
from avsc_kedro.options import ClipsOptions, EmbeddedOptions, ExtractionOptions


def request_clips(
    clips: ClipsOptions, embedded: EmbeddedOptions, extraction: ExtractionOptions
) -> ClipRequest:
    """Say where clips come from; the catalog makes the embedded set if it is that."""
    return ClipRequest(clips, embedded, extraction)


def split_clips(source: pd.DataFrame, options: ClipsOptions) -> pd.DataFrame:
    """Make the table of clips: train, validation and eval, no group in two of them."""
    return splits.split_clips(source, options)


def count_clips(clips: pd.DataFrame, options: ClipsOptions) -> pd.DataFrame:
    """Count clips per scene and split; for TAU, beside the published counts."""
    return count_expected(splits.count_clips(clips), options)
