"""Scores of one branch or one fusion row on the evaluation clips.

`predictions` is a table with one row per clip: clip_id, scene (the true label),
split, then one probability column `p_<scene>` per scene in label order. Every
score reads the rows with split == "eval" and no others. Scores are fractions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from avsc_kedro import paper

PREFIX = "p_"
SMALLEST_PROBABILITY = 1e-15


def scenes_of(predictions: pd.DataFrame) -> list[str]:
    """Return the scene labels of `predictions` in column order.

    Raises:
        ValueError: If there is no `p_<scene>` column.
    """
    scenes = [c.removeprefix(PREFIX) for c in predictions.columns if c.startswith(PREFIX)]
    if not scenes:
        raise ValueError(
            "Expected one column p_<scene> per scene in predictions. "
            f"Received columns {list(predictions.columns)}."
        )
    return scenes


def accuracy(predictions: pd.DataFrame) -> float:
    """Return the share of clips whose most probable scene is the true one (micro accuracy).

    Of equally probable scenes the first in label order counts as predicted.

    Raises:
        ValueError: If there is no evaluation clip, a probability is missing, or a
            clip's scene has no column.

    Source:
        Section 3.2. Every cell of Table 1 is k/n of the class sizes, and its last
        row is this micro accuracy.
    """
    _, truth, probabilities = _evaluation(predictions)
    return float(np.mean(probabilities.argmax(axis=1) == truth))


def macro_accuracy(predictions: pd.DataFrame) -> float:
    """Return the mean of the scenes' accuracies; scenes without a clip do not count."""
    return float(scene_accuracy(predictions).mean())


def scene_accuracy(predictions: pd.DataFrame) -> pd.Series:
    """Return the accuracy of each scene's clips, NaN for a scene without a clip."""
    counts = confusion_matrix(predictions)
    clips = counts.sum(axis=1)
    hits = pd.Series(np.diag(counts), index=counts.index)
    return (hits / clips.where(clips > 0)).rename("accuracy")


def confusion_matrix(predictions: pd.DataFrame) -> pd.DataFrame:
    """Count clips by true scene (rows) and predicted scene (columns)."""
    scenes, truth, probabilities = _evaluation(predictions)
    counts = np.zeros((len(scenes), len(scenes)), dtype=np.int64)
    np.add.at(counts, (truth, probabilities.argmax(axis=1)), 1)
    return pd.DataFrame(
        counts,
        index=pd.Index(scenes, name="true scene"),
        columns=pd.Index(scenes, name="predicted scene"),
    )


def log_loss(predictions: pd.DataFrame) -> float:
    """Return the mean of -ln(probability of the true scene).

    Probabilities below 1e-15 count as 1e-15, so one confident mistake costs at most 34.5.

    Source:
        The ranking score of DCASE 2021 Task 1B; the paper prints none.
    """
    _, truth, probabilities = _evaluation(predictions)
    of_truth = probabilities[np.arange(len(truth)), truth]
    return float(-np.mean(np.log(np.clip(of_truth, SMALLEST_PROBABILITY, 1.0))))


def meta_class_accuracy(predictions: pd.DataFrame) -> pd.Series:
    """Return, per meta class, the share of its clips predicted as any scene of it.

    Returns:
        Indoor, outdoor and transportation, without those that have no clip.

    Raises:
        ValueError: If a label is none of the paper's ten scenes.

    Source:
        Section 3.2 names the three meta classes.
    """
    strangers = [s for s in scenes_of(predictions) if s not in paper.SCENES]
    if strangers:
        raise ValueError(f"Expected scenes of {paper.SCENES}. Received {strangers}.")
    counts = confusion_matrix(predictions)
    meta = {scene: name for name, members in paper.META_CLASSES.items() for scene in members}
    blocks = counts.rename(index=meta, columns=meta).groupby(level=0).sum().T.groupby(level=0).sum()
    blocks = blocks.reindex(index=list(paper.META_CLASSES), columns=list(paper.META_CLASSES))
    clips = blocks.sum(axis=0)
    return (pd.Series(np.diag(blocks), index=blocks.index) / clips.where(clips > 0)).dropna()


def summarise(predictions: pd.DataFrame) -> dict[str, Any]:
    """Return all scores of one row as plain data that JSON can hold.

    Returns:
        clips, accuracy, macro_accuracy, log_loss; indoor, outdoor and transportation
        where every label is one of the paper's scenes; and scenes, a mapping from
        every scene to its accuracy (None where it has no clip).
    """
    by_scene = scene_accuracy(predictions)
    summary: dict[str, Any] = {
        "clips": int((predictions["split"] == "eval").sum()),
        "accuracy": accuracy(predictions),
        "macro_accuracy": macro_accuracy(predictions),
        "log_loss": log_loss(predictions),
    }
    if set(by_scene.index) <= set(paper.SCENES):
        summary |= {str(k): float(v) for k, v in meta_class_accuracy(predictions).items()}
    scores = {str(k): None if np.isnan(v) else float(v) for k, v in by_scene.items()}
    return summary | {"scenes": scores}


def _evaluation(predictions: pd.DataFrame) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return scenes, true scene numbers (clips,) and probabilities (clips, scenes), checked."""
    scenes = scenes_of(predictions)
    rows = predictions[predictions["split"] == "eval"]
    if rows.empty:
        found = sorted(predictions["split"].unique())
        raise ValueError(f'Expected clips with split "eval". Received splits {found}.')
    probabilities = rows[[PREFIX + s for s in scenes]].to_numpy(dtype=np.float64)
    missing = ~np.isfinite(probabilities).all(axis=1)
    if missing.any():
        clip = rows["clip_id"].to_numpy()[missing][0]
        raise ValueError(
            f"Expected finite probabilities. Received NaN or infinity for {missing.sum()} of "
            f"{len(rows)} clips, first {clip}. A diverged training does this: lower learning_rate."
        )
    truth = pd.Index(scenes).get_indexer(rows["scene"])
    if (truth < 0).any():
        strangers = sorted(set(rows["scene"][truth < 0].astype(str)))
        raise ValueError(f"Expected true scenes of {scenes}. Received {strangers}.")
    return scenes, truth, probabilities
