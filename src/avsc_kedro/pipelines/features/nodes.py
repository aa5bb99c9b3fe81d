"""Plan what each store should hold; keep the clips that every store has."""

from __future__ import annotations

import pandas as pd

from avsc_kedro.datasets.feature_store import FeaturePlan
from avsc_kedro.extraction import PlannedClip
from avsc_kedro.options import ExtractionOptions, FeaturesOptions
from avsc_kedro.predictions import scene_labels
from avsc_kedro.splits import check_splits

# Not where recordings lie: networks are the same wherever that is.
USABLE_COLUMNS = ["clip_id", "scene", "split", "group"]
FAILURE_COLUMNS = ["clip_id", "features", "path", "expected", "received", "remedy"]


def plan_features(
    clips: pd.DataFrame, features: FeaturesOptions, extraction: ExtractionOptions, kind: str
) -> FeaturePlan:
    """Plan one store; the catalog extracts what it lacks."""
    column = "video_path" if kind == "rgb" else "audio_path"
    planned = [PlannedClip(*row) for row in clips[["clip_id", column]].itertuples(index=False)]
    return FeaturePlan(planned, features, extraction)


def select_usable_clips(clips: pd.DataFrame, mel, gam, cqt, rgb):
    """Keep the clips that all four stores hold.

    Returns:
        The usable clips; the failures, one row a clip and kind, with what was expected,
        what came and what to do; the scene labels.
    """
    stores = {"mel": mel, "gam": gam, "cqt": cqt, "rgb": rgb}
    held = set.intersection(*(set(store.clip_ids) for store in stores.values()))
    usable = clips.loc[clips["clip_id"].isin(held), USABLE_COLUMNS].reset_index(drop=True)
    check_splits(usable)
    rows = [
        (failure.clip_id, kind, failure.source.path, *failure[2:])
        for kind, store in stores.items()
        for failure in store.failures
    ]
    return usable, pd.DataFrame(rows, columns=FAILURE_COLUMNS), scene_labels(usable)
