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

SPLITS_TO_SHOW = ("eval", "train", "validation")


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
    """Draw the trainings of Phase I, without those of a refit."""
    from avsc_kedro import figures

    first = {name: _first_course(history) for name, history in histories.items()}
    return figures.figure_png(figures.draw_training_curves(first))


def _first_course(history: pd.DataFrame) -> pd.DataFrame:
    """Take what came before a refit; epochs of the head alone count up to 0."""
    kept = history[history["stage"].isin(("train_head", "train"))]
    of_head = kept["stage"] == "train_head"
    return kept.assign(epoch=kept["epoch"] - of_head * of_head.sum())


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


def draw_features_by_scene(
    options: FeaturesOptions, clips: pd.DataFrame, mel, gam, cqt, rgb
) -> bytes:
    """Draw the features of one clip per scene; no other clip is read."""
    from avsc_kedro import figures

    stores = {"mel": mel, "gam": gam, "cqt": cqt}
    shown = [
        figures.ClipFeatures(
            paper.scene_title(scene),
            clip if split == "eval" else f"{clip} ({split})",
            {kind: store[clip] for kind, store in stores.items()},
            rgb[clip],
        )
        for clip, scene, split in _clip_per_scene(clips)
    ]
    figure = figures.draw_features(
        shown,
        centres_hz={
            kind: figures.band_centres_hz(kind, **options.recipe(kind)[kind]) for kind in stores
        },
        hop_ms=hop_ms(options),
        frames_per_second=options.rgb.frames_per_second,
    )
    return figures.figure_png(figure)


def _clip_per_scene(clips: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return clip, scene and split of each scene's first evaluation clip, scenes sorted.

    A scene without one shows its first clip to train, or to validate.
    """
    places = clips["split"].map(SPLITS_TO_SHOW.index)
    first = clips.assign(place=places).sort_values(["scene", "place"], kind="stable")
    first = first.drop_duplicates("scene")
    return list(first[["clip_id", "scene", "split"]].itertuples(index=False, name=None))


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
