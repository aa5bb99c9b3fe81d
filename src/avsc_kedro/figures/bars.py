"""Accuracies of branches and fusion rows as bars, beside chance."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from avsc_kedro.figures.style import (
    INK,
    MODALITY_COLOURS,
    NEUTRAL,
    modality_of,
    new_figure,
    row_title,
    styled,
)

MODALITY_TITLES = {"audio": "sound", "visual": "pictures", "both": "sound and pictures"}


@styled
def draw_accuracies(accuracies: Mapping[str, float], *, chance: float) -> Figure:
    """Draw one horizontal bar per entry, in the order given from top to bottom.

    Args:
        accuracies: Fractions by branch or fusion name; another name is drawn in grey.
        chance: Accuracy of guessing, 1/scenes where scenes are equally frequent.

    Raises:
        ValueError: If there is no accuracy, or one is not within 0 and 1.
    """
    if not accuracies or not all(0 <= a <= 1 for a in accuracies.values()):
        raise ValueError(f"Expected fractions from 0 to 1. Received {dict(accuracies)}.")
    figure = new_figure(height_inches=1.2 + 0.38 * len(accuracies))
    axes = figure.subplots()
    colours = [MODALITY_COLOURS.get(modality_of(n) or "", NEUTRAL) for n in accuracies]
    percents = [100 * accuracy for accuracy in accuracies.values()]
    bars = axes.barh(range(len(percents)), percents, color=colours, height=0.72)
    axes.bar_label(bars, fmt="%.1f", padding=4)
    axes.set_yticks(range(len(percents)), [row_title(name) for name in accuracies])
    axes.invert_yaxis()
    axes.set_xlim(0, 106)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("accuracy (%)")
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    _mark_chance(axes, chance=chance)
    _explain_colours(figure, accuracies)
    return figure


def _mark_chance(axes: Axes, *, chance: float) -> None:
    axes.axvline(100 * chance, color=INK, linestyle="--", linewidth=1.3)
    label = f" chance {100 * chance:.0f} %"
    axes.text(100 * chance, 1.0, label, transform=axes.get_xaxis_transform(), va="bottom")


def _explain_colours(figure: Figure, accuracies: Mapping[str, float]) -> None:
    present = {modality_of(name) for name in accuracies}
    patches = [
        Patch(color=colour, label=MODALITY_TITLES[modality])
        for modality, colour in MODALITY_COLOURS.items()
        if modality in present
    ]
    if patches:
        figure.legend(handles=patches, loc="outside upper right", ncols=len(patches))
