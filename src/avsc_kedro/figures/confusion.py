"""Confusion matrices side by side, as the paper's Figure 4."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from avsc_kedro.figures.style import WIDTH_INCHES, new_figure, styled
from avsc_kedro.paper import scene_title

COLOURS = "Blues"
WHITE_TEXT_ABOVE_PERCENT = 55
MATRICES_PER_ROW = 3


@styled
def draw_confusions(matrices: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw one matrix per entry: colour and number are percent of the true scene's clips.

    Args:
        matrices: Clip counts by title, true scenes as rows and predicted scenes as
            columns, as `metrics.confusion_matrix` returns them.

    Raises:
        ValueError: If there is no matrix, or one is empty of clips.
    """
    if not matrices or any(not m.to_numpy().sum() for m in matrices.values()):
        raise ValueError(f"Expected matrices with clips in them. Received {list(matrices)}.")
    columns = min(len(matrices), MATRICES_PER_ROW)
    rows = -(-len(matrices) // columns)
    figure = new_figure(height_inches=rows * (WIDTH_INCHES / MATRICES_PER_ROW + 1.0))
    figure.set_layout_engine("compressed")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes, (title, counts) in zip(grid.flat, matrices.items(), strict=False):
        _draw_matrix(axes, title=title, counts=counts)
    for axes in grid.flat[len(matrices) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("true scene")
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, 100), COLOURS), ax=grid, shrink=0.6, pad=0.01, aspect=30
    )
    bar.set_label("% of the true scene's clips")
    return figure


def _draw_matrix(axes: Axes, *, title: str, counts: pd.DataFrame) -> None:
    values = counts.to_numpy(dtype=float)
    percent = 100 * values / np.maximum(values.sum(axis=1, keepdims=True), 1)
    axes.imshow(percent, cmap=COLOURS, vmin=0, vmax=100)
    names = [scene_title(scene) for scene in counts.columns]
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.spines[:].set_visible(True)
    axes.set_xlabel("predicted scene")
    axes.set_title(f"{title}: {100 * np.trace(values) / values.sum():.1f} %")
    for row, column in np.argwhere(values > 0):
        _write(axes, row=row, column=column, percent=percent[row, column])


def _write(axes: Axes, *, row: int, column: int, percent: float) -> None:
    colour = "white" if percent > WHITE_TEXT_ABOVE_PERCENT else "black"
    text = f"{percent:.0f}" if percent >= 0.5 else "<1"
    axes.text(column, row, text, color=colour, size=8.5, ha="center", va="center")
