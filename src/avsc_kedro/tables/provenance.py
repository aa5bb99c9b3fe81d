"""What everything was made from, as digests of content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from avsc_kedro import paper

Summaries = Mapping[str, Mapping[str, Any]]


def provenance(branches: Summaries, fusions: Summaries) -> pd.DataFrame:
    """Return one row per store, backbone, branch's embeddings and fusion.

    Args:
        branches: By branch: recipe, features_digest and model_digest of all five.
        fusions: By fusion row: model_digest, and embeddings, a mapping from branch to
            the digest of what the fusion was trained on. Together they name every branch.

    Returns:
        What, Made from, Digest, in the order in which one is made from the other.
    """
    embeddings = {n: made for f in fusions.values() for n, made in f["embeddings"].items()}
    rows = [*_stores(branches), *_backbones(branches), *_embeddings(embeddings), *_fusions(fusions)]
    return pd.DataFrame(rows, columns=["What", "Made from", "Digest"])


def _stores(branches: Summaries) -> Iterator[tuple[str, str, str]]:
    for kind in paper.FEATURE_KINDS:
        reader = next(branch.name for branch in paper.BRANCHES if branch.features == kind)
        summary = branches[reader]
        yield _features(kind), f"recipe {summary['recipe']}", summary["features_digest"]


def _backbones(branches: Summaries) -> Iterator[tuple[str, str, str]]:
    for branch in paper.BRANCHES:
        digest = branches[branch.name]["model_digest"]
        yield f"{branch.title} network", _features(branch.features), digest


def _embeddings(embeddings: Summaries) -> Iterator[tuple[str, str, str]]:
    for branch in paper.BRANCHES:
        made_from = f"{branch.title} network, {_features(branch.features)}"
        yield f"{branch.title} embeddings", made_from, embeddings[branch.name]["digest"]


def _fusions(fusions: Summaries) -> Iterator[tuple[str, str, str]]:
    for name, summary in fusions.items():
        titles = ", ".join(paper.BRANCH_TITLES[branch] for branch in summary["embeddings"])
        title = f"Fusion {paper.FUSION_BY_NAME[name].title}"
        yield title, f"embeddings of {titles}", summary["model_digest"]


def _features(kind: str) -> str:
    return f"{kind.upper()} features"
