"""Train one backbone, embed every clip with it, tabulate what it says.

Keras is imported when a node runs, not when pipelines are listed.
"""

from __future__ import annotations

import pandas as pd

from avsc_kedro import progress
from avsc_kedro.options import AudioBackboneOptions, BackboneOptions, VisualBackboneOptions
from avsc_kedro.paper import Branch
from avsc_kedro.predictions import scene_indices, tabulate_predictions
from avsc_kedro.stores.embeddings import Embeddings


def train_audio_backbone(
    clips: pd.DataFrame,
    labels: list,
    features,
    options: AudioBackboneOptions,
    seed: int,
    refit: bool,
    branch: Branch,
):
    """Train one residual-inception network; return model, history and summary."""
    from avsc_kedro.models.phase1 import train_audio

    return _train(train_audio, clips, labels, features, options, seed, refit, branch)


def train_visual_backbone(
    clips: pd.DataFrame,
    labels: list,
    features,
    options: VisualBackboneOptions,
    seed: int,
    refit: bool,
    branch: Branch,
):
    """Train InceptionV3 or ConvNeXtTiny; return model, history and summary."""
    from avsc_kedro.models.phase1 import train_visual

    return _train(train_visual, clips, labels, features, options, seed, refit, branch)


TRAINERS = {"audio": train_audio_backbone, "visual": train_visual_backbone}


def embed_clips(
    model, clips: pd.DataFrame, labels: list, features, batch_size: int, branch: Branch
):
    """Embed every clip with the trained network."""
    from avsc_kedro.models import embedding
    from avsc_kedro.models.files import digest_weights

    clip_ids = list(clips["clip_id"])
    rows = features.select(clip_ids)
    title = f"{branch.title} embeddings"
    with progress.track(len(rows), title, unit="clips") as bar:
        vectors = embedding.embed_clips(model, rows, batch_size=batch_size, on_batch=bar.advance)
    splits = list(clips["split"])
    return Embeddings(clip_ids, splits, labels, vectors, digest_weights(model))


def predict_scenes(embeddings: Embeddings, clips: pd.DataFrame, labels: list) -> pd.DataFrame:
    """Tabulate the branch's own softmax for every clip."""
    probabilities = embeddings.select(list(clips["clip_id"]), "probabilities")
    return tabulate_predictions(clips, probabilities, labels)


def _train(train, clips, labels, features, options: BackboneOptions, seed, refit, branch):
    from avsc_kedro.models.phase1 import Recordings
    from avsc_kedro.models.summary import summarise_network

    def part(*splits):
        chosen = clips[clips["split"].isin(splits)]
        rows = features.select(list(chosen["clip_id"]))
        return (rows, scene_indices(chosen, labels)) if len(rows) else None

    recordings = Recordings(part("train"), part("validation"), part("train", "validation"))
    trained = train(branch, recordings, options, classes=len(labels), seed=seed, refit=refit)
    summary = {
        **summarise_network(trained.network),
        "best_epoch": trained.best_epoch,
        "recipe": features.recipe.id,
    }
    return trained.network, pd.DataFrame(trained.history), summary
