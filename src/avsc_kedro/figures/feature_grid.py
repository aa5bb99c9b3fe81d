"""What the networks see of several scenes: one row a scene, one column a kind of feature."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avsc_kedro.figures.features import COLOURS
from avsc_kedro.figures.style import hide_frame, new_figure, styled
from avsc_kedro.paper import scene_title

ROW_INCHES = 1.3

# Spectrograms by kind, (bands, frames, channels) in dB, and one RGB frame.
SceneFeatures = tuple[Mapping[str, np.ndarray], np.ndarray]


@styled
def draw_feature_grid(
    scenes: Mapping[str, SceneFeatures], *, hop_ms: float | None = None
) -> Figure:
    """Draw the left channel of each spectrogram and one frame of one clip per scene.

    The spectrograms of a column share one colour scale, so that levels compare.

    Args:
        scenes: By scene: spectrograms by kind (mel, gam, cqt), log power in dB of shape
            (bands, frames, channels), the same kinds for each scene; and one frame, RGB
            of shape (height, width, 3), uint8.
        hop_ms: Time between spectrogram frames; the axis counts frames without it.

    Raises:
        ValueError: If there is no scene.
    """
    if not scenes:
        raise ValueError("Expected the features of at least one scene. Received none.")
    kinds = list(next(iter(scenes.values()))[0])
    figure = new_figure(height_inches=0.7 + ROW_INCHES * len(scenes))
    widths = [2.4] * len(kinds) + [1]
    grid = figure.subplots(len(scenes), len(widths), squeeze=False, width_ratios=widths)
    for row, (scene, (_, frame)) in zip(grid, scenes.items(), strict=True):
        row[0].set_ylabel(scene_title(scene).replace(" ", "\n"), weight="bold")
        row[-1].imshow(frame)
        hide_frame(row[-1])
    for column, kind in zip(grid.T, kinds, strict=False):
        levels = [spectrograms[kind][..., 0] for spectrograms, _ in scenes.values()]
        _draw_column(column, levels, kind=kind, hop_ms=hop_ms)
    grid[0, -1].set_title("frame")
    return figure


def _draw_column(
    column: np.ndarray, levels: list[np.ndarray], *, kind: str, hop_ms: float | None
) -> None:
    quiet, loud = np.percentile(np.concatenate([level.ravel() for level in levels]), (1, 99.8))
    for axes, level in zip(column, levels, strict=True):
        image = _draw_level(axes, level, hop_ms=hop_ms, limits=(quiet, max(loud, quiet + 1)))
        axes.tick_params(labelbottom=axes is column[-1])
    column[0].set_title(f"{kind.upper()}, left channel")
    column[-1].set_xlabel("frame" if hop_ms is None else "time (s)")
    bar = axes.figure.colorbar(image, ax=list(column), location="bottom", pad=0.01, aspect=40)
    bar.set_label("dB")


def _draw_level(
    axes: Axes, level: np.ndarray, *, hop_ms: float | None, limits: tuple[float, float]
):
    bands, count = level.shape
    end = count if hop_ms is None else count * hop_ms / 1000
    axes.set_yticks([])
    return axes.imshow(
        level,
        origin="lower",
        aspect="auto",
        cmap=COLOURS,
        vmin=limits[0],
        vmax=limits[1],
        extent=(0, end, 0, bands),
        interpolation="nearest",
    )
