"""Train one backbone, embed every clip with it, tabulate what it says.

Keras is imported when a node runs, not when pipelines are listed.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd

from avsc_kedro import progress, runtime
from avsc_kedro.options import (
    AudioBackboneOptions,
    BackboneOptions,
    ComputeOptions,
    VisualBackboneOptions,
)
from avsc_kedro.paper import Branch
from avsc_kedro.pipelines.digests import require_digest, require_own_summary
from avsc_kedro.predictions import scene_indices, tabulate_predictions
from avsc_kedro.source_code import code_digest
from avsc_kedro.stores.embeddings import Embeddings


def train_audio_backbone(
    clips: pd.DataFrame,
    labels: list,
    features,
    options: AudioBackboneOptions,
    compute: ComputeOptions,
    seed: int,
    refit: bool,
    checkpoints,
    event_logs: Path,
    branch: Branch,
):
    """Train one residual-inception network; return model, history and summary."""
    from avsc_kedro.models.phase1 import train_audio

    notes = {"checkpoints": checkpoints, "logs": event_logs}
    return _train(
        train_audio, clips, labels, features, options, compute, seed, refit, notes, branch
    )


def train_visual_backbone(
    clips: pd.DataFrame,
    labels: list,
    features,
    options: VisualBackboneOptions,
    compute: ComputeOptions,
    seed: int,
    refit: bool,
    checkpoints,
    event_logs: Path,
    branch: Branch,
):
    """Train InceptionV3 or ConvNeXtTiny; return model, history and summary."""
    from avsc_kedro.models.phase1 import train_visual

    notes = {"checkpoints": checkpoints, "logs": event_logs}
    return _train(
        train_visual, clips, labels, features, options, compute, seed, refit, notes, branch
    )


TRAINERS = {"audio": train_audio_backbone, "visual": train_visual_backbone}


def embed_clips(
    model,
    summary: dict,
    clips: pd.DataFrame,
    labels: list,
    features,
    batch_size: int,
    branch: Branch,
):
    """Embed every clip with the trained network.

    Raises:
        InputError: If `summary` is of another network, or of another store's features; if
            memory runs out; if a clip's features are not all finite numbers.
    """
    from avsc_kedro.models import embedding
    from avsc_kedro.models.exhaustion import exhaustion_explained
    from avsc_kedro.models.files import digest_weights
    from avsc_kedro.models.finite import FiniteRows

    made_from = {"model": digest_weights(model), "features": features.content_digest}
    require_own_summary(branch.name, summary, made_from["model"])
    _require_same_features(made_from["features"], summary, branch)
    clip_ids = list(clips["clip_id"])
    rows = FiniteRows(features.select(clip_ids), clip_ids)
    title = f"{branch.title} embeddings"
    explained = exhaustion_explained(
        title,
        option="embedding_batch_size",
        batch_size=batch_size,
        shape=str(model.input_shape[1:]),
    )
    with explained, progress.track(len(rows), title, unit="clips") as bar:
        vectors = embedding.embed_clips(model, rows, batch_size=batch_size, on_batch=bar.advance)
    splits = list(clips["split"])
    return Embeddings(clip_ids, splits, labels, vectors, made_from)


def predict_scenes(embeddings: Embeddings, clips: pd.DataFrame, labels: list) -> pd.DataFrame:
    """Tabulate the branch's own softmax for every clip."""
    probabilities = embeddings.select(list(clips["clip_id"]), "probabilities")
    return tabulate_predictions(clips, probabilities, labels)


def _require_same_features(digest: str, summary: dict, branch: Branch) -> None:
    require_digest(
        digest,
        summary.get("features_digest"),
        of=f"{branch.features}_features",
        named_by=f"{branch.name}.summary",
        problem=f"the features changed after {branch.name} was trained",
        redo=branch.name,
    )


def _train(
    train,
    clips,
    labels,
    features,
    options: BackboneOptions,
    compute: ComputeOptions,
    seed,
    refit,
    notes,
    branch,
):
    from avsc_kedro.models.phase1 import Recordings
    from avsc_kedro.models.summary import summarise_network

    def part(*splits):
        chosen = clips[clips["split"].isin(splits)]
        clip_ids = list(chosen["clip_id"])
        rows = features.select(clip_ids)
        return (rows, scene_indices(chosen, labels), clip_ids) if clip_ids else None

    made_from = {
        "features": features.content_digest,
        "clips": clips[["clip_id", "split"]].to_numpy().tolist(),
        "code": code_digest(train),
    }
    recordings = Recordings(part("train"), part("validation"), part("train", "validation"))
    trained = train(
        branch,
        recordings,
        options,
        classes=len(labels),
        seed=seed,
        refit=refit,
        compute=compute,
        made_from=made_from,
        placement=partial(runtime.spread_over, compute.devices),
        **notes,
    )
    summary = {
        **summarise_network(trained.network),
        "best_epoch": trained.best_epoch,
        "recipe": features.recipe.id,
        "features_digest": features.content_digest,
    }
    return trained.network, pd.DataFrame(trained.history), summary
