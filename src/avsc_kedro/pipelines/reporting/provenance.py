"""What a report's results were made from; refuses results that do not belong together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from avsc_kedro import paper, tables
from avsc_kedro.pipelines.digests import require_digest, require_same_backbones
from avsc_kedro.pipelines.reporting.naming import by_row

Summaries = Mapping[str, Mapping[str, Any]]


def list_provenance(chosen: str, **summaries: dict) -> pd.DataFrame:
    """List stores, networks, embeddings and fusions with their digests.

    Raises:
        InputError: If two branches saw other features of one kind, or a fusion was
            trained on embeddings that are not those of the branches beside it.
    """
    named = by_row(summaries, chosen)
    branches = {name: named[name] for name in paper.BRANCH_NAMES}
    fusions = {name: s for name, s in named.items() if name not in paper.BRANCH_NAMES}
    _require_same_features(branches)
    for name, summary in fusions.items():
        models = {branch: made.get("model_digest") for branch, made in branches.items()}
        require_same_backbones(name, summary, models)
    _require_same_embeddings(fusions)
    return tables.provenance(branches, fusions)


def _require_same_features(branches: Summaries) -> None:
    seen: dict[str, str] = {}
    for branch in paper.BRANCHES:
        first = seen.setdefault(branch.features, branch.name)
        require_digest(
            branches[branch.name].get("features_digest"),
            branches[first].get("features_digest"),
            of=f"{branch.features}_features of {branch.name}",
            named_by=f"{first}.summary",
            problem=f"{first} and {branch.name} were trained on other features",
            redo=branch.name,
        )


def _require_same_embeddings(fusions: Summaries) -> None:
    seen: dict[str, str] = {}
    for name, summary in fusions.items():
        for branch, made in summary["embeddings"].items():
            first = seen.setdefault(branch, name)
            require_digest(
                made["digest"],
                fusions[first]["embeddings"][branch]["digest"],
                of=f"{branch}.embeddings of {name}",
                named_by=f"{first}.summary",
                problem=f"{first} and {name} were trained on other embeddings",
                redo=name,
            )
