"""Loss and accuracy by epoch, one column per training."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from avsc_kedro.figures.style import (
    INK,
    MODALITY_COLOURS,
    modality_of,
    new_figure,
    row_title,
    styled,
)

TRAININGS_PER_ROW = 5
MARKERS_UP_TO_EPOCHS = 15
TRAIN = {"linestyle": "-", "marker": "o", "label": "train"}
VALIDATION = {"linestyle": "--", "marker": "s", "markerfacecolor": "white", "label": "validation"}


@styled
def draw_training_curves(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the course of each training, train solid and validation dashed.

    Args:
        histories: By branch or fusion name: epoch, loss, accuracy (fraction),
            val_loss and val_accuracy (NaN where there is no validation). Epochs up to 0
            trained the head alone.

    Raises:
        ValueError: If there is no history.
    """
    if not histories:
        raise ValueError("Expected at least one training history. Received none.")
    bands = math.ceil(len(histories) / TRAININGS_PER_ROW)
    columns = math.ceil(len(histories) / bands)
    figure = new_figure(height_inches=4.6 * bands + 0.4)
    grid = figure.subplots(2 * bands, columns, squeeze=False)
    for place, (name, history) in enumerate(histories.items()):
        band, column = divmod(place, columns)
        losses, accuracies = grid[2 * band, column], grid[2 * band + 1, column]
        losses.set_title(row_title(name))
        _draw(losses, name=name, history=history, score="loss", scale=1.0)
        _draw(accuracies, name=name, history=history, score="accuracy", scale=100.0)
        accuracies.set_ylim(0, 102)
        accuracies.set_xlabel("epoch")
        if history["epoch"].min() < 1:
            accuracies.set_xlabel("epoch (up to 0: head only)")
            for axes in (losses, accuracies):
                axes.axvline(0.5, color=INK, linewidth=0.8, linestyle=":")
    _label_and_trim(grid, trainings=len(histories))
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


def _draw(axes: Axes, *, name: str, history: pd.DataFrame, score: str, scale: float) -> None:
    colour = MODALITY_COLOURS.get(modality_of(name) or "", INK)
    values = scale * history[[score, f"val_{score}"]].astype(float)
    size = 4 if len(history) <= MARKERS_UP_TO_EPOCHS else 0
    for column, look in zip(values, (TRAIN, VALIDATION), strict=True):
        axes.plot(history["epoch"], values[column], color=colour, markersize=size, **look)
    highest = np.nanmax(np.append(values, 0.0))
    axes.set_ylim(0, 1.06 * highest or 1.0)
    axes.set_xlim(history["epoch"].min() - 0.5, history["epoch"].max() + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5, min_n_ticks=1))
    axes.grid(axis="y")


def _label_and_trim(grid: np.ndarray, *, trainings: int) -> None:
    for row, axes in enumerate(grid[:, 0]):
        axes.set_ylabel("loss" if row % 2 == 0 else "accuracy (%)")
    columns = grid.shape[1]
    for place in range(trainings, columns * len(grid) // 2):
        band, column = divmod(place, columns)
        grid[2 * band, column].set_visible(False)
        grid[2 * band + 1, column].set_visible(False)
