"""Nodes that draw: each returns one picture as PNG bytes.

Matplotlib is imported when a figure is drawn, not when pipelines are listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from avsc_kedro import metrics, paper
from avsc_kedro.options import FeaturesOptions
from avsc_kedro.pipelines.reporting.naming import (
    FEWEST_CLIPS_ON_A_MAP,
    by_row,
    hop_ms,
    shown_rows,
    weights_title,
)
from avsc_kedro.stores.embeddings import Embeddings

STAGE_TITLES = {
    "deltas": "Delta and delta-delta",
    "input_constants": "Normal- isation",
    "double": "Double inception",
    "residual": "Residual inception",
    "pooled": "Global average pooling",
    "to_minus_one_to_one": "Rescaling",
    "inception_v3": "InceptionV3",
    "convnext_tiny": "ConvNeXt- Tiny",
}


def draw_confusions(chosen: str, **predictions: pd.DataFrame) -> bytes:
    """Draw Figure 4: sound, pictures, and both by the chosen fusion."""
    from avsc_kedro import figures

    rows = by_row(predictions, chosen)
    titles = ("(a) audio only", "(b) visual only", f"(c) audio and visual, {chosen}")
    matrices = {
        title: metrics.confusion_matrix(rows[name])
        for title, name in zip(titles, shown_rows(chosen), strict=True)
    }
    return figures.figure_png(figures.draw_confusions(matrices))


def draw_accuracies(scores: dict) -> bytes:
    """Draw the accuracy of every branch and row."""
    from avsc_kedro import figures

    summaries = {**scores["branches"], **scores["rows"]}
    accuracies = {name: summary["accuracy"] for name, summary in summaries.items()}
    chance = 1 / len(next(iter(summaries.values()))["scenes"])
    return figures.figure_png(figures.draw_accuracies(accuracies, chance=chance))


def draw_branch_curves(**histories: pd.DataFrame) -> bytes:
    """Draw the trainings of Phase I, without the second one of a refit."""
    from avsc_kedro import figures

    first = {name: history[history["stage"] == "train"] for name, history in histories.items()}
    return figures.figure_png(figures.draw_training_curves(first))


def draw_fusion_curves(chosen: str, **histories: pd.DataFrame) -> bytes:
    """Draw the trainings of Phase II."""
    return draw_branch_curves(**by_row(histories, chosen))


def draw_embedding_map(
    chosen: str, clips: pd.DataFrame, seed: int, **embeddings: Embeddings
) -> bytes:
    """Draw the chosen fusion's embedding of the evaluation clips, of all if those are too few."""
    from avsc_kedro import figures

    scored = clips[clips["split"] == "eval"]
    shown = scored if len(scored) >= FEWEST_CLIPS_ON_A_MAP else clips
    vectors = by_row(embeddings, chosen)[chosen].select(list(shown["clip_id"]), "audio_visual")
    return figures.figure_png(figures.draw_embedding_map(vectors, list(shown["scene"]), seed=seed))


def draw_audio_networks(summary: dict) -> bytes:
    """Draw the network of the three spectrograms."""
    from avsc_kedro import figures

    return figures.figure_png(figures.draw_audio_networks(_layers(summary)))


def draw_visual_networks(
    inception: dict, convnext: dict, inception_weights: str, convnext_weights: str
) -> bytes:
    """Draw the two networks of the frames."""
    from avsc_kedro import figures

    networks = {"vis_inc": (inception, inception_weights), "vis_conv": (convnext, convnext_weights)}
    drawn = {}
    for name, (summary, weights) in networks.items():
        title = f"{paper.BRANCH_TITLES[name]}, {weights_title(weights)} weights at the start"
        drawn[title] = _layers(summary)
    return figures.figure_png(figures.draw_visual_networks(drawn))


def draw_clip_features(options: FeaturesOptions, clips: pd.DataFrame, mel, gam, cqt, rgb) -> bytes:
    """Draw the features of the first scene's first evaluation clip."""
    from avsc_kedro import figures

    clip, scene = _first_clips(clips)[0]
    figure = figures.draw_clip_features(
        {"mel": mel[clip], "gam": gam[clip], "cqt": cqt[clip]},
        rgb[clip],
        title=f"{clip} ({paper.scene_title(scene)})",
        hop_ms=hop_ms(options),
        frames_per_second=options.rgb.frames_per_second,
    )
    return figures.figure_png(figure)


def draw_features_by_scene(
    options: FeaturesOptions, clips: pd.DataFrame, mel, gam, cqt, rgb
) -> bytes:
    """Draw the features of each scene's first evaluation clip."""
    from avsc_kedro import figures
    from avsc_kedro.figures.feature_grid import draw_feature_grid

    scenes = {
        scene: ({"mel": mel[clip], "gam": gam[clip], "cqt": cqt[clip]}, _middle(rgb[clip]))
        for clip, scene in _first_clips(clips)
    }
    return figures.figure_png(draw_feature_grid(scenes, hop_ms=hop_ms(options)))


def _first_clips(clips: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the first evaluation clip and the name of each scene, scenes sorted."""
    first = clips[clips["split"] == "eval"].drop_duplicates("scene").sort_values("scene")
    return list(first[["clip_id", "scene"]].itertuples(index=False, name=None))


def _middle(frames):
    return frames[len(frames) // 2]


def _layers(summary: Mapping[str, Any]) -> list[tuple[str, list[int], int]]:
    """Return a network's stages as the diagrams take them, without dropout."""
    return [
        (_stage_title(stage), stage["output_shape"], stage["parameters"])
        for stage in summary["stages"]
        if "dropout" not in stage["title"]
    ]


def _stage_title(stage: Mapping[str, Any]) -> str:
    name, width = stage["title"], stage["output_shape"][-1]
    if name.startswith("fc"):
        return f"FC({width})"
    if name.startswith(("double", "residual")):
        return f"{STAGE_TITLES[name.rstrip('0123456789')]} {width}"
    return STAGE_TITLES.get(name, name.replace("_", " ").capitalize())
