"""Clip counts beside what a source should hold."""

from __future__ import annotations

import pandas as pd

from avsc_kedro.clips.sources import comes_from_tau
from avsc_kedro.clips.tau import FOLDS, list_tau, read_tau, tau_report
from avsc_kedro.options import ClipsOptions


def count_expected(counts: pd.DataFrame, options: ClipsOptions) -> pd.DataFrame:
    """Add to clip counts what TAU 2021 publishes and what is missing of it.

    Args:
        counts: One row a scene, from `splits.count_clips`.
        options: Where the clips come from.

    Returns:
        `counts`, and for TAU four more columns: published and missing clips of
        train and of eval. Other sources promise no counts.
    """
    if not comes_from_tau(options):
        return counts
    report = tau_report(list_tau(options.path), read_tau(options.path, allow_missing=True))
    columns = {}
    for split in FOLDS:
        rows = report[report["split"] == split].set_index("scene")
        columns[f"{split} published"] = counts["scene"].map(rows["expected"])
        columns[f"{split} missing"] = counts["scene"].map(rows["missing"])
    return counts.assign(**columns)
