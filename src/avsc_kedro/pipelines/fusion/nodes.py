"""Train one row of `paper.FUSIONS`, apply it to every clip."""

from __future__ import annotations

import pandas as pd

from avsc_kedro import runtime
from avsc_kedro.errors import InputError
from avsc_kedro.options import FusionOptions
from avsc_kedro.paper import FUSION_BY_NAME, Fusion
from avsc_kedro.predictions import scene_indices, tabulate_predictions
from avsc_kedro.stores.embeddings import Embeddings


def train_fusion(
    clips: pd.DataFrame,
    labels: list,
    options: FusionOptions,
    seed: int,
    refit: bool,
    fusion: str,
    **branches: Embeddings,
):
    """Train the fusion layer and the dense layer; return model and history.

    With `refit` the backbones have seen the validation clips, so these cannot choose
    an epoch: all of train is used for the full number of epochs.
    """
    runtime.start_backend()
    from avsc_kedro.models import phase2

    row = FUSION_BY_NAME[fusion]
    _require_same_clips(branches, clips, labels)

    def part(*splits):
        chosen = clips[clips["split"].isin(splits)]
        vectors = _vectors(row, branches, list(chosen["clip_id"]))
        return (vectors, scene_indices(chosen, labels)) if len(chosen) else None

    train_set = part("train", "validation") if refit else part("train")
    validation_set = None if refit else part("validation")
    trained = phase2.train_fusion(
        row, train_set, validation_set, options, classes=len(labels), seed=seed
    )
    return trained.network, pd.DataFrame(trained.history)


def fuse_clips(model, clips: pd.DataFrame, labels: list, fusion: str, **branches: Embeddings):
    """Return the audio-visual embedding of every clip and the table of predictions."""
    from avsc_kedro.models.files import digest_weights
    from avsc_kedro.models.fusion import fuse

    _require_same_clips(branches, clips, labels)
    clip_ids = list(clips["clip_id"])
    fused, probabilities = fuse(model, _vectors(FUSION_BY_NAME[fusion], branches, clip_ids))
    vectors = {"audio_visual": fused}
    embedding = Embeddings(clip_ids, list(clips["split"]), labels, vectors, digest_weights(model))
    return embedding, tabulate_predictions(clips, probabilities, labels)


def _require_same_clips(branches: dict[str, Embeddings], clips: pd.DataFrame, labels: list) -> None:
    """Refuse embeddings of other clips, splits or scenes than the table of clips has now."""
    now = dict(zip(clips["clip_id"], clips["split"], strict=True))
    for name, made in branches.items():
        if dict(zip(made.clip_ids, made.splits, strict=True)) != now or made.labels != labels:
            raise InputError(
                f"Expected {name}.embeddings of the {len(now)} clips and splits in usable_clips. "
                f"Received embeddings of {len(made.clip_ids)} clips, made before the clips or "
                "their splits changed. Run: kedro run --pipeline=phase1 with the same --env and "
                "--params"
            )


def _vectors(row: Fusion, branches: dict[str, Embeddings], clip_ids: list[str]):
    return {name: branches[name].select(clip_ids, row.embedding) for name in row.branches}
