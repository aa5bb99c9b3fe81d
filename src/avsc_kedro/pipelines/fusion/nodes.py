"""Train one row of `paper.FUSIONS`, apply it to every clip."""

from __future__ import annotations

from typing import Any

import pandas as pd

from avsc_kedro import runtime
from avsc_kedro.errors import InputError
from avsc_kedro.options import FusionOptions
from avsc_kedro.paper import FUSION_BY_NAME, Fusion
from avsc_kedro.pipelines.digests import require_digest, require_own_summary
from avsc_kedro.predictions import scene_indices, tabulate_predictions
from avsc_kedro.stores.embeddings import Embeddings


def train_fusion(
    clips: pd.DataFrame,
    labels: list,
    options: FusionOptions,
    seed: int,
    refit: bool,
    fusion: str,
    **branches: Any,
):
    """Train the fusion layer and the dense layer; return model, history and summary.

    `branches` holds each branch's embeddings and `<branch>_summary`. With `refit` the
    backbones have seen the validation clips, so these cannot choose an epoch: all of
    train is used for the full number of epochs.

    Raises:
        InputError: If embeddings are of other clips, or another network made them.
    """
    runtime.start_backend()
    from avsc_kedro.models import phase2
    from avsc_kedro.models.files import digest_weights

    row = FUSION_BY_NAME[fusion]
    embeddings = {name: branches[name] for name in row.branches}
    _require_same_clips(embeddings, clips, labels)
    _require_same_networks(embeddings, branches)

    def part(*splits):
        chosen = clips[clips["split"].isin(splits)]
        clip_ids = list(chosen["clip_id"])
        vectors = _vectors(row, embeddings, clip_ids)
        return (vectors, scene_indices(chosen, labels), clip_ids) if clip_ids else None

    train_set = part("train", "validation") if refit else part("train")
    validation_set = None if refit else part("validation")
    trained = phase2.train_fusion(
        row, train_set, validation_set, options, classes=len(labels), seed=seed
    )
    summary = {
        "fusion": fusion,
        "model_digest": digest_weights(trained.network),
        "best_epoch": trained.best_epoch,
        "embeddings": {
            name: {"digest": made.digest, "model_digest": made.made_from["model"]}
            for name, made in embeddings.items()
        },
    }
    return trained.network, pd.DataFrame(trained.history), summary


def fuse_clips(
    model,
    summary: dict,
    clips: pd.DataFrame,
    labels: list,
    fusion: str,
    **branches: Embeddings,
):
    """Return the audio-visual embedding of every clip and the table of predictions.

    Raises:
        InputError: If embeddings are of other clips, or others than `model` was trained
            on, or `summary` is of another network.
    """
    from avsc_kedro.models.files import digest_weights
    from avsc_kedro.models.fusion import fuse

    row = FUSION_BY_NAME[fusion]
    _require_same_clips(branches, clips, labels)
    made_from = {"model": digest_weights(model), **{n: branches[n].digest for n in row.branches}}
    require_own_summary(fusion, summary, made_from["model"])
    _require_same_embeddings(fusion, summary, made_from)
    clip_ids, splits = list(clips["clip_id"]), list(clips["split"])
    fused, probabilities = fuse(model, _vectors(row, branches, clip_ids))
    embedding = Embeddings(clip_ids, splits, labels, {"audio_visual": fused}, made_from)
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


def _require_same_networks(embeddings: dict[str, Embeddings], branches: dict[str, Any]) -> None:
    for name, made in embeddings.items():
        require_digest(
            made.made_from["model"],
            branches[f"{name}_summary"].get("model_digest"),
            of=f"{name}.embeddings by a network",
            named_by=f"{name}.summary",
            problem="another network made these embeddings",
            redo=name,
        )


def _require_same_embeddings(fusion: str, summary: dict, made_from: dict[str, str]) -> None:
    for name in FUSION_BY_NAME[fusion].branches:
        require_digest(
            made_from[name],
            summary.get("embeddings", {}).get(name, {}).get("digest"),
            of=f"{name}.embeddings",
            named_by=f"{fusion}.summary",
            problem=f"{fusion} was trained on other embeddings",
            redo=fusion,
        )


def _vectors(row: Fusion, branches: dict[str, Embeddings], clip_ids: list[str]):
    return {name: branches[name].select(clip_ids, row.embedding) for name in row.branches}
