"""The table of what a network says of every clip."""

from __future__ import annotations

import numpy as np
import pandas as pd

from avsc_kedro.errors import InputError

PREFIX = "p_"


def scene_labels(clips: pd.DataFrame) -> list[str]:
    """Return the scenes of a clips table, sorted: the order of every output vector."""
    return sorted(clips["scene"].unique())


def scene_indices(clips: pd.DataFrame, labels: list[str]) -> np.ndarray:
    """Return each clip's position in `labels`, (clips,) int64.

    Raises:
        InputError: If a clip's scene is not among `labels`.
    """
    indices = pd.Index(labels).get_indexer(clips["scene"])
    if (indices < 0).any():
        strange = clips[indices < 0].iloc[0]
        raise InputError(
            f"Expected scenes among {', '.join(labels)}. Received {strange['scene']!r} from clip "
            f"{strange['clip_id']}. Correct the clips table, or run phase1 again so that the "
            f"networks learn this scene too."
        )
    return indices


def tabulate_predictions(
    clips: pd.DataFrame, probabilities: np.ndarray, labels: list[str]
) -> pd.DataFrame:
    """Join clips with their probabilities.

    Args:
        clips: Columns clip_id, scene, split.
        probabilities: (clips, scenes) in the order of `clips` and `labels`.
        labels: Scene of each column of `probabilities`.

    Returns:
        clip_id, scene, split, then one column `p_<scene>` a scene.
    """
    table = clips[["clip_id", "scene", "split"]].reset_index(drop=True)
    columns = [f"{PREFIX}{label}" for label in labels]
    return pd.concat([table, pd.DataFrame(probabilities, columns=columns)], axis=1)
