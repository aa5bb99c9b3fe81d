"""Embeddings of clips on a plane, one colour and marker per scene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from avsc_kedro.figures.style import (
    INK,
    SCENE_COLOURS,
    SCENE_MARKERS,
    new_figure,
    styled,
)
from avsc_kedro.paper import scene_title


@styled
def draw_embedding_map(embeddings: np.ndarray, scenes: Sequence[str], *, seed: int) -> Figure:
    """Draw embeddings on their two directions of greatest variance.

    Args:
        embeddings: One row per clip, shape (clips, values), at least 3 clips.
        scenes: True scene of each clip.
        seed: Decides the order in which clips are drawn, so that no scene covers another.

    Raises:
        ValueError: If shapes do not agree, clips are too few or a value is not finite.
    """
    points, explained = project(np.asarray(embeddings, dtype=np.float64))
    labels = np.asarray(scenes, dtype=object)
    if len(labels) != len(points):
        raise ValueError(f"Expected one scene per clip, {len(points)}. Received {len(labels)}.")
    figure = new_figure(height_inches=7.0)
    axes = figure.subplots()
    _scatter(axes, points, labels=labels, rng=np.random.default_rng(seed))
    axes.set_xlabel(f"first component ({100 * explained[0]:.0f} % of the variance)")
    axes.set_ylabel(f"second component ({100 * explained[1]:.0f} % of the variance)")
    axes.margins(0.06)
    return figure


def project(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first two principal components and their share of the variance.

    The sign of a component is free; it is set so that its largest weight is positive.

    Returns:
        Points of shape (clips, 2) and two fractions; zeros for a direction that is not there.
    """
    if embeddings.ndim != 2 or len(embeddings) < 3 or not np.isfinite(embeddings).all():
        raise ValueError(
            "Expected finite embeddings of shape (clips, values), clips >= 3. "
            f"Received shape {embeddings.shape}, finite: {np.isfinite(embeddings).all()}."
        )
    centred = embeddings - embeddings.mean(axis=0)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])
    points, explained = np.zeros((len(embeddings), 2)), np.zeros(2)
    found = min(2, len(sizes))
    points[:, :found] = (left * sizes * signs)[:, :found]
    explained[:found] = (sizes**2 / max(float((sizes**2).sum()), np.finfo(float).tiny))[:found]
    return points, explained


def _scatter(
    axes: Axes, points: np.ndarray, *, labels: np.ndarray, rng: np.random.Generator
) -> None:
    names = sorted(set(labels))
    looks = {
        name: (SCENE_COLOURS[i % len(SCENE_COLOURS)], SCENE_MARKERS[i % len(SCENE_MARKERS)])
        for i, name in enumerate(names)
    }
    size, heights = (55, 0.9) if len(points) <= 400 else (34, 0.75), rng.permutation(len(points))
    for name in names:
        for chunk in _layers(np.flatnonzero(labels == name), heights):
            colour, marker = looks[name]
            axes.scatter(
                *points[chunk].T,
                s=size[0],
                alpha=size[1],
                c=colour,
                marker=marker,
                edgecolors="white",
                linewidths=0.3,
                zorder=2 + heights[chunk].mean() / len(points),
            )
        axes.scatter([], [], s=55, c=looks[name][0], marker=looks[name][1], label=scene_title(name))
    for name in names:
        axes.text(
            *np.median(points[labels == name], axis=0),
            scene_title(name),
            color=INK,
            weight="bold",
            ha="center",
            va="center",
            zorder=4,
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="true scene")


def _layers(members: np.ndarray, heights: np.ndarray, count: int = 8) -> list[np.ndarray]:
    """Split one scene's clips into slices by height, so that scenes interleave."""
    slices = np.array_split(members[np.argsort(heights[members])], count)
    return [members for members in slices if len(members)]
