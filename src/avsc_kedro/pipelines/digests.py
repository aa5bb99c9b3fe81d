"""Refuse what was not made from what lies beside it, with the command that makes it anew.

`name` is a branch or a fusion row, by which its datasets are called; `summary` is the
one that its training left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avsc_kedro.errors import InputError
from avsc_kedro.paper import AUDIO_VISUAL_FUSIONS, BRANCH_NAMES, FUSION_BY_NAME

SHOWN_DIGITS = 12  # ours: enough to tell two digests apart


def require_own_summary(name: str, summary: Mapping[str, Any], model_digest: str) -> None:
    """Refuse a network that is not the one its summary describes.

    Raises:
        InputError: Naming both digests and the command that trains anew.
    """
    require_digest(
        model_digest,
        summary.get("model_digest"),
        of=f"{name}.model",
        named_by=f"{name}.summary",
        problem="the network and its summary are of two trainings",
        redo=name,
    )


def require_same_backbones(
    name: str, summary: Mapping[str, Any], model_digests: Mapping[str, str | None]
) -> None:
    """Refuse a fusion whose embeddings other backbones made.

    Args:
        name: The fusion row.
        summary: Its summary.
        model_digests: Digest of each branch's network.

    Raises:
        InputError: Naming the branch, both digests and the command that trains anew.
    """
    for branch in FUSION_BY_NAME[name].branches:
        require_digest(
            model_digests[branch],
            summary.get("embeddings", {}).get(branch, {}).get("model_digest"),
            of=f"{branch}.model",
            named_by=f"{name}.summary",
            problem=f"{name} was trained on embeddings that another {branch} made",
            redo=name,
        )


def require_digest(
    received: str | None, expected: str | None, *, of: str, named_by: str, problem: str, redo: str
) -> None:
    """Compare a digest with the one that was written down; an absent one equals none.

    Args:
        received: Digest of what is there.
        expected: Digest that `named_by` holds.
        of: What the digest is of, such as `aud_mel.embeddings`.
        named_by: The dataset that says which is expected.
        problem: What it means if they differ.
        redo: The branch or fusion row to make anew.

    Raises:
        InputError: If the two differ.
    """
    if received is None or received != expected:
        raise InputError(
            f"Expected {of} with digest {shorten(expected)}, as in {named_by}. Received "
            f"{shorten(received)}: {problem}. Run: {command_for(redo)}"
        )


def command_for(name: str) -> str:
    """Return the command that makes a branch or a fusion row anew."""
    if name in BRANCH_NAMES:
        return f"kedro run --pipeline=phase1 --namespaces={name} with the same --env and --params"
    if name in AUDIO_VISUAL_FUSIONS:
        return (
            f"kedro run --pipeline=phase2 --params fusion={name} with the same --env and "
            "other --params"
        )
    return "kedro run --pipeline=phase2 with the same --env and --params"


def shorten(digest: str | None) -> str:
    """Return the first digits of a digest, `none` if there is no digest."""
    return digest[:SHOWN_DIGITS] if digest else "none"
